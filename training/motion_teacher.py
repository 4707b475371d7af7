"""What a mouth does that is told its phones and how loud they are: learned from the tracked speaker, it teaches the
motion model the sound of voices whose faces nobody has tracked.

Ridge regression on half a second of phones knows the speaker's amplitudes and the prominence that loudness gives a
vowel; the rules know sounds and neighbours that his fifty-one words don't have. The jaw is the mean of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.media import Pcm, TimedPhone
from engines.motion.features import CLASSES, STEPS, UNIT_DB
from engines.motion.model import LIPS
from training.motion_metrics import loudness
from training.motion_set import LATE, Source, phone_classes, ruled

_REACH, _AROUND = 6, 3
"""Frames on either side whose phones and whose loudness count."""
_RIDGE = 30.0
"""Frames' worth."""
_RULED_EVERY = 13
"""Every so many utterances show how the rules' jaw compares with the speaker's."""
_GATE_DB = 28.0
"""Below a recording's loudest frame: quieter ones are pauses and count for no average."""
_LOWEST_DB, _HIGHEST_DB = -36.0, 24.0
_JAW = LIPS.index("jawOpen")


@dataclass(frozen=True)
class Teacher:
    """
    Attributes:
        weight: float32[n, 14], of what `_described` tells of a frame; offset: float32[14].
        scale: the rules' jaw times the first plus the second has the speaker's spread and mean.
    """

    weight: NDArray[np.float32]
    offset: NDArray[np.float32]
    scale: tuple[float, float]

    def lips(self, pcm: Pcm, phones: Sequence[TimedPhone], frames: int) -> NDArray[np.float32]:
        """float32[frames, 14], 0..1."""
        lips = _described(pcm, phones, frames) @ self.weight + self.offset
        times, plus = self.scale
        lips[:, _JAW] = (lips[:, _JAW] + times * ruled(phones, frames)[:, 0] + plus) / 2
        return np.clip(lips, 0, 1).astype(np.float32)


def fit_teacher(sources: Sequence[Source]) -> Teacher:
    """From tracked utterances, those without phones left out."""
    known = [one for one in sources if one.phones]
    told = [_heard_late(one) for one in known]
    inputs = np.concatenate(
        [_described(pcm, phones, len(one.lips)) for one, (pcm, phones) in zip(known, told, strict=True)]
    )
    lips = np.concatenate([one.lips for one in known])
    mean, rest = inputs.mean(0), lips.mean(0)
    centred = inputs - mean
    normal = centred.T @ centred + _RIDGE * np.eye(inputs.shape[1], dtype=np.float32)
    weight = np.linalg.solve(normal, centred.T @ (lips - rest)).astype(np.float32)
    some = known[::_RULED_EVERY]
    made = np.concatenate([ruled(one.phones, len(one.lips))[:, 0] for one in some])
    real = np.concatenate([one.lips[:, _JAW] for one in some])
    times = float(real.std() / max(made.std(), 1e-6))
    return Teacher(weight, (rest - mean @ weight).astype(np.float32), (times, float(real.mean() - times * made.mean())))


def _heard_late(one: Source) -> tuple[Pcm, list[TimedPhone]]:
    """Sound and phones as late as the tracked face is."""
    pcm = np.concatenate([np.zeros(LATE, np.int16), one.pcm])[: len(one.pcm)]
    return pcm, [replace(phone, start=phone.start + LATE, end=phone.end + LATE) for phone in one.phones]


def _described(pcm: Pcm, phones: Sequence[TimedPhone], frames: int) -> NDArray[np.float32]:
    """[frames, n]: the phones around each frame, one 1 for each, and the loudness around it."""
    said = phone_classes(phones, frames)[STEPS // 2 :: STEPS]
    level = 20 * np.log10(loudness(pcm)[:frames] + 1e-5)
    level -= level[level > level.max() - _GATE_DB].mean()
    level = np.clip(level, _LOWEST_DB, _HIGHEST_DB) / UNIT_DB
    return np.concatenate(
        [_around(np.eye(len(CLASSES) + 1)[said], _REACH), _around(level[:, None], _AROUND)], axis=1
    ).astype(np.float32)


def _around(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """[T, n] to [T, (2 · reach + 1) · n]."""
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.concatenate([padded[k : k + len(values)] for k in range(2 * reach + 1)], axis=1)
