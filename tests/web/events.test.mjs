import assert from "node:assert/strict";
import test from "node:test";
import { messageItem, parseEvent, wordsOf } from "../../web_client/events.js";

test("only JSON objects with a type are events", () => {
  assert.deepEqual(parseEvent('{"type":"session.created"}'), { type: "session.created" });
  for (const junk of ["", "{", "null", "[]", '"type"', '{"type":1}', new ArrayBuffer(4), undefined]) {
    assert.equal(parseEvent(junk), null);
  }
});

test("each side's words go in its own kind of part", () => {
  assert.equal(messageItem("user", "item_1", "hi").item.content[0].type, "input_text");
  assert.equal(messageItem("assistant", "item_1", "hi").item.content[0].type, "output_text");
});

test("the words of an item are its transcripts and texts", () => {
  assert.equal(wordsOf({ id: "a", type: "message", content: [{ type: "output_audio", transcript: "one" }] }), "one");
  assert.equal(wordsOf({ id: "a", type: "message", content: [{ type: "input_audio", transcript: null }] }), "");
  assert.equal(wordsOf({ id: "a", type: "message" }), "");
});
