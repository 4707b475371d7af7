// @ts-check
// The part of the OpenAI Realtime protocol that the page speaks, plus the server's own `visavis.*` events.

/** @typedef {"idle" | "listening" | "thinking" | "speaking"} Mood What she is doing. */

/**
 * A turn's spans in ms from its start: the speech end of a spoken turn, else the request. Null: did not happen.
 * @typedef {object} TurnTiming
 * @property {"visavis.turn.timing"} type
 * @property {string} response_id
 * @property {boolean} spoken
 * @property {boolean} final
 * @property {number | null} decided_ms
 * @property {number | null} transcript_ms
 * @property {number | null} first_token_ms
 * @property {number | null} first_phrase_ms
 * @property {number | null} first_audio_ms
 * @property {number | null} first_audio_out_ms
 * @property {number | null} first_frame_out_ms
 * @property {number | null} interrupt_to_silence_ms
 */

/** @typedef {{type: string, text?: string | null, transcript?: string | null}} ContentPart */
/** @typedef {{id: string, type: string, role?: string, status?: string, content?: ContentPart[]}} Item */
/** @typedef {{id: string, status: string, output?: Item[], status_details?: {error?: {message?: string}} | null}} Response */

/**
 * @typedef {{type: "session.created" | "session.updated"}
 *   | {type: "visavis.state", state: Mood}
 *   | {type: "visavis.ended", reason: string}
 *   | TurnTiming
 *   | {type: "input_audio_buffer.speech_started", item_id: string}
 *   | {type: "input_audio_buffer.speech_stopped", item_id: string}
 *   | {type: "conversation.item.input_audio_transcription.delta", item_id: string, delta: string}
 *   | {type: "conversation.item.input_audio_transcription.completed", item_id: string, transcript: string}
 *   | {type: "conversation.item.input_audio_transcription.failed", item_id: string}
 *   | {type: "response.created", response: Response}
 *   | {type: "response.output_audio_transcript.delta", item_id: string, delta: string}
 *   | {type: "response.output_item.done", item: Item}
 *   | {type: "response.done", response: Response}
 *   | {type: "output_audio_buffer.started" | "output_audio_buffer.stopped" | "output_audio_buffer.cleared",
 *      response_id: string}
 *   | {type: "error", error: {message: string, code?: string | null}}
 * } ServerEvent
 */

/**
 * @param {unknown} data What came over the data channel.
 * @returns {ServerEvent | null} Null for anything that is not an event.
 */
export function parseEvent(data) {
  if (typeof data !== "string") return null;
  try {
    const event = JSON.parse(data);
    return typeof event?.type === "string" ? event : null;
  } catch {
    return null;
  }
}

/** The first message of every call: ask for the server's own events. */
export const SUBSCRIBE = {
  type: "session.update",
  session: { type: "realtime", visavis: { events: ["state", "timing", "ended"] } },
};

/**
 * @param {"user" | "assistant"} role
 * @param {string} id
 * @param {string} text
 */
export function messageItem(role, id, text) {
  const part = { type: role === "user" ? "input_text" : "output_text", text };
  return { type: "conversation.item.create", item: { id, type: "message", role, content: [part] } };
}

/** @param {Item} item The words of an item, spoken or written. */
export function wordsOf(item) {
  return (item.content ?? []).map((part) => part.transcript ?? part.text ?? "").join("");
}
