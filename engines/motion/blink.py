"""Blinks as people blink."""

from __future__ import annotations

import numpy as np

from engines import Mood
from engines.media import ARKIT_NAMES, FPS, Coeffs

PER_MINUTE: dict[Mood, float] = {"idle": 17.0, "listening": 17.0, "thinking": 14.0, "speaking": 26.0}
"""Bentivoglio et al. 1997, "Analysis of blink rate patterns in normal subjects": 17 at rest, 26 in conversation."""

_SPREAD = 0.55
"""Of the logarithm of the interval: intervals are log-normal (ibid.)."""
_SHORTEST = 0.6
"""Seconds between blinks at least."""

_CLOSING, _OPENING = 0.08, 0.15
"""Seconds: lids fall about twice as fast as they rise (Evinger et al. 1991; Trutoiu et al. 2011)."""
_WITH_GAZE = np.radians(7.0)
"""Gaze shifts larger than this come with a blink (Evinger et al. 1994), here one in four."""

_AT_BOUNDARY = 0.5
"""Of phrase ends and pauses that get a blink, of those that come when the next is half due: speakers blink at the end
of speech and in its pauses (Nakano & Kitazawa 2010)."""
_BOUNDARY_DELAY = (0.04, 0.28)
"""Seconds from the boundary to the blink."""

_LIDS = tuple(ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight"))
_LOWER_LID = {ARKIT_NAMES.index("cheekSquintLeft"): 0.5, ARKIT_NAMES.index("eyeSquintLeft"): 0.3}
"""By how much of a blink these raise the lower lid: the upper one has that much less far to go. Both sides alike."""
_OPEN_WIDE = tuple(
    ARKIT_NAMES.index(name) for name in ("eyeWideLeft", "eyeWideRight", "eyeSquintLeft", "eyeSquintRight")
)


class Blinks:
    """Writes the lids of one body."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._due = 1.0
        """Of an interval that is 1 long on average, so that a change of mood changes the pace at once."""
        self._since = 10.0
        self._depth = 1.0
        self._soon: float | None = None
        """Seconds to a blink that a boundary asked for."""
        self._draw()

    def next(self, coeffs: Coeffs, rate: float, gaze_shift: float, boundary: bool, hanging: float) -> None:
        """One frame: write the lids to `coeffs`.

        Args:
            rate: blinks a minute.
            gaze_shift: size in radians of a saccade that begins now, else 0.
            boundary: a phrase ends or a pause begins in this frame.
            hanging: how far the lids hang between blinks, 0..1.
        """
        self._since += 1 / FPS
        self._due -= rate / 60 / FPS
        if boundary and self._due < 0.5 and self._random.random() < _AT_BOUNDARY:
            self._soon = self._random.uniform(*_BOUNDARY_DELAY)
        startled = gaze_shift > _WITH_GAZE and self._random.random() < 0.25
        if (self._due <= 0 or startled or self._asked()) and self._since > _SHORTEST:
            # Between two frames: pictures don't all catch the same phases of a blink.
            self._since = self._random.uniform(0.0, 1 / FPS)
            self._depth = self._random.uniform(0.88, 1.0)
            self._draw()
        meets = 1 - sum(share * float(coeffs[channel]) for channel, share in _LOWER_LID.items())
        closed = hanging + (self._depth * meets - hanging) * _lid(self._since)
        for lid in _LIDS:
            coeffs[lid] = closed
        for channel in _OPEN_WIDE:
            coeffs[channel] *= 1 - closed

    def _asked(self) -> bool:
        if self._soon is None:
            return False
        self._soon -= 1 / FPS
        return self._soon <= 0

    def _draw(self) -> None:
        self._soon = None
        self._due = self._random.lognormal(-(_SPREAD**2) / 2, _SPREAD)


def _lid(since: float) -> float:
    """How far closed, 0..1, `since` seconds into a blink."""
    if since < _CLOSING:
        return float(np.sin(0.5 * np.pi * since / _CLOSING))
    if since < _CLOSING + _OPENING:
        return float(0.5 + 0.5 * np.cos(np.pi * (since - _CLOSING) / _OPENING))
    return 0.0
