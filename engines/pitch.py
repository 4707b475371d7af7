"""Pitch of live speech: a normalised cross-correlation of what was heard so far, one estimate every 10 ms.

After RAPT (Talkin 1995, "A robust algorithm for pitch tracking", in Speech Coding and Synthesis), whose search over the
whole utterance becomes a preference for the period just heard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE

LOWEST, HIGHEST = 65.0, 500.0
"""Hz: a deep man's creak to an excited woman's peak."""

_DECIMATION = 4
_RATE = SAMPLE_RATE // _DECIMATION
_TAPS = (np.hamming(32) * np.sinc((np.arange(32) - 15.5) / _DECIMATION) / _DECIMATION).astype(np.float32)
_WINDOW = 150  # 25 ms at 6 kHz: a period and a half of the lowest pitch
_SHORTEST, _LONGEST = int(_RATE / HIGHEST), int(_RATE / LOWEST) + 1
_SPAN = _WINDOW + _LONGEST + 1
_FFT = 512
_STARTS = _SPAN - _WINDOW - np.arange(_LONGEST + 2)
_LAG_WEIGHT = 0.25  # RAPT's 0.3: of two equal peaks the shorter period is the true one
_NEAR_WEIGHT, _NEAR = 0.15, 0.12  # how much better a peak is that lies within 12 % of the period before
_VOICED, _SURE = 0.35, 0.75  # correlations of breath and hiss stay below the first, of vowels above the second
_QUIET = 30.0  # rms of 16-bit samples (-60 dBFS): correlation below is the room's hum

NEEDS = (_SPAN - 1) * _DECIMATION + len(_TAPS)
"""Samples that one estimate looks back at (67 ms)."""


def correlate(samples: NDArray[np.float32], count: int, hop: int) -> NDArray[np.float32]:
    """How well the last 25 ms before each estimate repeat themselves after each lag.

    Args:
        samples: float32[NEEDS + (count - 1)·hop], -32768..32767 at `SAMPLE_RATE`, up to the last estimate's moment.
        count: estimates, one every `hop` samples (a multiple of 4).

    Returns:
        float32[count, lags], from lag 0 on, -1..1.
    """
    decimated = np.correlate(samples, _TAPS)[::_DECIMATION]
    low = windows(decimated, _SPAN, hop // _DECIMATION, count)
    low = low - low.mean(1, keepdims=True)
    spectrum = np.fft.rfft(low, _FFT)
    head = np.fft.rfft(low[:, -_WINDOW:], _FFT)
    product = np.fft.irfft(np.conj(head) * spectrum, _FFT)[:, _STARTS]
    power = np.zeros((count, _SPAN + 1))
    np.cumsum(np.square(low), axis=1, dtype=np.float64, out=power[:, 1:])
    local = power[:, _STARTS + _WINDOW] - power[:, _STARTS] + _QUIET**2 * _WINDOW
    return (product / np.sqrt(local[:, :1] * local)).astype(np.float32)


def windows(samples: NDArray[np.float32], length: int, hop: int, count: int) -> NDArray[np.float32]:
    """A view [count, length] of the last windows of `samples`, `hop` apart."""
    first = len(samples) - length - (count - 1) * hop
    step = samples.strides[0]
    return np.lib.stride_tricks.as_strided(samples[first:], (count, length), (hop * step, step))


def follow(correlation: NDArray[np.float32], hertz: float) -> NDArray[np.float32]:
    """Pitch, one estimate after the other.

    Args:
        correlation: float32[n, lags], of `correlate`.
        hertz: the pitch before, 0 where it was unvoiced.

    Returns:
        float32[n, 2]: Hz, 0 where unvoiced, and how surely it is voiced, 0..1.
    """
    inner = correlation[:, _SHORTEST : _LONGEST + 1]
    below, above = correlation[:, _SHORTEST - 1 : _LONGEST], correlation[:, _SHORTEST + 1 :]
    score = np.where((inner >= below) & (inner > above), inner - _LAG_WEIGHT * _LAGS, -1.0)
    found = np.zeros((len(inner), 2), np.float32)
    for row, scores in enumerate(score):
        if hertz:
            scores = scores + _NEAR_WEIGHT * (np.abs(_LAGS * _LONGEST * hertz / _RATE - 1) < _NEAR)
        at = int(scores.argmax())
        sure = min(max((float(inner[row, at]) - _VOICED) / (_SURE - _VOICED), 0.0), 1.0) if scores[at] > -0.5 else 0.0
        hertz = 0.0
        if sure:
            left, middle, right = float(below[row, at]), float(inner[row, at]), float(above[row, at])
            bend = left - 2 * middle + right
            shift = 0.5 * (left - right) / bend if bend < -1e-6 else 0.0
            hertz = _RATE / (_SHORTEST + at + shift)
        found[row] = hertz, sure
    return found


_LAGS = np.arange(_SHORTEST, _LONGEST + 1, dtype=np.float32) / _LONGEST
