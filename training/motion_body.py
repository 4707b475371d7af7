"""Blinks and head motion of the body next to those of the people who were tracked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.media import ARKIT_NAMES, BLENDSHAPES, FPS, Coeffs, Prosody
from engines.motion.idle import IdleBody
from training.motion_metrics import FREQUENCIES, spectrum

_SHUT, _OPEN = 0.5, 0.3
"""A blink goes above the first and back below the second."""
_LID = ARKIT_NAMES.index("eyeBlinkLeft")


def blinks_a_minute(lids: Sequence[np.ndarray]) -> float:
    """Of curves of one lid."""
    count = 0
    for lid in lids:
        shut = False
        for value in lid:
            if not shut and value > _SHUT:
                shut, count = True, count + 1
            elif shut and value < _OPEN:
                shut = False
    return count / (sum(len(lid) for lid in lids) / FPS / 60)


def body_figures(
    prosody: Sequence[Sequence[Prosody]], angles: Sequence[np.ndarray], lids: Sequence[np.ndarray]
) -> dict[str, float | list[float]]:
    """
    Args:
        prosody: of utterances, frame by frame. angles: of the real speaker in them, [T, 3] degrees each.
        lids: the real speaker's left lid.

    Returns:
        Blinks a minute, and within bands of `FREQUENCIES` the standard deviation of yaw, pitch and roll (degrees), of
        the default body moved by that prosody and of the real head.
    """
    body = IdleBody().start(0)
    made: list[Coeffs] = [np.stack([body.next("speaking", heard) for heard in utterance]) for utterance in prosody]
    figures: dict[str, float | list[float]] = {
        "blinks_a_minute": blinks_a_minute([one[:, _LID] for one in made]),
        "blinks_a_minute_real": blinks_a_minute(lids),
        "head_bands_hz": list(FREQUENCIES),
    }
    for index, axis in enumerate(("yaw", "pitch", "roll")):
        figures[f"{axis}_sd_by_band"] = spectrum([np.degrees(one[:, BLENDSHAPES + index]) for one in made])
        figures[f"{axis}_sd_by_band_real"] = spectrum([one[:, index] for one in angles])
    return figures
