// @ts-check
// A turn's time, span by span: the server's spans, then the way to this screen.

/** @typedef {import("./events.js").TurnTiming} TurnTiming */
/** @typedef {{label: string, from: number, to: number}} Row In ms from the turn's start. */

/**
 * What only the browser knows, in ms from the turn's start on the server's clock.
 * @typedef {{heard_ms: number | null, shown_ms: number | null}} Seen
 */

/** @type {[string, (timing: TurnTiming & Seen) => number | null][]} In the order in which a turn passes them. */
const STEPS = [
  ["End of turn", (t) => t.decided_ms],
  ["Recognised", (t) => t.transcript_ms],
  ["First token", (t) => t.first_token_ms],
  ["First phrase", (t) => t.first_phrase_ms],
  ["First audio", (t) => t.first_audio_ms],
  ["Audio sent", (t) => t.first_audio_out_ms],
  ["Audio heard", (t) => t.heard_ms],
  ["Face sent", (t) => t.first_frame_out_ms],
  ["Face shown", (t) => t.shown_ms],
];

/**
 * Each row runs from the step before it to its own; sending, hearing and showing start where their cause ended.
 * @param {TurnTiming} timing
 * @param {Seen} seen
 * @returns {Row[]}
 */
export function waterfall(timing, seen) {
  const all = { ...timing, ...seen };
  const cause = { "Face sent": all.first_audio_ms, "Face shown": all.first_frame_out_ms };
  /** @type {Row[]} */
  const rows = [];
  let before = 0;
  for (const [label, read] of STEPS) {
    const to = read(all);
    if (to === null || to === undefined) continue;
    const from = Math.min(label in cause ? cause[/** @type {keyof typeof cause} */ (label)] ?? before : before, to);
    rows.push({ label, from, to });
    before = to;
  }
  return rows;
}

/**
 * Where the server's zero lies on our clock. The server sends a turn's first timing when the last thing that it names
 * happens; the message then travels for half a round trip.
 * @param {TurnTiming} timing
 * @param {number} arrival `performance.now()` at arrival.
 * @param {number} roundTrip In ms.
 */
export function startOnOurClock(timing, arrival, roundTrip) {
  const latest = Math.max(timing.first_frame_out_ms ?? 0, timing.first_audio_out_ms ?? 0);
  return arrival - roundTrip / 2 - latest;
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
