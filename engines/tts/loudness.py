"""One loudness for every voice: a gain measured once, and a limiter that never clips."""

from __future__ import annotations

from dataclasses import dataclass

import av
import av.error
import av.filter
import numpy as np
from numpy.typing import NDArray

from engines.media import Pcm

TARGET_LUFS = -20.0
"""Integrated loudness of her speech: -16 is loud broadcast speech on phones, -23 (EBU R 128) is quiet on a laptop."""

_KNEE = 0.7
"""Of full scale (-3 dB): below it the limiter leaves a sample alone, above it bends towards 1."""


@dataclass(frozen=True, slots=True)
class Gain:
    """A fixed gain with a soft limiter behind it."""

    factor: float

    def apply(self, samples: NDArray[np.float32]) -> Pcm:
        """float32, full scale 1, to int16 at the target loudness; never wraps, never clips hard."""
        scaled = samples * np.float32(self.factor)
        size = np.abs(scaled)
        bent = _KNEE + (1 - _KNEE) * np.tanh((size - _KNEE) / (1 - _KNEE))
        limited = np.where(size > _KNEE, np.copysign(bent, scaled), scaled)
        return np.round(limited * 32767).astype(np.int16)


def level(lufs: float) -> Gain:
    """The gain that brings a voice of `lufs` to the target."""
    return Gain(10 ** ((TARGET_LUFS - lufs) / 20))


def loudness(samples: NDArray[np.float32], rate: int) -> float:
    """Integrated loudness in LUFS of at least 0.4 s of sound (ITU-R BS.1770-4, by FFmpeg's `ebur128`)."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout="mono")
    meter = graph.add("ebur128", "metadata=1")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="flt", layout="mono")
    frame.sample_rate = rate
    frame.pts = 0
    graph.push(frame)
    graph.push(None)
    measured = "-70"  # the meter's own floor
    while True:
        try:
            measured = graph.pull().metadata.get("lavfi.r128.I", measured)
        except av.error.EOFError:
            return float(measured)
