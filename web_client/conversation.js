// @ts-check
// What is said: server events to captions, the user's words and interruptions to the server.
import { SUBSCRIBE, messageItem, wordsOf } from "./events.js";

/** @typedef {import("./events.js").ServerEvent} ServerEvent */

/** Refusals that a race explains (she had just finished, or just begun) and that nobody needs to read. */
const HARMLESS = ["response_cancel_not_active", "conversation_already_has_active_response"];

export class Conversation {
  /**
   * @param {object} options
   * @param {(event: object) => boolean} options.send False where nothing can be sent.
   * @param {import("./captions.js").Captions} options.captions
   * @param {import("./latency.js").LatencyPanel} options.latency
   * @param {() => void} options.onChange Her mood, or whether she can be stopped, has changed.
   * @param {(message: string) => void} options.onProblem
   */
  constructor(options) {
    this.options = options;
    /** @type {import("./events.js").Mood} */
    this.mood = "idle";
    /** @type {string | null} */
    this.response = null;
    this.audible = false;
    this.owed = false;
    this.lastSaid = performance.now();
  }

  /** She is answering, so that there is something to stop. */
  get answering() {
    return this.response !== null || this.audible;
  }

  /** A call has opened: ask for our events, and tell a new session what was said in the last one. */
  opened() {
    this.options.send(SUBSCRIBE);
    for (const { id, speaker, text } of this.options.captions.history()) {
      this.options.send(messageItem(speaker, id, text));
    }
  }

  /** The call has ended, and with it the session. */
  ended() {
    this.mood = "idle";
    this.response = null;
    this.audible = false;
    this.owed = false;
    this.options.captions.abandon();
  }

  /** @param {string} text @returns {boolean} False where it could not be sent. */
  say(text) {
    const id = newId();
    const answering = this.response !== null;
    this.interrupt();
    if (!this.options.send(messageItem("user", id, text))) return false;
    this.options.captions.finish("user", id, text);
    if (answering) this.owed = true;
    else this.options.send({ type: "response.create" });
    return true;
  }

  /** Somebody else may come: nothing of this conversation stays, here or in her memory. */
  forget() {
    this.interrupt();
    for (const id of this.options.captions.clear()) this.options.send({ type: "conversation.item.delete", item_id: id });
  }

  /** @returns {number} Seconds since either side said anything. */
  get silence() {
    return this.answering ? 0 : (performance.now() - this.lastSaid) / 1000;
  }

  interrupt() {
    if (this.response !== null) this.options.send({ type: "response.cancel" });
    if (this.answering) this.options.send({ type: "output_audio_buffer.clear" });
  }

  /** @param {ServerEvent} event */
  handle(event) {
    const { captions, latency } = this.options;
    if (!event.type.startsWith("session.")) this.lastSaid = performance.now();
    switch (event.type) {
      case "visavis.state":
        this.mood = event.state;
        break;
      case "visavis.turn.timing":
        latency.turn(event);
        break;
      case "conversation.item.input_audio_transcription.delta":
        captions.extend("user", event.item_id, event.delta);
        break;
      case "conversation.item.input_audio_transcription.completed":
        captions.finish("user", event.item_id, event.transcript);
        break;
      case "conversation.item.input_audio_transcription.failed":
        captions.drop(event.item_id);
        break;
      case "response.output_audio_transcript.delta":
        captions.extend("assistant", event.item_id, event.delta);
        break;
      case "response.output_item.done":
        captions.finish("assistant", event.item.id, wordsOf(event.item), event.item.status === "incomplete");
        break;
      case "error":
        this.refused(event.error);
        break;
      default:
        this.follow(event);
    }
    this.options.onChange();
  }

  /** The course of a response. @param {ServerEvent} event */
  follow(event) {
    switch (event.type) {
      case "response.created":
        this.response = event.response.id;
        break;
      case "response.done":
        if (event.response.id === this.response) this.response = null;
        if (this.owed) this.owed = !this.options.send({ type: "response.create" });
        break;
      case "output_audio_buffer.started":
        this.audible = true;
        this.options.latency.soundStarted();
        break;
      case "output_audio_buffer.stopped":
      case "output_audio_buffer.cleared":
        this.audible = false;
        break;
    }
  }

  /** @param {{message: string, code?: string | null}} error */
  refused({ message, code }) {
    if (code === "conversation_already_has_active_response") this.owed = true;
    if (!HARMLESS.includes(code ?? "")) this.options.onProblem(message);
  }
}

/** An item id of our own; `crypto.randomUUID` is missing where the page came over plain HTTP. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `item_${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
