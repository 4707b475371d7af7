// @ts-check
// Live captions of both sides. What the server sends is text and stays text.

/** Lines kept on the page; older ones go. */
const MAX_LINES = 200;
/** Lines told to a new session after a lost one, so that she still knows what was said. */
const REMEMBERED_LINES = 20;

/** @typedef {"user" | "assistant"} Speaker */

export class Captions {
  /** @param {HTMLOListElement} list */
  constructor(list) {
    this.list = list;
    /** @type {Map<string, HTMLLIElement>} */
    this.lines = new Map();
  }

  /**
   * Adds words to a line in progress, which begins with its first words.
   * @param {Speaker} speaker @param {string} id @param {string} delta
   */
  extend(speaker, id, delta) {
    const line = this.lines.get(id) ?? this.begin(speaker, id);
    if (line.dataset.final) return;
    line.append(delta);
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
    line.textContent = text;
    line.dataset.final = "true";
    line.classList.toggle("interrupted", interrupted);
    this.settle();
    this.follow();
  }

  /** @param {string} id */
  drop(id) {
    this.lines.get(id)?.remove();
    this.lines.delete(id);
    this.settle();
  }

  /** @returns {{speaker: Speaker, text: string}[]} What was said of late, oldest first. */
  history() {
    return [...this.lines.values()]
      .filter((line) => line.dataset.final)
      .slice(-REMEMBERED_LINES)
      .map((line) => ({ speaker: speakerOf(line), text: line.textContent ?? "" }));
  }

  /** Takes every line away. @returns {string[]} Their items' ids. */
  clear() {
    const ids = [...this.lines.keys()];
    for (const id of ids) this.drop(id);
    return ids;
  }

  /** Closes what a lost connection left in progress. */
  abandon() {
    for (const [id, line] of this.lines) {
      if (!line.dataset.final) this.finish(speakerOf(line), id, line.textContent ?? "", true);
    }
  }

  /** @param {Speaker} speaker @param {string} id */
  begin(speaker, id) {
    const line = document.createElement("li");
    line.className = speaker;
    line.dir = "auto";
    this.list.setAttribute("aria-busy", "true");
    this.list.append(line);
    this.lines.set(id, line);
    const [oldest] = this.lines.keys();
    if (this.lines.size > MAX_LINES && oldest !== undefined) this.drop(oldest);
    return line;
  }

  /** A screen reader waits while a line is in progress, and reads it whole. */
  settle() {
    const busy = [...this.lines.values()].some((line) => !line.dataset.final);
    this.list.setAttribute("aria-busy", String(busy));
  }

  follow() {
    this.list.scrollTop = this.list.scrollHeight;
  }
}

/** @param {HTMLLIElement} line @returns {Speaker} */
function speakerOf(line) {
  return line.classList.contains("user") ? "user" : "assistant";
}
