"""How a voice is steered: rate, pitch, range, energy and breath, by settings and by the styles of tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.tags import NEUTRAL, Tag
from engines.tts.bundle import Style

PLAIN = Style()

SEMITONE = float(np.log(2) / 12)
"""Of log F0."""


@dataclass(frozen=True, slots=True)
class Controls:
    """Styles of N units or frames.

    Attributes:
        rate, pitch, range, energy, breath: float32[N], as in `Style`.
    """

    rate: NDArray[np.float32]
    pitch: NDArray[np.float32]
    range: NDArray[np.float32]
    energy: NDArray[np.float32]
    breath: NDArray[np.float32]

    def take(self, index: NDArray[np.int64]) -> Controls:
        """The controls of other units, or of frames, by the unit that each belongs to."""
        return Controls(*(getattr(self, name)[index] for name in self.__slots__))


def styles_of(ends: Sequence[int], tags: Sequence[Tag], known: Mapping[str, Style]) -> list[Style]:
    """Each word's style: that of the last tag before the word's end which the voice knows; `neutral` ends one.

    Args:
        ends: indices in the text just past each word.
        tags: by their place in it.
    """
    wanted = [tag for tag in tags if tag.name == NEUTRAL or tag.name in known]
    styles: list[Style] = []
    style, place = PLAIN, 0
    for end in ends:
        while place < len(wanted) and wanted[place].at < end:
            tag = wanted[place]
            style = PLAIN if tag.name == NEUTRAL else known[tag.name].scaled(tag.intensity)
            place += 1
        styles.append(style)
    return styles


def controls(styles: Sequence[Style], owners: NDArray[np.int64]) -> Controls:
    """The controls of a phrase's units; a pause has those of the word before it, the first one of the word after.

    Args:
        styles: of each word.
        owners: int64[N], the word that each unit belongs to; -1 for pauses.
    """
    home = np.maximum.accumulate(owners).clip(0)
    table = [[getattr(style, name) for name in Controls.__slots__] for style in styles]
    return Controls(*np.array(table, np.float32)[home].T)


def eased(steering: Controls, over: int = 9) -> Controls:
    """Controls by frame without steps: each the mean of `over` frames around it (90 ms), odd."""
    if all(np.ptp(getattr(steering, name)) == 0 for name in Controls.__slots__):
        return steering
    kernel, half = np.full(over, 1 / over, np.float32), over // 2
    tracks = (np.pad(getattr(steering, name), half, mode="edge") for name in Controls.__slots__)
    return Controls(*(np.convolve(track, kernel, "valid") for track in tracks))
