"""What the synthetic user says: recordings whose first and last voiced samples are known exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from bench.inbox import BenchError
from bench.measure import VOICED
from bench.microphone import RATE
from engines.media import SAMPLE_RATE

LEVEL = 0.3
"""Peak of full scale: a voice at arm's length from a laptop."""

MAX_WAV_S = 60
"""Longest recording that is taken."""

COUGH_S = 0.16
"""A cough's first, explosive phase lasts 30 to 50 ms and the whole 150 to 300 ms (Korpáš et al., Analysis of the cough
sound, Pulm Pharmacol 9, 1996); the loud part of a throat cleared into a microphone is at the lower end."""

_PAUSE = re.compile(r"\[pause (\d+(?:\.\d+)?)\]")


@dataclass(frozen=True)
class Utterance:
    """One recording."""

    text: str
    pcm: NDArray[np.int16]
    """int16[n] at 48 kHz."""

    @cached_property
    def voiced_s(self) -> tuple[float, float]:
        """Seconds from its first sample to its first voiced one, and to the end of its last."""
        voiced = np.flatnonzero(np.abs(self.pcm.astype(np.int32)) >= VOICED)
        return float(voiced[0]) / RATE, float(voiced[-1] + 1) / RATE


class Speaker:
    """Makes recordings and keeps them: a man's voice, unlike hers, as she must not be tuned to hear herself."""

    def __init__(self) -> None:
        self._made: dict[str, Utterance] = {}

    def say(self, text: str) -> Utterance:
        """`text` spoken; `[pause 0.4]` in it is so much silence."""
        if text not in self._made:
            pieces = _PAUSE.split(text)
            pcm = [
                self._voice(piece) if place % 2 == 0 else np.zeros(int(float(piece) * RATE), np.float32)
                for place, piece in enumerate(pieces)
                if piece.strip()
            ]
            spoken = " ".join(" ".join(pieces[::2]).split())
            self._made[text] = Utterance(spoken, _levelled(np.concatenate(pcm)))
        return self._made[text]

    def play(self, path: Path) -> Utterance:
        """A recording from a file that FFmpeg reads.

        Raises:
            BenchError: it can't be read, is silent, or lasts longer than `MAX_WAV_S`.
        """
        name = str(path)
        if name not in self._made:
            self._made[name] = Utterance(path.stem, _levelled(_read(path)))
        return self._made[name]

    @staticmethod
    def _voice(text: str) -> NDArray[np.float32]:
        from engines.tts.espeak import EspeakTTS

        chunks = list(EspeakTTS(voice="en-us", rate=150).synthesize(text))
        frame = av.AudioFrame.from_ndarray(np.concatenate([c.pcm for c in chunks])[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        return _trimmed(_resampled([frame]))


def cough() -> Utterance:
    """A throat cleared: a burst of noise round 500 Hz that dies away."""
    random = np.random.default_rng(4)
    time = np.arange(int(COUGH_S * RATE)) / RATE
    noise = np.convolve(random.normal(0, 1, len(time)), np.hanning(RATE // 1000), "same")
    envelope = np.minimum(time / 0.005, 1) * np.exp(-time / 0.05)
    pcm = np.concatenate([noise * envelope, np.zeros(RATE // 50)])
    return Utterance("(cough)", _levelled(pcm.astype(np.float32)))


def _trimmed(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the synthesizer's own silence, so that a pause lasts as long as it says."""
    voiced = np.flatnonzero(np.abs(pcm) >= VOICED)
    return pcm[voiced[0] : voiced[-1] + 1]


def _levelled(speech: NDArray[np.float32]) -> NDArray[np.int16]:
    return (speech * (LEVEL * 32767 / np.abs(speech).max())).astype(np.int16)


def _read(path: Path) -> NDArray[np.float32]:
    try:
        with av.open(str(path)) as container:
            pcm = _resampled(container.decode(audio=0), MAX_WAV_S * RATE)
    except (FFmpegError, OSError, IndexError) as error:
        raise BenchError(f"{path} can't be played: {error}") from None
    if not len(pcm) or np.abs(pcm).max() < VOICED:
        raise BenchError(f"{path} is silent")
    return pcm


def _resampled(frames: Sequence[av.AudioFrame] | object, most: int | None = None) -> NDArray[np.float32]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    parts: list[NDArray[np.int16]] = []
    for frame in [*frames, None]:  # pyright: ignore[reportGeneralTypeIssues]
        parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        if most is not None and sum(map(len, parts)) > most:
            raise BenchError(f"recordings may last {MAX_WAV_S} s; cut this one")
    return np.concatenate(parts).astype(np.float32)
