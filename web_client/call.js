// @ts-check
// One call: the Realtime WebRTC handshake, the data channel, the hang-up.
import { fitsHeader, key, requestToken } from "./access.js";
import { parseEvent } from "./events.js";

/** @typedef {import("./events.js").ServerEvent} ServerEvent */

/** The server sends a packet every 20 ms, so that so long a silence is worth a word to the user. */
const SILENCE_MS = 3_000;
/** So long the server, too, waits for a client whose packets stop (`come_back_s`); for a new call: to connect. */
const PATIENCE_MS = 10_000;
const CHECK_MS = 500;

/** The server said no; `status` is its HTTP status. */
export class CallRefused extends Error {
  /**
   * @param {number} status
   * @param {string} message Why, in the server's words.
   * @param {number | null} retryAfter Seconds.
   */
  constructor(status, message, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/**
 * @typedef {object} CallEvents
 * @property {(stream: MediaStream) => void} onStream Her sound and picture.
 * @property {() => void} onOpen Events can be sent.
 * @property {(event: ServerEvent) => void} onEvent
 * @property {(silent: boolean) => void} onSilent Nothing comes from the server any more; or again.
 * @property {() => void} onLost The connection ended, and not by `hangUp`.
 */

export class Call {
  /** @param {CallEvents} events */
  constructor(events) {
    this.events = events;
    this.peer = new RTCPeerConnection({ iceServers: [] });
    this.channel = this.peer.createDataChannel("oai-events");
    this.audio = this.peer.addTransceiver("audio", { direction: "sendrecv" });
    this.peer.addTransceiver("video", { direction: "recvonly" });
    for (const { receiver } of this.peer.getTransceivers()) playAtOnce(receiver);
    /** @type {string | null} */
    this.location = null;
    this.ended = false;
    this.received = { packets: 0, at: performance.now() };
    this.silent = false;
    this.asking = false;
    this.watch = 0;
    this.listen();
  }

  listen() {
    this.peer.ontrack = ({ streams: [stream] }) => stream && this.events.onStream(stream);
    this.peer.onconnectionstatechange = () => {
      if (["failed", "closed"].includes(this.peer.connectionState)) this.lose();
    };
    this.channel.onopen = () => {
      this.received.at = performance.now();
      this.events.onOpen();
    };
    this.channel.onclose = () => this.lose();
    this.channel.onmessage = ({ data }) => {
      const event = parseEvent(data);
      if (event) this.events.onEvent(event);
    };
  }

  /**
   * Offers the call and takes the answer. Raises CallRefused, or a TypeError where no server is reached.
   * @param {MediaStreamTrack | null} microphone
   */
  async place(microphone) {
    await this.audio.sender.replaceTrack(microphone);
    await this.peer.setLocalDescription();
    const answer = await offer(this.peer.localDescription?.sdp ?? "");
    this.location = answer.location;
    if (this.ended) {
      this.release();
      return;
    }
    await this.peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    this.received.at = performance.now();
    this.watch = setInterval(() => this.check(), CHECK_MS);
  }

  async check() {
    let packets = 0;
    for (const report of (await this.peer.getStats()).values()) {
      if (report.type === "inbound-rtp") packets += report.packetsReceived ?? 0;
    }
    if (this.ended) return;
    const now = performance.now();
    if (packets > this.received.packets) this.received = { packets, at: now };
    const silence = now - this.received.at;
    if (silence > PATIENCE_MS) this.lose();
    else this.tellSilence(silence > SILENCE_MS && this.channel.readyState === "open");
  }

  /** @param {boolean} silent */
  tellSilence(silent) {
    if (silent !== this.silent) {
      this.silent = silent;
      this.events.onSilent(silent);
    }
    if (silent && !this.asking) this.askServer();
  }

  /** A server that answers and has no session at all was started anew: this call will not come back. */
  async askServer() {
    this.asking = true;
    try {
      const { sessions } = await (await fetch("/healthz")).json();
      if (this.silent && sessions.now === 0) this.lose();
    } catch {
      // Out of reach, as the silence says already.
    }
    this.asking = false;
  }

  /** @param {object} event @returns {boolean} False where the channel is not open. */
  send(event) {
    if (this.channel.readyState !== "open") return false;
    this.channel.send(JSON.stringify(event));
    return true;
  }

  /** @param {MediaStreamTrack | null} track */
  useMicrophone(track) {
    return this.audio.sender.replaceTrack(track);
  }

  lose() {
    if (this.ended) return;
    this.hangUp();
    this.events.onLost();
  }

  hangUp() {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.watch);
    this.peer.onconnectionstatechange = null;
    this.channel.onclose = null;
    this.channel.onmessage = null;
    this.peer.close();
    this.release();
  }

  /** Tells the server at once; without it the slot stays taken until the server misses our packets. */
  release() {
    if (!this.location) return;
    const accessKey = key.get();
    const headers = accessKey ? { Authorization: `Bearer ${accessKey}` } : undefined;
    fetch(this.location, { method: "DELETE", keepalive: true, headers }).catch(() => undefined);
    this.location = null;
  }
}

/**
 * Low latency comes before smoothness: hold no more than the network's jitter makes necessary.
 * @param {RTCRtpReceiver} receiver
 */
function playAtOnce(receiver) {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
}

/** @param {string} sdp @returns {Promise<{sdp: string, location: string | null}>} */
async function offer(sdp) {
  /** @type {Record<string, string>} */
  const headers = { "Content-Type": "application/sdp" };
  const accessKey = key.get();
  if (accessKey) {
    if (!fitsHeader(accessKey)) throw new CallRefused(401, "No key has such characters.", null);
    const minted = await requestToken(accessKey);
    if (!minted.ok) throw await refusal(minted);
    headers.Authorization = `Bearer ${(await minted.json()).value}`;
  }
  const response = await fetch("/v1/realtime/calls", { method: "POST", headers, body: sdp });
  if (!response.ok) throw await refusal(response);
  return { sdp: await response.text(), location: response.headers.get("Location") };
}

/** @param {Response} response */
async function refusal(response) {
  const seconds = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  const body = await response.json().catch(() => null);
  const message = String(body?.error?.message ?? `It answered ${response.status}.`);
  return new CallRefused(response.status, message, Number.isFinite(seconds) ? seconds : null);
}
