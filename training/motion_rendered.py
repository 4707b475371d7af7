"""The mouth as a viewer sees it: an avatar's rendered pictures, measured by the landmarks found in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLES_PER_FRAME, Coeffs, TimedPhone
from engines.nerf.engine import load_renderer
from training.contours import LIPS
from training.motion_targets import opening

CLOSED_PX = 1.5
"""The inner lips' gap, in pixels of a picture of 512, up to which the lips count as closed."""
_BILABIALS = ("M", "B", "P")
_OPEN = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "EY", "ER", "IH", "IY", "OW", "OY")
"""Vowels whose lips must be apart; UW and UH nearly touch in many people."""
_CLEAR = 2
"""Frames between a vowel's middle and a bilabial's edge, and between it and a pause, from which on it must be open."""


class Mouths:
    """Draws an avatar and measures the gap between its inner lips."""

    def __init__(self, avatar: Path, landmarker: Path) -> None:
        """
        Raises:
            ValueError: the avatar or the landmarker can't be loaded.
        """
        self._renderer = load_renderer(avatar)
        self._landmarker = landmarker

    def gaps(self, faces: Coeffs) -> NDArray[np.float64]:
        """Pixels of a picture of 512, one for each of the coefficient vectors [T, 58]; NaN where no face is found."""
        from training.landmarks import StillFaces

        with StillFaces(self._landmarker) as finder:
            seen = [finder.find(self._renderer.render_rgb(face)) for face in faces]
        return np.array([np.nan if marks is None else opening(marks[list(LIPS)]) for marks in seen])

    def picture(self, face: NDArray[np.float32]) -> NDArray[np.uint8]:
        """uint8[512, 512, 3]."""
        return self._renderer.render_rgb(face)


def closures(gaps: NDArray[np.float64], phones: Sequence[TimedPhone]) -> tuple[list[bool], list[bool]]:
    """For each m, b and p whether the lips close in it, and for each open vowel whether they are closed in its middle.

    Args:
        gaps: [T], pixels. phones: of the same utterance.
    """
    made: list[bool] = []
    false: list[bool] = []
    for index, phone in enumerate(phones):
        first = int(phone.start // SAMPLES_PER_FRAME)
        last = max(first, int((phone.end - 1) // SAMPLES_PER_FRAME))
        if last >= len(gaps):
            continue
        if phone.symbol in _BILABIALS:
            made.append(bool(np.nanmin(gaps[first : last + 1]) <= CLOSED_PX))
        elif phone.symbol in _OPEN and _stands_clear(phones, index):
            middle = int((phone.start + phone.end) / 2 // SAMPLES_PER_FRAME)
            false.append(bool(gaps[middle] <= CLOSED_PX))
    return made, false


def _stands_clear(phones: Sequence[TimedPhone], index: int) -> bool:
    middle = (phones[index].start + phones[index].end) / 2
    reach = _CLEAR * SAMPLES_PER_FRAME
    shut = (*_BILABIALS, "SIL", "F", "V")
    return not any(p.symbol in shut and p.start < middle + reach and p.end > middle - reach for p in phones)
