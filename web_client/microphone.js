// @ts-check
// The user's microphone: permission, mute, and the level that the ring shows.

/** Echo cancellation keeps her from hearing herself; the rest makes a laptop's microphone fit for recognition. */
const CONSTRAINTS = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
};
/** Twenty updates a second look smooth with the ring's own transition, at a third of a full redraw's cost. */
const LEVEL_PERIOD_MS = 50;
/** Speech at a usual distance lies between these levels, in dB below full scale. */
const QUIET_DB = -55;
const LOUD_DB = -15;

export class Microphone {
  /**
   * @param {object} options
   * @param {(level: number) => void} options.onLevel 0..1
   * @param {() => void} options.onEnded It was unplugged, or its permission withdrawn.
   */
  constructor(options) {
    this.options = options;
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    this.meter = 0;
  }

  get live() {
    return this.track !== null && this.track.enabled;
  }

  /**
   * Asks for the microphone; the browser may ask the user.
   * @returns {Promise<MediaStreamTrack>} Rejects with the browser's DOMException; `plainReason` puts it into words.
   */
  async open() {
    if (!navigator.mediaDevices) throw new DOMException("no secure context", "SecurityError");
    const stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
    const [track] = stream.getAudioTracks();
    if (!track) throw new DOMException("no audio track", "NotFoundError");
    this.track = track;
    track.onended = () => {
      this.close();
      this.options.onEnded();
    };
    this.measure(stream);
    return track;
  }

  /** @param {boolean} muted A muted microphone sends silence, so that a turn under way still ends. */
  mute(muted) {
    if (this.track) this.track.enabled = !muted;
  }

  close() {
    clearInterval(this.meter);
    this.context?.close();
    this.track?.stop();
    this.track = null;
    this.options.onLevel(0);
  }

  /** @param {MediaStream} stream */
  measure(stream) {
    this.context = new AudioContext();
    const analyser = new AnalyserNode(this.context, { fftSize: 1024 });
    this.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.meter = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.options.onLevel(levelOf(samples));
    }, LEVEL_PERIOD_MS);
  }

  /** An AudioContext that began before the first touch sleeps until one. */
  wake() {
    this.context?.resume();
  }
}

/** @param {Float32Array} samples @returns {number} 0 (quiet) to 1 (loud) */
export function levelOf(samples) {
  let power = 0;
  for (const sample of samples) power += sample * sample;
  const decibels = 10 * Math.log10(power / samples.length + 1e-12);
  return Math.min(1, Math.max(0, (decibels - QUIET_DB) / (LOUD_DB - QUIET_DB)));
}

/** @param {unknown} error What `open` rejected with. @returns {string} What to tell the user. */
export function plainReason(error) {
  const name = error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
      return "The microphone is blocked. Allow it beside the page’s address, then press the microphone. You can type meanwhile.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "No microphone was found. Plug one in and press the microphone, or type.";
    case "NotReadableError":
    case "AbortError":
      return "The microphone does not answer; another program may be using it. You can type meanwhile.";
    case "SecurityError":
      return "Browsers give the microphone only to pages on https or localhost. You can type here.";
    default:
      return "The microphone could not be opened. You can type meanwhile.";
  }
}

/** @returns {Promise<boolean>} The user has allowed the microphone before, so that opening it asks nothing. */
export async function alreadyAllowed() {
  try {
    const name = /** @type {PermissionName} */ ("microphone");
    return (await navigator.permissions.query({ name })).state === "granted";
  } catch {
    return false;
  }
}
