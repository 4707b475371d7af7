// @ts-check
// What the page says about itself: one name and a few words for every situation.

/** @typedef {import("./events.js").Mood} Mood */
/** @typedef {import("./link.js").LinkState} LinkState */
/** @typedef {"connecting" | "ready" | "listening" | "hearing" | "thinking" | "speaking" | "busy" | "lost" | "ended"} Name */
/** @typedef {{name: Name, words: string}} Shown */

/** Characters of a server's own words that a card has room for. */
const MAX_REFUSAL = 300;

/** Why the server ended a call (`visavis.ended`), in words. @type {Record<string, string>} */
const ENDINGS = {
  idle_timeout: "Nobody had said anything for a while.",
  max_session: "It had lasted as long as a call may last here.",
  place_taken: "You were out of reach for a moment, and somebody else has called meanwhile.",
};

/**
 * @param {LinkState} link
 * @param {Mood} mood
 * @param {boolean} micLive
 * @returns {Shown}
 */
export function shownState(link, mood, micLive) {
  if (link.kind === "busy") return { name: "busy", words: "Busy" };
  if (link.kind === "lost" || link.kind === "silent") return { name: "lost", words: "Connection lost" };
  if (link.kind === "ended") return { name: "ended", words: "Call ended" };
  if (link.kind !== "open") return { name: "connecting", words: "Connecting" };
  switch (mood) {
    case "thinking":
      return { name: "thinking", words: "Thinking" };
    case "speaking":
      return { name: "speaking", words: "Speaking" };
    case "listening":
      return { name: "hearing", words: "Listening" };
    default:
      return micLive ? { name: "listening", words: "Listening" } : { name: "ready", words: "Ready" };
  }
}

/**
 * The card over the picture, for the situations that need more than a word.
 * @param {LinkState} link
 * @param {number} now On the clock of `performance.now()`.
 * @returns {{title: string, text: string, button: string} | null}
 */
export function cardFor(link, now) {
  if (link.kind === "ended") {
    return { title: "The call has ended", text: ENDINGS[link.reason] ?? "", button: "Call again" };
  }
  if (link.kind === "silent") {
    return { title: "The connection was lost", text: "Waiting for it to come back…", button: "Try now" };
  }
  if (link.kind !== "busy" && link.kind !== "lost") return null;
  const seconds = Math.ceil((link.retryAt - now) / 1000);
  const when = seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again now…";
  const button = "Try now";
  if (link.kind === "busy") {
    return { title: "She is talking with someone else", text: `Please wait until she is free. ${when}`, button };
  }
  return link.refusal === undefined
    ? { title: "The connection was lost", text: `The server can’t be reached. ${when}`, button }
    : { title: "The server refused the call", text: `It says: ${link.refusal.slice(0, MAX_REFUSAL)} ${when}`, button };
}
