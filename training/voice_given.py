"""What only a voice of our own can be asked: to speak a recording in the recording's own rhythm, and in one piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.tts.features import PAUSES, Units, place, spread
from engines.tts.model import Plan, Track, VoiceModel
from engines.tts.source import Vocoder
from engines.tts.voice import NeuralVoice
from training.pitch import track
from training.voice_align import Aligner
from training.voice_data import Clip, Example, prepared
from training.voice_metrics import pitch_errors
from training.voice_signal import Samples, levelled

FRAME_MS = 10.0


class WholeModel(VoiceModel):
    """The same networks, with every phrase's filters made in one piece: the seamless twin."""

    def filters(
        self, hidden: NDArray[np.float32], place: NDArray[np.float32], track: Track, hertz: NDArray[np.float32]
    ) -> Iterator[NDArray[np.float32]]:
        """All of the phrase's at once; arguments as in `VoiceModel`."""
        rows = {"f0": track.f0, "hertz": hertz, "voicing": track.voicing, "energy": track.energy}
        inputs = {name: row.astype(np.float32)[None] for name, row in rows.items()}
        inputs |= {"hidden": hidden[None], "place": place[None], "inside": np.ones((1, len(hertz)), np.float32)}
        yield self._run(self._decode, inputs)["filters"][0]

    def prosody_ahead(self, hidden: NDArray[np.float32], place: NDArray[np.float32]) -> Iterator[tuple[int, Track]]:
        """The parts of `VoiceModel`'s as one."""
        parts = [track for _, track in super().prosody_ahead(hidden, place)]
        rows = (np.concatenate([getattr(part, name) for part in parts]) for name in ("f0", "voicing", "energy"))
        yield 0, Track(*rows)


class WholeVoice(NeuralVoice):
    """The voice without its windows."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._model = WholeModel(folder)


def sound(model: VoiceModel, plan: Plan, frames: NDArray[np.int64]) -> Samples:
    """float32[240·T]: a plan's units spoken with ``frames`` (int64[N], T in all), before loudness."""
    owner = spread(frames)
    hidden, where = plan.hidden[:, owner], place(frames)
    prosody = model.prosody(hidden, where)
    hertz = np.exp(model.meta.log_f0_mean + model.meta.log_f0_sd * prosody.f0)
    vocoder = Vocoder(hertz, prosody.voicing, np.zeros(len(owner)))
    parts = [vocoder.push(filters) for filters in model.filters(hidden, where, prosody, hertz)]
    return np.concatenate([*parts, vocoder.flush()])


def planned(model: VoiceModel, example: Example) -> Plan:
    """The plan of the units that were heard in a recording."""
    return model.plan(Units(example.phones, example.stress, example.context, np.full(len(example.phones), -1)))


@dataclass
class GivenScores:
    """What is gathered clip by clip."""

    hertz: list[NDArray[np.float32]] = field(default_factory=list)
    voiced: list[NDArray[np.bool_]] = field(default_factory=list)
    made_hertz: list[NDArray[np.float32]] = field(default_factory=list)
    made_voiced: list[NDArray[np.bool_]] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    chunk_error: float = 0.0

    def add(self, model: VoiceModel, whole: VoiceModel, example: Example) -> None:
        """Compares one recording."""
        plan = planned(model, example)
        phones = example.phones >= len(PAUSES)
        self.late_ms += (FRAME_MS * np.abs(plan.duration - example.frames)[phones]).tolist()
        made = sound(model, plan, example.frames)
        self.chunk_error = max(self.chunk_error, float(np.abs(made - sound(whole, plan, example.frames)).max()))
        hertz, voiced = track(levelled(made))
        starts = np.cumsum(example.frames) - example.frames
        begin, end = int(starts[1]), int(starts[-1])  # from the first phone to the end of the last
        self.hertz.append(example.hertz[begin:end])
        self.voiced.append(example.voiced[begin:end])
        self.made_hertz.append(hertz[begin:end])
        self.made_voiced.append(voiced[begin:end])

    def figures(self) -> dict[str, float | None]:
        """``f0_correlation``, ``log_f0_rmse``, ``voicing_error``, ``duration_error_ms`` and ``chunk_error``."""
        errors = pitch_errors(
            np.concatenate(self.hertz),
            np.concatenate(self.voiced),
            np.concatenate(self.made_hertz),
            np.concatenate(self.made_voiced),
        )
        return {
            **errors,
            "duration_error_ms": float(np.mean(self.late_ms)),
            "chunk_error": self.chunk_error,
        }


def score_given(voice: Path, clips: Iterable[Clip]) -> dict[str, float | None]:
    """Has a voice of our own speak recordings in their own rhythm; those that can't be aligned are left out.

    Raises:
        ValueError: none could be aligned.
        SpeechError: the voice can't be run.
    """
    model, whole = VoiceModel(voice), WholeModel(voice)
    aligner, scores = Aligner(), GivenScores()
    for clip in clips:
        try:
            example = prepared(aligner, clip, "recorded")[0]
        except ValueError:
            continue
        scores.add(model, whole, example)
    if not scores.hertz:
        raise ValueError("no held-out recording could be aligned with its text: check the texts")
    return {**scores.figures(), "aligned": len(scores.hertz)}
