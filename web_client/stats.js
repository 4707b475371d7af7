// @ts-check
// What getStats says about a call, in the units that the panel shows.

/**
 * The browser's jitter buffer: the mean wait since the figures before, in ms, and the sums that it comes from.
 * @typedef {{wait: number, delay: number, emitted: number}} Buffer
 */

/**
 * @typedef {object} CallStats
 * @property {number} roundTrip ms
 * @property {number | null} fps
 * @property {Buffer} audioBuffer
 * @property {Buffer} videoBuffer
 * @property {number} lost Packets, of both tracks.
 * @property {number} freezes
 * @property {number | null} offset The picture's play time minus the sound's, ms; above 0 the picture is late.
 */

/**
 * @param {RTCStatsReport} report
 * @param {CallStats | null} before The figures before these, of the same call.
 * @returns {CallStats}
 */
export function readStats(report, before) {
  /** @type {any} */ let audio = null;
  /** @type {any} */ let video = null;
  let roundTrip = 0;
  for (const entry of report.values()) {
    if (entry.type === "inbound-rtp" && entry.kind === "audio") audio = entry;
    if (entry.type === "inbound-rtp" && entry.kind === "video") video = entry;
    if (entry.type === "candidate-pair" && entry.nominated) roundTrip = 1000 * (entry.currentRoundTripTime ?? 0);
  }
  return {
    roundTrip,
    fps: video && (video.framesPerSecond ?? 0),
    audioBuffer: bufferOf(audio, before?.audioBuffer),
    videoBuffer: bufferOf(video, before?.videoBuffer),
    lost: Math.max(0, audio?.packetsLost ?? 0) + Math.max(0, video?.packetsLost ?? 0),
    freezes: video?.freezeCount ?? 0,
    offset: playOffset(audio, video),
  };
}

/** @param {any} inbound @param {Buffer} [before] @returns {Buffer} */
function bufferOf(inbound, before) {
  const delay = inbound?.jitterBufferDelay ?? 0;
  const emitted = inbound?.jitterBufferEmittedCount ?? 0;
  const since = before && emitted > before.emitted ? before : { delay: 0, emitted: 0 };
  const wait = emitted > since.emitted ? (1000 * (delay - since.delay)) / (emitted - since.emitted) : 0;
  return { wait, delay, emitted };
}

/**
 * Both estimates name the sender's time of what plays now; the sender stamps sound and picture with one clock.
 * @param {any} audio @param {any} video
 */
function playOffset(audio, video) {
  if (!audio?.estimatedPlayoutTimestamp || !video?.estimatedPlayoutTimestamp) return null;
  return audio.estimatedPlayoutTimestamp - video.estimatedPlayoutTimestamp;
}
