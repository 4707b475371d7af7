import assert from "node:assert/strict";
import test from "node:test";
import { levelOf, plainReason } from "../../web_client/microphone.js";

const sine = (amplitude) => Float32Array.from({ length: 1024 }, (_, i) => amplitude * Math.sin(i / 4));

test("the level rises with the voice and stays within 0..1", () => {
  const levels = [0, 0.01, 0.05, 0.2, 1].map((amplitude) => levelOf(sine(amplitude)));
  assert.equal(levels[0], 0);
  assert.equal(levels.at(-1), 1);
  assert.deepEqual(levels, [...levels].sort((a, b) => a - b));
});

test("every way in which a microphone fails has its own plain words, and says that typing works", () => {
  const names = ["NotAllowedError", "NotFoundError", "NotReadableError", "SecurityError", "TypeError"];
  const reasons = names.map((name) => plainReason(new DOMException("", name)));
  assert.equal(new Set(reasons).size, names.length);
  for (const reason of reasons) assert.match(reason, /type/);
});
