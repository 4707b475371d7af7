"""A person's style of moving the mouth, from the capture of their video: what they do where the model, hearing the same
words in their voice, does something else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, BLENDSHAPES, FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from engines.motion.model import LIPS
from engines.motion.speech import SpeechMotion
from engines.motion.style import MOST_CODES, NEIGHBOURS, SHARE, Style
from training.capture import Capture
from training.evaluate_motion import faces, play
from training.voice_signal import read_sound

SHORTEST_S = 10.0
"""Seconds of speech: less says little of a person's range."""
SOUND = "clip.flac"
"""Of the capture: from its first frame to its last."""

_GAIN = (0.5, 2.0)
_LITTLE = 0.02
"""A shape whose standard deviation is below was not seen moving: trackers report some hardly ever."""
_RANGE = (0.03, 0.97)
"""Quantiles of a shape that make its range, as in GeneFace++."""
_LEAST_BALANCE = 0.01
"""A shape that moves less on average has no sides to compare."""
_MOST_BALANCE = 0.5


def fit_style(capture: Capture) -> Style:
    """
    Args:
        capture: of somebody speaking at 25 fps, frames in their order, with its sound beside it.

    Raises:
        ValueError: it is too short, has no sound of its length, or no mouth that moves.
    """
    shapes = capture.coeffs[:, :BLENDSHAPES]
    seconds = len(shapes) / FPS
    path = capture.folder / SOUND
    if not path.is_file():
        raise ValueError(f"{path} is missing: a style needs the sound of the video that the capture was made from")
    samples = read_sound(path)
    if seconds < SHORTEST_S or abs(len(samples) / SAMPLE_RATE - seconds) > 1 / FPS:
        raise ValueError(
            f"{capture.folder} shows {seconds:.1f} s of somebody whose sound has {len(samples) / SAMPLE_RATE:.1f} s: "
            f"give the capture of a video of at least {SHORTEST_S:.0f} s in which the person speaks"
        )
    kept = capture.split != "drop"
    return compared(shapes[kept], _heard(samples, len(shapes))[kept])


def _heard(samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """[frames, 52]: what the model makes of the sound."""
    from engines.motion.model import load_model

    pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
    pcm = np.pad(pcm, (0, max(0, frames * SAMPLES_PER_FRAME - len(pcm))))[: frames * SAMPLES_PER_FRAME]
    return faces(play(SpeechMotion(load_model()), pcm))[:, :BLENDSHAPES]


def compared(theirs: NDArray[np.float32], ours: NDArray[np.float32]) -> Style:
    """The style of somebody whose face, [n, 52], does `theirs` where the model, [n, 52], does `ours`.

    Raises:
        ValueError: the jaw hardly moves.
    """
    lips, learned = _lips(theirs), _lips(ours)
    spread, usual = lips.std(0), learned.std(0)
    if spread[LIPS.index("jawOpen")] < _LITTLE / 2:
        raise ValueError("the jaw hardly moves in this video: give one in which the person speaks")
    told = (spread > _LITTLE) & (usual > _LITTLE)
    gain = np.where(told, np.clip(spread / np.maximum(usual, 1e-6), *_GAIN), 1.0)
    low, high = np.where(told, np.quantile(lips, _RANGE, axis=0), [[0.0], [1.0]])
    left, right = _side(theirs, "Left"), _side(theirs, "Right")
    both = left + right
    balance = np.where(both > 2 * _LEAST_BALANCE, (left - right) / np.maximum(both, 1e-6), 0.0)
    return Style(
        gain.astype(np.float32),
        low.astype(np.float32),
        high.astype(np.float32),
        np.clip(balance, -_MOST_BALANCE, _MOST_BALANCE).astype(np.float32),
        np.where(told, SHARE, 0.0).astype(np.float32),
        _codebook(lips),
    )


def _lips(shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n, 52] to [n, 14]: the mean of both sides."""
    groups = [[i for i, name in enumerate(ARKIT_NAMES) if name.startswith(stem)] for stem in LIPS]
    return np.stack([shapes[:, group].mean(1) for group in groups], 1)


def _side(shapes: NDArray[np.float32], side: str) -> NDArray[np.float32]:
    """[14]: each shape's mean on one side; 0 for those without sides."""
    return np.array(
        [
            float(shapes[:, ARKIT_NAMES.index(stem + side)].mean()) if stem + side in ARKIT_NAMES else 0.0
            for stem in LIPS
        ],
        np.float32,
    )


def _codebook(lips: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mouths that differ most: each next one is the farthest from all before (Gonzalez 1985)."""
    chosen = [0]
    nearest = np.square(lips - lips[0]).sum(1)
    while len(chosen) < min(MOST_CODES, len(lips)):
        at = int(nearest.argmax())
        if nearest[at] < 1e-6 and len(chosen) >= NEIGHBOURS:
            break
        chosen.append(at)
        nearest = np.minimum(nearest, np.square(lips - lips[at]).sum(1))
    return lips[chosen].astype(np.float32)
