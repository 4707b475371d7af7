"""What the motion model's figures are made of; plain functions of curves at 25 frames/s."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.media import FPS, SAMPLES_PER_FRAME, Pcm

Curve = NDArray[np.floating]

FREQUENCIES = (0.0, 0.5, 1.0, 2.0, 4.0, 12.5)
"""Hz: the bands of `spectrum`."""

_FRAME_MS = 1000 / FPS
_MOST_LAG = 8
"""Frames either way in which a lag is sought."""
_BANDS = (60, 300, 700, 1300, 2300, 4000, 7500)
"""Hz: edges of the linear model's six bands."""
_AROUND = 3
"""Frames that the linear model sees on either side."""


def pearson(one: Curve, other: Curve) -> float:
    """Of two curves; 0 where one of them doesn't move."""
    a, b = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 1e-12 else 0.0


def lag_ms(made: Curve, truth: Curve) -> float:
    """By how much `made` comes after `truth`: the cross-correlation's peak, between frames by a parabola."""
    scores = [
        pearson(made[max(0, lag) : len(made) + min(0, lag)], truth[max(0, -lag) : len(truth) - max(0, lag)])
        for lag in range(-_MOST_LAG, _MOST_LAG + 1)
    ]
    return _FRAME_MS * (_peak(scores) - _MOST_LAG)


def mean_lag_ms(made: Sequence[Curve], truth: Sequence[Curve]) -> float:
    """Of many clips at once: the peak of their mean cross-correlation."""
    total = np.zeros(2 * _MOST_LAG + 1)
    for one, other in zip(made, truth, strict=True):
        for index, lag in enumerate(range(-_MOST_LAG, _MOST_LAG + 1)):
            total[index] += pearson(
                one[max(0, lag) : len(one) + min(0, lag)], other[max(0, -lag) : len(other) - max(0, lag)]
            )
    return _FRAME_MS * (_peak(total.tolist()) - _MOST_LAG)


def _peak(scores: Sequence[float]) -> float:
    at = int(np.argmax(scores))
    if not 0 < at < len(scores) - 1:
        return float(at)
    left, middle, right = scores[at - 1], scores[at], scores[at + 1]
    bend = left - 2 * middle + right
    return at + (0.5 * (left - right) / bend if bend < 0 else 0.0)


def loudness(pcm: Pcm) -> NDArray[np.float64]:
    """The rms of each frame's samples, full scale 1."""
    frames = len(pcm) // SAMPLES_PER_FRAME
    windows = pcm[: frames * SAMPLES_PER_FRAME].reshape(frames, SAMPLES_PER_FRAME) / 32768.0
    return np.sqrt(np.square(windows).mean(1))


def six_bands(pcm: Pcm) -> NDArray[np.float64]:
    """[T, 42]: six log bands of each frame and of the three on either side."""
    frames = len(pcm) // SAMPLES_PER_FRAME
    windows = pcm[: frames * SAMPLES_PER_FRAME].reshape(frames, SAMPLES_PER_FRAME) / 32768.0
    power = np.square(np.abs(np.fft.rfft(windows * np.hanning(SAMPLES_PER_FRAME))))
    edges = [edge * SAMPLES_PER_FRAME // (FPS * SAMPLES_PER_FRAME) for edge in _BANDS]
    bands = np.stack([power[:, a:b].mean(1) for a, b in itertools.pairwise(edges)], 1)
    logs = np.pad(np.log10(bands + 1e-8), ((_AROUND, _AROUND), (0, 0)), mode="edge")
    return np.concatenate([logs[k : k + frames] for k in range(2 * _AROUND + 1)], axis=1)


def regressed(inputs: NDArray[np.float64], truth: Curve) -> NDArray[np.float64]:
    """Ridge regression with an offset: weights [n + 1]."""
    mean, spread = inputs.mean(0), inputs.std(0) + 1e-9
    scaled = (inputs - mean) / spread
    normal = scaled.T @ scaled + 1e-3 * len(scaled) * np.eye(scaled.shape[1])
    weights = np.linalg.solve(normal, scaled.T @ (truth - truth.mean())) / spread
    return np.append(weights, truth.mean() - mean @ weights)


def predicted(inputs: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """What `regressed` found, of new inputs."""
    return inputs @ weights[:-1] + weights[-1]


def speeds(curves: Sequence[Curve]) -> tuple[float, float]:
    """Mean and 99 % quantile of how fast curves move, units a second."""
    moves = np.concatenate([np.abs(np.diff(curve)) * FPS for curve in curves])
    return float(moves.mean()), float(np.quantile(moves, 0.99))


def spectrum(curves: Sequence[Curve]) -> list[float]:
    """Standard deviation within each band of `FREQUENCIES` of curves of equal length, pooled."""
    spectra = [np.fft.rfft(curve - curve.mean()) / len(curve) for curve in curves]
    power = np.mean([np.square(np.abs(one)) for one in spectra], axis=0)
    hertz = np.fft.rfftfreq(len(curves[0]), 1 / FPS)
    return [
        float(np.sqrt(2 * power[(hertz >= low) & (hertz < high)].sum()))
        for low, high in itertools.pairwise(FREQUENCIES)
    ]
