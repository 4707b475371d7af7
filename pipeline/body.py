"""Her presence on a media connection: avatar and playout together, as a session drives them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from engines import Mood
from engines.media import Coeffs
from pipeline.avatar import Avatar
from pipeline.options import SessionOptions
from pipeline.playout import Playout, Slot
from pipeline.turn import Turn


class Outlet(Protocol):
    """Where a session's speech goes: `Body` with a media connection, `Deltas` without."""

    def begin(self, turn: Turn) -> None:
        """Play the turn's motion stream as it fills."""

    def stop(self, on_silence: Callable[[], None]) -> None:
        """Drop what is playing, at once."""

    def duck(self, ducked: bool) -> None: ...

    def heard(self, turn: Turn) -> int:
        """Samples of the turn that its hearer has heard."""
        ...

    @property
    def playing(self) -> Turn | None:
        """The turn that can be heard just now."""
        ...

    @property
    def moving(self) -> bool:
        """Somebody wants to know how her face moves."""
        ...

    def show(self, mood: Mood) -> None: ...

    def set(self, options: SessionOptions) -> None:
        """Her own way to feel and to move, and whether her motion is to be told."""

    def drive(self, face: Coeffs, pose: Coeffs | None) -> bool:
        """Show a face of the client's (see `Puppet.drive`); False where there is nobody to see it."""
        ...

    async def run(self, released: Callable[[Turn], None], played: Callable[[Turn], None]) -> None:
        """Forever. `released` after samples of a turn left; `played` once, when its last have."""


class Body:
    """Avatar and Playout, which live as long as the session."""

    def __init__(
        self,
        avatar: Avatar,
        playout: Playout,
        clock: Callable[[], float],
        moved: Callable[[Coeffs, int, Turn | None], None],
    ) -> None:
        """
        Args:
            moved: told how the face moved in the frame that leaves (float32[58], PTS, whose speech), if that is wanted.
        """
        self._moved = moved
        self._watched = avatar.moving
        self._reports = False
        self._avatar = avatar
        self._playout = playout
        self._clock = clock
        self._begun = asyncio.Event()

    @property
    def playing(self) -> Turn | None:
        turn = self._avatar.turn
        return turn if turn is not None and turn.released > 0 else None

    def begin(self, turn: Turn) -> None:
        self._avatar.begin(turn)
        self._begun.set()

    def stop(self, on_silence: Callable[[], None]) -> None:
        self._avatar.end()
        self._playout.flush(on_silence)
        self._avatar.fill()

    def duck(self, ducked: bool) -> None:
        self._playout.duck(ducked)

    def heard(self, turn: Turn) -> int:
        return turn.released

    @property
    def moving(self) -> bool:
        return self._avatar.moving

    def show(self, mood: Mood) -> None:
        self._avatar.mood = mood

    def set(self, options: SessionOptions) -> None:
        self._reports = options.report_motion
        self._avatar.moving = self._watched or self._reports
        self._avatar.expressions.settle(options.expression)

    def drive(self, face: Coeffs, pose: Coeffs | None) -> bool:
        if self.moving:
            self._avatar.puppet.drive(face, pose)
        return self.moving

    async def run(self, released: Callable[[Turn], None], played: Callable[[Turn], None]) -> None:
        def after_tick(slot: Slot, whole: bool) -> None:
            turn = slot.turn
            if self._reports and not whole and slot.coeffs is not None:
                self._moved(slot.coeffs, self._playout.frame_pts, turn)
            if turn is not None:
                self._count(turn, slot)
                released(turn)
            self._avatar.fill()
            if whole and self._finished():
                turn = self._avatar.turn
                self._avatar.end()
                if turn is not None:
                    played(turn)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._playout.run(after_tick))
            tasks.create_task(self._avatar.paint())
            tasks.create_task(self._watch())

    def _count(self, turn: Turn, slot: Slot) -> None:
        turn.released += len(slot.pcm) // 2
        if turn.released > turn.script.lead:
            turn.timings.first_audio_out = turn.timings.first_audio_out or self._clock()
        if slot.image is not None:
            turn.timings.first_frame_out = turn.timings.first_frame_out or self._clock()

    def _finished(self) -> bool:
        turn = self._avatar.turn
        return turn is not None and turn.motion.exhausted and not any(slot.turn is turn for slot in self._playout.slots)

    async def _watch(self) -> None:
        """Queue a turn's first frame the moment it is made, instead of at the next tick."""
        while True:
            await self._begun.wait()
            self._begun.clear()
            turn = self._avatar.turn
            if turn is not None:
                await turn.motion.wait()
                self._avatar.fill()
