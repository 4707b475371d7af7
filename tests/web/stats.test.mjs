import assert from "node:assert/strict";
import test from "node:test";
import { readStats } from "../../web_client/stats.js";

const report = (delay, emitted) =>
  new Map([
    ["a", { type: "inbound-rtp", kind: "audio", jitterBufferDelay: delay, jitterBufferEmittedCount: emitted, packetsLost: 2, estimatedPlayoutTimestamp: 1030 }],
    ["v", { type: "inbound-rtp", kind: "video", framesPerSecond: 25, packetsLost: -1, freezeCount: 1, estimatedPlayoutTimestamp: 1000 }],
    ["p", { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.012 }],
  ]);

test("figures come in ms, losses never below none", () => {
  const stats = readStats(report(4.8, 480), null);
  assert.equal(stats.roundTrip, 12);
  assert.equal(stats.fps, 25);
  assert.equal(stats.audioBuffer.wait, 10);
  assert.equal(stats.lost, 2);
  assert.equal(stats.offset, 30);
});

test("the buffer's wait is that since the figures before, and of a new call its own", () => {
  const before = readStats(report(4.8, 480), null);
  assert.ok(Math.abs(readStats(report(4.8 + 9.6, 480 + 480), before).audioBuffer.wait - 20) < 1e-9);
  assert.equal(readStats(report(1, 100), before).audioBuffer.wait, 10);
});

test("a call without a picture has none to count", () => {
  const stats = readStats(new Map(), null);
  assert.equal(stats.fps, null);
  assert.equal(stats.offset, null);
});
