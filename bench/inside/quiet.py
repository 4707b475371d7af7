"""A meter for sessions whose own figures nobody reads."""

from __future__ import annotations

from pipeline.events import TurnTiming


class Uncounted:
    """Takes measurements and keeps none."""

    def render(self, seconds: float) -> None: ...

    def late_frame(self) -> None: ...

    def underrun(self) -> None: ...

    def pts_jump(self) -> None: ...

    def turn(self, timing: TurnTiming) -> None: ...

    def barge_in(self, seconds: float) -> None: ...
