"""Recordings and their texts as examples that the voice's networks learn from, and the file that keeps them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE
from engines.tts.features import HOP, units
from engines.tts.speech_text import Reader, SpokenWord
from training.voice_align import Aligner, AlignmentError, Spoken
from training.voice_signal import Samples, analysed, levelled, read_sound, resampled

LEAD, TAIL = 4, 20
"""Frames of silence kept before the first phone and after the last."""

SHORTEST_BREAK = 5
"""Frames: a shorter silence between words where nothing is written belongs to the phone before it."""

LONGEST = 45
"""Frames: a longer phone is a failed alignment, and its whole clip is left out."""

SPLIT_PAUSE = 12
"""Frames of a pause at which a clip may be cut in two, so that phrases that end in a comma are learned as well."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and what is said in it."""

    name: str
    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """One phrase of N units and T frames by speaker `speaker`.

    Attributes:
        name: the clip's, with `/1` or `/2` behind it for its halves.
        phones, stress, context: see `engines.tts.features.Units`.
        frames: int64[N], how long each unit lasts; T in all.
        mel: float32[T, 80]. hertz, energy: float32[T]. voiced: bool[T].
        samples: float32[240·T].
    """

    name: str
    speaker: str
    phones: NDArray[np.int64]
    stress: NDArray[np.int64]
    context: NDArray[np.float32]
    frames: NDArray[np.int64]
    mel: NDArray[np.float32]
    hertz: NDArray[np.float32]
    voiced: NDArray[np.bool_]
    energy: NDArray[np.float32]
    samples: Samples

    @property
    def whole(self) -> bool:
        """Not a half of a clip that is there as well."""
        return "/" not in self.name


@cache
def _reader() -> Reader:
    return Reader()


def held_out(name: str) -> bool:
    """Whether a clip is for measuring only: prompts whose id ends in 7."""
    return name.endswith("7")


def clips(folder: Path) -> list[Clip]:
    """The clips of a folder with `metadata.csv` (`id|text` or `id|text|normalised text`) and `ID.flac` or `ID.wav`,
    beside it or in `flac/` or `wavs/`.

    Raises:
        ValueError: no `metadata.csv`, a line that is none, or a recording that is missing.
    """
    table = folder / "metadata.csv"
    if not table.is_file():
        raise ValueError(f"{folder} has no metadata.csv: give a folder with one line id|text for each recording")
    found: list[Clip] = []
    with table.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE), 1):
            if not row:
                continue
            if len(row) < 2 or not row[-1].strip():
                raise ValueError(f"{table}, line {number}: expected id|text")
            found.append(Clip(row[0], _recording(folder, row[0]), row[-1].strip()))
    return found


def _recording(folder: Path, name: str) -> Path:
    if "/" in name or "\\" in name:
        raise ValueError(f"{name!r} in metadata.csv must be a file's name without its folder")
    for place in (".", "flac", "wavs", "wav"):
        for suffix in (".flac", ".wav", ".mp3", ".ogg"):
            path = folder / place / f"{name}{suffix}"
            if path.is_file():
                return path
    raise ValueError(f"{folder} has no recording {name}.flac or {name}.wav, which its metadata.csv names")


def examples(
    found: Sequence[Clip], speaker: str, report: Callable[[str], None], factor: float = 1.0
) -> Iterator[Example]:
    """Aligned and analysed clips; one that can't be aligned is reported and left out.

    Args:
        found: what to read.
        speaker: the speaker's name.
        report: is told in words what was left out and why.
        factor: other than 1, the recordings are played that much faster (pitch and formants rise with it) and the
            speaker is another one.
    """
    aligner = Aligner()
    for clip in found:
        try:
            yield from prepared(aligner, clip, speaker, factor)
        except (AlignmentError, ValueError) as error:
            report(f"{clip.name} left out: {error}")


def prepared(aligner: Aligner, clip: Clip, speaker: str, factor: float = 1.0) -> list[Example]:
    """The examples of one clip: itself, and its halves if it may be cut at a pause.

    Raises:
        ValueError: the words don't fit the sound, nothing is said, or a phone is implausibly long.
    """
    words = _reader().read(clip.text)
    if not words:
        raise ValueError("its text has no words")
    samples = levelled(read_sound(clip.path))
    words, heard = aligner.align(words, samples)
    heard = _trimmed(heard, samples)
    if factor != 1:
        ratio = Fraction(factor).limit_denominator(50)
        samples = resampled(samples, round(SAMPLE_RATE * ratio), SAMPLE_RATE)
        speaker = f"{speaker}x{float(ratio):.2f}"
        last = len(samples) // HOP
        heard = [
            Spoken(s.symbol, s.word, min(round(s.start / factor), last), min(round(s.end / factor), last))
            for s in heard
        ]
    whole = _example(clip.name, speaker, words, heard, samples)
    return [whole, *_halves(clip.name, speaker, words, heard, samples)]


