"""The body's life and the speech's mouth as one face."""

from __future__ import annotations

import numpy as np

from engines.media import ARKIT_NAMES, BLENDSHAPES, COEFFS, Coeffs

MAX_TURN = np.radians(15.0)
"""Yaw, pitch and roll: the default avatar was captured up to 15 degrees."""
MAX_SHIFT = 3.0
"""Centimetres: more would pull the neck out of the shoulders."""

_MOUTH = np.array([name.startswith(("jaw", "mouth", "cheekPuff", "tongue")) for name in ARKIT_NAMES])
_FADED_AT = 0.08
"""Speech at least this strong in any mouth channel has the mouth to itself: a smile under an m would part the lips."""


def compose(body: Coeffs, speech: Coeffs | None) -> Coeffs:
    """`body + speech`, float32[58]: blendshapes within 0..1, the head within its limits.

    The body's own mouth (a faint smile) fades as speech grows.
    """
    face = np.array(body, np.float32)
    if speech is not None:
        strength = float(speech[:BLENDSHAPES][_MOUTH].max())
        face[:BLENDSHAPES][_MOUTH] *= max(0.0, 1.0 - strength / _FADED_AT)
        face += speech
    return limited(face)


def limited(coeffs: Coeffs) -> Coeffs:
    """`coeffs` with every value within its range."""
    limits = np.ones(COEFFS, np.float32)
    limits[BLENDSHAPES : BLENDSHAPES + 3] = MAX_TURN
    limits[BLENDSHAPES + 3 :] = MAX_SHIFT
    lowest = -limits
    lowest[:BLENDSHAPES] = 0.0
    return np.clip(coeffs, lowest, limits)
