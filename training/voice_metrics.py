"""How far speech is from a recording of the same words: spectra, pitch, voicing, bandwidth, clipping.

Both sides are levelled to one loudness first (``voice_signal.levelled``): a recording's gain is no property of a voice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE
from training.voice_signal import MELS, N_FFT, Samples, log_mel

CEPSTRA = 13
"""c1..c13: the outline of the spectrum, without loudness (c0)."""

SPEECH_DB = 50.0
"""Frames so far below the loudest hold no speech."""

BANDWIDTH_DB = 60.0
"""The spectrum ends where its long-term mean is so far below its highest."""

FULL_SCALE = 0.999
"""At and above it a sample was cut off, or will be."""

DECIBELS = 10 / np.log(10) * np.sqrt(2)
"""Makes the distance of two cepstra the RMS difference of their log spectra, in dB."""

Cepstra = NDArray[np.float64]


@cache
def _cosines() -> NDArray[np.float64]:
    """[80, 13]: band levels to c1..c13, where log|S(w)| = sum c_m cos(m w), w the band's place of 0..pi."""
    place = (np.arange(MELS) + 0.5) / MELS * np.pi
    return 2 / MELS * np.cos(np.outer(place, np.arange(1, CEPSTRA + 1)))


def cepstra(samples: Samples) -> Cepstra:
    """c1..c13 [frames, 13] of the frames of a levelled float32[n] at 24 kHz that hold speech.

    Raises:
        ValueError: none does.
    """
    mel = log_mel(samples).astype(np.float64)
    if not len(mel) or not np.any(samples):
        raise ValueError("there is no speech in it")
    level = 10 * np.log10((np.exp(mel) ** 2).sum(axis=1))
    return mel[level > level.max() - SPEECH_DB] @ _cosines()


def distances(one: Cepstra, other: Cepstra) -> NDArray[np.float64]:
    """Mel-cepstral distance in dB [n, m] of each frame of ``one`` [n, 13] to each of ``other`` [m, 13]: the RMS
    difference of the two (smoothed) log spectra."""
    squared = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return DECIBELS * np.sqrt(np.maximum(squared, 0))


def warped_mean(cost: NDArray[np.float64]) -> float:
    """Mean of ``cost`` [n, m] along the cheapest path from its first to its last entry that goes on by one row, one
    column, or both (dynamic time warping, Sakoe and Chiba 1978)."""
    rows, columns = cost.shape
    # total[d] holds the anti-diagonal i + j = d, by row i; each depends on the two before it alone.
    before, last = np.full((2, rows + 1), np.inf), np.full((2, rows + 1), np.inf)
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        # Entry i + 1 of a diagonal is row i; (row - 1, column), (row, column - 1), (row - 1, column - 1).
        choices = np.stack([last[0][i], last[0][i + 1], before[0][i]])
        steps = np.stack([last[1][i], last[1][i + 1], before[1][i]])
        best = choices.argmin(axis=0)
        picked = np.arange(len(i))
        total, length = np.full(rows + 1, np.inf), np.full(rows + 1, np.inf)
        came = (0.0, 0.0) if diagonal == 0 else (choices[best, picked], steps[best, picked])
        total[i + 1], length[i + 1] = came[0] + cost[i, diagonal - i], came[1] + 1
        before, last = last, np.stack([total, length])
    return float(last[0][-1] / last[1][-1])


def variance_ratio(made: Sequence[Cepstra], recorded: Sequence[Cepstra]) -> float:
    """Variance of c1..c13 over time within an utterance, meant over utterances: made by recorded, mean of the 13
    ratios. Below 1 the voice is flatter than the speaker (global variance, Toda and Tokuda 2007)."""
    one, other = (np.mean([c.var(axis=0) for c in found], axis=0) for found in (made, recorded))
    return float((one / other).mean())


def power_spectrum(samples: Samples) -> NDArray[np.float64]:
    """Mean power [513] of float32[n] by frequency, 0..12 kHz, over windows (Hann) of 1024 samples that overlap by half;
    zeros for less than one window."""
    if len(samples) < N_FFT:
        return np.zeros(N_FFT // 2 + 1)
    frames = np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[:: N_FFT // 2]
    return (np.abs(np.fft.rfft(frames * np.hanning(N_FFT + 1)[:-1])) ** 2).mean(axis=0)


def bandwidth(spectrum: NDArray[np.float64]) -> float:
    """The highest frequency in Hz at which a long-term mean power spectrum [513] is within ``BANDWIDTH_DB`` of its
    highest."""
    level = 10 * np.log10(spectrum + 1e-20)
    return float(np.flatnonzero(level >= level.max() - BANDWIDTH_DB)[-1] * SAMPLE_RATE / N_FFT)


def clipped(samples: Samples) -> float:
    """The share of samples, 0..1, at full scale."""
    return float((np.abs(samples) >= FULL_SCALE).mean())


def pitch_errors(
    hertz: NDArray[np.float32], voiced: NDArray[np.bool_], hertz2: NDArray[np.float32], voiced2: NDArray[np.bool_]
) -> dict[str, float | None]:
    """``f0_correlation`` and ``log_f0_rmse`` (natural logarithm) of frames voiced in both (None if those are fewer than
    two), and ``voicing_error``, the share of frames that one has voiced and the other not; all arrays [frames]."""
    both = voiced & voiced2
    error = float((voiced != voiced2).mean())
    if both.sum() < 2:
        return {"f0_correlation": None, "log_f0_rmse": None, "voicing_error": error}
    one, other = np.log(hertz[both]), np.log(hertz2[both])
    return {
        "f0_correlation": float(np.corrcoef(one, other)[0, 1]),
        "log_f0_rmse": float(np.sqrt(((one - other) ** 2).mean())),
        "voicing_error": error,
    }