def _trimmed(heard: Sequence[Spoken], samples: Samples) -> list[Spoken]:
    """The alignment with silence taken off its first and last phones, which the aligner gives all there is."""
    level = np.sqrt(np.mean(samples[: len(samples) // HOP * HOP].reshape(-1, HOP) ** 2, 1) + 1e-12)
    loud = level > max(10 ** (-30 / 20) * np.percentile(level, 95), 2 * np.percentile(level, 3))
    spoken = [s for s in heard if s.word >= 0]
    first, last = spoken[0], spoken[-1]
    onset = first.start + int(np.argmax(loud[first.start : first.end] if loud[first.start : first.end].any() else [1]))
    onset = min(max(onset - 2, first.start), first.end - 2)
    tail = np.flatnonzero(loud[last.start : last.end])
    close = last.end if not len(tail) else min(last.end, last.start + int(tail[-1]) + 4)
    close = max(close, last.start + 2)
    out = [Spoken("SIL", -1, 0, onset)]
    for s in heard[heard.index(first) : heard.index(last) + 1]:
        start = onset if s is first else s.start
        out.append(Spoken(s.symbol, s.word, start, close if s is last else s.end))
    return [*out, Spoken("SIL", -1, close, len(level))]


def _example(
    name: str, speaker: str, words: Sequence[SpokenWord], heard: Sequence[Spoken], samples: Samples
) -> Example:
    """The phrase of `words`, whose sound begins and ends in the first and last silence of `heard`."""
    spans: list[tuple[int, int]] = []  # of each phone, in frames
    silent: dict[int, int] = {}  # frames of silence after so many phones
    for spoken in heard[1:-1]:
        if spoken.word < 0:
            silent[len(spans)] = spoken.end - spoken.start
        else:
            spans.append((spoken.start, spoken.end))
    if max(end - start for start, end in spans) > LONGEST:
        raise ValueError("a phone of it is implausibly long")
    ends = np.cumsum([len(word.phones) for word in words]).tolist()
    breaks = {i for i, end in enumerate(ends[:-1]) if silent.get(end, 0) >= SHORTEST_BREAK}
    paused = {end for i, end in enumerate(ends) if i in breaks or words[i].after}
    table = units(words, breaks)
    begin = max(heard[0].end - LEAD, heard[0].start)
    finish = min(heard[-1].start + TAIL, heard[-1].end)
    frames: list[int] = [spans[0][0] - begin]
    phone = 0
    for pause in table.pause[1:-1]:
        if pause:
            frames.append(silent.get(phone, 0))
            continue
        start, end = spans[phone]
        phone += 1
        follows = spans[phone][0] if phone < len(spans) else end
        frames.append((end if phone in paused else follows) - start)
    frames.append(finish - spans[-1][1])
    lengths = np.array(frames, np.int64)
    if phone != len(spans) or lengths.min() < 0 or lengths.sum() != finish - begin:
        raise ValueError("its alignment has gaps")
    sound = analysed(samples[begin * HOP : finish * HOP])
    if len(sound.mel) != lengths.sum():
        raise ValueError("its sound ends before its words")
    return Example(
        name, speaker, table.phones, table.stress, table.context, lengths, sound.mel, sound.hertz, sound.voiced,
        sound.energy, sound.samples,
    )  # fmt: skip


def _halves(
    name: str, speaker: str, words: Sequence[SpokenWord], heard: Sequence[Spoken], samples: Samples
) -> list[Example]:
    """The two parts of a clip around its pause at the punctuation nearest to its middle."""
    cuts = [
        (abs(s.start - heard[-1].end / 2), i)
        for i, s in enumerate(heard[1:-1], 1)
        if s.word < 0 and s.end - s.start >= SPLIT_PAUSE and words[heard[i - 1].word].after
    ]
    if not cuts:
        return []
    at = min(cuts)[1]
    cut = heard[at - 1].word + 1
    if cut < 2 or len(words) - cut < 2:
        return []
    later = [Spoken(s.symbol, s.word - cut if s.word >= 0 else -1, s.start, s.end) for s in heard[at:]]
    return [
        _example(f"{name}/1", speaker, words[:cut], heard[: at + 1], samples),
        _example(f"{name}/2", speaker, words[cut:], later, samples),
    ]


def digest(folder: Path) -> str:
    """SHA-256 of a folder's texts and its recordings' names and sizes."""
    total = hashlib.sha256((folder / "metadata.csv").read_bytes())
    for clip in clips(folder):
        total.update(f"{clip.name}:{clip.path.stat().st_size};".encode())
    return total.hexdigest()


def write(path: Path, found: Sequence[Example]) -> None:
    """Keeps examples in one `.npz`: float16 mels and int16 samples, which costs no ear anything."""
    table: dict[str, NDArray[Any]] = {}
    for index, example in enumerate(found):
        for key in ("phones", "stress", "frames"):
            table[f"{index}.{key}"] = getattr(example, key).astype(np.int16)
        for key in ("context", "mel", "hertz", "energy"):
            table[f"{index}.{key}"] = getattr(example, key).astype(np.float16 if key != "hertz" else np.float32)
        table[f"{index}.voiced"] = example.voiced
        table[f"{index}.samples"] = (example.samples.clip(-0.999, 0.999) * 32767).astype(np.int16)
    table["names"] = np.array([f"{example.name}|{example.speaker}" for example in found])
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **table)


def load(path: Path) -> list[Example]:
    """What `write` kept."""
    with np.load(path, allow_pickle=False) as table:
        return [_read(table, index, *str(label).split("|")) for index, label in enumerate(table["names"])]


def _read(table: Mapping[str, NDArray[Any]], index: int, name: str, speaker: str) -> Example:
    return Example(
        name=name,
        speaker=speaker,
        phones=table[f"{index}.phones"].astype(np.int64),
        stress=table[f"{index}.stress"].astype(np.int64),
        context=table[f"{index}.context"].astype(np.float32),
        frames=table[f"{index}.frames"].astype(np.int64),
        mel=table[f"{index}.mel"].astype(np.float32),
        hertz=table[f"{index}.hertz"],
        voiced=table[f"{index}.voiced"],
        energy=table[f"{index}.energy"].astype(np.float32),
        samples=table[f"{index}.samples"].astype(np.float32) / np.float32(32767),
    )
