"""Whose voice it is, by a verifier that was trained apart from the voice (see ``verifier_fit``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.media import SAMPLE_RATE
from training.verifier import Embedding, Verifier, centre
from training.voice_data import Clip, clips, held_out
from training.voice_load import load_voice
from training.voice_signal import Samples, read_sound
from training.voice_streaming import speak

ENROLLED = 40
"""Clips that a speaker is known by, none of them held out: two minutes, where an embedding no longer moves."""

COMPARED = 40
"""Held-out clips of a speaker that are compared, at most."""


@dataclass(frozen=True, slots=True)
class Clone:
    """A voice that was adapted to a new speaker, and what to judge it by."""

    voice: Path
    speaker: Path
    """The new speaker's recordings."""
    training_voices: tuple[Path, ...]
    """Recordings of the voices that its base was trained on."""


class Speaker:
    """A recorded speaker as the verifier knows it."""

    def __init__(self, verifier: Verifier, folder: Path) -> None:
        """
        Raises:
            ValueError: the folder holds no recordings, or none to enrol or to compare.
        """
        found = clips(folder)
        compared = _spread([clip for clip in found if held_out(clip.name)], COMPARED)
        self.texts = [clip.text for clip in compared]
        enrolled, held = (
            [verifier.embed(read_sound(clip.path), SAMPLE_RATE) for clip in chosen]
            for chosen in (_spread([clip for clip in found if not held_out(clip.name)], ENROLLED), compared)
        )
        if not enrolled or not held:
            raise ValueError(f"{folder}: a speaker is compared by clips whose ids end in 7 and by others: give both")
        self.centre, self.held_out = centre(enrolled), held

    def similarity(self, embeddings: Iterable[Embedding]) -> float:
        """Mean cosine of clips with the speaker."""
        return float(np.mean([self.centre @ embedding for embedding in embeddings]))

    @property
    def ceiling(self) -> float:
        """The similarity of the speaker's own held-out clips."""
        return self.similarity(self.held_out)


def identity(verifier: Verifier, folder: Path, made: Sequence[Samples]) -> dict[str, float | None]:
    """How near synthesised clips (float32[n] at 24 kHz) are to the speaker recorded in ``folder``.

    Returns:
        ``similarity`` (cosine), its ceiling (the speaker's own held-out clips), its floor (those of the nearest other
        speaker whose folder lies beside ``folder``; None without one), and the verifier's equal error rates.
    """
    speaker = Speaker(verifier, folder)
    strangers: list[Speaker] = []
    for table in sorted(folder.resolve().parent.glob("*/metadata.csv")):
        if table.parent != folder.resolve():
            with suppress(ValueError):  # a neighbour that is no use is no reason not to evaluate
                strangers.append(Speaker(verifier, table.parent))
    return {
        "similarity": speaker.similarity(_embedded(verifier, made)),
        "similarity_ceiling": speaker.ceiling,
        "similarity_floor": max((speaker.similarity(other.held_out) for other in strangers), default=None),
        "verifier_eer": verifier.notes.get("eer"),
        "verifier_eer_real": verifier.notes.get("eer_real"),
        "verifier_eer_held_out_clips": verifier.notes.get("eer_held_out_clips"),
    }


def margin(verifier: Verifier, clone: Clone | None) -> dict[str, float | None]:
    """How much nearer the clone is to its speaker than the nearest voice that its base was trained on: the recorded
    ones, and those that were made of them by playing them faster or slower.

    Returns:
        ``fewshot_margin`` = ``fewshot_similarity`` - ``fewshot_floor``, and ``fewshot_ceiling`` (the speaker's own
        held-out clips); None each without a clone.
    """
    keys = ("fewshot_margin", "fewshot_similarity", "fewshot_floor", "fewshot_ceiling")
    if clone is None:
        return dict.fromkeys(keys)
    speaker = Speaker(verifier, clone.speaker)
    tts = load_voice(clone.voice)
    made = _embedded(verifier, [speak(tts, text).samples for text in speaker.texts])
    from training.voice import FACTORS  # brings torch along, which evaluation without a clone does without

    near = max(
        speaker.similarity(_at_speed(verifier, folder, factor))
        for folder in clone.training_voices
        for factor in (1.0, *FACTORS)
    )
    similar = speaker.similarity(made)
    return dict(zip(keys, (similar - near, similar, near, speaker.ceiling), strict=True))


def _at_speed(verifier: Verifier, folder: Path, factor: float) -> list[Embedding]:
    """Held-out clips of a speaker, played so many times faster."""
    held = _spread([clip for clip in clips(folder) if held_out(clip.name)], COMPARED)
    return [verifier.embed(read_sound(clip.path), round(SAMPLE_RATE * factor)) for clip in held]


def _embedded(verifier: Verifier, made: Sequence[Samples]) -> list[Embedding]:
    """Of every clip in which something is said.

    Raises:
        ValueError: none is such a clip.
    """
    found: list[Embedding] = []
    for samples in made:
        with suppress(ValueError):
            found.append(verifier.embed(samples, SAMPLE_RATE))
    if not found:
        raise ValueError("the voice says nothing that could be anybody's: listen to it first")
    return found


def _spread(items: Sequence[Clip], count: int) -> list[Clip]:
    """At most ``count`` of them, evenly spread."""
    if len(items) <= count:
        return list(items)
    return [items[int(index)] for index in np.linspace(0, len(items) - 1, count)]
