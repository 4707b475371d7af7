"""How speech is said, frame by frame: loudness, pitch, accents and boundaries, for head, brows and lids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE, SAMPLES_PER_FRAME, Prosody, TimedPhone
from engines.mel import BANDS
from engines.motion.features import UNIT_DB
from engines.motion.model import LOOKAHEAD
from engines.motion.visemes import VISEMES

_QUIET_DB, _LOUD_DB = -18.0, 12.0
"""Against the speaker's average: loudness 0 and 1. Syllables of level speech differ by about ±6 dB."""
_PAUSE_DB = -22.0
"""Below it nothing is said."""
PAUSE = 0.15
"""Seconds of silence that make a boundary: stop consonants are shorter (Goldman-Eisler 1968 counts from 0.25 s)."""
_STRESS = (0.0, 1.0, 0.5)
"""By a phone's stress: none, primary, secondary."""
_LEAST = 0.45
"""Of an accent that the voice hardly makes: a stressed word said without weight."""
_PAST = 8
"""Frames (0.3 s, a syllable and a half) that a peak must stand out from."""
_PITCH_SHARE = 4.0
"""Decibels that one standard deviation of pitch is worth in a peak: accents are heard by pitch first (Fry 1958)."""
_STANDS_OUT = 12.0
"""Of that sum above the frames before: a full accent."""


class ProsodyReader:
    """Reads one phrase: blocks of sound in, and `LOOKAHEAD` later their frames' prosody out."""

    def __init__(self) -> None:
        self._heard: list[tuple[float, float]] = []
        self._dropped = 0
        self._spoke = False

    def hear(self, sound: NDArray[np.float32]) -> None:
        """Take a block, float32[STEPS, HEARD] as the motion model hears it."""
        level = float(sound[:, BANDS].max()) * UNIT_DB
        surely = sound[:, BANDS + 1]
        voiced = float(surely.sum())
        pitch = float(sound[:, BANDS + 2].sum()) / voiced if voiced > 1.0 else 0.0
        self._heard.append((level, min(max(pitch, -2.0), 2.0)))

    def next(self, phones: Sequence[TimedPhone], frame: int, *, last: bool) -> Prosody:
        """
        Args:
            phones: of the phrase, as far as they are known; none where the voice gives none.
            last: the phrase ends with this frame.
        """
        while self._dropped < frame - _PAST:
            del self._heard[0]
            self._dropped += 1
        at = frame - self._dropped
        level, pitch = self._heard[at]
        loudness = min(max((level - _QUIET_DB) / (_LOUD_DB - _QUIET_DB), 0.0), 1.0)
        peak = self._peak(at)
        told = [phone for phone in phones if phone.start < (frame + 1 + LOOKAHEAD) * SAMPLES_PER_FRAME]
        accent = _nucleus(told, frame) * (_LEAST + (1 - _LEAST) * peak) if told else peak
        boundary = last or (self._pauses(told, frame) if told else self._falls_silent(at))
        return Prosody(loudness, pitch, min(accent, 1.0) if loudness else 0.0, boundary)

    def _peak(self, at: int) -> float:
        """How far this frame stands out from those before, if none that is known after it does more, 0..1."""
        heights = [max(level, _PAUSE_DB) + _PITCH_SHARE * pitch for level, pitch in self._heard]
        if heights[at] < max(heights[at + 1 :], default=heights[at]) or self._heard[at][0] < _QUIET_DB:
            return 0.0
        before = heights[max(at - _PAST, 0) : at]
        if not before:
            return 0.5
        return min(max((heights[at] - float(np.mean(before))) / _STANDS_OUT, 0.0), 1.0)

    def _falls_silent(self, at: int) -> bool:
        """The frames from the one before this on are silent, as far as they are known: 160 ms."""
        silent = [level < _PAUSE_DB for level, _ in self._heard[max(at - 1, 0) :]]
        if not all(silent) or at == 0:
            self._spoke = self._spoke or not silent[min(1, at)]
            return False
        spoke, self._spoke = self._spoke, False
        return spoke

    def _pauses(self, phones: Sequence[TimedPhone], frame: int) -> bool:
        """A pause begins in this frame."""
        start, end = frame * SAMPLES_PER_FRAME, (frame + 1) * SAMPLES_PER_FRAME
        return any(
            phone.symbol == "SIL" and start <= phone.start < end and phone.end - phone.start >= PAUSE * SAMPLE_RATE
            for phone in phones[1:]
        )


def _nucleus(phones: Sequence[TimedPhone], frame: int) -> float:
    """Stress of the vowel that sounds in this frame's middle, 0..1."""
    middle = (frame + 0.5) * SAMPLES_PER_FRAME
    for phone in reversed(phones):
        if phone.start <= middle:
            return _STRESS[phone.stress] if middle < phone.end and VISEMES[phone.symbol][0].vowel else 0.0
    return 0.0
