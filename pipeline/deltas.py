"""Speech for a client without a media track: audio events, paced. The counterpart of `Body`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from engines import Mood
from engines.media import SAMPLE_RATE, SAMPLES_PER_FRAME, Coeffs, Pcm
from pipeline.options import SessionOptions
from pipeline.turn import Turn

AHEAD_S = 1.0
"""Sent ahead of real time: rides out a network's hiccups, and is all that a client must drop when interrupted."""

DELTA_FRAMES = 5
"""200 ms: a delta stays far below the 1 MiB that clients take in one WebSocket message."""


class Deltas:
    """Sends a turn's samples at most one second before a client that plays them at once needs them."""

    def __init__(self, send: Callable[[Turn, Pcm], None], clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self._turn: Turn | None = None
        self._changed = asyncio.Event()
        self._playing: Turn | None = None
        self._since = 0.0

    @property
    def playing(self) -> Turn | None:
        """What was sent of it has not been heard to its end yet."""
        playing = self._playing
        return playing if playing is not None and self.heard(playing) < playing.released else None

    def begin(self, turn: Turn) -> None:
        self._turn = turn
        self._changed.set()

    def stop(self, on_silence: Callable[[], None]) -> None:
        """Send no more; what was sent is the client's to drop."""
        self._turn = self._playing = None
        self._changed.set()
        on_silence()

    def duck(self, ducked: bool) -> None:
        """Nothing: the sound is the client's."""

    def heard(self, turn: Turn) -> int:
        """What the time elapsed since its first delta allows."""
        if turn is not self._playing:
            return turn.released
        return max(0, min(turn.released, int((self._clock() - self._since) * SAMPLE_RATE)))

    @property
    def moving(self) -> bool:
        return False

    def show(self, mood: Mood) -> None:
        """Nothing: nobody watches."""

    def set(self, options: SessionOptions) -> None:
        """Nothing: nobody watches."""

    def drive(self, face: Coeffs, pose: Coeffs | None) -> bool:
        """Nobody watches."""
        return False

    async def run(self, released: Callable[[Turn], None], played: Callable[[Turn], None]) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            turn = self._turn
            if turn is None:
                continue
            await self._play(turn, released)
            if self._turn is turn:
                self._turn = None
                played(turn)

    async def _play(self, turn: Turn, released: Callable[[Turn], None]) -> None:
        while self._turn is turn:
            pcm = self._take(turn)
            if pcm is not None:
                self._note(turn, len(pcm))
                self._send(turn, pcm)
                released(turn)
                await self._pace(turn)
            elif turn.motion.exhausted:
                return
            else:
                await turn.motion.wait()

    def _take(self, turn: Turn) -> Pcm | None:
        frames: list[Pcm] = []
        while len(frames) < DELTA_FRAMES and (frame := turn.motion.poll()) is not None:
            frames.append(frame.pcm)
        return np.concatenate(frames) if frames else None

    def _note(self, turn: Turn, samples: int) -> None:
        now = self._clock()
        if turn is not self._playing:
            # The client may be playing the reply before still.
            before = self._playing
            ends = now if before is None else self._since + before.released / SAMPLE_RATE
            self._playing, self._since = turn, max(now, ends)
            turn.timings.first_audio_out = now
        # A client that ran dry plays on from here.
        self._since = max(self._since, now - turn.released / SAMPLE_RATE)
        turn.released += samples

    async def _pace(self, turn: Turn) -> None:
        ahead = self._since + turn.released / SAMPLE_RATE - self._clock()
        wait = ahead + DELTA_FRAMES * SAMPLES_PER_FRAME / SAMPLE_RATE - AHEAD_S
        if wait > 0:
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                return
