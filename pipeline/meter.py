"""What a session measures of itself. `server/observe.py` keeps the figures."""

from __future__ import annotations

from typing import Protocol

from pipeline.events import TurnTiming


class Meter(Protocol):
    """Takes measurements as they happen; never blocks, never raises."""

    def render(self, seconds: float) -> None:
        """One picture was rendered."""

    def late_frame(self) -> None:
        """A frame left without its picture, which was not ready."""

    def underrun(self) -> None:
        """Speech had begun and its next samples were not there."""

    def pts_jump(self) -> None:
        """A stall was too long to catch up: media time jumped."""

    def draft(self, *, used: bool) -> None:
        """A reply that was begun before the user had surely finished was spoken, or thrown away."""

    def turn(self, timing: TurnTiming) -> None:
        """A turn ended."""

    def barge_in(self, seconds: float) -> None:
        """From the interruption to the last voiced sample."""
