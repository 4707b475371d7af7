"""The instrument is known to measure: 150 ms planted in one stage show in that stage's span, and in the total."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import uvicorn

from bench.clocks import Answer
from bench.conversation import Conversation
from bench.script import Script
from bench.serverproc import free_port
from bench.user import perform
from engines import ASRStream, Message, MotionStream, Transcript
from engines.fake import JAW, FakeASR, FakeASRStream, FakeIdle, FakeLLM, FakeMotion, FakeMotionStream, FakeRenderer
from engines.media import AudioChunk, Coeffs, Image, Pcm
from pipeline.session import Engines, Session
from server.app import create_app
from server.config import Config
from server.config_network import Server
from server.rtc_codecs import SpeechEncoder
from tests.e2e.uvicorn_server import listening
from tests.unit.stage import fakes

pytestmark = pytest.mark.e2e

PLANTED_S = 0.15

REPLY = "Certainly, I can. Yes."

HEARING = ("microphone", "endpointing", "recognition")
"""Stages that only a spoken question passes."""

ANSWERING = ("model", "phrase", "voice", "motion", "picture", "wire")

PLAIN = 3
"""Turns of either kind with nothing planted: the quickest of them is what the server takes by itself."""

PLAN = [
    *[("say", "")] * PLAIN,
    *(("say", s) for s in HEARING),
    *[("type", "")] * PLAIN,
    *(("type", s) for s in ANSWERING),
]
"""How each question is put, and where its answer is held up."""


@dataclass
class Planted:
    """Where the delay is just now."""

    stage: str = ""
    spent: bool = False

    def plant(self, stage: str) -> None:
        self.stage, self.spent = stage, False

    def here(self, stage: str) -> float:
        """The delay, once."""
        if stage != self.stage or self.spent:
            return 0.0
        self.spent = True
        return PLANTED_S


class Model(FakeLLM):
    def __init__(self, planted: Planted) -> None:
        super().__init__(REPLY)
        self._planted = planted

    async def stream(
        self, messages: Sequence[Message], *, instructions: str = "", temperature: float | None = None
    ) -> AsyncGenerator[str, None]:
        await asyncio.sleep(self._planted.here("model"))
        for place, word in enumerate(REPLY.split(" ")):
            if place == 1:
                await asyncio.sleep(self._planted.here("phrase"))
            yield word + " "


class Voice:
    """A tone of 300 ms for each word."""

    def __init__(self, planted: Planted) -> None:
        self._planted = planted

    def synthesize(self, text: str, tags: Sequence[object] = ()) -> Iterator[AudioChunk]:
        time.sleep(self._planted.here("voice"))
        tone = (8000 * np.sin(2 * np.pi * 300 * np.arange(7200) / 24_000)).astype(np.int16)
        for _ in text.split():
            yield AudioChunk(tone, ())


class Motion(FakeMotion):
    def __init__(self, planted: Planted) -> None:
        self._planted = planted

    def stream(self) -> MotionStream:
        stream, planted = FakeMotionStream(), self._planted
        push = stream.push

        def late(chunk: AudioChunk) -> Any:
            time.sleep(planted.here("motion"))
            return push(chunk)

        stream.push = late
        return stream


class Painter(FakeRenderer):
    def __init__(self, planted: Planted) -> None:
        super().__init__()
        self._planted = planted

    def render(self, coeffs: Coeffs) -> Image:
        if coeffs[JAW] > 0.1:
            time.sleep(self._planted.here("picture"))
        return super().render(coeffs)


class Ears(FakeASR):
    def __init__(self, planted: Planted) -> None:
        super().__init__("what is your name")
        self._planted = planted

    def stream(self) -> ASRStream:
        stream, planted = FakeASRStream(self.text), self._planted

        def late() -> Transcript:
            time.sleep(planted.here("recognition"))
            return Transcript(self.text)

        stream.finish = late
        return stream


def engines(planted: Planted) -> Engines:
    return replace(
        fakes(),
        llm=Model(planted),
        tts=Voice(planted),  # pyright: ignore[reportArgumentType]
        motion=Motion(planted),
        renderer=Painter(planted),
        asr=Ears(planted),
        idle=FakeIdle(),
    )


def plant_at_the_edges(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the way in, on the way out, and in the patience with a silence: where no engine is."""
    encode, hear = SpeechEncoder.encode, Session.hear

    def encode_late(self: SpeechEncoder, pcm: Pcm, pts: int) -> Any:
        if np.abs(pcm).max() > 100:
            time.sleep(planted.here("wire"))
        return encode(self, pcm, pts)

    def hear_late(self: Session, pcm: Pcm) -> None:
        loop = asyncio.get_running_loop()
        detection = self.options.turn_detection
        assert detection is not None
        patience = 500 + (1000 * PLANTED_S if planted.stage == "endpointing" else 0)
        self.update(replace(self.options, turn_detection=replace(detection, silence_ms=int(patience))))
        loop.call_later(PLANTED_S if planted.stage == "microphone" else 0.0, hear, self, pcm)

    monkeypatch.setattr(SpeechEncoder, "encode", encode_late)
    monkeypatch.setattr(Session, "hear", hear_late)


async def conversation(planted: Planted, told: Callable[[int], None]) -> Conversation:
    port = free_port()
    app = create_app(Config(server=Server(port=port, max_sessions=1)), engines(planted))
    turns = [step for kind, _ in PLAN for step in ({kind: "What is your name?"}, {"listen": "end"})]
    steps = [{"silence": 1.2}, {"type": "Hello."}, {"listen": "end"}, *turns]
    async with listening(uvicorn.Config(app, port=port, ws="none", log_level="warning")):
        url = f"http://127.0.0.1:{port}"
        return Conversation(
            await perform(url, None, "realtime", Script.model_validate({"steps": steps}), lambda done, _: told(done))
        )


async def test_150_ms_in_one_stage_show_in_its_span_and_in_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Planted()
    plant_at_the_edges(planted, monkeypatch)

    def told(done: int) -> None:
        place, rest = divmod(done - 3, 2)
        if rest == 0 and 0 <= place < len(PLAN):
            planted.plant(PLAN[place][1])

    talk = await conversation(planted, told)
    turns = talk.answers[1:]
    assert len(turns) == len(PLAN)
    for (kind, stage), turn in zip(PLAN, turns, strict=True):
        plain = [one for one, (how, where) in zip(turns, PLAN, strict=True) if how == kind and not where]
        if stage:
            # What a loaded machine adds comes on top; a picture or a packet waits for its tick.
            longer = turn.stages()[stage] - min(one.stages()[stage] for one in plain)
            assert longer > 1000 * PLANTED_S - 45, (stage, turn.stages())
            end = "seen" if stage == "picture" else "heard"
            assert total(turn, end) - min(total(one, end) for one in plain) > 1000 * PLANTED_S - 45, stage


def total(turn: Answer, end: str) -> float:
    found = turn.since_asked(end)
    assert found is not None
    return found
