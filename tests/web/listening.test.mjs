import assert from "node:assert/strict";
import test from "node:test";
import { bytesOf, clipsOf, tally, trials } from "../../web_client/listening.js";
import { levels } from "../../web_client/spectrogram.js";

const clip = { id: "a7", text: "a < b", recorded: "AAE=", made: "Ag==" };
const page = (clips) =>
  `<h1>x</h1><script type="application/json" id="clips">${JSON.stringify(clips).replaceAll("<", "\\u003c")}</script>`;

test("the clips of an evaluation's page are read without running it", () => {
  assert.deepEqual(clipsOf(page([clip])), [clip]);
});

test("another page, an empty evaluation and clips that are none are refused in words", () => {
  assert.throws(() => clipsOf("<h1>Hello</h1>"), /evaluate-voice --html/);
  assert.throws(() => clipsOf(page([])), /no sentences/);
  assert.throws(() => clipsOf(page([{ ...clip, made: 3 }])), /no sentences/);
});

test("every clip comes once, and the recording is on either side", () => {
  const clips = Array.from({ length: 40 }, (_, index) => ({ ...clip, id: String(index) }));
  let seed = 1;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const made = trials(clips, random);
  assert.deepEqual(made.map((trial) => Number(trial.clip.id)).sort((a, b) => a - b), clips.map((_, index) => index));
  assert.notDeepEqual(made.map((trial) => trial.clip.id), clips.map(({ id }) => id));
  const left = made.filter(({ recordedSide }) => recordedSide === 0).length;
  assert.ok(left > 8 && left < 32);
});

test("opinions are counted for what the side was, and only where given", () => {
  const answers = [
    { guess: 0, truth: 0, ratings: [5, 2] },
    { guess: 0, truth: 1, ratings: [3, 4] },
    { guess: 1, truth: 1, ratings: [null, null] },
  ];
  assert.deepEqual(tally(answers), { found: 2, of: 3, recorded: 4.5, made: 2.5 });
  assert.deepEqual(tally([]), { found: 0, of: 0, recorded: null, made: null });
});

test("base64 becomes bytes", () => {
  assert.deepEqual([...new Uint8Array(bytesOf("AAE="))], [0, 1]);
});

test("a tone stands at its frequency in the spectrum", () => {
  const samples = Float32Array.from({ length: 2000 }, (_, n) => Math.sin((2 * Math.PI * n * 40) / 512));
  const found = levels(samples, 1000);
  assert.equal(found.indexOf(Math.max(...found)), 40);
});
