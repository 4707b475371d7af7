"""The body's life and the speech's mouth as one face."""

from __future__ import annotations

import numpy as np

from engines.media import ARKIT_NAMES, BLENDSHAPES, Coeffs

POSE_LIMITS = (*np.radians((15.0, 10.0, 8.0)), 2.0, 1.2, 2.5)
"""Yaw, pitch, roll and tx, ty, tz: as far as the default avatar was captured."""

_HIGHEST = np.array([*np.ones(BLENDSHAPES), *POSE_LIMITS], np.float32)
_LOWEST = np.array([*np.zeros(BLENDSHAPES), *(-limit for limit in POSE_LIMITS)], np.float32)

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
    return np.clip(coeffs, _LOWEST, _HIGHEST)
