"""Clients that send anything in any order: the session lives, and what it tells keeps its form and its order."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from typing import Any

import numpy as np
import pytest

from engines.fake import FakeLLM, FakeVADStream
from tests.unit import wire
from tests.unit.stage import Sink, fakes
from tests.unit.test_app_connection import conversation

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("inline_workers")]

LOUD = base64.b64encode((8000 * np.sin(np.arange(4800) / 5)).astype("<i2").tobytes()).decode()
QUIET = base64.b64encode(np.zeros(4800, "<i2").tobytes()).decode()


def anything(dice: random.Random, known: list[str]) -> list[dict[str, Any]]:
    """A client's next step: sensible, out of place, or nonsense."""
    item = dice.choice([*known, "item_nope"]) if known else "item_nope"
    text = [{"type": "input_text", "text": dice.choice(["Hello", "", "🙂", "\u202e", "\ud83d", "\ude42\ud83d"])}]
    steps: list[list[dict[str, Any]]] = [
        [{"type": "response.create"}],
        [{"type": "response.create", "response": {"conversation": "none", "output_modalities": ["text"]}}],
        [{"type": "response.create", "response": {"input": [{"type": "item_reference", "id": item}]}}],
        [{"type": "response.create", "response": {"max_output_tokens": 2, "metadata": {"k\udc00": "\ud800"}}}],
        [{"type": "response.cancel"}],
        [{"type": "response.cancel"}, {"type": "response.cancel"}],
        [{"type": "response.cancel", "response_id": "resp_nope"}],
        [{"type": "output_audio_buffer.clear"}],
        [{"type": "input_audio_buffer.append", "audio": LOUD}] * dice.randint(1, 12),
        [{"type": "input_audio_buffer.append", "audio": QUIET}] * dice.randint(1, 12),
        [{"type": "input_audio_buffer.commit"}],
        [{"type": "input_audio_buffer.clear"}],
        [{"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": text}}],
        [{"type": "conversation.item.create", "item": {"id": item, "role": "system", "content": text}}],
        [{"type": "conversation.item.create", "previous_item_id": item, "item": {"role": "user", "content": text}}],
        [{"type": "conversation.item.retrieve", "item_id": item}],
        [{"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": 300}],
        [{"type": "conversation.item.delete", "item_id": item}],
        [{"type": "session.update", "session": {"audio": {"input": {"turn_detection": None}}}}],
        [{"type": "session.update", "session": {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}}],
        [{"type": "session.update", "session": {"output_modalities": [dice.choice(["audio", "text"])]}}],
        [{"type": "session.update", "session": {"visavis": {"manner": "calm", "events": ["motion"]}}}],
        [{"type": "session.update", "session": {"visavis": {"emotion": "\ud83d", "intensity": [], "manner": 3}}}],
        [{"type": "visavis.motion.frame", "coefficients": [0.5] * 52, "pose": [0.1] * 6}] * dice.randint(1, 150),
        [{"type": "visavis.motion.frame", "coefficients": [float("nan")] * dice.choice([1, 52])}],
        [{"type": "nonsense\ud800"}],
        [{"type": "session.update", "session": {"instructions": "\ud83d", "model": "\udfff"}}],
    ]
    return dice.choice(steps)


@pytest.mark.parametrize("webrtc", [False, True])
@pytest.mark.parametrize("seed", [0, 2, 4, 5, 11])
async def test_any_order_of_events(seed: int, webrtc: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(seed)
    # Ears that take half of real time, so that a recording that comes at once is heard while the client goes on.
    monkeypatch.setattr(FakeVADStream, "latency_s", dice.choice([0.0, 0.016]), raising=False)
    reply = "[joy] One two three [laughs] four five. [whisper:0.4] Six seven eight nine ten, eleven twelve."
    llm = FakeLLM(reply, token_s=0.02)
    talk, call, sent = conversation(llm=llm, media=Sink(video=False) if webrtc else None)

    async def client() -> None:
        for _ in range(60):
            known = [event["item"]["id"] for event in map(json.loads, sent) if "item" in event]
            for event in anything(dice, known[-6:]):
                talk.inbox.offer(json.dumps({**event, "event_id": f"mine_{len(sent)}"}))
            await asyncio.sleep(dice.choice([0, 0, 0.01, 0.1, 0.5, 2.0]))
        await asyncio.sleep(20)

    driving = asyncio.create_task(client())
    running = asyncio.create_task(talk.run(call))
    await asyncio.wait([driving, running], return_when=asyncio.FIRST_COMPLETED)
    assert not running.done(), running.result()
    await driving
    running.cancel()
    await asyncio.wait([running])
    check([wire.read(text.encode().decode()) for text in sent], webrtc=webrtc)


def check(told: list[dict[str, Any]], *, webrtc: bool) -> None:
    """Responses one after another, each whole; items added before they are done; sounds where they belong."""
    open_response: str | None = None
    added: set[str] = set()
    speaking: str | None = None
    for event in told:
        match event["type"]:
            case "response.created":
                assert open_response is None
                open_response = event["response"]["id"]
            case "response.done":
                assert event["response"]["id"] == open_response
                assert event["response"]["status"] in ("completed", "cancelled", "incomplete")
                open_response = None
            case "conversation.item.added":
                assert event["item"]["id"] not in added or event["item"]["status"] == "completed"
                added.add(event["item"]["id"])
            case "conversation.item.done":
                assert event["item"]["id"] in added
            case "conversation.item.deleted":
                added.discard(event["item_id"])
            case "input_audio_buffer.speech_started":
                assert speaking is None
                speaking = event["item_id"]
            case "input_audio_buffer.speech_stopped":
                assert event["item_id"] == speaking
                speaking = None
            case "response.output_audio.delta":
                assert not webrtc
                assert event["response_id"] == open_response
            case "output_audio_buffer.started" | "output_audio_buffer.stopped" | "output_audio_buffer.cleared":
                assert webrtc
            case "error":
                assert event["error"]["event_id"].startswith("mine_")
                assert event["error"]["code"] is not None
            case _:
                pass
    assert open_response is None
    assert len({event["event_id"] for event in told}) == len(told)


def test_the_fakes_are_loud_enough_to_be_heard() -> None:
    pcm = np.frombuffer(base64.b64decode(LOUD), "<i2")[:512]
    assert fakes().vad.stream().step(pcm) == 1.0
