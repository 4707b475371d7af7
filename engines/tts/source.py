"""From filters to sound: pulses for the voice's harmonics and noise for its breath, each through its own filter.

The networks say how each frame (10 ms) colours two flat sources; here the sources are made, filtered as short-time
spectra, and overlap-added. The phase of the pulses and the tail of the overlap are carried from one window to the next,
and the noise is drawn in the order of the samples: so windows of any size give the sound of the whole phrase.

Method: neural source-filter (Wang, Takaki, Yamagishi, arXiv 1904.12088) with an iSTFT head (Kaneko et al., arXiv
2203.02395), pulses band-limited by the Dirichlet kernel (Stilson, Smith, Alias-free digital synthesis, ICMC 1996).
`training/voice_source.py` is the same in PyTorch. Frame t is centred on sample 240·t + 119.5.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE
from engines.tts.features import HOP

N_FFT = 960
"""Samples of a spectrum (40 ms): several periods of a low voice, and four hops, so that squared Hann windows add up."""

BINS = N_FFT // 2 + 1

EARLIER = (N_FFT - HOP) // 2
"""Samples by which a frame's spectrum begins before the frame."""

HIGHEST = 11_500.0
"""Hz of the highest harmonic: none folds over at half the sample rate, even while the pitch moves."""

_OVERLAP = N_FFT // HOP
_WINDOW = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
_WINDOW_OUT = _WINDOW / np.float32(1.5)
"""Four squared Hann windows overlap at every sample; their sum is 1.5."""

_NOISE_SEED, _WHISPER_SEED = 5, 6
"""The same text sounds the same every time."""

_WHISPER_HIGH, _WHISPER_LOW = 6.0, -6.0
"""Decibels. Whispered vowels lack some 12 dB of what voiced ones have below 1.5 kHz (Ito, Takeda, Itakura, Analysis and
recognition of whispered speech, Speech Communication 45(2), 2005); the rest is raised so that she is still heard, about
8 dB below her voice."""
_WHISPER_TILT = (
    np.interp(np.linspace(0, SAMPLE_RATE / 2, BINS), [0, 1500], [_WHISPER_LOW, _WHISPER_HIGH]) * np.log(10) / 20
).astype(np.float32)


def by_sample(frames: NDArray[np.floating], at: NDArray[np.integer]) -> NDArray[np.float64]:
    """A track by frame, at the samples `at`: linear between the frames' centres, held at both ends."""
    centres = np.arange(len(frames)) * HOP + (HOP - 1) / 2
    return np.interp(at, centres, frames)


def pulses(hertz: NDArray[np.float64], turns: float = 0.0) -> tuple[NDArray[np.float64], float]:
    """A pulse train of power 1 with equal harmonics up to `HIGHEST`, the last one fading in as the pitch falls.

    Args:
        hertz: float64[n], the fundamental at every sample, > 0.
        turns: cycles before the first sample.

    Returns:
        float64[n], and the cycles after the last sample, 0..1.
    """
    cycles = turns + np.cumsum(hertz / SAMPLE_RATE)
    angle = 2 * np.pi * (cycles - np.floor(cycles))
    count = HIGHEST / hertz
    whole = np.floor(count)
    half = np.sin(angle / 2)
    peak = np.abs(half) < 1e-6
    total = np.where(peak, whole, np.sin((whole + 0.5) * angle) / np.where(peak, 1.0, 2 * half) - 0.5)
    total += (count - whole) * np.cos((whole + 1) * angle)
    return total * np.sqrt(2 / count), float(cycles[-1] % 1.0)


class Vocoder:
    """The sound of one phrase, window by window."""

    def __init__(
        self, hertz: NDArray[np.floating], voicing: NDArray[np.floating], breath: NDArray[np.floating]
    ) -> None:
        """
        Args:
            hertz: float[T], the fundamental in every frame of the phrase, > 0, unvoiced ones included.
            voicing: float[T], 0..1: how strong the pulses are.
            breath: float[T], 0..1: the share of the pulses that is whispered instead.
        """
        self._hertz, self._voicing = hertz, voicing
        self._breath = breath if np.any(breath) else None
        self._frames = 0
        self._noise = np.random.Generator(np.random.SFC64(_NOISE_SEED))
        self._whisper = np.random.Generator(np.random.SFC64(_WHISPER_SEED))
        self._turns = 0.0
        self._made = 0
        # The last samples of the sources, which the next frame's spectrum still covers; nothing before the phrase.
        self._past = np.zeros((2, EARLIER), np.float32)
        self._tail = np.zeros((_OVERLAP - 1, HOP), np.float32)
        self._early = EARLIER

    def push(self, filters: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sound that is complete once these frames are known.

        Args:
            filters: float32[3, 481, W], the phrase's next W frames: log magnitude and phase (radians) of the filter of
                the pulses, log magnitude of the filter of the noise.

        Returns:
            float32[240·W], less `EARLIER` samples at the phrase's beginning.
        """
        frames = filters.shape[-1]
        voiced, noise = self._spectra(frames)
        spectra = voiced * self._harmonic(filters) + noise * np.exp(filters[2].T)
        hops = (np.fft.irfft(spectra, N_FFT) * _WINDOW_OUT).reshape(frames, _OVERLAP, HOP)
        sound = np.zeros((frames + _OVERLAP - 1, HOP), np.float32)
        sound[: _OVERLAP - 1] = self._tail
        for place in range(_OVERLAP):
            sound[place : place + frames] += hops[:, place]
        self._frames += frames
        self._tail = sound[frames:]
        whole = sound[:frames].reshape(-1)
        early = min(self._early, len(whole))
        self._early -= early
        return whole[early:]

    def flush(self) -> NDArray[np.float32]:
        """The phrase's last `EARLIER` samples, after its last frame."""
        return self._tail.reshape(-1)[:EARLIER]

    def _harmonic(self, filters: NDArray[np.float32]) -> NDArray[np.complex64]:
        """complex64[W, 481]."""
        level = filters[0].T
        if self._breath is not None:
            breath = self._breath[self._frames : self._frames + len(level), None]
            level = level + breath.astype(np.float32) * _WHISPER_TILT
        size, phase = np.exp(level), filters[1].T
        out = np.empty(size.shape, np.complex64)
        np.multiply(size, np.cos(phase), out=out.real)
        np.multiply(size, np.sin(phase), out=out.imag)
        return out

    def _spectra(self, frames: int) -> NDArray[np.complex64]:
        """complex64[2, W, 481]: of the pulses and of the noise in the next W frames."""
        count = (frames - 1) * HOP + N_FFT - self._past.shape[1]
        sources = np.concatenate([self._past, self._sources(count)], 1)
        self._past = sources[:, frames * HOP :]
        return np.fft.rfft(sliding_window_view(sources, N_FFT, axis=1)[:, ::HOP] * _WINDOW).astype(
            np.complex64, copy=False
        )

    def _sources(self, count: int) -> NDArray[np.float32]:
        """float32[2, n]: the next samples of pulses and noise; nothing after the phrase."""
        at = np.arange(self._made, self._made + count)
        self._made += count
        train, self._turns = pulses(by_sample(self._hertz, at), self._turns)
        if self._breath is not None:
            share = by_sample(self._breath, at)
            train = train * np.sqrt(1 - share) + self._whisper.standard_normal(count) * np.sqrt(share)
        out = np.empty((2, count), np.float32)
        out[0] = train * by_sample(self._voicing, at)
        out[1] = self._noise.standard_normal(count, np.float32)
        out[:, at >= len(self._hertz) * HOP] = 0
        return out
