"""Log-mel spectra of short windows, for whatever listens to speech step by step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE

HOP = 240
"""Samples from one window to the next: 10 ms."""
WINDOW = 600
"""Samples of a window: 25 ms, speech recognition's customary length, two periods of a low voice."""
BANDS = 40
LOWEST, HIGHEST = 60.0, 7600.0
"""Hz: all that speech sampled at 16 kHz has, so that the bands mean the same whatever a source's rate was."""
FLOOR_DB = -100.0
"""dB of full scale at which a band is called empty: below 16-bit sound's own noise."""

_FFT = 1024
_HANN = np.hanning(WINDOW + 2)[1:-1].astype(np.float32)
_SCALE = 1 / (32768.0 * float(_HANN.sum()) / 2)


def log_mel(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Args:
        windows: float32[n, WINDOW], samples of -32768..32767 at `SAMPLE_RATE`.

    Returns:
        float32[n, BANDS]: dB, of which 0 is a full-scale sine's band.
    """
    spectrum = np.fft.rfft(windows * (_HANN * _SCALE), _FFT, axis=-1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    return 10 * np.log10(power.astype(np.float32) @ _BANK + np.float32(10 ** (FLOOR_DB / 10)))


def _mel(hertz: NDArray[np.floating]) -> NDArray[np.floating]:
    """The mel scale of O'Shaughnessy (1987), as HTK has it."""
    return 2595 * np.log10(1 + hertz / 700)


def _bank() -> NDArray[np.float32]:
    """Triangles, evenly spaced in mel, each with peak 1: [_FFT // 2 + 1, BANDS]."""
    low, high = _mel(np.array([LOWEST, HIGHEST]))
    edges = np.linspace(low, high, BANDS + 2)
    places = _mel(np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE))[:, None]
    rise = (places - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - places) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rise, fall)).astype(np.float32)


_BANK = _bank()
