"""One recording as other voices, rooms, microphones and lines would have it."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE
from training.voice_signal import resampled

Samples = NDArray[np.float32]

SLOWEST, FASTEST = 0.82, 1.3
"""Playing speed: moves pitch, formants and tempo; a man's voice at 1.3 has a woman's formants."""
_RATES = (8_000, 16_000)
_GAIN_DB = 12.0
_LOUDEST = 0.98


def disturbed(samples: Samples, random: np.random.Generator) -> Samples:
    """float32[n] at `SAMPLE_RATE`, full scale 1, in and out: a room, an equaliser, noise, a codec or a narrow line, and
    a level, each by chance."""
    count = len(samples)
    if random.random() < 0.4:
        samples = _roomy(samples, random)
    samples = _equalised(samples, random)
    if random.random() < 0.6:
        samples = _noisy(samples, random)
    chance = random.random()
    if chance < 0.15:
        samples = resampled(resampled(samples, SAMPLE_RATE, 8_000), 8_000, SAMPLE_RATE)
        samples = _companded(samples)
    elif chance < 0.3:
        samples = _coded(samples, int(random.integers(10, 25)) * 1000)
    samples = np.pad(samples, (0, max(0, count - len(samples))))[:count]
    samples = samples * np.float32(10 ** (random.uniform(-_GAIN_DB, _GAIN_DB) / 20))
    return np.clip(samples, -_LOUDEST, _LOUDEST).astype(np.float32)


def faster(samples: Samples, speed: Fraction) -> Samples:
    """The recording played at that speed."""
    return resampled(samples, round(SAMPLE_RATE * speed), SAMPLE_RATE)


def _roomy(samples: Samples, random: np.random.Generator) -> Samples:
    """A synthetic room: the direct sound, then noise that decays by 60 dB in 0.1 to 0.5 s."""
    decay = random.uniform(0.1, 0.5)
    times = np.arange(int(decay * SAMPLE_RATE)) / SAMPLE_RATE
    tail = random.standard_normal(len(times)) * 10 ** (-3 * times / decay)
    tail *= random.uniform(0.1, 0.6) / np.sqrt(np.square(tail).sum())
    tail[0] = 1.0
    size = 1 << (len(samples) + len(tail)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)
    return wet[: len(samples)].astype(np.float32)


def _equalised(samples: Samples, random: np.random.Generator) -> Samples:
    """A smooth random curve of about ±6 dB over the octaves."""
    size = 1 << len(samples).bit_length()
    octaves = np.linspace(0, 1, size // 2 + 1) ** 0.4
    curve = sum(random.normal(0, 5 / (1 + n)) * np.cos(np.pi * n * octaves) for n in range(1, 5))
    return np.fft.irfft(np.fft.rfft(samples, size) * 10 ** (curve / 20), size)[: len(samples)].astype(np.float32)


def _noisy(samples: Samples, random: np.random.Generator) -> Samples:
    """Coloured noise (flat to brown), 5 to 40 dB below the speech."""
    size = 1 << len(samples).bit_length()
    slope = random.uniform(0, 1)
    shape = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 50) ** -slope
    noise = np.fft.irfft(np.fft.rfft(random.standard_normal(size)) * shape, size)[: len(samples)]
    level = np.sqrt(np.square(samples).mean() / (np.square(noise).mean() + 1e-12))
    return (samples + noise * level * 10 ** (-random.uniform(5, 40) / 20)).astype(np.float32)


def _companded(samples: Samples) -> Samples:
    """Telephony's µ-law (ITU-T G.711)."""
    mu = 255.0
    squeezed = np.sign(samples) * np.log1p(mu * np.abs(np.clip(samples, -1, 1))) / np.log1p(mu)
    steps = np.round(squeezed * 127) / 127
    return (np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(mu)) / mu).astype(np.float32)


def _coded(samples: Samples, bit_rate: int) -> Samples:
    """Through Opus."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        stream.bit_rate = bit_rate
        wide = (np.clip(resampled(samples, SAMPLE_RATE, 48_000), -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wide[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, 0
        for part in (frame, None):
            container.mux(stream.encode(part))  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
    file.seek(0)
    with av.open(file, "r") as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        parts = [part for frame in [*container.decode(audio=0), None] for part in resampler.resample(frame)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])
