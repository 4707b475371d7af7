// @ts-check
// A blind comparison of recorded and synthesised sentences: what is asked, and what the answers say.

/** One sentence both ways, FLAC in base64. @typedef {{id: string, text: string, recorded: string, made: string}} Clip */
/**
 * One answer. `guess` and `truth` are sides (0 is A), `ratings` 1..5 by side, null where none was given.
 * @typedef {{guess: number, truth: number, ratings: [number | null, number | null]}} Answer
 */
/** @typedef {{clip: Clip, recordedSide: number}} Trial */

/** A page of an evaluation is two megabytes; far more is something else. */
export const MOST_BYTES = 64e6;

/**
 * The clips of the page that `visavis evaluate-voice --html` wrote. Raises an Error that can be shown.
 * @param {string} page Its source, which is never run.
 * @returns {Clip[]}
 */
export function clipsOf(page) {
  const found = /<script type="application\/json" id="clips">([^<]*)<\/script>/.exec(page);
  if (!found?.[1]) throw new Error("This is no page of an evaluation: visavis evaluate-voice --html writes one.");
  const clips = JSON.parse(found[1]);
  const whole = Array.isArray(clips) && clips.every((clip) =>
    ["id", "text", "recorded", "made"].every((name) => typeof clip?.[name] === "string"));
  if (!whole || clips.length === 0) throw new Error("This evaluation holds no sentences to compare.");
  return clips;
}

/**
 * The clips in random order, the recording on a random side.
 * @param {Clip[]} clips
 * @param {() => number} random 0..1
 * @returns {Trial[]}
 */
export function trials(clips, random) {
  const order = [...clips];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const clip = /** @type {Clip} */ (order[last]);
    order[last] = /** @type {Clip} */ (order[other]);
    order[other] = clip;
  }
  return order.map((clip) => ({ clip, recordedSide: random() < 0.5 ? 0 : 1 }));
}

/**
 * @param {Answer[]} answers
 * @returns {{found: number, of: number, recorded: number | null, made: number | null}} Recordings found; mean opinion
 *   of both.
 */
export function tally(answers) {
  const recorded = answers.map(({ ratings, truth }) => ratings[truth]).filter((rating) => rating != null);
  const made = answers.map(({ ratings, truth }) => ratings[1 - truth]).filter((rating) => rating != null);
  return {
    found: answers.filter(({ guess, truth }) => guess === truth).length,
    of: answers.length,
    recorded: mean(/** @type {number[]} */ (recorded)),
    made: mean(/** @type {number[]} */ (made)),
  };
}

/** @param {number[]} values */
function mean(values) {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

/** @param {string} text Base64. @returns {ArrayBuffer} */
export function bytesOf(text) {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer;
}
