"""Tracks without the tracker's noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def smoothed(track: Array, stiffness: float, weight: Array | None = None) -> Array:
    """Whittaker's smoother: the track that minimises `sum w (y - x)^2 + stiffness * sum (second difference of y)^2`.

    Args:
        track: [n, k].
        stiffness: 1 halves what oscillates at a sixth of the frame rate; 10 at a tenth.
        weight: [n]; 0 where a value is to be bridged.
    """
    count = len(track)
    if count < 3:
        return track.copy()
    weight = np.ones(count) if weight is None else weight
    bands = np.zeros((5, count))
    bands[2] = weight + 1e-9
    for offset, value in ((0, 1.0), (1, -2.0), (2, 1.0)):
        for other, factor in ((0, 1.0), (1, -2.0), (2, 1.0)):
            rows = np.arange(count - 2) + offset
            bands[2 + offset - other, rows - (offset - other)] += stiffness * value * factor
    return _solve_banded(bands, weight[:, None] * np.nan_to_num(track))


def _solve_banded(bands: Array, right: Array) -> Array:
    """Solves a symmetric positive system of two bands a side by Cholesky; `bands[2 + i - j, j]` is entry (i, j)."""
    count = bands.shape[1]
    diagonal, one, two = np.zeros(count), np.zeros(count), np.zeros(count)
    for row in range(count):
        second = bands[4, row - 2] / diagonal[row - 2] if row > 1 else 0.0
        first = bands[3, row - 1] if row else 0.0
        if row:
            first = (first - (second * one[row - 1] if row > 1 else 0.0)) / diagonal[row - 1]
        diagonal[row] = np.sqrt(bands[2, row] - first**2 - second**2)
        one[row], two[row] = first, second
    forward = np.zeros_like(right)
    for row in range(count):
        value = right[row].copy()
        if row:
            value -= one[row] * forward[row - 1]
        if row > 1:
            value -= two[row] * forward[row - 2]
        forward[row] = value / diagonal[row]
    back = np.zeros_like(right)
    for row in range(count - 1, -1, -1):
        value = forward[row].copy()
        if row + 1 < count:
            value -= one[row + 1] * back[row + 1]
        if row + 2 < count:
            value -= two[row + 2] * back[row + 2]
        back[row] = value / diagonal[row]
    return back


def outliers(track: Array, reach: int = 2, times: float = 6.0) -> NDArray[np.bool_]:
    """[n]: frames whose values lie `times` the usual distance from the median of their neighbours, in any column."""
    padded = np.pad(track, ((reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    away = np.abs(track - np.median(windows, axis=-1))
    usual = np.maximum(np.median(np.abs(np.diff(track, axis=0)), axis=0), 1e-6)
    return np.asarray((away > times * usual).any(axis=1), np.bool_)
