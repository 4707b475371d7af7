// @ts-check
// Keeps a call alive: places it, and places it again when the server is busy, gone, or asks for a key.
import { Call, CallRefused } from "./call.js";

/**
 * `silent` is an open call from which nothing comes any more, for now; `retryAt` is on `performance.now()`'s clock.
 * @typedef {{kind: "connecting"} | {kind: "open"} | {kind: "silent"} | {kind: "key", rejected: boolean}
 *   | {kind: "busy", retryAt: number} | {kind: "lost", retryAt: number, refusal?: string}
 *   | {kind: "ended", reason: string}} LinkState
 */

/** Seconds between attempts: soon at first (a server that restarts), then easy on a server that is down. */
const BACK_OFF_S = [0.5, 1, 2, 4, 8, 15];
/** A call that held for so long was a good one: after it the back-off begins anew. */
const STEADY_MS = 10_000;
/** For a busy server that does not say when to come back. */
const BUSY_S = 5;

export class Link {
  /**
   * @param {object} options
   * @param {() => MediaStreamTrack | null} options.microphone
   * @param {() => boolean} options.hasKey
   * @param {boolean} options.unattended A call that the server ends is placed again without being asked for.
   * @param {(state: LinkState, before: LinkState) => void} options.onState
   * @param {(stream: MediaStream) => void} options.onStream
   * @param {(event: import("./events.js").ServerEvent) => void} options.onEvent
   */
  constructor(options) {
    this.options = options;
    /** @type {LinkState} */
    this.state = { kind: "connecting" };
    /** @type {Call | null} */
    this.call = null;
    this.failures = 0;
    this.openedAt = Infinity;
    this.timer = 0;
  }

  /** Places a call now, instead of the one that may be under way. */
  async connect() {
    this.end();
    this.openedAt = Infinity;
    if (this.state.kind !== "lost" && this.state.kind !== "busy") this.become({ kind: "connecting" });
    const call = new Call({
      onStream: this.options.onStream,
      onOpen: () => {
        this.openedAt = performance.now();
        this.become({ kind: "open" });
      },
      onEvent: (event) => {
        if (event.type === "visavis.ended") this.finish(event.reason);
        else this.options.onEvent(event);
      },
      onSilent: (silent) => this.become({ kind: silent ? "silent" : "open" }),
      onLost: () => {
        if (performance.now() - this.openedAt > STEADY_MS) this.failures = 0;
        this.retry(this.backOff(), "lost");
      },
    });
    this.call = call;
    try {
      await call.place(this.options.microphone());
    } catch (error) {
      if (call !== this.call) return;
      call.hangUp();
      this.explain(error);
    }
  }

  /** The server is about to hang up, and means it. @param {string} reason */
  finish(reason) {
    if (this.options.unattended) {
      this.connect();
      return;
    }
    this.end();
    this.become({ kind: "ended", reason });
  }

  /** @param {unknown} error */
  explain(error) {
    const status = error instanceof CallRefused ? error.status : 0;
    if (status === 401) {
      this.become({ kind: "key", rejected: this.options.hasKey() });
    } else if (status === 503) {
      this.retry(/** @type {CallRefused} */ (error).retryAfter ?? BUSY_S, "busy");
    } else {
      this.retry(this.backOff(), "lost", status ? /** @type {CallRefused} */ (error).message : undefined);
    }
  }

  backOff() {
    const seconds = BACK_OFF_S[Math.min(this.failures, BACK_OFF_S.length - 1)] ?? BUSY_S;
    this.failures += 1;
    return seconds * (1 + Math.random() / 4);
  }

  /** @param {number} seconds @param {"busy" | "lost"} kind @param {string} [refusal] What the server said. */
  retry(seconds, kind, refusal) {
    this.become({ kind, retryAt: performance.now() + seconds * 1000, refusal });
    this.timer = setTimeout(() => this.connect(), seconds * 1000);
  }

  end() {
    clearTimeout(this.timer);
    this.call?.hangUp();
    this.call = null;
  }

  /** @param {LinkState} state */
  become(state) {
    const before = this.state;
    this.state = state;
    this.options.onState(state, before);
  }
}
