"""Deterministic engines for tests of the pipeline: each declares its latency, none computes anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import numpy as np

from engines import (
    ASRStream,
    Gesture,
    IdleMotion,
    Message,
    Mood,
    MotionStream,
    Partial,
    Transcript,
    VADStream,
)
from engines.media import COEFFS, SAMPLE_RATE, SAMPLES_PER_FRAME, AudioChunk, Coeffs, Image, Pcm, Prosody, TimedWord
from engines.tags import Tag

JAW = 17
"""Index of `jawOpen` in `ARKIT_NAMES`."""


class FakeLLM:
    """Streams a scripted reply, one token per word."""

    def __init__(self, reply: str, *, first_token_s: float = 0.0, token_s: float = 0.0) -> None:
        self.reply = reply
        self.first_token_s = first_token_s
        self.token_s = token_s
        self.asked: list[list[Message]] = []
        self.closed = 0

    async def warm(self) -> None:
        """Nothing is cold."""

    async def close(self) -> None:
        """Nothing is held."""

    async def stream(
        self, messages: Sequence[Message], *, instructions: str = "", temperature: float | None = None
    ) -> AsyncGenerator[str, None]:
        self.asked.append([*messages])
        try:
            await asyncio.sleep(self.first_token_s)
            for word in self.reply.split(" "):
                yield word + " "
                await asyncio.sleep(self.token_s)
        finally:
            self.closed += 1


class FakeTTS:
    """100 ms of a tone per word, one chunk per word, each `chunk_s` after the one before."""

    WORD_SAMPLES = SAMPLE_RATE // 10

    def __init__(self, *, chunk_s: float = 0.0) -> None:
        self.chunk_s = chunk_s
        self.asked: list[tuple[str, tuple[Tag, ...]]] = []

    async def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> AsyncGenerator[AudioChunk, None]:
        self.asked.append((text, tuple(tags)))
        tone = (8000 * np.sin(2 * np.pi * 200 * np.arange(self.WORD_SAMPLES) / SAMPLE_RATE)).astype(np.int16)
        place = 0
        for k, word in enumerate(text.split()):
            await asyncio.sleep(self.chunk_s)
            place = text.index(word, place) + len(word)
            start = k * self.WORD_SAMPLES
            yield AudioChunk(tone, (TimedWord(word, start, start + self.WORD_SAMPLES, place),))


class FakeMotionStream:
    def __init__(self) -> None:
        self._samples = 0
        self._given = 0

    def push(self, chunk: AudioChunk) -> list[Gesture]:
        self._samples += len(chunk.pcm)
        return self._frames(self._samples // SAMPLES_PER_FRAME)

    def flush(self) -> list[Gesture]:
        frames = self._frames(-(-self._samples // SAMPLES_PER_FRAME))
        self._samples = self._given = 0
        return frames

    def _frames(self, until: int) -> list[Gesture]:
        frames: list[Gesture] = []
        for k in range(self._given, until):
            coeffs = np.zeros(COEFFS, np.float32)
            coeffs[JAW] = 0.2 + 0.1 * (k % 3)
            frames.append(Gesture(coeffs, Prosody(0.5, 0.0, 0.0, boundary=False)))
        self._given = max(self._given, until)
        return frames


class FakeMotion:
    """Opens the jaw, more or less from frame to frame."""

    def stream(self) -> MotionStream:
        return FakeMotionStream()


class FakeIdleMotion:
    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []
        """What was asked of it but to go on: the name of the call, and its arguments."""

    def next(self, mood: Mood, prosody: Prosody | None = None) -> Coeffs:
        return np.zeros(COEFFS, np.float32)

    def feel(self, emotion: str, intensity: float) -> None:
        self.asked.append(("feel", (emotion, intensity)))

    def behave(self, manner: str) -> None:
        self.asked.append(("behave", manner))

    def pose(self, given: Coeffs | None) -> None:
        self.asked.append(("pose", given))


class FakeIdle:
    """Sits still."""

    def __init__(self) -> None:
        self.body = FakeIdleMotion()

    def start(self, seed: int) -> IdleMotion:
        return self.body


class FakeRenderer:
    """A grey picture whose brightness is the jaw's opening."""

    def __init__(self, *, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s
        """Declared; a test's worker lets it pass."""

    def render(self, coeffs: Coeffs) -> Image:
        image = np.full((768, 512), 128, np.uint8)
        image[:512] = 16 + int(200 * coeffs[JAW])
        return image


class FakeVADStream:
    def step(self, pcm: Pcm) -> float:
        return 1.0 if np.abs(pcm.astype(np.int32)).mean() > 500 else 0.0

    def reset(self) -> None:
        """Nothing is remembered."""


class FakeVAD:
    """Calls loud windows speech."""

    def stream(self) -> VADStream:
        return FakeVADStream()


class FakeASRStream:
    def __init__(self, text: str) -> None:
        self._text = text

    def feed(self, pcm: Pcm) -> None:
        """Nothing is recognised: the answer is scripted."""

    def partial(self) -> Partial:
        return Partial(self._text, complete=False)

    def finish(self) -> Transcript:
        return Transcript(self._text)


class FakeASR:
    """Understands one scripted sentence, whatever is said."""

    def __init__(self, text: str) -> None:
        self.text = text

    def stream(self) -> ASRStream:
        return FakeASRStream(self.text)
