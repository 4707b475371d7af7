"""Brows that take part in what is stressed.

Raises go with pitch accents (Cavé et al. 1996; Gast 2023), are largest early in an utterance, begin before the stressed
word and peak on it (Kim, Cvejic & Davis 2014): here they begin with its first frame, the earliest that is known.
"""

from __future__ import annotations

import numpy as np

from engines.media import ARKIT_NAMES, Coeffs, Prosody
from engines.motion.manner import Manner
from engines.motion.smooth import Noise, Pulse, Smooth

_SHARE = 0.3
"""Of stressed words that come with a raise: a brow that follows every accent reads as a tic."""
_STRESSED = 0.5
"""An accent from here on is one."""
_HIGH_PITCH = 0.35
"""By how much a pitch one deviation above the speaker's usual makes a raise likelier."""

_RISE, _FALL = 0.16, 0.42
"""Seconds up and down."""
_SIZE = (0.14, 0.42)

_WITH_PITCH = 0.05
"""Brows rise with the voice, beside their flashes, by this per deviation of its pitch."""
_PITCH_SECONDS = 0.15

_PLAY = 0.015
"""Standard deviation of brows at rest: never quite still."""
_PLAY_SECONDS = 0.8

_SHARES = {"browInnerUp": 1.0, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.75}


class Brows:
    """Raises the brows of one body."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._flash = Pulse()
        self._pitch = Smooth(_PITCH_SECONDS)
        self._play = Noise(_PLAY_SECONDS, random)
        self._stressed = False

    def next(self, coeffs: Coeffs, prosody: Prosody | None, manner: Manner) -> None:
        """One frame: raise the brows in `coeffs`."""
        stressed = prosody is not None and prosody.accent >= _STRESSED
        if stressed and not self._stressed and self._flash.over:
            assert prosody is not None
            likely = _SHARE * manner.brows * (1 + _HIGH_PITCH * prosody.pitch)
            if self._random.random() < likely:
                low, high = _SIZE
                self._flash.begin(_RISE, _FALL, prosody.accent * self._random.uniform(low, high))
        self._stressed = stressed
        pitch = self._pitch.towards(max(0.0, prosody.pitch) if prosody else 0.0)
        raised = self._flash.next() + _WITH_PITCH * pitch + _PLAY * self._play.next()
        for name, share in _SHARES.items():
            index = _INDEX[name]
            coeffs[index] = max(0.0, coeffs[index] + manner.amplitude * share * raised)


_INDEX = {name: ARKIT_NAMES.index(name) for name in _SHARES}
