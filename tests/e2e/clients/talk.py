"""What the clients' tests share: a served Visavis, a voice for the user, and a record of what came back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.serverproc import free_port
from engines.media import SAMPLE_RATE, Pcm
from engines.tts.espeak import EspeakTTS
from tests.e2e.browser import ServerProcess

CHUNK = SAMPLE_RATE // 10
"""Samples of one append: 100 ms, what a browser's worklet sends."""

WAIT_S = 40.0
"""For an answer to be spoken to its end on a busy machine."""


@contextmanager
def visavis(folder: Path, **environment: str) -> Iterator[str]:
    """`visavis serve` with its embedded engines; yields its address."""
    server = ServerProcess(free_port(), folder / "server.log", VISAVIS_SERVER_MAX_SESSIONS="4", **environment)
    try:
        server.start()
        yield server.url
    finally:
        server.kill()


def speech(text: str) -> Pcm:
    """A question in a man's voice, int16 at `SAMPLE_RATE`, with the silence after it that ends a turn."""
    pcm = np.concatenate([chunk.pcm for chunk in EspeakTTS(voice="en-us", rate=150).synthesize(text)])
    quiet = np.zeros(SAMPLE_RATE, np.int16)
    return np.concatenate([quiet[: SAMPLE_RATE // 4], pcm, quiet])


def chunks(pcm: Pcm) -> list[bytes]:
    return [pcm[at : at + CHUNK].astype("<i2").tobytes() for at in range(0, len(pcm), CHUNK)]


class Record:
    """Everything that a client was told, in its order."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._changed = asyncio.Event()

    def add(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._changed.set()

    def all(self, kind: str, since: int = 0) -> list[dict[str, Any]]:
        return [event for event in self.events[since:] if event["type"] == kind]

    async def wait(
        self, kind: str, since: int = 0, that: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """The first such event at or after place `since`."""
        until = time.monotonic() + WAIT_S
        while True:
            found = [event for event in self.all(kind, since) if that(event)]
            if found:
                return found[0]
            told = [event["type"] for event in self.events[since:]]
            assert time.monotonic() < until, f"no {kind} within {WAIT_S} s, but {told[-30:]}"
            self._changed.clear()
            try:
                async with asyncio.timeout(0.5):
                    await self._changed.wait()
            except TimeoutError:
                continue
