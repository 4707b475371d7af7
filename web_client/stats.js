// @ts-check
// What getStats says about a call, in the units that the panel shows.

/**
 * @typedef {object} CallStats
 * @property {number} roundTrip ms
 * @property {number | null} fps
 * @property {number} audioBuffer Mean wait in the browser's jitter buffer, ms.
 * @property {number} videoBuffer ms
 * @property {number} lost Packets, of both tracks.
 * @property {number} freezes
 * @property {number | null} offset The picture's play time minus the sound's, ms; above 0 the picture is late.
 */

/** @param {RTCStatsReport} report @returns {CallStats} */
export function readStats(report) {
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
    fps: video?.framesPerSecond ?? null,
    audioBuffer: meanBuffer(audio),
    videoBuffer: meanBuffer(video),
    lost: Math.max(0, audio?.packetsLost ?? 0) + Math.max(0, video?.packetsLost ?? 0),
    freezes: video?.freezeCount ?? 0,
    offset: playOffset(audio, video),
  };
}

/** @param {any} inbound */
function meanBuffer(inbound) {
  return inbound?.jitterBufferEmittedCount
    ? (1000 * inbound.jitterBufferDelay) / inbound.jitterBufferEmittedCount
    : 0;
}

/**
 * Both estimates name the sender's time of what plays now; the sender stamps sound and picture with one clock.
 * @param {any} audio @param {any} video
 */
function playOffset(audio, video) {
  if (!audio?.estimatedPlayoutTimestamp || !video?.estimatedPlayoutTimestamp) return null;
  return audio.estimatedPlayoutTimestamp - video.estimatedPlayoutTimestamp;
}
