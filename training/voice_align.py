"""When each phone of a recording is spoken: forced alignment with pocketsphinx's acoustic model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pocketsphinx

from engines.media import MIC_RATE, SAMPLE_RATE
from engines.tts.features import HOP, VOWELS
from engines.tts.speech_text import Phone, SpokenWord
from training.voice_signal import Samples, resampled

SILENCES = ("SIL", "+NSN+", "+SPN+")
EDGE = 4_800
"""Samples of silence that a second try adds at both ends: words cut close need somewhere to begin."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A phone, or a silence, in frames of 10 ms; `end` exclusive."""

    symbol: str
    word: int
    """Index of the word; -1 in silence."""
    start: int
    end: int


class AlignmentError(ValueError):
    """The words don't fit the sound."""


class Aligner:
    """One decoder and the words it has learned."""

    def __init__(self) -> None:
        self._decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
        self._tokens: dict[tuple[str, ...], str] = {}

    def align(self, words: Sequence[SpokenWord], samples: Samples) -> tuple[list[SpokenWord], list[Spoken]]:
        """
        Args:
            words: what was said.
            samples: float32[n] at 24 kHz.

        Returns:
            The words with the pronunciations that were heard (the given one or another of the dictionary's), and all
            phones and silences from the first frame to the last.

        Raises:
            AlignmentError: the words don't fit the sound.
        """
        for others, edge in ((True, 0), (False, 0), (False, EDGE)):  # the free choice fails most often
            try:
                heard = self._heard(words, np.pad(samples, edge), edge // HOP, others)
            except RuntimeError:
                continue
            if max((spoken.word for spoken in heard), default=-1) == len(words) - 1:
                return [_as_heard(word, heard, index) for index, word in enumerate(words)], heard
        raise AlignmentError("the text does not fit the recording: check the words, or leave the clip out")

    def _heard(self, words: Sequence[SpokenWord], samples: Samples, skip: int, others: bool) -> list[Spoken]:
        sound = np.clip(resampled(samples, SAMPLE_RATE, MIC_RATE) * 16_000, -32768, 32767).astype(np.int16).tobytes()
        self._decoder.set_align_text(" ".join(self._token(word, others) for word in words))
        self._pass(sound)
        self._decoder.set_alignment()
        self._pass(sound)
        last = (len(samples) // HOP) - 2 * skip
        heard: list[Spoken] = []
        index = -1
        for entry in self._decoder.get_alignment() or ():
            silence = entry.name[0] in "<[+"
            index += not silence
            for phone in entry:
                start = min(max(phone.start - skip, 0), last)
                end = min(max(phone.start + phone.duration - skip, 0), last)
                symbol = "SIL" if silence or phone.name in SILENCES else phone.name
                heard.append(Spoken(symbol, -1 if silence else index, start, end))
        return heard

    def _pass(self, sound: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()

    def _token(self, word: SpokenWord, others: bool) -> str:
        """A dictionary entry with this word's pronunciation and, if `others`, those that the dictionary has for it."""
        said = tuple(phone.symbol for phone in word.phones)
        spelt = word.text.lower().replace("’", "'")
        entries = [spelt, *(f"{spelt}({n})" for n in range(2, 6))] if others else []
        known = [tuple(found.split()) for found in map(self._decoder.lookup_word, entries) if found]
        ways = tuple(dict.fromkeys((said, *known)))
        key = ("/".join(" ".join(way) for way in ways),)
        if key not in self._tokens:
            token = f"v{len(self._tokens)}"
            for number, way in enumerate(ways, 1):
                self._decoder.add_word(token if number == 1 else f"{token}({number})", " ".join(way), False)
            self._tokens[key] = token
        return self._tokens[key]


def _as_heard(word: SpokenWord, heard: Sequence[Spoken], index: int) -> SpokenWord:
    symbols = [spoken.symbol for spoken in heard if spoken.word == index]
    levels = [phone.stress for phone in word.phones if phone.symbol in VOWELS]
    vowels = sum(symbol in VOWELS for symbol in symbols)
    if vowels != len(levels):
        levels = [max(levels, default=0), *[0] * vowels]
    left = iter(levels)
    phones = tuple(Phone(symbol, next(left) if symbol in VOWELS else 0) for symbol in symbols)
    return SpokenWord(word.text, word.end, phones, word.after)
