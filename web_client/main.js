// @ts-check
// The page: puts the parts together and carries the user's hands to them.
import { key } from "./access.js";
import { paintBackdrop } from "./backdrop.js";
import { Captions } from "./captions.js";
import { Conversation } from "./conversation.js";
import { fillScreen, stayAwake, toggleFullscreen } from "./kiosk.js";
import { LatencyPanel } from "./latency.js";
import { Link } from "./link.js";
import { Microphone, alreadyAllowed, plainReason } from "./microphone.js";
import { cardFor, shownState } from "./state.js";

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`#${id} is not in the page`);
  return found;
}

const page = document.body;
const video = byId("face", HTMLVideoElement);
const text = byId("text", HTMLInputElement);
const startButton = byId("start", HTMLButtonElement);
const microphoneButton = byId("microphone", HTMLButtonElement);
const stopButton = byId("stop", HTMLButtonElement);
const sendButton = byId("send", HTMLButtonElement);
const latencyButton = byId("latency-button", HTMLButtonElement);
const notice = byId("notice", HTMLElement);
const keyDialog = byId("key-dialog", HTMLDialogElement);
const keyInput = byId("key", HTMLInputElement);

const kiosk = new URLSearchParams(location.search).has("kiosk");

/** In public, the next person does not read what the last one said. */
const FORGET_S = 60;

let started = false;
/** The microphone was asked for, in vain. */
let voiceless = false;
let announced = "";

const microphone = new Microphone({
  onLevel: (level) => microphoneButton.style.setProperty("--level", level.toFixed(2)),
  onEnded: () => {
    link.call?.useMicrophone(null);
    voiceless = true;
    tell("The microphone was disconnected. Plug it in and press the microphone, or type.");
    show();
  },
});
/** @type {Link} */
const link = new Link({
  microphone: () => microphone.track,
  hasKey: () => key.get() !== null,
  unattended: kiosk,
  onStream: (stream) => {
    video.srcObject = stream;
    play();
  },
  onEvent: (event) => conversation.handle(event),
  onState: (state, before) => {
    if (state.kind === "open") {
      if (before.kind !== "silent") conversation.opened();
    } else if (state.kind !== "silent") {
      conversation.ended();
      delete page.dataset.face;
    }
    if (state.kind === "key") askForKey(state.rejected);
    show();
  },
});
const latency = new LatencyPanel({
  panel: byId("latency", HTMLElement),
  video,
  stats: () => link.call?.peer.getStats(),
});
const conversation = new Conversation({
  send: (event) => link.call?.send(event) ?? false,
  captions: new Captions(byId("captions", HTMLElement)),
  latency,
  onChange: () => show(),
  onProblem: (message) => tell(message),
});

/** Brings the page in line with what is the case. */
function show() {
  const { name, words } = shownState(link.state, conversation.mood, microphone.live);
  page.dataset.state = name;
  page.dataset.mic = microphone.live ? "live" : microphone.track ? "muted" : voiceless ? "failed" : "off";
  byId("status", HTMLElement).textContent = words;
  announce(link.state.kind === "open" ? "Connected" : words);
  microphoneButton.title = `${microphone.live ? "Mute" : "Turn on"} the microphone (M)`;
  microphoneButton.setAttribute("aria-pressed", String(microphone.live));
  startButton.hidden = started || link.state.kind !== "open";
  const writing = text.value.trim() !== "";
  stopButton.hidden = writing || !conversation.answering;
  sendButton.hidden = !stopButton.hidden;
  sendButton.disabled = !writing || link.state.kind !== "open";
  showCard();
}

function showCard() {
  const card = cardFor(link.state, performance.now());
  byId("card", HTMLElement).hidden = card === null;
  if (!card) return;
  byId("card-title", HTMLElement).textContent = card.title;
  byId("card-text", HTMLElement).textContent = card.text;
  byId("retry", HTMLElement).textContent = card.button;
}

function tick() {
  showCard();
  if (kiosk && conversation.silence > FORGET_S) conversation.forget();
}

