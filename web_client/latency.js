// @ts-check
// The panel on `L`: this turn's waterfall, from the end of speech to the face on this screen.
import { readStats } from "./stats.js";
import { median, startOnOurClock, waterfall } from "./waterfall.js";

/** @typedef {import("./events.js").TurnTiming} TurnTiming */

/** How often the connection's figures are read while the panel is open. */
const STATS_PERIOD_MS = 1000;
/** Turns that the median is taken over. */
const TURNS = 20;

export class LatencyPanel {
  /**
   * @param {object} options
   * @param {HTMLElement} options.panel
   * @param {HTMLVideoElement} options.video
   * @param {() => Promise<RTCStatsReport> | undefined} options.stats
   */
  constructor({ panel, video, stats }) {
    this.panel = panel;
    this.video = video;
    this.stats = stats;
    /** @type {TurnTiming | null} */
    this.timing = null;
    this.start = 0;
    /** @type {import("./waterfall.js").Seen} */
    this.seen = { heard_ms: null, shown_ms: null };
    /** @type {number | null} */
    this.soundLeft = null;
    /** @type {import("./stats.js").CallStats | null} */
    this.call = null;
    /** @type {number[]} */
    this.totals = [];
    this.timer = 0;
  }

  get open() {
    return !this.panel.hidden;
  }

  toggle() {
    this.panel.hidden = this.open;
    clearInterval(this.timer);
    if (!this.open) return;
    this.timer = setInterval(() => this.refresh(), STATS_PERIOD_MS);
    this.refresh();
  }

  /** Her first sample of a response has left the server. */
  soundStarted() {
    this.soundLeft = performance.now();
    this.read();
  }

  /** @param {TurnTiming} timing */
  turn(timing) {
    const arrival = performance.now();
    const known = this.timing?.response_id === timing.response_id;
    this.timing = timing;
    if (!known) {
      this.seen = { heard_ms: null, shown_ms: null };
      this.start = startOnOurClock(timing, arrival, this.call?.roundTrip ?? 0);
      this.joinSound();
      if (timing.first_frame_out_ms !== null) this.joinPicture(timing.response_id, arrival);
    }
    this.draw();
  }

  joinSound() {
    if (this.soundLeft === null) return;
    this.seen.heard_ms = this.soundLeft + (this.call?.audioBuffer.wait ?? 0) - this.start;
    this.soundLeft = null;
  }

  /**
   * The turn's first picture leaves with the timing message, and is encoded while that travels: it is the first one
   * that this browser received after it.
   * @param {string} id @param {number} arrival
   */
  joinPicture(id, arrival) {
    this.video.requestVideoFrameCallback((_, frame) => {
      if (this.timing?.response_id !== id) return;
      if ((frame.receiveTime ?? frame.presentationTime) < arrival) {
        this.joinPicture(id, arrival);
        return;
      }
      this.seen.shown_ms = frame.expectedDisplayTime - this.start;
      this.totals = [...this.totals, this.seen.shown_ms].slice(-TURNS);
      this.draw();
    });
  }

  async read() {
    const report = await this.stats();
    if (report) this.call = readStats(report, this.call);
  }

  async refresh() {
    await this.read();
    this.draw();
  }

  draw() {
    if (!this.open) return;
    const rows = this.timing ? waterfall(this.timing, this.seen) : [];
    this.panel.replaceChildren(heading(this.timing, this.seen.shown_ms ?? rows.at(-1)?.to), chart(rows), this.figures());
  }

  figures() {
    const list = element("dl", "figures");
    const call = this.call;
    const cut = this.timing?.interrupt_to_silence_ms ?? null;
    if (this.totals.length > 1) add(list, `Median of ${this.totals.length} turns`, milliseconds(median(this.totals)));
    if (cut !== null) add(list, "Interrupted, then silent", milliseconds(cut));
    if (!call) return list;
    add(list, "Picture", call.fps === null ? "none" : `${Math.round(call.fps)} fps`);
    add(list, "Round trip", milliseconds(call.roundTrip));
    add(list, "Buffer, sound · picture", `${Math.round(call.audioBuffer.wait)} · ${milliseconds(call.videoBuffer.wait)}`);
    if (call.offset !== null) add(list, "Picture behind sound", milliseconds(call.offset));
    add(list, "Lost packets · freezes", `${call.lost} · ${call.freezes}`);
    return list;
  }
}

/** @param {TurnTiming | null} timing @param {number | undefined} total */
function heading(timing, total) {
  const head = element("header", "");
  const number = element("p", "total", total === undefined ? "–" : milliseconds(total));
  const from = timing?.spoken ? "from your last word" : "from your message";
  head.append(number, element("p", "caption", timing ? `${from} to her face` : "Say or type something."));
  return head;
}

/** @param {import("./waterfall.js").Row[]} rows */
function chart(rows) {
  const list = element("ol", "waterfall");
  const end = Math.max(1, ...rows.map((row) => row.to));
  for (const { label, from, to } of rows) {
    const item = element("li", "");
    const track = element("span", "track");
    const bar = element("span", "bar");
    bar.style.left = `${(100 * from) / end}%`;
    bar.style.width = `${(100 * (to - from)) / end}%`;
    track.append(bar);
    item.append(element("span", "label", label), track, element("span", "at", milliseconds(to)));
    list.append(item);
  }
  return list;
}

/** @param {HTMLElement} list @param {string} term @param {string} value */
function add(list, term, value) {
  list.append(element("dt", "", term), element("dd", "", value));
}

/** @param {number} value */
function milliseconds(value) {
  return `${Math.round(value)} ms`;
}

/** @param {string} tag @param {string} className @param {string} [text] */
function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
