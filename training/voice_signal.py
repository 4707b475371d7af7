"""Recordings as the voice's networks see them: 24 kHz at one loudness, log mels, pitch, energy, by frames of 10 ms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE
from engines.tts.features import HOP
from engines.tts.loudness import TARGET_LUFS, loudness
from training.pitch import track

MELS = 80
N_FFT = 1024
LOWEST, HIGHEST = 20.0, 12_000.0
FLOOR = 1e-5
"""Of a mel band's magnitude: below the recordings' own noise (-60 dBFS)."""

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """One recording's frames (T of them).

    Attributes:
        samples: float32[240·T] at `TARGET_LUFS`.
        mel: float32[T, 80], natural log magnitudes.
        hertz: float32[T], F0, interpolated where unvoiced.
        voiced: bool[T].
        energy: float32[T], see `loudness_of`.
    """

    samples: Samples
    mel: NDArray[np.float32]
    hertz: NDArray[np.float32]
    voiced: NDArray[np.bool_]
    energy: NDArray[np.float32]


def read_sound(path: Path, rate: int = SAMPLE_RATE) -> Samples:
    """The first audio stream of a file (any that FFmpeg reads) as mono float32 at `rate`, full scale 1.

    Raises:
        ValueError: no audio in it, or no media file.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise ValueError(f"{path} has no sound: give a recording of speech")
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            parts = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
            parts += resampler.resample(None)
    except (av.error.FFmpegError, OSError) as error:
        raise ValueError(f"{path} can't be read as sound: {error}") from error
    if not parts:
        raise ValueError(f"{path} has no sound: give a recording of speech")
    return np.concatenate([part.to_ndarray()[0] for part in parts]).astype(np.float32)


def resampled(samples: Samples, source: int, target: int) -> Samples:
    """float32[n] from one rate (Hz) to another."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=target)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None], np.float32), format="flt", layout="mono")
    frame.sample_rate = source
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])


def levelled(samples: Samples) -> Samples:
    """The recording at `TARGET_LUFS`; peaks beyond full scale stay, for nothing here clips them."""
    padded = np.pad(samples, (0, max(SAMPLE_RATE // 2 - len(samples), 0)))  # the meter's first block is 0.4 s
    return (samples * 10 ** ((TARGET_LUFS - loudness(padded, SAMPLE_RATE)) / 20)).astype(np.float32)


def analysed(samples: Samples) -> Sound:
    """Frames of a levelled recording."""
    count = len(samples) // HOP
    samples = samples[: count * HOP]
    mel = log_mel(samples)
    hertz, voiced = track(samples)
    return Sound(samples, mel, hertz, voiced, loudness_of(mel))


def log_mel(samples: Samples) -> NDArray[np.float32]:
    """float32[n] at 24 kHz to float32[n // 240, 80]: log magnitudes of frames centred on sample 240·t + 120."""
    count = len(samples) // HOP
    before = N_FFT // 2 - HOP // 2
    padded = np.pad(samples, (before, N_FFT))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[: count * HOP : HOP]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(N_FFT + 1)[:-1].astype(np.float32))).astype(np.float32)
    return np.log(np.maximum(magnitude @ mel_bands().T, FLOOR))


def loudness_of(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[T]: the log of a frame's mean mel magnitude, smoothed over 9 frames (Hann).

    Smoothed, because a prosody network can foresee a syllable's loudness but no plosive's burst, and a decoder that
    was shown bursts would wait for them in vain.
    """
    level = np.log(np.exp(mel).mean(-1))
    window = np.hanning(11)[1:-1]
    return np.convolve(np.pad(level, 4, mode="edge"), window / window.sum(), "valid").astype(np.float32)


@cache
def mel_bands() -> NDArray[np.float32]:
    """float32[80, 513]: triangles of unit sum, evenly spaced on O'Shaughnessy's mel scale from 20 Hz to 12 kHz."""
    edges = 700 * (10 ** (np.linspace(_mel(LOWEST), _mel(HIGHEST), MELS + 2) / 2595) - 1)
    bins = np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    bands = np.maximum(np.minimum(rise, fall), 0)
    return (bands / bands.sum(1, keepdims=True)).astype(np.float32)


def _mel(hertz: float) -> float:
    return 2595 * float(np.log10(1 + hertz / 700))
