"""Scripted senses for the tests of the listener: the loudness of the sound is the probability that it is speech."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from engines import ASR, ASRStream, Partial, RemoteASR, Transcript
from engines.media import MIC_RATE, Pcm
from pipeline.endpointing import WINDOW
from pipeline.listener import Listener, ListenerEvent
from pipeline.options import TurnDetection
from pipeline.worker import Worker

FULL = 10_000
"""Amplitude of a window that is speech for certain; others are less probable in proportion."""


class AmplitudeVAD:
    def step(self, pcm: Pcm) -> float:
        assert pcm.shape == (WINDOW,)
        return min(1.0, float(np.abs(pcm).max()) / FULL)

    def reset(self) -> None:
        """Nothing is remembered."""


@dataclass
class ScriptedASR:
    """Understands what `partial` says of the samples fed so far."""

    partial: Callable[[int], Partial] = lambda _: Partial("some words", complete=False)
    fails: Exception | None = None
    fed: list[Pcm] = field(default_factory=list)
    """One utterance after another."""

    def stream(self) -> ASRStream:
        self.fed.append(np.zeros(0, np.int16))
        return ScriptedStream(self, len(self.fed) - 1)


class ScriptedStream:
    def __init__(self, asr: ScriptedASR, place: int) -> None:
        self._asr = asr
        self._place = place

    def feed(self, pcm: Pcm) -> None:
        if self._asr.fails is not None:
            raise self._asr.fails
        self._asr.fed[self._place] = np.concatenate([self._asr.fed[self._place], pcm])

    def partial(self) -> Partial:
        return self._asr.partial(len(self._asr.fed[self._place]))

    def finish(self) -> Transcript:
        return Transcript(self.partial().text)


@dataclass
class SlowRemote:
    """Answers after `latency_s` with the length of what it got."""

    latency_s: float = 0.0
    got: list[Pcm] = field(default_factory=list)

    async def transcribe(self, pcm: Pcm) -> Transcript:
        self.got.append(pcm)
        await asyncio.sleep(self.latency_s)
        return Transcript(f"utterance {len(self.got)}")


def windows(count: int, probability: float) -> Pcm:
    """`count` windows of a hum that is speech with this probability."""
    return np.resize(np.array([1, -1], np.int16), count * WINDOW) * np.int16(probability * FULL)


def said(*parts: tuple[int, float]) -> Pcm:
    return np.concatenate([windows(count, probability) for count, probability in parts])


@dataclass
class Ears:
    listener: Listener
    events: list[ListenerEvent]

    async def hear(self, *parts: tuple[int, float], chunk: int = 320) -> None:
        """Windows and the probability that each is speech, fed in pieces of `chunk` samples."""
        pcm = said(*parts)
        for start in range(0, len(pcm), chunk):
            self.listener.feed(pcm[start : start + chunk])
        await self.settle()

    async def settle(self) -> None:
        """Let everything that is due without waiting happen."""
        await asyncio.sleep(0.001)

    def of(self, kind: type) -> list[ListenerEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


@asynccontextmanager
async def ears(
    asr: ASR | RemoteASR | None = None,
    detection: TurnDetection | None = TurnDetection(),  # noqa: B008 - immutable
) -> AsyncGenerator[Ears, None]:
    """A listener that runs; at the end nothing of it is left."""
    before = asyncio.all_tasks()
    events: list[ListenerEvent] = []
    listener = Listener(
        AmplitudeVAD(), asr or ScriptedASR(), Worker("listen"), Worker("recognise"), events.append, detection
    )
    run = asyncio.ensure_future(listener.run())
    await asyncio.sleep(0)
    try:
        yield Ears(listener, events)
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        assert run.cancelled()
        assert asyncio.all_tasks() == before


def in_ms(samples: int) -> float:
    return samples * 1000 / MIC_RATE
