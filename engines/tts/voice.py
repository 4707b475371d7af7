"""The voice: text in; words, phones and sound out, window by window.

A text is spoken sentence by sentence. For each, the first two networks run once over all of it (some milliseconds), so
that every word's and phone's time is known before the first sample; then the sound is made in windows, each only when
it is asked for, so that an interruption costs one window.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.media import AudioChunk, TimedPhone, TimedWord
from engines.tags import Tag
from engines.tts import SpeechError
from engines.tts.bundle import Style, VoiceMeta
from engines.tts.control import SEMITONE, Controls, controls, eased, styles_of
from engines.tts.features import HOP, PHONES, Units, place, spread, units, whole_frames
from engines.tts.loudness import Gain
from engines.tts.model import Track, VoiceModel
from engines.tts.source import Vocoder
from engines.tts.speech_text import Reader, SpokenWord

log = logging.getLogger(__name__)

RATES, PITCHES, ENERGIES = (0.5, 2.0), (-12.0, 12.0), (-12.0, 12.0)
"""Times the speaker's own pace, semitones, decibels."""

MAX_CHUNK = 24 * HOP
"""240 ms: what the pipeline takes at once."""

MAX_UNITS = 150
"""Phones and pauses (about 12 s) that are planned together: a longer sentence is cut, at a comma where there is one."""

CLOSING = {".": 28, "!": 28, "?": 28, ":": 20, ";": 20, ",": 12, "-": 12}
"""Frames of silence at least after a sentence or a clause that is spoken alone, at the speaker's own pace: recordings,
from which the networks learned, end where the voice does. What espeak-ng puts between the clauses of one text."""

_RISE = (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, HOP))).astype(np.float32)
"""A sentence comes out of silence and goes back to it over 10 ms: even a faint hiss clicks where it begins."""

FAMILIAR = 3.0
"""Standard deviations of pitch that the networks have heard; the source itself goes wherever it is told."""

LOWEST, HIGHEST = 50.0, 700.0
"""Hz of the fundamental."""

_WARM_UP = "Hello, zurvyl."
"""A word of the dictionary, and one that has to be guessed from its letters."""

_STRONG, _WEAK = frozenset(".?!"), frozenset(",;:-")


