"""A folder of one speaker's recordings with their texts: ``metadata.csv`` (``id|text`` or ``id|text|normalised``) and
``flac/ID.flac``, the layout of LJ Speech and of Piper's data sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SUFFIXES = (".flac", ".wav")
"""Lossless: what is compared with a recording must not have been through a lossy codec."""

HELD_OUT_DIGIT = "7"
"""Prompts whose id ends so are never trained on (every tenth), so that figures of different voices compare."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One recorded prompt."""

    name: str
    text: str
    path: Path

    @property
    def held_out(self) -> bool:
        """Whether it is kept for evaluation."""
        return self.name.endswith(HELD_OUT_DIGIT)


def read_folder(folder: Path) -> list[Clip]:
    """The clips of a folder, in the order of its ``metadata.csv``.

    Raises:
        ValueError: it is no such folder, or a file is missing; the message says what is needed.
    """
    table = folder / "metadata.csv"
    if not table.is_file():
        raise ValueError(f"{folder} has no metadata.csv: give one line ID|TEXT for each recording flac/ID.flac")
    clips = []
    for number, line in enumerate(table.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        name, *texts = (part.strip() for part in line.split("|"))
        if not name or not texts or not texts[-1] or "/" in name or "\\" in name or name.startswith("."):
            raise ValueError(f"{table}, line {number}: write it as ID|TEXT")
        clips.append(Clip(name, texts[-1], _recording(folder, name)))
    if not clips:
        raise ValueError(f"{table} is empty: give one line ID|TEXT for each recording flac/ID.flac")
    return clips


def _recording(folder: Path, name: str) -> Path:
    for suffix in SUFFIXES:
        for place in (folder / suffix[1:], folder / "wavs", folder):
            if (path := place / f"{name}{suffix}").is_file():
                return path
    raise ValueError(f"{folder} has no recording of {name}: give flac/{name}.flac (or .wav)")


def read_samples(path: Path, rate: int, *, speed: float = 1.0) -> Samples:
    """float32[n] at ``rate``, mono, full scale 1. ``speed`` plays it so many times faster, as a tape does (which
    raises pitch and formants alike).

    Raises:
        ValueError: the file holds no sound that FFmpeg can read.
    """
    try:
        with av.open(str(path)) as file:
            stream = file.streams.audio[0]
            claimed = round(stream.rate * speed)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            parts = []
            for frame in file.decode(stream):
                frame.sample_rate, frame.pts = claimed, None
                parts += [piece.to_ndarray().reshape(-1) for piece in resampler.resample(frame)]
            parts += [piece.to_ndarray().reshape(-1) for piece in resampler.resample(None)]
    except (av.error.FFmpegError, IndexError, OSError) as error:
        raise ValueError(f"{path} holds no sound that can be read: {error}") from error
    if not parts:
        raise ValueError(f"{path} holds no sound")
    return np.concatenate(parts).astype(np.float32)


def resample(samples: Samples, rate: int, to: int) -> Samples:
    """float32[n] at ``rate`` to float32[m] at ``to``."""
    if rate == to or not len(samples):
        return samples
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32)[None], format="flt", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=to)
    pieces = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([piece.to_ndarray().reshape(-1) for piece in pieces]).astype(np.float32)
