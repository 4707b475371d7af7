"""How somebody carries herself: the numbers by which two people who say the same differ."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from engines.motion.smooth import Smooth

_EASE_SECONDS = 0.4
"""Time constant of a change of manner: done after a second and a half, unnoticed."""


USUAL_SMILE = 0.05
"""The default body's: a mouth at rest that is friendly, not amused."""


@dataclass(frozen=True, slots=True)
class Manner:
    """Factors on what the default body does, except `smile`."""

    amplitude: float = 1.0
    """How far expressions and brows go."""
    head: float = 1.0
    """How far the head moves."""
    tempo: float = 1.0
    """How fast it moves."""
    blinks: float = 1.0
    """How often she blinks."""
    brows: float = 1.0
    """How often the brows take part in a stress."""
    smile: float = USUAL_SMILE
    """The resting smile, 0..1 of `mouthSmile`."""

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"manner: {name} is {value}, give {low:g} to {high:g}")

    def times(self, other: Manner) -> Manner:
        """Both: `other`'s factors on this one's, its smile beyond the usual on top; within the ranges."""
        values = {name: getattr(self, name) * getattr(other, name) for name in RANGES if name != "smile"}
        values["smile"] = self.smile + other.smile - USUAL_SMILE
        return Manner(**{name: min(max(value, RANGES[name][0]), RANGES[name][1]) for name, value in values.items()})


RANGES = {
    "amplitude": (0.3, 1.6),
    "head": (0.0, 2.5),
    "tempo": (0.4, 2.0),
    "blinks": (0.2, 3.0),
    "brows": (0.0, 3.0),
    "smile": (0.0, 0.4),
}
"""What still looks human on the default avatar, and leaves the head its range."""

MANNERS: dict[str, Manner] = {
    "neutral": Manner(),
    "calm": Manner(amplitude=0.85, head=0.6, tempo=0.75, blinks=0.8, brows=0.5),
    "lively": Manner(amplitude=1.15, head=1.5, tempo=1.25, blinks=1.15, brows=1.7, smile=0.1),
    "formal": Manner(amplitude=0.7, head=0.5, tempo=0.9, blinks=0.9, brows=0.6, smile=0.0),
}
"""The manners that a tag or a client can ask for; `neutral` is her own."""


class Easing:
    """The manner of the moment, on its way to the one asked for."""

    def __init__(self, own: Manner) -> None:
        self._own = own
        self._wanted = astuple(own)
        self._now = [Smooth(_EASE_SECONDS, value) for value in self._wanted]

    def behave(self, name: str) -> None:
        """
        Raises:
            ValueError: no manner has this name.
        """
        if name not in MANNERS:
            raise ValueError(f"manner {name!r} is unknown, give one of {', '.join(MANNERS)}")
        self._wanted = astuple(self._own.times(MANNERS[name]))

    def next(self) -> Manner:
        """This frame's."""
        return Manner(*(now.towards(wanted) for now, wanted in zip(self._now, self._wanted, strict=True)))


def read_manner(path: Path) -> Manner:
    """A manner as `write_manner` leaves it.

    Raises:
        ValueError: the file can't be read, or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} can't be read as a manner: {error}") from error
    names = {field.name for field in fields(Manner)}
    if not isinstance(values, dict) or not names >= values.keys():
        raise ValueError(f"{path} is no manner: give an object with some of {', '.join(sorted(names))}")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values.values()):
        raise ValueError(f"{path}: a manner's values are numbers")
    try:
        return Manner(**values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_manner(manner: Manner, path: Path) -> None:
    path.write_text(json.dumps({name: round(value, 4) for name, value in asdict(manner).items()}, indent=2) + "\n")