/** Says a change of the connection to a screen reader, once. @param {string} words */
function announce(words) {
  if (words === announced) return;
  announced = words;
  byId("announcer", HTMLElement).textContent = words;
}

/** @param {string} message */
function tell(message) {
  notice.textContent = message;
}

/** Browsers let a page sound only once it was touched; until then she is seen, and the start button asks. */
async function play() {
  try {
    video.muted = false;
    await video.play();
    started ||= microphone.track !== null;
  } catch {
    video.muted = true;
    await video.play().catch(() => undefined);
  }
  show();
}

function touched() {
  microphone.wake();
  if (video.muted && video.srcObject) play();
  if (kiosk) begin();
}

async function begin() {
  if (kiosk) fillScreen(document.documentElement);
  if (started) return;
  started = true;
  show();
  await openMicrophone();
}

async function openMicrophone() {
  microphoneButton.disabled = true;
  try {
    const track = await microphone.open();
    await link.call?.useMicrophone(track);
    voiceless = false;
    tell("");
  } catch (error) {
    voiceless = true;
    tell(plainReason(error));
  }
  microphoneButton.disabled = false;
  show();
}

function toggleMicrophone() {
  started = true;
  if (microphone.track === null) {
    openMicrophone();
    return;
  }
  microphone.mute(microphone.live);
  show();
}

function toggleLatency() {
  latency.toggle();
  latencyButton.setAttribute("aria-expanded", String(latency.open));
}

/** @param {boolean} rejected */
function askForKey(rejected) {
  if (rejected) {
    key.forget();
    byId("key-text", HTMLElement).textContent = "That key was not accepted. Please try again.";
  }
  keyInput.value = "";
  openKeyDialog();
}

function openKeyDialog() {
  if (!keyDialog.open) keyDialog.showModal();
}

/** @param {SubmitEvent} event */
function submitText(event) {
  event.preventDefault();
  const words = text.value.trim();
  if (!words || !conversation.say(words)) return;
  started = true;
  tell("");
  text.value = "";
  show();
}

/** @param {KeyboardEvent} event */
function pressKey(event) {
  if (event.key === "Escape" && !keyDialog.open) conversation.interrupt();
  if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key.toLowerCase() === "l") toggleLatency();
  if (event.key.toLowerCase() === "m") toggleMicrophone();
}

function listen() {
  byId("form", HTMLFormElement).addEventListener("submit", submitText);
  text.addEventListener("input", show);
  startButton.addEventListener("click", begin);
  microphoneButton.addEventListener("click", toggleMicrophone);
  stopButton.addEventListener("click", () => conversation.interrupt());
  latencyButton.addEventListener("click", toggleLatency);
  byId("fullscreen-button", HTMLElement).addEventListener("click", () => toggleFullscreen(document.documentElement));
  byId("retry", HTMLElement).addEventListener("click", () => link.connect());
  byId("key-form", HTMLFormElement).addEventListener("submit", () => {
    key.set(keyInput.value);
    link.connect();
  });
  keyDialog.addEventListener("close", () => link.state.kind === "key" && openKeyDialog());
  document.addEventListener("keydown", pressKey);
  document.addEventListener("pointerdown", touched);
  document.addEventListener("keydown", touched);
  const paint = () => paintBackdrop(video, byId("backdrop", HTMLCanvasElement));
  window.addEventListener("resize", paint);
  video.addEventListener("loadeddata", () => {
    paint();
    page.dataset.face = "shown";
  });
  window.addEventListener("online", () => link.state.kind === "lost" && link.connect());
  window.addEventListener("pagehide", () => link.end());
  window.addEventListener("pageshow", (event) => event.persisted && link.connect());
  setInterval(tick, 500);
}

listen();
if (kiosk) {
  page.classList.add("kiosk");
  byId("start-word", HTMLElement).textContent = "Touch to start";
  stayAwake();
}
if (await alreadyAllowed()) await openMicrophone();
await link.connect();
