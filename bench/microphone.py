"""The synthetic user's microphone: silence in real time, with recordings played into it on request."""

from __future__ import annotations

import asyncio
import fractions

import av
import numpy as np
from aiortc import MediaStreamTrack
from numpy.typing import NDArray

RATE = 48_000
"""Samples a second: what Opus runs at, so that nothing is resampled on the way out."""

FRAME = RATE // 50


class Microphone(MediaStreamTrack):
    """One 20 ms frame every 20 ms, each at the moment when its last sample would have been recorded."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._started: float | None = None
        self._position = 0
        self._recording = np.zeros(0, np.int16)
        self._live = asyncio.Event()

    @property
    def started(self) -> float:
        """Loop time at which the first sample of all was recorded."""
        assert self._started is not None, "the call has not begun"
        return self._started

    async def live(self) -> None:
        """Wait until the first samples leave."""
        await self._live.wait()

    def play(self, pcm: NDArray[np.int16]) -> float:
        """Speak next.

        Args:
            pcm: int16[n] at 48 kHz.

        Returns:
            The loop time at which its first sample is spoken.
        """
        self._recording = pcm
        return self.started + self._position / RATE

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        if self._started is None:
            self._started = loop.time()
            self._live.set()
        due = self._started + (self._position + FRAME) / RATE
        await asyncio.sleep(due - loop.time())
        samples = np.zeros(FRAME, np.int16)
        spoken, self._recording = self._recording[:FRAME], self._recording[FRAME:]
        samples[: len(spoken)] = spoken
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._position
        frame.time_base = fractions.Fraction(1, RATE)
        self._position += FRAME
        return frame
