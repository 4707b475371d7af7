import assert from "node:assert/strict";
import test from "node:test";
import { cardFor, shownState } from "../../web_client/state.js";

const open = { kind: "open" };

test("a call that is not open says so, whatever she did last", () => {
  assert.equal(shownState({ kind: "connecting" }, "speaking", true).name, "connecting");
  assert.equal(shownState({ kind: "key", rejected: false }, "idle", true).name, "connecting");
  assert.equal(shownState({ kind: "busy", retryAt: 0 }, "thinking", true).name, "busy");
  assert.equal(shownState({ kind: "lost", retryAt: 0 }, "thinking", true).name, "lost");
  assert.equal(shownState({ kind: "silent" }, "speaking", true).name, "lost");
  assert.equal(shownState({ kind: "ended", reason: "idle_timeout" }, "thinking", true).name, "ended");
});

test("her moods show, and rest depends on whether she could hear", () => {
  assert.equal(shownState(open, "thinking", true).words, "Thinking");
  assert.equal(shownState(open, "speaking", false).words, "Speaking");
  assert.deepEqual(shownState(open, "listening", true), { name: "hearing", words: "Listening" });
  assert.deepEqual(shownState(open, "idle", true), { name: "listening", words: "Listening" });
  assert.deepEqual(shownState(open, "idle", false), { name: "ready", words: "Ready" });
});

test("the card counts down and never below now", () => {
  assert.match(cardFor({ kind: "busy", retryAt: 5_000 }, 1_200).text, /in 4 s\./);
  assert.match(cardFor({ kind: "lost", retryAt: 5_000 }, 6_000).text, /now…/);
  assert.equal(cardFor(open, 0), null);
});

test("an end on purpose says why, and an unknown reason nothing", () => {
  const texts = ["idle_timeout", "max_session", "place_taken"].map((reason) => cardFor({ kind: "ended", reason }, 0).text);
  assert.equal(new Set(texts).size, 3);
  assert.ok(texts.every((text) => text.length > 20));
  assert.equal(cardFor({ kind: "ended", reason: "new" }, 0).text, "");
});

test("a call that may come back counts nothing down", () => {
  assert.doesNotMatch(cardFor({ kind: "silent" }, 0).text, /\d/);
});

test("a refusal is told in the server's words, cut to the card", () => {
  const card = cardFor({ kind: "lost", retryAt: 0, refusal: "x".repeat(1000) }, 0);
  assert.match(card.title, /refused/);
  assert.ok(card.text.length < 400);
});
