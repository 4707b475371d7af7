"""The body, which never stops: it joins speech to idle motion, and paints."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import numpy as np

from engines import IdleMotion, Mood, Renderer
from engines.media import COEFFS, SAMPLE_RATE, SAMPLES_PER_FRAME, Coeffs, Image, MotionFrame
from engines.motion.compose import compose
from pipeline.expression import Expressions
from pipeline.meter import Meter
from pipeline.options import Expression
from pipeline.playout import Playout, Slot
from pipeline.puppet import Puppet
from pipeline.turn import Turn
from pipeline.worker import Worker

log = logging.getLogger(__name__)

LEAD_FRAMES = 3
"""Frames of speech queued ahead: 120 ms rides out a slow picture, and is all that an interruption must drop."""

EASE = 0.5
"""Share of the speech's motion left after each frame without speech: the mouth closes within four frames, 160 ms."""

REST = 0.004
"""Coefficients below this can't be seen: the mouth is at rest."""

PAINT_SHARE = 2.0
"""Pictures' time that a first frame of speech needs: its own, and that of an idle picture that is being painted."""

PAINT_MEMORY = 0.2
"""Weight of the newest picture in the mean of how long pictures take: about the last five."""

FRAME_S = SAMPLES_PER_FRAME / SAMPLE_RATE

_SILENCE = np.zeros(SAMPLES_PER_FRAME, np.int16)


class Avatar:
    """Keeps `Playout` fed: with the turn's frames while there are any, else with idle life, one frame ahead."""

    def __init__(
        self,
        playout: Playout,
        idle: IdleMotion,
        renderer: Renderer | None,
        worker: Worker,
        meter: Meter,
        clock: Callable[[], float],
        idle_stride: int,
    ) -> None:
        """
        Args:
            renderer: None where nobody sees pictures.
            worker: the renderer's thread.
            idle_stride: one idle picture every so many frames.
        """
        self.mood: Mood = "idle"
        self.moving = renderer is not None
        """Somebody wants her motion."""
        self.expressions = Expressions(idle, Expression())
        self.puppet = Puppet(idle, clock)
        self._playout = playout
        self._idle = idle
        self._renderer = renderer
        self._worker = worker
        self._meter = meter
        self._clock = clock
        self._idle_stride = idle_stride
        self._turn: Turn | None = None
        self._speech: Coeffs = np.zeros(COEFFS, np.float32)
        self._idle_frames = 0
        self._paint_s = 0.0
        self._starved = False
        self._work = asyncio.Event()

    @property
    def turn(self) -> Turn | None:
        """Whose frames are being taken."""
        return self._turn

    def begin(self, turn: Turn) -> None:
        self._turn = turn

    def end(self) -> None:
        """Take no more frames of the turn."""
        self._turn = None
        self.expressions.rest()

    def fill(self) -> None:
        """Queue what the next ticks need; called after each tick, and when a turn's first frame is there."""
        turn = self._turn
        while turn is not None and self._queued_speech() < LEAD_FRAMES:
            frame = turn.motion.poll()
            if frame is None:
                break
            self._playout.put(Slot(frame.pcm, self._pose(frame), turn), replace=self._replaces_idle(turn))
            self._starved = False
            self._work.set()
        if not self._playout.slots:
            self._note_underrun(turn)
            self._playout.put(self._idle_slot())
            self._work.set()

    async def paint(self) -> None:
        """Render queued frames, soonest first, forever. A frame whose deadline has passed is left out."""
        while True:
            slot = self._next_to_paint()
            if slot is None or slot.coeffs is None or self._renderer is None:
                self._work.clear()
                await self._work.wait()
                continue
            begun = self._clock()
            try:
                image = await self._worker.call(self._renderer.render, slot.coeffs)
            except Exception:
                # A picture is lost, the conversation is not.
                log.exception("a picture could not be rendered")
                slot.coeffs = None
                continue
            self._hang(slot, image)
            took = self._clock() - begun
            self._paint_s += PAINT_MEMORY * (took - self._paint_s)
            self._meter.render(took)

    def _next_to_paint(self) -> Slot | None:
        """The soonest frame whose deadline can still be met, else the latest one."""
        waiting = [
            (place, slot)
            for place, slot in enumerate(self._playout.slots)
            if slot.coeffs is not None and slot.image is None
        ]
        left = self._playout.until_next_frame
        for place, slot in waiting:
            if left + place * FRAME_S >= self._paint_s:
                return slot
        return waiting[-1][1] if waiting else None

    def _hang(self, slot: Slot, image: Image) -> None:
        """A late picture of speech is dropped; a late idle one has no sound to fit and goes out with the next frame."""
        if slot.released and slot.turn is None and self._playout.slots:
            slot = self._playout.slots[0]
            if slot.turn is not None or slot.image is not None:
                return
        if not slot.released:
            slot.image = image

    def _replaces_idle(self, turn: Turn) -> bool:
        """Whether speech goes out in place of the idle frame that is next.

        It begins there unless its picture can't be ready by then: better 40 ms later than a voice from a still mouth.
        """
        slots = self._playout.slots
        if not slots or slots[-1].turn is not None:
            return False
        begun = self._renderer is None or turn.released > 0
        return begun or self._playout.until_next_frame >= PAINT_SHARE * self._paint_s

    def _note_underrun(self, turn: Turn | None) -> None:
        starved = turn is not None and turn.released > 0 and not turn.motion.exhausted
        if starved and not self._starved:
            self._meter.underrun()
        self._starved = starved

    def _queued_speech(self) -> int:
        return sum(slot.turn is not None for slot in self._playout.slots)

    def _pose(self, frame: MotionFrame) -> Coeffs | None:
        if not self.moving or frame.coeffs is None:
            return None
        self.expressions.follow(frame.tags)
        self._speech = frame.coeffs
        return self.puppet.over(compose(self._idle.next("speaking", frame.prosody), frame.coeffs))

    def _idle_slot(self) -> Slot:
        if not self.moving:
            return Slot(_SILENCE, None)
        body = self._idle.next(self.mood)
        self._idle_frames += 1
        easing = float(np.abs(self._speech).max()) > REST
        if easing:
            self._speech = self._speech * np.float32(EASE)
        elif self._idle_frames % self._idle_stride and not self.puppet.moving:
            return Slot(_SILENCE, None)
        return Slot(_SILENCE, self.puppet.over(compose(body, self._speech if easing else None)))
