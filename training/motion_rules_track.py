"""The phones of one phrase as curves: coarticulation by dominance, then the contacts that must be made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engines.media import SAMPLE_RATE, TimedPhone
from engines.motion.closures import Closures
from engines.motion.visemes import (
    CONTACTS,
    LIPS,
    REACH_AFTER,
    REACH_BEFORE,
    REST,
    VISEMES,
    Shape,
    Viseme,
)

LEAD = 0.04
"""Seconds by which the mouth is ahead of the sound: articulators move before they are heard, and viewers notice a
face that lags at 45 ms but one that leads only at 125 ms (ITU-R BT.1359)."""

_VOWEL_HOLDS, _CONSONANT_HOLDS, _REST_HOLDS = (0.45, 0.8), (0.1, 0.75), (0.1, 1.0)
"""The share of a phone through which its target holds: to three quarters (JALI, 2016), a pause's to its end; a vowel's
jaw is lowest in its middle, where tracked speech has it too (GRID, Cooke et al. 2006)."""
FIRST_OF_DIPHTHONG = 0.6
"""Of its length (Rhubarb Lip Sync)."""

_SIGHT = 0.1
"""Seconds ahead of the mouth's own time at which a phone begins to count: the frame's look-ahead, less half the frame
and less `LEAD`; with `LEAD` it is JALI's onset of 120 to 150 ms before the sound."""
_SIGHT_RAMP = 0.04
"""Seconds in which it comes to count fully: no parameter jumps when a phone comes into sight."""
_MEMORY = 0.6
"""Seconds after which a phone is forgotten: its dominance has fallen by e ten times."""
_REST_PULL = 0.02
"""Dominance of rest at all times: what is left alone relaxes."""

_STRESS_JAW = (0.85, 1.05, 1.0)
"""The jaw's share by stress (none, primary, secondary): unstressed vowels are reduced."""

_JAW = LIPS.index("jaw")


@dataclass(frozen=True, slots=True)
class _Segment:
    """One target, in seconds."""

    start: float
    reached: float
    held: float
    """The target holds from `reached` to `held`."""
    viseme: Viseme
    shape: Shape


class PhoneTrack:
    """Phones in, mouth shapes out. Times are samples of the phrase."""

    def __init__(self) -> None:
        self._segments: list[_Segment] = []
        self._closures = Closures()
        self._first: int | None = None

    def add(self, phones: Iterable[TimedPhone]) -> None:
        """Take phones in their order."""
        for phone in phones:
            if self._first is None:
                self._first = phone.start
            self._add(phone)
            self._closures.add(phone)

    def end(self, samples: int) -> None:
        """The phrase is over at `samples`: rest from there on."""
        self._place(samples / SAMPLE_RATE, samples / SAMPLE_RATE + 1.0, REST, 0)

    def known(self, horizon: int) -> bool:
        """A phone begins before `horizon`."""
        return self._first is not None and self._first < horizon

    def shape(self, moment: float, horizon: int) -> Shape:
        """The mouth at sample `moment`, from the phones that begin before sample `horizon`."""
        time = moment / SAMPLE_RATE + LEAD
        sight = horizon / SAMPLE_RATE
        while self._segments and time - self._segments[0].held > _MEMORY:
            del self._segments[0]
        near = [segment for segment in self._segments if segment.start < sight]
        if not near:
            return np.zeros(len(LIPS), np.float32)
        before = np.maximum([segment.reached - time for segment in near], 0.0)[:, None]
        ahead = np.maximum([segment.start - time for segment in near], 0.0)[:, None]
        after = np.maximum([time - segment.held for segment in near], 0.0)[:, None]
        seen = np.clip((_SIGHT - ahead) / _SIGHT_RAMP, 0.0, 1.0)
        claim = np.stack([segment.viseme.dominance for segment in near])
        pull = claim * seen * np.exp(-before / REACH_BEFORE - after / REACH_AFTER)
        targets = np.stack([segment.shape for segment in near])
        return np.asarray((pull * targets).sum(axis=0) / (pull.sum(axis=0) + _REST_PULL), np.float32)

    def sealed(self, shape: Shape, moment: float, horizon: int, firmness: float) -> Shape:
        """`shape` with the contacts made that sample `moment` needs, pressed with `firmness` (0: lips barely touch)."""
        for seal, contact in CONTACTS.items():
            closed = self._closures.at(seal, moment, horizon)
            shape = np.asarray(shape + closed * contact.binds * (firmness * contact.shape - shape), np.float32)
        return shape

    def _add(self, phone: TimedPhone) -> None:
        visemes = VISEMES[phone.symbol]
        start, end = phone.start / SAMPLE_RATE, phone.end / SAMPLE_RATE
        if len(visemes) == 1:
            self._place(start, end, visemes[0], phone.stress)
        else:
            middle = start + FIRST_OF_DIPHTHONG * (end - start)
            self._place(start, middle, visemes[0], phone.stress)
            self._place(middle, end, visemes[1], phone.stress)

    def _place(self, start: float, end: float, viseme: Viseme, stress: int) -> None:
        shape = viseme.shape.copy()
        if viseme.vowel:
            shape[_JAW] *= _STRESS_JAW[stress]
        reached, held = _VOWEL_HOLDS if viseme.vowel else _REST_HOLDS if viseme is REST else _CONSONANT_HOLDS
        length = end - start
        self._segments.append(_Segment(start, start + reached * length, start + held * length, viseme, shape))