class NeuralVoice:
    """A voice of our own making: implements `engines.TTS`. Any thread may ask it for speech."""

    def __init__(
        self,
        folder: Path,
        rate: float = 1.0,
        pitch: float = 0.0,
        energy: float = 0.0,
        pronunciations: Mapping[str, str] | None = None,
        threads: int = 1,
    ) -> None:
        """Loads the voice in `folder` and says a sentence to itself, so that the first is as quick as later ones.

        Args:
            folder: as `visavis train-voice` writes it.
            rate: 0.5..2, times the speaker's own pace.
            pitch: -12..12 semitones.
            energy: -12..12 dB, against -20 LUFS.
            pronunciations: words that should be said otherwise, in ARPAbet; as `Reader` takes them.
            threads: of the processor.

        Raises:
            SpeechError: no voice that can be used is there, or a setting is out of its range.
            ValueError: a pronunciation is no ARPAbet.
        """
        for name, value, (low, high) in (
            ("rate", rate, RATES), ("pitch", pitch, PITCHES), ("energy", energy, ENERGIES)
        ):  # fmt: skip
            if not low <= value <= high:
                raise SpeechError(f"the voice's {name} must be {low:g}..{high:g}, not {value}")
        self._model = VoiceModel(Path(folder), threads)
        self._rate, self._pitch = rate, pitch
        self._gain = Gain(10 ** ((self._model.meta.gain_db + energy) / 20))
        self._reader = Reader(pronunciations=pronunciations)
        self._warned = False
        for _ in self.synthesize(_WARM_UP):
            pass

    @property
    def name(self) -> str:
        """The speaker's."""
        return self._model.meta.name

    def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> Iterator[AudioChunk]:
        """Speak `text`: about 100 ms, then up to 240 ms at a time; words and phones come ahead of their sound.

        Text without anything to say (blanks, punctuation, emoji) yields nothing, and what is in a script that the
        voice can't read is left out.
        """
        self._warn(text)
        words = [part for word in self._reader.read(text) for part in _parts(word)]
        ends = _token_ends(words)
        styles = styles_of(ends, tags, self._model.meta.styles)
        begin = 0
        for first, last in _sentences(words):
            samples = 0
            for chunk in self._say(words[first:last], ends[first:last], styles[first:last]):
                samples += len(chunk.pcm)
                yield _at(chunk, begin, text, final=last == len(words))
            begin += samples

    def _say(self, words: Sequence[SpokenWord], ends: Sequence[int], styles: Sequence[Style]) -> Iterator[AudioChunk]:
        """One sentence; times count from its first sample."""
        spelt = units(words)
        steering = controls(styles, spelt.words)
        plan = self._model.plan(spelt)
        rates = steering.rate * self._rate
        frames = whole_frames(plan.duration / rates, spelt.pause)
        silence = max(round(CLOSING.get(words[-1].after[:1], 0) / float(rates[-1])) - int(frames[-1]), 0)
        owner = spread(frames)
        hidden, where = plan.hidden[:, owner], place(frames)
        melody = _Melody(self._model.meta, eased(steering.take(owner)), self._pitch * SEMITONE)
        parts = self._model.prosody_ahead(hidden, where)
        melody.add(*next(parts))
        vocoder = Vocoder(melody.hertz, melody.track.voicing, melody.breath)
        chunk = AudioChunk(np.zeros(0, np.int16), _words(words, ends, spelt, frames), _phones(spelt, frames, silence))
        made = 0
        for filters in self._model.filters(hidden, where, melody.track, melody.hertz):
            sound = vocoder.push(filters)
            if made == 0:
                sound[: len(_RISE)] *= _RISE
            made += filters.shape[-1]
            if made == len(owner):
                sound = np.concatenate([sound, vocoder.flush()])
                sound[-len(_RISE) :] *= _RISE[::-1]
                sound = np.concatenate([sound, np.zeros(silence * HOP, np.float32)])
            pcm = self._gain.apply(sound)
            for piece in np.array_split(pcm, -(-len(pcm) // MAX_CHUNK)):
                yield replace(chunk, pcm=piece)
                chunk = AudioChunk(chunk.pcm)
            for part in parts:
                melody.add(*part)

    def _warn(self, text: str) -> None:
        if not self._warned and any(char.isalpha() and not _readable(char) for char in text):
            self._warned = True
            log.warning("part of a text is in a script that the voice %s can't read: it is left out", self.name)


class _Melody:
    """A sentence's prosody as it is steered, filled in as it becomes known.

    Attributes:
        track: what the last network is told.
        hertz: float32[T], what sounds; 1 Hz or more everywhere.
        breath: float32[T], 0..1.
    """

    def __init__(self, meta: VoiceMeta, steering: Controls, shift: float) -> None:
        """`shift`: added to log F0."""
        self._meta, self._steering, self._shift = meta, steering, shift
        count = len(steering.rate)
        self.track = Track(*np.zeros((3, count), np.float32))
        self.hertz = np.ones(count, np.float32)
        self.breath = steering.breath

    def add(self, begin: int, track: Track) -> None:
        """What the network says of the frames from `begin` on."""
        span = slice(begin, begin + len(track.f0))
        f0 = track.f0 * self._steering.range[span] + self._steering.pitch[span]
        meta = self._meta
        self.hertz[span] = np.exp(meta.log_f0_mean + meta.log_f0_sd * f0 + self._shift).clip(LOWEST, HIGHEST)
        self.track.f0[span] = (f0 + self._shift / meta.log_f0_sd).clip(-FAMILIAR, FAMILIAR)
        self.track.voicing[span] = track.voicing
        self.track.energy[span] = track.energy + self._steering.energy[span]


def _readable(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith(("LATIN", "GREEK", "MODIFIER"))


def _parts(word: SpokenWord) -> Iterator[SpokenWord]:
    """A word that no sentence can hold (a thousand letters without a space) in parts that one can."""
    for start in range(0, len(word.phones), MAX_UNITS):
        phones = word.phones[start : start + MAX_UNITS]
        yield replace(word, phones=phones, after=word.after if start + MAX_UNITS >= len(word.phones) else "")


def _sentences(words: Sequence[SpokenWord]) -> Iterator[tuple[int, int]]:
    """Ranges of words that are spoken in one breath: up to a full stop, or to where `MAX_UNITS` are reached."""
    first, weak, size = 0, 0, 0
    for index, word in enumerate(words):
        size += len(word.phones) + 1
        if size > MAX_UNITS and index > first:
            cut = weak if weak > first else index
            yield first, cut
            first = cut
            size = sum(len(later.phones) + 1 for later in words[first : index + 1])
        if word.after[:1] in _STRONG:
            yield first, index + 1
            first, size = index + 1, 0
        elif word.after[:1] in _WEAK:
            weak = index + 1
    if first < len(words):
        yield first, len(words)


def _edges(frames: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each unit's first sample and the one after its last."""
    ends = np.cumsum(frames) * HOP
    return ends - frames * HOP, ends


def _token_ends(words: Sequence[SpokenWord]) -> list[int]:
    """For each word, the end of the token in the text that it is part of: several words may be one (`$5`)."""
    ends: list[int] = []
    for index in reversed(range(len(words))):
        whole = words[index].end > (words[index - 1].end if index else 0)
        ends.append(words[index].end if whole or not ends else ends[-1])
    return ends[::-1]


def _words(
    words: Sequence[SpokenWord], ends: Sequence[int], spelt: Units, frames: NDArray[np.int64]
) -> tuple[TimedWord, ...]:
    """The words of one token are one timed word: nothing of `$5` was said until all of it was."""
    starts, stops = _edges(frames)
    timed: list[TimedWord] = []
    for index, (word, end) in enumerate(zip(words, ends, strict=True)):
        span = np.flatnonzero(spelt.words == index)
        start, text = int(starts[span[0]]), word.text
        if timed and timed[-1].text_end == end:
            begun = timed.pop()
            start, text = begun.start, f"{begun.text} {text}"
        timed.append(TimedWord(text, start, int(stops[span[-1]]), end))
    return tuple(timed)


def _phones(spelt: Units, frames: NDArray[np.int64], silence: int) -> tuple[TimedPhone, ...]:
    """`silence`: frames that follow the last unit, a pause."""
    starts, ends = _edges(frames)
    ends[-1] += silence * HOP
    symbols = ["SIL" if pause else PHONES[code] for code, pause in zip(spelt.phones, spelt.pause, strict=True)]
    return tuple(
        TimedPhone(symbol, int(start), int(end), int(stress))
        for symbol, start, end, stress in zip(symbols, starts, ends, spelt.stress, strict=True)
        if end > start
    )


def _at(chunk: AudioChunk, begin: int, text: str, *, final: bool) -> AudioChunk:
    """A sentence's chunk with the times and the places of the whole text; the last word takes along what trails it."""
    words = [
        replace(word, start=word.start + begin, end=word.end + begin, text_end=_past_marks(text, word.text_end))
        for word in chunk.words
    ]
    if final and words:
        words[-1] = replace(words[-1], text_end=len(text))
    phones = (replace(phone, start=phone.start + begin, end=phone.end + begin) for phone in chunk.phones)
    return AudioChunk(chunk.pcm, tuple(words), tuple(phones))


def _past_marks(text: str, end: int) -> int:
    """A word takes the marks along that stand at its end."""
    while end < len(text) and not (text[end].isalnum() or text[end].isspace()):
        end += 1
    return end
