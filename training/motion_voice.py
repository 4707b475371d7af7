"""The motion model's figures on a voice that it has never heard: recordings with their texts, and no face tracked.

What the mouth should do is what the phones say that forced alignment finds: the rules' jaw, which no sound has moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines import Gesture
from engines.media import ARKIT_NAMES, SAMPLES_PER_FRAME, Coeffs, Pcm, TimedPhone
from engines.motion.compose import compose
from training.motion_metrics import loudness, mean_lag_ms, pearson
from training.motion_recordings import recordings
from training.motion_rendered import Mouths, closures
from training.motion_set import ruled
from training.voice_data import clips, held_out

RECORDINGS, DRAWN = 20, 4
"""Recordings that are measured, and how many of them are rendered as well."""
_JAW = ARKIT_NAMES.index("jawOpen")

Play = Callable[[Pcm], Sequence[Gesture]]


@dataclass(frozen=True)
class Heard:
    """One recording: int16[960·T], its phones, the jaw that they say, [T], and the faces made of its sound, [T, 58]."""

    pcm: Pcm
    phones: tuple[TimedPhone, ...]
    said: NDArray[np.float32]
    made: Coeffs


def heard(folder: Path, play: Play, tell: Callable[[str], None]) -> list[Heard]:
    """The first recordings of the held-out prompts of a folder with `metadata.csv`.

    Raises:
        ValueError: it holds no recordings with their texts, or none of a held-out prompt.
    """
    chosen = [clip for clip in clips(folder) if held_out(clip.name)][:RECORDINGS]
    out: list[Heard] = []
    for pcm, phones in recordings(folder, chosen, tell):
        frames = len(pcm) // SAMPLES_PER_FRAME
        made = np.stack([gesture.coeffs for gesture in play(pcm)])[:frames]
        out.append(Heard(pcm, phones, ruled(phones, frames)[:, 0], made))
    if not out:
        raise ValueError(f"{folder} has no recording whose id ends in 7 and whose text fits it: give another folder")
    return out


def voice_figures(recordings: Sequence[Heard], mouths: Mouths) -> dict[str, float]:
    """From the sound alone: the jaw against the one that the phones say, beside loudness, and rendered closures."""
    jaws = [one.made[:, _JAW] for one in recordings]
    made: list[bool] = []
    false: list[bool] = []
    for one in recordings[:DRAWN]:
        rest = np.zeros(one.made.shape[1], np.float32)
        hits, misses = closures(mouths.gaps(np.stack([compose(rest, face) for face in one.made])), one.phones)
        made += hits
        false += misses
    figures = {
        "jaw_correlation_voice": _mean_correlation(jaws, recordings),
        "jaw_correlation_voice_rms": _mean_correlation([loudness(one.pcm) for one in recordings], recordings),
        "lag_voice_ms": mean_lag_ms(jaws, [one.said for one in recordings]),
    }
    # A few short recordings may have no bilabial, or no vowel that stands clear of one.
    shares = {"closure_recall_voice_sound": made, "false_closures_voice_sound": false}
    return figures | {key: float(np.mean(found)) for key, found in shares.items() if found}


def _mean_correlation(curves: Sequence[NDArray], recordings: Sequence[Heard]) -> float:
    return float(np.mean([pearson(curve, one.said) for curve, one in zip(curves, recordings, strict=True)]))
