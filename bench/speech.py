"""What the synthetic user says: recordings whose last voiced sample is known exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from bench.measure import VOICED
from bench.microphone import RATE
from engines.media import SAMPLE_RATE, AudioChunk

QUESTIONS = (
    "What is Visavis?",
    "How do you work?",
    "Can I interrupt you?",
    "Who are you?",
    "What can you do?",
)
"""Asked in turn. They are questions that the knowledge file answers, so that the domain decoder knows their words."""

LEVEL = 0.3
"""Peak of full scale: a voice at arm's length from a laptop."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording."""

    text: str
    pcm: NDArray[np.int16]
    """int16[n] at 48 kHz."""

    @property
    def speech_end_s(self) -> float:
        """Seconds from its first sample to the end of its last voiced one."""
        return float(np.flatnonzero(np.abs(self.pcm.astype(np.int32)) >= VOICED)[-1] + 1) / RATE


def utterances(count: int) -> list[Utterance]:
    """`count` questions, in turn."""
    made = record(QUESTIONS[:count])
    return [made[i % len(made)] for i in range(count)]


def record(texts: Sequence[str]) -> list[Utterance]:
    """Texts in a man's voice, unlike hers: she must not be tuned to hear herself."""
    if not texts:
        return []
    from engines.tts.espeak import EspeakTTS

    voice = EspeakTTS(voice="en-us", rate=150)
    return [Utterance(text, _recording(voice.synthesize(text))) for text in texts]


def _recording(chunks: Iterable[AudioChunk]) -> NDArray[np.int16]:
    pcm = np.concatenate([chunk.pcm for chunk in chunks])
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    resampled = [part.to_ndarray()[0] for part in [*resampler.resample(frame), *resampler.resample(None)]]
    speech = np.concatenate(resampled).astype(np.float32)
    return (speech * (LEVEL * 32767 / np.abs(speech).max())).astype(np.int16)
