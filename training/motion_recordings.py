"""Recordings of a voice with their texts, as sound and the times of its phones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from engines.media import SAMPLES_PER_FRAME, Pcm, TimedPhone
from engines.motion.features import CLASS_OF
from engines.tts.features import HOP, PHONES
from training.voice_data import Clip, Example, examples


def recordings(
    folder: Path, clips: Sequence[Clip], tell: Callable[[str], None]
) -> Iterator[tuple[Pcm, tuple[TimedPhone, ...]]]:
    """Whole frames of each clip of `folder`, and its phones; `tell` hears of those whose text doesn't fit them."""
    for one in examples(clips, folder.name, tell):
        if one.whole:
            length = len(one.samples) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME
            yield (np.clip(one.samples[:length], -1, 1) * 32767).astype(np.int16), _phones(one)


def _phones(one: Example) -> tuple[TimedPhone, ...]:
    """The units of a voice's example; its pauses are silence."""
    ends = np.cumsum(one.frames) * HOP
    starts = ends - one.frames * HOP
    return tuple(
        TimedPhone(PHONES[unit] if PHONES[unit] in CLASS_OF else "SIL", int(start), int(end), 1)
        for unit, start, end in zip(one.phones, starts, ends, strict=True)
        if end > start
    )
