// One conversation through @openai/agents-realtime over its WebSocket transport, under Node.
// Arguments: the socket's URL, a file of raw speech (int16, 24 kHz). Prints one JSON object.
import { readFile } from "node:fs/promises";
import { RealtimeAgent, RealtimeSession } from "@openai/agents-realtime";

const [url, speechFile] = process.argv.slice(2);
const CHUNK_BYTES = 4800;
const WAIT_MS = 40_000;

const events = [];
const errors = [];
let interrupted = 0;
let audioBytes = 0;
let wake = () => {};

const session = new RealtimeSession(new RealtimeAgent({ name: "Visavis", instructions: "Be brief." }), {
  transport: "websocket",
  model: "gpt-realtime",
  tracingDisabled: true,
});
session.on("error", (error) => errors.push(JSON.stringify(error)));
session.on("audio", ({ data }) => (audioBytes += data.byteLength));
session.on("audio_interrupted", () => (interrupted += 1));
session.transport.on("*", (event) => {
  events.push(event);
  wake();
});

/** The first event of a type from a place on. */
async function wait(type, since = 0, that = () => true) {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const found = events.slice(since).find((event) => event.type === type && that(event));
    if (found) return found;
    if (Date.now() > until) throw new Error(`no ${type}, but ${events.slice(since).map((event) => event.type)}`);
    await Promise.race([new Promise((resolve) => (wake = resolve)), sleep(500)]);
  }
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

await session.connect({ apiKey: "unused", url });
await wait("session.updated");

session.sendMessage("What is Visavis?");
const typed = await wait("response.done");

let place = events.length;
const speech = await readFile(speechFile);
for (let at = 0; at < speech.length; at += CHUNK_BYTES) {
  const chunk = speech.subarray(at, at + CHUNK_BYTES);
  session.sendAudio(chunk.buffer.slice(chunk.byteOffset, chunk.byteOffset + chunk.length));
  await sleep(CHUNK_BYTES / 48);
}
const understood = await wait("conversation.item.input_audio_transcription.completed", place);
await wait("response.output_audio.delta", place);
await sleep(1000);

place = events.length;
session.interrupt();
const cut = await wait("response.done", place);
const truncated = await wait("conversation.item.truncated", place);
await wait("conversation.item.retrieved", place);

place = events.length;
session.sendMessage("Who are you?");
const further = await wait("response.done", place);
await sleep(300);

console.log(
  JSON.stringify({
    statuses: [typed, cut, further].map((event) => event.response.status),
    understood: understood.transcript,
    truncatedAt: truncated.audio_end_ms,
    audioSeconds: audioBytes / 48_000,
    interrupted,
    errors,
    serverErrors: events.filter((event) => event.type === "error"),
    history: session.history.map(({ role, status, content }) => ({ role, status, content })),
  }),
);
session.close();
