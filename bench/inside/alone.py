"""Our pipeline alone: the same stubs, the same turns and the same samples as `bench/adapters/pipecat_pipeline.py`.

`python -m bench.inside.alone`: a job in JSON on stdin (see `bench/compare.py`), its samples in JSON on stdout.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from bench.inside.quiet import Uncounted
from bench.measure import VOICED
from bench.resources import cost_of
from engines import Message
from engines.fake import FakeASR, FakeIdle, FakeMotion, FakeRenderer, FakeVAD
from engines.media import SAMPLE_RATE, AudioChunk, Image, Pcm, TimedWord
from engines.tags import Tag
from pipeline.conversation import Item, Part
from pipeline.events import SessionEvent
from pipeline.options import ResponseRequest, SessionOptions
from pipeline.session import Engines, Session

TICK_S = 0.02


class Model:
    """Streams the job's replies in turn, one word a token, each due at a fixed time after the question."""

    def __init__(self, replies: Sequence[str], rate: float) -> None:
        self._replies = replies
        self._rate = rate
        self._asked = 0

    async def warm(self) -> None:
        """Nothing is cold."""

    async def close(self) -> None:
        """Nothing is held."""

    async def stream(
        self, messages: Sequence[Message], *, instructions: str = "", temperature: float | None = None
    ) -> AsyncGenerator[str, None]:
        clock = asyncio.get_running_loop().time
        reply = self._replies[self._asked % len(self._replies)]
        self._asked += 1
        began = clock()
        for place, word in enumerate(reply.split(" ")):
            await asyncio.sleep(max(0.0, began + place / self._rate - clock()))
            yield word if place == 0 else " " + word


class Voice:
    """A tone for each word, in chunks, without any work: what is left is the pipeline's."""

    def __init__(self, word_s: float, chunk_s: float) -> None:
        samples = int(chunk_s * SAMPLE_RATE)
        self._tone = (8000 * np.sin(2 * np.pi * 300 * np.arange(samples) / SAMPLE_RATE)).astype(np.int16)
        self._chunks = round(word_s / chunk_s)

    def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> Iterator[AudioChunk]:
        place = start = 0
        for word in text.split():
            place = text.index(word, place) + len(word)
            end = start + self._chunks * len(self._tone)
            words = (TimedWord(word, start, end, place),)
            start = end
            for _ in range(self._chunks):
                yield AudioChunk(self._tone, words)
                words = ()


class Output:
    """Notes when each voiced 20 ms left."""

    video = False

    def __init__(self) -> None:
        self.voiced: list[float] = []
        self.began = asyncio.Event()
        """The first one since it was cleared."""

    def audio(self, pcm: Pcm, pts: int) -> None:
        if np.abs(pcm).max() >= VOICED:
            self.voiced.append(asyncio.get_running_loop().time())
            self.began.set()

    def picture(self, image: Image | None, pts: int) -> None:
        """Nobody watches."""


async def perform(job: dict[str, Any]) -> dict[str, Any]:
    """Ask, listen a moment, interrupt, and begin anew."""
    output = Output()
    engines = Engines(
        llm=Model(job["replies"], job["rate"]),
        tts=Voice(job["word_s"], job["chunk_s"]),
        asr=FakeASR(""),
        vad=FakeVAD(),
        motion=FakeMotion(),
        idle=FakeIdle(),
        renderer=FakeRenderer(),
    )
    session = Session(engines, SessionOptions(), _ignore, media=output, meter=Uncounted())
    running = asyncio.create_task(session.run())
    try:
        await asyncio.sleep(0.5)
        return await _talk(session, output, job)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _talk(session: Session, output: Output, job: dict[str, Any]) -> dict[str, Any]:
    clock = asyncio.get_running_loop().time
    added: list[float] = []
    silence: list[float] = []
    for turn in range(job["turns"] + 1):
        asked = clock()
        session.add_item(Item(f"item_{turn}", "user", [Part("input_text", "Go on.")]))
        session.respond(ResponseRequest())
        output.began.clear()
        await output.began.wait()
        first = next(at for at in output.voiced if at >= asked)
        await asyncio.sleep(job["listen_s"])
        interrupted = clock()
        session.cancel()
        await asyncio.sleep(job["rest_s"])
        if turn:  # the first one warms up
            added.append(1000 * (first - asked))
            silence.append(1000 * (max(output.voiced[-1] + TICK_S, interrupted) - interrupted))
    gc.collect()
    before, since = time.process_time(), clock()
    await asyncio.sleep(job["idle_s"])
    idle = (time.process_time() - before) / (clock() - since)
    resident = cost_of(os.getpid(), clock()).rss_mb
    return {
        "added_ms": added,
        "silence_ms": silence,
        "idle_cpu_cores": idle,
        "rss_mb": resident,
        "version": version("visavis"),
    }


def _ignore(event: SessionEvent) -> None:
    """Nobody is told."""


if __name__ == "__main__":
    print(json.dumps(asyncio.run(perform(json.load(sys.stdin)))))
