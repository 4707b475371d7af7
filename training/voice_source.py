"""The vocoder's two sources and its spectra, in PyTorch; `engines/tts/source.py` is their twin for serving.

Frame t is centred on sample 240·t + 120, so that T frames are 240·T samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from engines.media import SAMPLE_RATE
from engines.tts.features import HOP

N_FFT = 960
HIGHEST = 11_500.0
"""Hz: where the pulses' harmonics end, below the Nyquist frequency by more than a filter's ripple."""

OVERLAP = 1.5
"""The sum of squared Hann windows at three quarters of overlap."""


def by_sample(frames: Tensor) -> Tensor:
    """float[B, T] at frame centres to float[B, 240·T], linear between them, held at both ends."""
    held = torch.cat([frames[:, :1], frames, frames[:, -1:]], 1)
    step = (torch.arange(HOP, device=frames.device, dtype=frames.dtype) + 0.5) / HOP
    left, right = held[:, :-1, None], held[:, 1:, None]
    line = (left + (right - left) * step).flatten(1)
    return line[:, HOP // 2 : HOP // 2 + HOP * frames.shape[1]]


def pulses(hertz: Tensor, voicing: Tensor, phase: Tensor | None = None) -> Tensor:
    """A band-limited pulse train of unit power (Dirichlet kernel) that follows `hertz`.

    Args:
        hertz: float[B, T], > 0.
        voicing: float[B, T], 0..1.
        phase: float[B]: where each train begins (radians); 0 if not given.

    Returns:
        float[B, 240·T].
    """
    pitch = by_sample(hertz.double())
    turn = 2 * math.pi * torch.cumsum(pitch / SAMPLE_RATE, 1)
    if phase is not None:
        turn = turn + phase[:, None].double()
    turn = torch.remainder(turn, 2 * math.pi)
    count = HIGHEST / pitch
    whole = count.floor()
    half = torch.sin(turn / 2)
    safe = torch.where(half.abs() < 1e-6, torch.full_like(half, 1e-6), half)
    total = torch.where(half.abs() < 1e-6, whole, torch.sin((whole + 0.5) * turn) / (2 * safe) - 0.5)
    total = total + (count - whole) * torch.cos((whole + 1) * turn)
    return (total * torch.sqrt(2 / count)).to(hertz.dtype) * by_sample(voicing)


def spectrum(samples: Tensor, window: Tensor) -> Tensor:
    """float[B, 240·T] to complex[B, T, 481]."""
    edge = (N_FFT - HOP) // 2
    frames = F.pad(samples, (edge, edge)).unfold(1, N_FFT, HOP)
    return torch.fft.rfft(frames * window)


def sound(spectra: Tensor, window: Tensor) -> Tensor:
    """complex[B, T, 481] to float[B, 240·T] by overlap-add."""
    frames = torch.fft.irfft(spectra, N_FFT) * window
    batch, count, _ = frames.shape
    edge = (N_FFT - HOP) // 2
    length = HOP * (count - 1) + N_FFT
    added = F.fold(frames.transpose(1, 2), (1, length), (1, N_FFT), stride=(1, HOP))
    return added.reshape(batch, length)[:, edge : edge + HOP * count] / OVERLAP


def synthesize(filters: Tensor, hertz: Tensor, voicing: Tensor, noise: Tensor, phase: Tensor | None = None) -> Tensor:
    """Filters both sources and adds them.

    Args:
        filters: float[B, T, 3, 481]: log magnitude and phase for the pulses, log magnitude for the noise.
        hertz, voicing: float[B, T].
        noise: float[B, 240·T], standard normal.
        phase: as in `pulses`.

    Returns:
        float[B, 240·T].
    """
    window = torch.hann_window(N_FFT, device=filters.device)
    harmonic, turn, breath = filters.unbind(2)
    voiced = torch.polar(torch.exp(harmonic), turn) * spectrum(pulses(hertz, voicing, phase), window)
    return sound(voiced + torch.exp(breath) * spectrum(noise, window), window)
