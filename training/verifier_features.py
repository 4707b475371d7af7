"""What the speaker verifier hears: log mel bands, the same in training and in use."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
HOP, WINDOW, FFT = 160, 400, 512
"""10 ms, 25 ms."""
BANDS, LOWEST_HZ, HIGHEST_HZ = 40, 60.0, 7_200.0
"""Up to what the narrowest of the voices has (16 kHz synthesizers): bandwidth tells microphones, not people."""
SPEECH_DB = 40.0
"""Frames so far below the loudest are pauses, and say nothing of a voice."""

Samples = NDArray[np.float32]
Features = NDArray[np.float32]


def mel_filters(bands: int, lowest: float, highest: float, rate: int, fft: int) -> NDArray[np.float64]:
    """Triangles [bands, fft // 2 + 1] of peak 1, evenly spaced on the mel scale 2595 log10(1 + f / 700)
    (O'Shaughnessy 1987)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (lowest, highest))
    corners = 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1)
    hz = np.arange(fft // 2 + 1) * rate / fft
    rising = (hz - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - hz) / np.diff(corners)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))


@cache
def _filters() -> Features:
    return mel_filters(BANDS, LOWEST_HZ, HIGHEST_HZ, RATE, FFT).T.astype(np.float32)


def features(samples: Samples) -> Features:
    """float32[frames, 40] of float32[n] at 16 kHz: natural logarithms of mel energies of the frames that hold speech,
    less their mean over time and bands (loudness).

    Raises:
        ValueError: less than 0.3 s of it is speech.
    """
    if len(samples) < WINDOW:
        raise ValueError("the recording is shorter than 25 ms")
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), FFT)) ** 2
    energy = spectrum.astype(np.float32) @ _filters()
    level = 10 * np.log10(energy.sum(axis=1) + 1e-12)
    kept = np.log(energy[level > level.max() - SPEECH_DB] + 1e-8)
    if len(kept) < 30 or level.max() < -60:
        raise ValueError("the recording holds less than 0.3 s of speech")
    return (kept - kept.mean()).astype(np.float32)
