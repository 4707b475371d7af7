"""The body's life and the speech's mouth as one face."""

from __future__ import annotations

import numpy as np

from engines.media import ARKIT_NAMES, BLENDSHAPES, Coeffs

POSE_LIMITS = (*np.radians((15.0, 10.0, 8.0)), 2.0, 1.2, 2.5)
"""Yaw, pitch, roll and tx, ty, tz: as far as the default avatar was captured."""

_HIGHEST = np.array([*np.ones(BLENDSHAPES), *POSE_LIMITS], np.float32)
_LOWEST = np.array([*np.zeros(BLENDSHAPES), *(-limit for limit in POSE_LIMITS)], np.float32)


def _channels(*stems: str) -> np.ndarray:
    return np.array([name.startswith(stems) for name in ARKIT_NAMES])


# What a blendshape does to the gap between the lips was measured on the default avatar's landmarks: linear to 0.3 px
# over its whole capture, 0.7 px at rest. Smiles and frowns leave it alone.
PARTING = _channels("jaw", "mouthFunnel", "mouthUpperUp", "mouthLowerDown", "mouthShrugUpper")
"""They part the lips, by 5 to 37 px: during speech that is the speech's to say."""
PRESSING = _channels("mouthPress", "mouthRoll", "mouthShrugLower", "mouthClose")
"""They close the lips: not against an open jaw."""
SPREADING = _channels("mouthSmile", "mouthStretch", "mouthDimple", "mouthFrown", "mouthLeft", "mouthRight")
"""They pull the corners, which a rounded mouth holds."""

_MOUTH = _channels("jaw", "mouth", "cheekPuff", "tongue")
_ROUNDING = _channels("mouthFunnel", "mouthPucker")
_SEALING = _channels("mouthPress", "mouthRoll")
_JAW = ARKIT_NAMES.index("jawOpen")

_SPEAKS_AT = 0.08
"""Speech of this strength in any mouth channel has the lips to itself."""
_OPEN_AT = 0.35
"""A jaw this low has no lips to press."""
_ROUND_AT = 0.9
_LEFT_WHEN_ROUND = 0.3
"""Of a smile around a rounded mouth: the two muscles pull against each other."""
_SEALED_AT = 0.4
"""Lips that press or roll this much have met."""
_LEFT_WHEN_SEALED = 0.75
"""Of a smile then: the widest one, which thins the lips, would show teeth between them."""


def compose(body: Coeffs, speech: Coeffs | None) -> Coeffs:
    """`body + speech`, float32[58]: blendshapes within 0..1, the head within its limits.

    Whatever the body feels, the lips meet where the speech has them meet, and open no further than it has them open:
    the emotion keeps the corners of the mouth, the speech has the lips. All of it is continuous in both arguments.
    """
    face = np.array(body, np.float32)
    if speech is not None:
        mouth = np.asarray(speech[:BLENDSHAPES])
        shapes = face[:BLENDSHAPES]
        shapes[PARTING] *= _left(float(mouth[_MOUTH].max()), _SPEAKS_AT)
        shapes[PRESSING] *= _left(float(mouth[_JAW]), _OPEN_AT)
        rounded = 1 - _left(float(mouth[_ROUNDING].sum()), _ROUND_AT)
        sealed = 1 - _left(float(mouth[_SEALING].max()), _SEALED_AT)
        shapes[SPREADING] *= (1 - (1 - _LEFT_WHEN_ROUND) * rounded) * (1 - (1 - _LEFT_WHEN_SEALED) * sealed)
        face += speech
    return limited(face)


def limited(coeffs: Coeffs) -> Coeffs:
    """`coeffs` with every value within its range."""
    return np.clip(coeffs, _LOWEST, _HIGHEST)


def _left(strength: float, full: float) -> float:
    """1 at no strength, 0 from `full` on."""
    return min(1.0, max(0.0, 1.0 - strength / full))
