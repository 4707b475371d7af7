// @ts-check
// The listening page: plays both sides of a sentence, asks, and shows the truth after each answer.
import { MOST_BYTES, bytesOf, clipsOf, tally, trials } from "./listening.js";
import { drawSpectrogram } from "./spectrogram.js";

/** @typedef {import("./listening.js").Answer} Answer */

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`#${id} is not in the page`);
  return found;
}

const file = byId("file", HTMLInputElement);
const drop = byId("drop", HTMLElement);
const next = byId("next", HTMLButtonElement);
const answerLine = byId("answer", HTMLElement);
const sides = [...document.querySelectorAll("fieldset")];
const guesses = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll("[data-guess]")]);

/** @type {import("./listening.js").Clip[]} */
let clips = [];
/** @type {import("./listening.js").Trial[]} */
let pending = [];
/** @type {Answer[]} */
let answers = [];
/** @type {(AudioBuffer | null)[]} */
let sounds = [null, null];
/** @type {AudioContext | null} */
let context = null;
/** @type {AudioBufferSourceNode | null} */
let playing = null;

/** @param {File | undefined} chosen */
async function open(chosen) {
  if (!chosen) return;
  tell("");
  try {
    if (chosen.size > MOST_BYTES) throw new Error("This file is far larger than a page of an evaluation.");
    clips = clipsOf(await chosen.text());
    // The clips' own rate, so that a spectrogram ends where their band does.
    context ??= new AudioContext({ sampleRate: 24_000 });
    await begin();
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error));
  }
}

async function begin() {
  pending = trials(clips, Math.random);
  answers = [];
  drop.hidden = true;
  byId("result", HTMLElement).hidden = true;
  byId("trial", HTMLElement).hidden = false;
  await show();
}

/** Shows the sentence that is next, or the result. */
async function show() {
  stop();
  const trial = pending[answers.length];
  if (!trial) {
    showResult();
    return;
  }
  const { recorded, made, text } = trial.clip;
  const order = trial.recordedSide === 0 ? [recorded, made] : [made, recorded];
  sounds = await Promise.all(order.map((flac) => context?.decodeAudioData(bytesOf(flac)) ?? null));
  byId("place", HTMLElement).textContent = `Sentence ${answers.length + 1} of ${pending.length}`;
  byId("sentence", HTMLElement).textContent = text;
  answerLine.textContent = "";
  next.hidden = true;
  for (const button of guesses) button.disabled = false;
  for (const side of sides) {
    for (const radio of side.querySelectorAll("input")) radio.checked = false;
    const canvas = side.querySelector("canvas");
    if (canvas) canvas.hidden = true;
  }
}

/** @param {number} side */
function play(side) {
  stop();
  const buffer = sounds[side];
  if (!context || !buffer) return;
  context.resume();
  playing = context.createBufferSource();
  playing.buffer = buffer;
  playing.connect(context.destination);
  playing.start();
}

function stop() {
  playing?.stop();
  playing = null;
}

/** @param {number} guess */
function answer(guess) {
  const trial = pending[answers.length];
  if (!trial || !next.hidden) return;
  const truth = trial.recordedSide;
  answers.push({ guess, truth, ratings: [rating(0), rating(1)] });
  answerLine.textContent = `${guess === truth ? "Right" : "No"}: ${truth === 0 ? "A" : "B"} is the recording.`;
  for (const button of guesses) button.disabled = true;
  next.hidden = false;
  next.focus();
  sides.forEach((side, index) => {
    const canvas = side.querySelector("canvas");
    const buffer = sounds[index];
    if (!canvas || !buffer) return;
    canvas.hidden = false;
    canvas.setAttribute("aria-label", `Spectrogram, ${index === truth ? "recorded" : "synthesised"}`);
    drawSpectrogram(canvas, buffer.getChannelData(0));
  });
}

/** @param {number} side @returns {number | null} */
function rating(side) {
  const checked = sides[side]?.querySelector("input:checked");
  return checked instanceof HTMLInputElement ? Number(checked.value) : null;
}

function showResult() {
  const { found, of, recorded, made } = tally(answers);
  byId("trial", HTMLElement).hidden = true;
  byId("result", HTMLElement).hidden = false;
  const opinion = (/** @type {number | null} */ value) => (value === null ? "–" : value.toFixed(1));
  const rows = [
    ["Recordings found", `${found} of ${of}`],
    ["Mean opinion of the recordings", opinion(recorded)],
    ["Mean opinion of the synthesised", opinion(made)],
  ];
  byId("figures", HTMLElement).replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("tr");
    for (const text of [name, value]) row.insertCell().textContent = text ?? "";
    return row;
  }));
}

/** @param {string} message */
function tell(message) {
  byId("problem", HTMLElement).textContent = message;
}

/** @param {HTMLFieldSetElement} side @param {number} index */
function addRatings(side, index) {
  const scale = [1, 2, 3, 4, 5].map((value) => {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    Object.assign(radio, { type: "radio", name: `rating-${index}`, value: String(value) });
    label.append(radio, String(value));
    return label;
  });
  side.querySelector(".ratings")?.append(...scale);
}

sides.forEach((side, index) => {
  addRatings(side, index);
  side.querySelector(".play")?.addEventListener("click", () => play(index));
});
guesses.forEach((button, index) => button.addEventListener("click", () => answer(index)));
next.addEventListener("click", show);
byId("again", HTMLButtonElement).addEventListener("click", begin);
file.addEventListener("change", () => open(file.files?.[0]));
drop.addEventListener("dragover", (event) => event.preventDefault());
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  open(event.dataTransfer?.files[0]);
});
document.addEventListener("keydown", (event) => {
  if (byId("trial", HTMLElement).hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key.toLowerCase() === "a") play(0);
  if (event.key.toLowerCase() === "b") play(1);
});
