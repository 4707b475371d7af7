import assert from "node:assert/strict";
import test from "node:test";
import { Conversation } from "../../web_client/conversation.js";

function begin({ connected = true, history = [] } = {}) {
  const sent = [];
  const lines = [];
  const problems = [];
  const conversation = new Conversation({
    send: (event) => connected && sent.push(event) > 0,
    captions: {
      extend: (speaker, id, delta) => lines.push([speaker, id, delta]),
      finish: (speaker, id, text, interrupted = false) => lines.push([speaker, id, text, interrupted]),
      drop: (id) => lines.push(["drop", id]),
      history: () => history,
      clear: () => ["item_a", "item_b"],
      abandon: () => lines.push(["abandon"]),
    },
    latency: { turn: () => undefined, soundStarted: () => undefined },
    onChange: () => undefined,
    onProblem: (message) => problems.push(message),
  });
  const types = () => sent.splice(0).map((event) => event.type);
  return { conversation, sent, lines, problems, types };
}

const created = { type: "response.created", response: { id: "resp_1", status: "in_progress" } };
const done = { type: "response.done", response: { id: "resp_1", status: "cancelled" } };

test("a message while she is silent asks for an answer at once", () => {
  const { conversation, types } = begin();
  assert.ok(conversation.say("hello"));
  assert.deepEqual(types(), ["conversation.item.create", "response.create"]);
});

test("a message while she answers interrupts her, and asks again once she has stopped", () => {
  const { conversation, types } = begin();
  conversation.handle(created);
  conversation.say("wait");
  assert.deepEqual(types(), ["response.cancel", "output_audio_buffer.clear", "conversation.item.create"]);
  conversation.handle(done);
  assert.deepEqual(types(), ["response.create"]);
  conversation.handle(done);
  assert.deepEqual(types(), []);
});

test("a refusal because of a response that we did not know of is made good", () => {
  const { conversation, types, problems } = begin();
  conversation.say("hello");
  types();
  conversation.handle({ type: "error", error: { message: "…", code: "conversation_already_has_active_response" } });
  conversation.handle(done);
  assert.deepEqual(types(), ["response.create"]);
  assert.deepEqual(problems, []);
});

test("nothing is shown as said that could not be sent", () => {
  const { conversation, lines } = begin({ connected: false });
  assert.equal(conversation.say("hello"), false);
  assert.deepEqual(lines, []);
});

test("stopping silences what is heard after the response itself is done", () => {
  const { conversation, types } = begin();
  conversation.handle(created);
  conversation.handle({ type: "output_audio_buffer.started", response_id: "resp_1" });
  conversation.handle({ ...done, response: { id: "resp_1", status: "completed" } });
  assert.ok(conversation.answering);
  conversation.interrupt();
  assert.deepEqual(types(), ["output_audio_buffer.clear"]);
  conversation.handle({ type: "output_audio_buffer.cleared", response_id: "resp_1" });
  conversation.interrupt();
  assert.deepEqual(types(), []);
});

test("after an interruption the caption keeps the heard part, marked", () => {
  const { conversation, lines } = begin();
  const item = { id: "item_1", type: "message", status: "incomplete", content: [{ type: "output_audio", transcript: "I am" }] };
  conversation.handle({ type: "response.output_audio_transcript.delta", item_id: "item_1", delta: "I am here" });
  conversation.handle({ type: "response.output_item.done", item });
  assert.deepEqual(lines.at(-1), ["assistant", "item_1", "I am", true]);
});

test("a new session is asked for our events and told what was said", () => {
  const { conversation, sent } = begin({ history: [{ id: "item_a", speaker: "user", text: "I am Ann." }] });
  conversation.opened();
  assert.deepEqual(sent[0].session.visavis.events, ["state", "timing", "ended"]);
  assert.equal(sent[1].item.id, "item_a");
  assert.deepEqual(sent[1].item.content, [{ type: "input_text", text: "I am Ann." }]);
});

test("forgetting deletes every item", () => {
  const { conversation, sent } = begin();
  conversation.forget();
  assert.deepEqual(sent.map((event) => event.item_id), ["item_a", "item_b"]);
});

test("unknown events are ignored, other errors are told", () => {
  const { conversation, problems } = begin();
  conversation.handle({ type: "rate_limits.updated" });
  conversation.handle({ type: "error", error: { message: "too long", code: null } });
  assert.deepEqual(problems, ["too long"]);
});
