"""A whole session in virtual time: fake engines, a sink that keeps what it is given, and the events in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from engines.fake import FakeASR, FakeIdle, FakeLLM, FakeMotion, FakeRenderer, FakeTTS, FakeVAD
from engines.media import MIC_RATE, Image, Pcm
from pipeline import events as ev
from pipeline.conversation import Item, Part
from pipeline.options import SessionOptions
from pipeline.session import Engines, Session

REPLY = (
    "Well, of course I can help you with that. Here is a second sentence, a little longer. And this is the third one."
)


@dataclass
class Sink:
    """What a peer would get."""

    video: bool = True
    sounds: list[tuple[float, int, Pcm]] = field(default_factory=list)
    """Time, PTS, samples."""
    pictures: list[tuple[float, int, Image]] = field(default_factory=list)

    def audio(self, pcm: Pcm, pts: int) -> None:
        self.sounds.append((asyncio.get_running_loop().time(), pts, pcm))

    def picture(self, image: Image | None, pts: int) -> None:
        if image is not None:
            self.pictures.append((asyncio.get_running_loop().time(), pts, image))

    def last_voiced(self) -> float:
        return max(at for at, _, pcm in self.sounds if np.abs(pcm).max() > 100)

    def first_voiced(self, after: float = 0.0) -> float:
        return min(at for at, _, pcm in self.sounds if at >= after and np.abs(pcm).max() > 100)


@dataclass
class Counts:
    """A meter that only counts."""

    renders: int = 0
    late: int = 0
    underruns: int = 0
    jumps: int = 0
    silences: list[float] = field(default_factory=list)
    drafts: list[bool] = field(default_factory=list)
    turns: list[ev.TurnTiming] = field(default_factory=list)

    def render(self, seconds: float) -> None:
        self.renders += 1

    def late_frame(self) -> None:
        self.late += 1

    def underrun(self) -> None:
        self.underruns += 1

    def pts_jump(self) -> None:
        self.jumps += 1

    def draft(self, *, used: bool) -> None:
        self.drafts.append(used)

    def turn(self, timing: ev.TurnTiming) -> None:
        self.turns.append(timing)

    def barge_in(self, seconds: float) -> None:
        self.silences.append(seconds)


def fakes(
    *,
    llm: FakeLLM | None = None,
    tts: FakeTTS | None = None,
    idle: FakeIdle | None = None,
    understood: str = "what is your name",
) -> Engines:
    return Engines(
        llm=llm or FakeLLM(REPLY),
        tts=tts or FakeTTS(),
        asr=FakeASR(understood),
        vad=FakeVAD(),
        motion=FakeMotion(),
        idle=idle or FakeIdle(),
        renderer=FakeRenderer(),
    )


@dataclass
class Scene:
    session: Session
    sink: Sink
    counts: Counts
    events: list[tuple[float, ev.SessionEvent]]
    run: asyncio.Task[None]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for _, event in self.events]

    def of(self, kind: type) -> list[ev.SessionEvent]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def at(self, kind: type) -> float:
        return next(at for at, event in self.events if isinstance(event, kind))

    async def type(self, text: str, item_id: str = "typed") -> None:
        self.session.add_item(Item(item_id, "user", [Part("input_text", text)]))

    async def speak(self, seconds: float, level: int = 8000) -> None:
        """The microphone, paced: a voice of `level`, or silence for level 0, in 20 ms pieces."""
        tone = (level * np.sin(2 * np.pi * 220 * np.arange(MIC_RATE // 50) / MIC_RATE)).astype(np.int16)
        for _ in range(round(seconds * 50)):
            self.session.hear(tone)
            await asyncio.sleep(0.02)

    async def until_done(self, limit: float = 60.0) -> None:
        async with asyncio.timeout(limit):
            while self.session.response_id is not None:  # noqa: ASYNC110  (what is tested stays free of test hooks)
                await asyncio.sleep(0.02)


@asynccontextmanager
async def scene(
    engines: Engines | None = None, *, options: SessionOptions | None = None, media: bool = True, video: bool = True
) -> AsyncGenerator[Scene, None]:
    """A running session; at the end nothing of it is left."""
    before = asyncio.all_tasks()
    sink, counts = Sink(video), Counts()
    events: list[tuple[float, ev.SessionEvent]] = []
    loop = asyncio.get_running_loop()
    # Items change while they are spoken: keep what each event said then.
    session = Session(
        engines or fakes(),
        options or SessionOptions(),
        lambda event: events.append((loop.time(), _frozen(event))),
        media=sink if media else None,
        meter=counts,
    )
    run = asyncio.ensure_future(session.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    try:
        yield Scene(session, sink, counts, events, run)
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == before


def _frozen(event: ev.SessionEvent) -> ev.SessionEvent:
    item = getattr(event, "item", None)
    if item is None:
        return event
    return replace(event, item=replace(item, parts=[replace(part) for part in item.parts]))  # type: ignore[call-arg]
