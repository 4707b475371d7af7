"""Pitch of recorded speech, looking both ways: for training and evaluation, not for a live stream.

Normalised cross-correlation with a path search over its peaks, after RAPT (Talkin 1995, "A robust algorithm for pitch
tracking", in Speech Coding and Synthesis), on frames of 10 ms centred on sample 240·t + 120. Twice: the first pass
tells the speaker's range, the second stays in it (Hirst 2011, "The analysis by synthesis of speech melody").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE
from engines.tts.features import HOP

LOWEST, HIGHEST = 65.0, 500.0
"""Hz: a deep man's creak to an excited woman's peak; RAPT's defaults are 50 to 500."""

_DECIMATION = 2
_RATE = SAMPLE_RATE // _DECIMATION
_WINDOW = 300  # 25 ms at 12 kHz: a period and a half of the lowest pitch
_SHORTEST, _LONGEST = int(_RATE / HIGHEST), int(_RATE / LOWEST)
_PEAKS = 6
_LAG_WEIGHT = 0.25  # RAPT's 0.3: of two equal peaks the shorter period is the true one
_CHANGE = 0.12  # cost of voicing's onset or end (RAPT: 0.005 + terms of the spectrum's change, which we leave out)
_JUMP = 1.2  # cost of an octave's jump in 10 ms (RAPT scales by 0.02 per its own frame step)
_VOICING = 0.42  # a correlation above it is voiced: the least total error against hand marks is near 0.4..0.5
_FLOOR, _CEILING = 0.75, 1.5  # of the quartiles of a first pass: what lies beyond them are octave errors and creak
_QUIET_DB = 40.0  # below the loudest frame; correlation there is the room's hum


def track(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """
    Args:
        samples: float32[n] at 24 kHz.

    Returns:
        F0 in Hz, float32[n // 240], interpolated (in log) where unvoiced, and which frames are voiced, bool[n // 240].
        Without a voiced frame all F0 are 0.
    """
    count = len(samples) // HOP
    if count == 0:
        return np.zeros(0, np.float32), np.zeros(0, bool)
    correlation, energy = _correlate(samples, count)
    level = 10 * np.log10(energy + 1e-9)
    quiet = np.clip((level.max() - _QUIET_DB - level) / 10, 0, 1)
    hertz = _voices(correlation, quiet, _SHORTEST, _LONGEST)
    if not hertz.any():
        return hertz.astype(np.float32), hertz > 0
    low, high = np.percentile(hertz[hertz > 0], [25, 75])
    shortest = max(int(_RATE / (high * _CEILING)), _SHORTEST)
    longest = min(int(np.ceil(_RATE / (low * _FLOOR))), _LONGEST)
    hertz = _voices(correlation, quiet, shortest, longest)
    return filled(hertz, hertz > 0), hertz > 0


def _voices(
    correlation: NDArray[np.float64], quiet: NDArray[np.float64], shortest: int, longest: int
) -> NDArray[np.float64]:
    """F0 of each frame, 0 where unvoiced, among lags from `shortest` to `longest`."""
    lags, scores = _peaks(correlation, shortest, longest)
    path = _search(lags, scores, quiet)
    rows = np.arange(len(path))
    return np.where(path >= 0, _RATE / lags[rows, path.clip(0)], 0.0)


def filled(hertz: NDArray[np.floating], voiced: NDArray[np.bool_]) -> NDArray[np.float32]:
    """F0 with its unvoiced stretches interpolated in log, held at the ends; zeros where nothing is voiced."""
    if not voiced.any():
        return np.zeros(len(hertz), np.float32)
    known = np.flatnonzero(voiced)
    return np.exp(np.interp(np.arange(len(hertz)), known, np.log(hertz[known]))).astype(np.float32)


def _correlate(samples: NDArray[np.float32], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normalised cross-correlation [T, lags 0.._LONGEST + 1] of each frame, and its mean square."""
    taps = np.hamming(31) * np.sinc((np.arange(31) - 15) / _DECIMATION) / _DECIMATION
    low = np.convolve(samples.astype(np.float64), taps, "same")[::_DECIMATION]
    low -= low.mean()
    span = _WINDOW + _LONGEST + 1
    before = span // 2
    centres = (np.arange(count) * HOP + HOP // 2) // _DECIMATION
    padded = np.pad(low, (before, span))
    frames = padded[centres[:, None] + np.arange(span)]
    frames = frames - frames.mean(1, keepdims=True)
    size = 1024
    head = np.fft.rfft(frames[:, :_WINDOW], size)
    product = np.fft.irfft(np.conj(head) * np.fft.rfft(frames, size), size)[:, : _LONGEST + 2]
    power = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), 1)
    local = power[:, _WINDOW : _WINDOW + _LONGEST + 2] - power[:, : _LONGEST + 2]
    floor = 1e-6 * _WINDOW
    return product / np.sqrt((local[:, :1] + floor) * (local + floor)), local[:, 0] / _WINDOW


def _peaks(
    correlation: NDArray[np.float64], shortest: int, longest: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The highest maxima of each frame: lags [T, _PEAKS] (parabolic interpolation) and values; absent ones are -1."""
    inner = correlation[:, shortest : longest + 1]
    below, above = correlation[:, shortest - 1 : longest], correlation[:, shortest + 1 : longest + 2]
    peak = (inner >= below) & (inner > above)
    ranked = np.where(peak, inner, -1.0)
    best = np.argsort(-ranked, 1)[:, :_PEAKS]
    rows = np.arange(len(inner))[:, None]
    left, middle, right = below[rows, best], inner[rows, best], above[rows, best]
    bend = left - 2 * middle + right
    shift = np.where(bend < -1e-9, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0).clip(-1, 1)
    return (best + shortest + shift).astype(np.float64), ranked[rows, best].astype(np.float64)


def _search(lags: NDArray[np.float64], scores: NDArray[np.float64], quiet: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cheapest path: for each frame the index of its peak, or -1 for unvoiced."""
    count = len(lags)
    weighted = scores * (1 - _LAG_WEIGHT * lags / _LONGEST)
    cost = np.where(scores > 0, 1 - weighted + quiet[:, None], 9.0)
    unvoiced = 1 - _VOICING + np.maximum(scores.max(1) - _VOICING, 0) * 0.5 * (1 - quiet)
    octave = np.log2(lags)
    total = np.append(cost[0], unvoiced[0])
    back = np.zeros((count, _PEAKS + 1), np.int64)
    step = np.zeros((_PEAKS + 1, _PEAKS + 1))
    step[-1, :-1] = step[:-1, -1] = _CHANGE
    for frame in range(1, count):
        step[:-1, :-1] = _JUMP * np.abs(octave[frame - 1][:, None] - octave[frame][None])
        entry = total[:, None] + step
        back[frame] = entry.argmin(0)
        total = entry[back[frame], np.arange(_PEAKS + 1)] + np.append(cost[frame], unvoiced[frame])
    path = np.zeros(count, np.int64)
    state = int(total.argmin())
    for frame in range(count - 1, -1, -1):
        path[frame] = state
        state = int(back[frame, state])
    return np.where(path == _PEAKS, -1, path)
