"""A recording as speech: any file whose audio PyAV can read."""

# PyAV's own types are generic over what it does not say.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from engines.media import SAMPLE_RATE, AudioChunk, Pcm
from pipeline.phrases import Phrase
from pipeline.stages import Speech
from pipeline.worker import Worker

CHUNK = SAMPLE_RATE // 10
"""Samples handed on at a time (100 ms), as a voice's chunks are."""


def read_recording(path: Path) -> Iterator[Pcm]:
    """The file's first audio track: mono, `SAMPLE_RATE`, in pieces of 100 ms. What is no number becomes silence.

    Raises:
        ValueError: there is no such file, it is no recording, or it breaks off; the message says so.
    """
    rest = np.zeros(0, np.int16)
    for piece in _decoded(path):
        rest = np.concatenate([rest, piece])
        whole = len(rest) - len(rest) % CHUNK
        for start in range(0, whole, CHUNK):
            yield rest[start : start + CHUNK]
        rest = rest[whole:]
    if len(rest):
        yield rest


async def recorded(path: Path, worker: Worker) -> AsyncGenerator[Speech, None]:
    """The recording as one phrase without words.

    Raises:
        ValueError: as `read_recording`.
    """
    phrase = Phrase("")
    async for pcm in worker.iterate(read_recording, path):
        yield Speech(phrase, AudioChunk(pcm))
    yield Speech(phrase, None)


def _decoded(path: Path) -> Iterator[Pcm]:
    try:
        with av.open(str(path)) as file:
            if not file.streams.audio:
                raise ValueError(f"{path}: there is no sound in this file")
            resampler = av.AudioResampler(format="fltp", rate=SAMPLE_RATE)
            for frame in file.decode(file.streams.audio[0]):
                yield from _samples(resampler, frame)
            yield from _samples(resampler, None)
    except FFmpegError as error:
        raise ValueError(f"{path} can't be read as a recording: {error.strerror or error}") from error


def _samples(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> Iterator[Pcm]:
    for piece in resampler.resample(frame):
        # Not FFmpeg's own mix: in floats it adds channels up, and clips what was as loud as it may be.
        wave = np.nan_to_num(piece.to_ndarray(), nan=0.0, posinf=1.0, neginf=-1.0)
        yield (np.clip(wave.mean(axis=0), -1.0, 1.0) * 32767).astype(np.int16)
