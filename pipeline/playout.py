"""The clock: the only place that stamps media time, and the only one that sleeps.

Every 20 ms it releases 480 samples, and on every second tick the picture that they belong to. A frame leaves at its
deadline whether or not its picture is there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engines.media import SAMPLE_RATE, SAMPLES_PER_FRAME, Coeffs, Image, Pcm
from pipeline.meter import Meter
from pipeline.turn import Turn

TICK_SAMPLES = SAMPLES_PER_FRAME // 2
"""480 samples, 20 ms: one Opus frame."""

TICK_S = TICK_SAMPLES / SAMPLE_RATE

STALL_S = 0.2
"""Up to here a stall is caught up with: a browser's jitter buffer absorbs the burst. A longer one would be a burst of
old sound, so media time jumps instead."""

DUCK_GAIN = 0.25
"""-12 dB: clearly stepping back, still there if it was only a cough."""


class MediaSink(Protocol):
    """Where released media goes. Both are called in the same loop turn and never block."""

    video: bool
    """The peer takes pictures."""

    def audio(self, pcm: Pcm, pts: int) -> None:
        """480 samples; `pts` in samples at `SAMPLE_RATE`."""

    def picture(self, image: Image | None, pts: int) -> None:
        """The picture shown from `pts` on; None holds the last one."""


@dataclass(slots=True, eq=False)
class Slot:
    """One frame on its way out: samples at once, the picture as soon as it is painted."""

    pcm: Pcm
    """int16[960]."""
    coeffs: Coeffs | None
    """What to paint; None for nothing (nobody watches, or the last picture is held)."""
    turn: Turn | None = None
    image: Image | None = None
    released: bool = False


class Playout:
    """Releases slots for as long as the session lives; silence where there are none."""

    def __init__(self, sink: MediaSink, clock: Callable[[], float], meter: Meter) -> None:
        self._sink = sink
        self._clock = clock
        self._meter = meter
        self._slots: deque[Slot] = deque()
        self._current = Slot(np.zeros(SAMPLES_PER_FRAME, np.int16), None)
        self._due = clock()
        self._ticks = 0
        self._pts = 0
        self.frame_pts = 0
        """Of the frame that is leaving, in samples."""
        self._gain = 1.0
        self._target_gain = 1.0
        self._on_silence: Callable[[], None] | None = None

    @property
    def slots(self) -> deque[Slot]:
        """What waits to be released, soonest first."""
        return self._slots

    @property
    def until_next_frame(self) -> float:
        """Seconds to the deadline of the soonest slot."""
        return self._due + (TICK_S if self._ticks % 2 else 0.0) - self._clock()

    def put(self, slot: Slot, *, replace: bool = False) -> None:
        """Append a frame, or let it take the place of the last one, which has not left yet."""
        # A fade that has not left yet is no idle frame: dropped, it would be a click.
        if replace and self._on_silence is None:
            self._slots.pop()
        self._slots.append(slot)

    def duck(self, ducked: bool) -> None:
        """Step back while somebody may be starting to speak, or come back."""
        self._target_gain = DUCK_GAIN if ducked else 1.0

    def flush(self, on_silence: Callable[[], None]) -> None:
        """Drop all speech that has not left; what would have left next fades out over one tick.

        Args:
            on_silence: called in the loop turn in which the last voiced samples leave.
        """
        if self._on_silence is not None:
            self._on_silence()
        halfway = self._ticks % 2 == 1
        if halfway:
            self._current.pcm = np.concatenate(
                [self._current.pcm[:TICK_SAMPLES], _fade(self._current.pcm[TICK_SAMPLES:])]
            )
            self._current.turn = None
            self._slots.clear()
        else:
            following = self._slots[0].pcm if self._slots else np.zeros(SAMPLES_PER_FRAME, np.int16)
            rest = np.zeros(SAMPLES_PER_FRAME - TICK_SAMPLES, np.int16)
            self._slots.clear()
            self._slots.append(Slot(np.concatenate([_fade(following[:TICK_SAMPLES]), rest]), None))
        self._on_silence = on_silence
        self._target_gain = 1.0

    async def run(self, released: Callable[[Slot, bool], None]) -> None:
        """Release on time, forever.

        Args:
            released: called after each tick with the slot that left and whether it has left entirely.
        """
        self._due = self._clock()
        while True:
            late = self._clock() - self._due
            if late > STALL_S:
                # Whole frames, so that pictures stay on even ticks.
                lost = int(late / (2 * TICK_S)) * 2
                self._due += lost * TICK_S
                self._pts += lost * TICK_SAMPLES
                self._meter.pts_jump()
            if late < 0:
                await asyncio.sleep(-late)
            self._due += TICK_S
            self._tick(released)

    def _tick(self, released: Callable[[Slot, bool], None]) -> None:
        first_half = self._ticks % 2 == 0
        if first_half:
            self._current = self._next()
            self._current.released = True
            self.frame_pts = self._pts
            if self._sink.video:
                self._release_picture(self._current)
        half = slice(0, TICK_SAMPLES) if first_half else slice(TICK_SAMPLES, None)
        self._sink.audio(self._ducked(self._current.pcm[half]), self._pts)
        self._pts += TICK_SAMPLES
        self._ticks += 1
        if self._on_silence is not None:
            on_silence, self._on_silence = self._on_silence, None
            on_silence()
        released(self._current, not first_half)

    def _next(self) -> Slot:
        if self._slots:
            return self._slots.popleft()
        return Slot(np.zeros(SAMPLES_PER_FRAME, np.int16), None)

    def _release_picture(self, slot: Slot) -> None:
        if slot.image is None and slot.coeffs is not None:
            self._meter.late_frame()
        self._sink.picture(slot.image, self._pts)

    def _ducked(self, pcm: Pcm) -> Pcm:
        if self._gain == self._target_gain == 1.0:
            return pcm
        ramp = np.linspace(self._gain, self._target_gain, len(pcm), dtype=np.float32)
        self._gain = self._target_gain
        return (pcm * ramp).astype(np.int16)


def _fade(pcm: Pcm) -> Pcm:
    return (pcm * np.linspace(1.0, 0.0, len(pcm), dtype=np.float32)).astype(np.int16)
