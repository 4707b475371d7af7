// @ts-check
// Live captions of both sides. What the server sends is text and stays text.

/** Lines kept on the page; older ones go. */
const MAX_LINES = 200;
/** Lines told to a new session after a lost one, so that she still knows what was said. */
const REMEMBERED_LINES = 20;

/** @typedef {"user" | "assistant"} Speaker */
/** @typedef {{speaker: Speaker, root: HTMLElement, words: HTMLElement, final: boolean}} Line */

const NAMES = { user: "You:", assistant: "She:" };

export class Captions {
  /** @param {HTMLElement} log */
  constructor(log) {
    this.log = log;
    /** @type {Map<string, Line>} */
    this.lines = new Map();
  }

  /**
   * Adds words to a line in progress, which begins with its first words.
   * @param {Speaker} speaker @param {string} id @param {string} delta
   */
  extend(speaker, id, delta) {
    const line = this.lines.get(id) ?? this.begin(speaker, id);
    if (line.final) return;
    line.words.append(delta);
    this.follow();
  }

  /**
   * Sets a line's final words; without any, the line goes.
   * @param {Speaker} speaker @param {string} id @param {string} text @param {boolean} [interrupted]
   */
  finish(speaker, id, text, interrupted = false) {
    if (!text.trim()) {
      this.drop(id);
      return;
    }
    const line = this.lines.get(id) ?? this.begin(speaker, id);
    line.words.textContent = text;
    line.final = true;
    line.root.classList.toggle("interrupted", interrupted);
    this.settle();
    this.follow();
  }

  /** @param {string} id */
  drop(id) {
    this.lines.get(id)?.root.remove();
    this.lines.delete(id);
    this.settle();
  }

  /** @returns {{id: string, speaker: Speaker, text: string}[]} What was said of late, oldest first. */
  history() {
    return [...this.lines]
      .filter(([, line]) => line.final)
      .slice(-REMEMBERED_LINES)
      .map(([id, { speaker, words }]) => ({ id, speaker, text: words.textContent ?? "" }));
  }

  /** Takes every line away. @returns {string[]} Their items' ids. */
  clear() {
    const ids = [...this.lines.keys()];
    for (const id of ids) this.drop(id);
    return ids;
  }

  /** Closes what a lost connection left in progress. */
  abandon() {
    for (const [id, { speaker, words, final }] of this.lines) {
      if (!final) this.finish(speaker, id, words.textContent ?? "", true);
    }
  }

  /** @param {Speaker} speaker @param {string} id */
  begin(speaker, id) {
    const root = document.createElement("p");
    root.className = speaker;
    root.dir = "auto";
    const name = document.createElement("span");
    name.className = "name";
    // Leaves the line's direction to the words.
    name.dir = "ltr";
    name.textContent = NAMES[speaker];
    const words = document.createElement("span");
    words.className = "words";
    root.append(name, " ", words);
    this.log.setAttribute("aria-busy", "true");
    this.log.append(root);
    const line = { speaker, root, words, final: false };
    this.lines.set(id, line);
    const [oldest] = this.lines.keys();
    if (this.lines.size > MAX_LINES && oldest !== undefined) this.drop(oldest);
    return line;
  }

  /** A screen reader waits while a line is in progress, and reads it whole. */
  settle() {
    const busy = [...this.lines.values()].some((line) => !line.final);
    this.log.setAttribute("aria-busy", String(busy));
  }

  follow() {
    this.log.scrollTop = this.log.scrollHeight;
  }
}
