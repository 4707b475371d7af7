import assert from "node:assert/strict";
import test, { beforeEach, mock } from "node:test";
import { Link } from "../../web_client/link.js";

/** The browser's side of a call: what it was asked for, and a way to let packets and events arrive. */
class Peer {
  /** @type {Peer[]} */
  static all = [];

  constructor() {
    Peer.all.push(this);
    this.packets = 0;
    this.closed = false;
    this.connectionState = "connected";
    this.localDescription = { sdp: "offer" };
    this.channel = { readyState: "connecting", send() {} };
    this.transceivers = [];
  }

  createDataChannel() {
    return this.channel;
  }

  addTransceiver() {
    const transceiver = { sender: { replaceTrack: async () => {} }, receiver: { jitterBufferTarget: null } };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  getTransceivers() {
    return this.transceivers;
  }

  async setLocalDescription() {}

  async setRemoteDescription() {}

  async getStats() {
    return new Map([["audio", { type: "inbound-rtp", packetsReceived: this.packets }]]);
  }

  close() {
    this.closed = true;
  }

  open() {
    this.channel.readyState = "open";
    this.channel.onopen();
  }

  tell(event) {
    this.channel.onmessage({ data: JSON.stringify(event) });
  }
}

let now = 0;
/** @type {{run: () => void, delay: number, due: number, repeats: boolean}[]} */
const timers = [];
let accessKey = null;
let sessions = 1;
/** @type {string[]} */
let requests = [];

globalThis.RTCPeerConnection = Peer;
globalThis.sessionStorage = { getItem: () => accessKey };
mock.method(performance, "now", () => now);
for (const [set, clear, repeats] of [["setTimeout", "clearTimeout", false], ["setInterval", "clearInterval", true]]) {
  mock.method(globalThis, set, (run, delay) => timers.push({ run, delay, due: now + delay, repeats }));
  mock.method(globalThis, clear, (id) => delete timers[id - 1]);
}
mock.method(globalThis, "fetch", async (path, options = {}) => {
  requests.push(`${options.method ?? "GET"} ${path}`);
  if (path === "/healthz") return Response.json({ sessions: { now: sessions } });
  return new Response("answer", { status: 201, headers: { Location: "/v1/realtime/calls/1" } });
});

beforeEach(() => {
  Peer.all = [];
  requests = [];
  accessKey = null;
  sessions = 1;
});

/** Lets everything that waits for nothing but promises happen. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** @param {number} seconds @param {boolean} heard Packets arrive meanwhile. */
async function pass(seconds, heard) {
  for (let elapsed = 0; elapsed < seconds; elapsed += 0.5) {
    now += 500;
    if (heard) for (const peer of Peer.all) peer.packets += 25;
    timers.forEach((timer, index) => {
      if (timer.due > now) return;
      if (timer.repeats) timer.due += timer.delay;
      else delete timers[index];
      timer.run();
    });
    await settle();
  }
}

/** @param {boolean} unattended @returns {Promise<{link: Link, states: string[], peer: Peer}>} */
async function called(unattended = false) {
  const states = [];
  const link = new Link({
    microphone: () => null,
    hasKey: () => accessKey !== null,
    unattended,
    onState: ({ kind }) => states.push(kind),
    onStream: () => {},
    onEvent: () => {},
  });
  await link.connect();
  const [peer] = Peer.all;
  return { link, states, peer };
}

test("a call that falls silent is held, and goes on when packets come again", async () => {
  const { link, states, peer } = await called();
  peer.open();
  await pass(5, true);
  await pass(4, false);
  assert.equal(link.state.kind, "silent");
  await pass(1, true);
  assert.deepEqual(states, ["connecting", "open", "silent", "open"]);
  assert.equal(Peer.all.length, 1);
  link.end();
});

test("after ten seconds of silence it is given up and placed anew", async () => {
  const { link, states, peer } = await called();
  peer.open();
  await pass(2, true);
  await pass(9.5, false);
  assert.equal(peer.closed, false);
  await pass(3, false);
  assert.equal(peer.closed, true);
  assert.deepEqual(states, ["connecting", "open", "silent", "lost"]);
  assert.equal(Peer.all.length, 2);
  link.end();
});

test("a server that was started anew is called at once", async () => {
  const { link, peer } = await called();
  peer.open();
  sessions = 0;
  await pass(4, false);
  assert.equal(peer.closed, true);
  assert.ok(requests.includes("GET /healthz"));
  link.end();
});

test("a call that the server ends is placed again on request only, unless nobody is there to ask", async () => {
  for (const unattended of [false, true]) {
    Peer.all = [];
    const { link, peer } = await called(unattended);
    peer.open();
    peer.tell({ type: "visavis.ended", reason: "idle_timeout" });
    await pass(30, true);
    assert.equal(peer.closed, true);
    assert.equal(Peer.all.length, unattended ? 2 : 1);
    assert.equal(link.state.kind, unattended ? "connecting" : "ended");
    link.end();
  }
});

test("a call that ends without a word was lost, however long it was quiet", async () => {
  const { link, peer } = await called();
  peer.open();
  await pass(600, true);
  peer.channel.onclose();
  assert.equal(link.state.kind, "lost");
  await pass(1, false);
  assert.equal(Peer.all.length, 2);
  link.end();
});

test("a key that no header can carry is a rejected one", async () => {
  accessKey = "ключ";
  const { link } = await called();
  assert.deepEqual(link.state, { kind: "key", rejected: true });
  assert.deepEqual(requests, []);
});

test("both receivers hold as little as they can", async () => {
  const { link, peer } = await called();
  assert.deepEqual(peer.transceivers.map(({ receiver }) => receiver.jitterBufferTarget), [0, 0]);
  link.end();
});
