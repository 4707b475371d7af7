import assert from "node:assert/strict";
import test from "node:test";
import { median, startOnOurClock, waterfall } from "../../web_client/waterfall.js";

const typed = {
  decided_ms: null,
  transcript_ms: null,
  first_token_ms: 30,
  first_phrase_ms: 55,
  first_audio_ms: 140,
  first_audio_out_ms: 160,
  first_frame_out_ms: 180,
  interrupt_to_silence_ms: null,
};

test("steps that did not happen have no row; each row starts where its cause ended", () => {
  assert.deepEqual(waterfall(typed, { heard_ms: 210, shown_ms: 240 }), [
    { label: "First token", from: 0, to: 30 },
    { label: "First phrase", from: 30, to: 55 },
    { label: "First audio", from: 55, to: 140 },
    { label: "Audio sent", from: 140, to: 160 },
    { label: "Audio heard", from: 160, to: 210 },
    { label: "Face sent", from: 140, to: 180 },
    { label: "Face shown", from: 180, to: 240 },
  ]);
});

test("a spoken turn begins with its end; what is not seen yet is left out", () => {
  const spoken = { ...typed, decided_ms: 5, transcript_ms: 20 };
  const rows = waterfall(spoken, { heard_ms: null, shown_ms: null });
  assert.deepEqual(rows.map((row) => row.label).slice(0, 2), ["End of turn", "Recognised"]);
  assert.equal(rows.at(-1).label, "Face sent");
});

test("no row runs backwards when clocks disagree by a little", () => {
  for (const { from, to } of waterfall(typed, { heard_ms: 158, shown_ms: 179 })) assert.ok(from <= to);
});

test("the server's zero is the arrival less half a round trip less the last span", () => {
  assert.equal(startOnOurClock(typed, 1000, 40), 1000 - 20 - 180);
  assert.equal(startOnOurClock({ ...typed, first_frame_out_ms: null }, 1000, 40), 1000 - 20 - 160);
});

test("median", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});
