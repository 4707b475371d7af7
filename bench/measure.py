"""What a peer can tell from the media it received: pure functions over samples and pictures.

Nothing here knows the server: speech is what is louder than silence, and the mouth is whatever moves when she speaks
and is still when she does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

VOICED = 150
"""Peak of int16 samples above which a packet is heard (-47 dBFS): coded silence stays below 10, and the weakest
consonants of a synthetic voice are above 300."""

CELLS = 64
"""Cells a side of the grid that a picture is reduced to: 8 pixels at 512, a fifth of a mouth's width."""

MOUTH_CELLS = 40
"""Cells taken as the mouth: 20 x 2 or 8 x 5 of them, the lips and the chin of a portrait."""

MOUTH_WINDOW = (10, 12)
"""Rows and columns that hold a portrait's open mouth and chin: 80 x 96 pixels at 512."""

STILL = 2.5
"""A mouth moves when its change is this many times the idle face's (95th percentile): idle heads drift and sway."""

CODED = 0.5
"""Levels of 255 by which the codec alone may change the mouth's cells, as it refines a picture at rest."""

Cells = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """One received audio packet of 20 ms."""

    arrived: float
    """Seconds on the peer's clock."""
    media: float | None
    """Seconds on the sender's clock of its first sample; None before the first sender report."""
    peak: int
    """Largest magnitude of its int16 samples."""

    @property
    def voiced(self) -> bool:
        return self.peak >= VOICED


@dataclass(frozen=True, slots=True)
class Picture:
    """One received picture."""

    arrived: float
    media: float | None
    cells: Cells
    """float32[64, 64]: mean luma of each cell, 0..255."""


FRAME_S = 0.04
"""What one picture lasts, at the 25 a second that faces are usually sent at."""

PACKET_S = 0.02
"""What one audio packet lasts."""

ROUNDING_S = 1 / 96_000
"""Half a tick of the audio's RTP clock: a picture at a packet's very first sample must find that packet."""


def cells_of(luma: NDArray[np.uint8]) -> Cells:
    """Luma uint8[h, w], h and w from 64 on -> float32[64, 64]; what is over at the right and below is left out."""
    height, width = (side // CELLS for side in luma.shape)
    blocks = luma[: CELLS * height, : CELLS * width].reshape(CELLS, height, CELLS, width)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def changes(pictures: Sequence[Picture]) -> NDArray[np.float32]:
    """float32[n - 1, 64, 64]: how much each picture differs from the one before, per cell and frame of 40 ms.

    Idle faces may be sent at half the rate: two frames' sway is not to count as twice the movement.
    """
    stack = np.stack([picture.cells for picture in pictures])
    arrived = np.array([picture.arrived for picture in pictures])
    frames = np.maximum(1, np.round(np.diff(arrived) / FRAME_S)).astype(np.float32)
    return (np.abs(np.diff(stack, axis=0)) / frames[:, None, None]).astype(np.float32)


def jerks(pictures: Sequence[Picture]) -> NDArray[np.float32]:
    """float32[n - 2, 64, 64]: how suddenly each cell's change changed, at each picture but the first and the last.

    A head that nods or turns with the voice moves many cells, but smoothly; lips change their mind within a picture.
    """
    stack = np.stack([picture.cells for picture in pictures])
    return np.abs(np.diff(stack, n=2, axis=0)).astype(np.float32)


def mouth_of(idle: NDArray[np.float32], speech: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where lips and chin are: bool[64, 64], 40 cells true, all within the `MOUTH_WINDOW` that moves most in speech.

    Blinks and gaze are in idle too, so they cancel.

    Args:
        idle: `jerks` of a silent face.
        speech: those of a speaking one.
    """
    gain = speech.mean(axis=0) - idle.mean(axis=0)
    windows = np.lib.stride_tricks.sliding_window_view(gain, MOUTH_WINDOW).sum(axis=(2, 3))
    row, column = np.unravel_index(windows.argmax(), windows.shape)
    inside = np.full_like(gain, -np.inf)
    window = (slice(row, row + MOUTH_WINDOW[0]), slice(column, column + MOUTH_WINDOW[1]))
    inside[window] = gain[window]
    return inside >= np.partition(inside.ravel(), -MOUTH_CELLS)[-MOUTH_CELLS]


def stillness(idle: NDArray[np.float32], mouth: NDArray[np.bool_]) -> float:
    """The change of the mouth that counts as no movement of the lips, from the `changes` of a silent face."""
    return max(CODED, float(STILL * np.percentile(idle[:, mouth].mean(axis=1), 95)))


def av_offsets_ms(pictures: Sequence[Picture], sounds: Sequence[Sound]) -> list[float]:
    """For each picture: its arrival minus that of the audio packet of the same media time, in milliseconds.

    Positive: the picture came late. Pictures whose moment of sound never came are left out.
    """
    timed = [(sound.media, sound.arrived) for sound in sounds if sound.media is not None]
    if not timed:
        return []
    media, arrived = np.array(timed).T
    offsets: list[float] = []
    for picture in pictures:
        if picture.media is None:
            continue
        place = int(np.searchsorted(media, picture.media + ROUNDING_S, side="right")) - 1
        if place >= 0 and picture.media - media[place] < PACKET_S:
            offsets.append(1000 * float(picture.arrived - arrived[place]))
    return offsets


@dataclass(frozen=True, slots=True)
class Shown:
    """What a browser showed while she spoke."""

    distinct_fps: float
    longest_gap_ms: float


def shown(times_ms: Sequence[float], differs: Sequence[bool], spans_ms: Sequence[tuple[float, float]]) -> Shown:
    """Distinct pictures per second of speech, and the longest time without a new one.

    Args:
        times_ms: when each picture was shown.
        differs: whether it differed from the one before.
        spans_ms: the beginnings and ends of speech on the same clock.
    """
    distinct = 0
    longest = 0.0
    for start, end in spans_ms:
        inside = [t for t, new in zip(times_ms, differs, strict=True) if new and start <= t < end]
        distinct += len(inside)
        edges = [start, *inside, end]
        longest = max(longest, *(b - a for a, b in pairwise(edges)))
    seconds = sum(end - start for start, end in spans_ms) / 1000
    return Shown(round(distinct / seconds, 2), round(longest, 1))
