"""espeak-ng as a voice: a hundred languages, no networks.

Synthesis runs a thousand times faster than real time, so a piece of text is made whole and streamed from memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE, AudioChunk, Pcm, TimedPhone, TimedWord
from engines.tags import Tag
from engines.tts import SpeechError
from engines.tts.espeak_library import Raw, library
from engines.tts.loudness import level, loudness
from engines.tts.phones import arpabet
from engines.tts.text import Spoken, pieces, speakable

VOICE = "en-us+f5"
"""Of the eight female variants tried, f5 is the one that a general recogniser understands best (pocketsphinx word error
rate 0.32; f2 0.48, f3 0.68)."""

RATE = 165
"""Words a minute."""

FIRST_CHUNK = SAMPLE_RATE // 10
"""100 ms: enough for the first pictures' look-ahead, little enough to leave at once."""
CHUNK = SAMPLE_RATE // 5
"""200 ms: an interruption is noticed between chunks."""

_CALIBRATION = "The quick brown fox jumps over the lazy dog, and she sells sea shells by the sea shore."
_PAUSES = {".": 0.28, "!": 0.28, "?": 0.28, ":": 0.2, ";": 0.2, ",": 0.12, "-": 0.12}
"""Seconds of silence after a phrase, by its last mark: what espeak-ng itself puts between clauses of one text at its
default rate (300 ms after a full stop, 150 ms after a comma), of which a lone phrase keeps only 50 ms."""


class EspeakTTS:
    """A voice of espeak-ng: English, female by default.

    Args:
        voice: espeak-ng's name of a language and a variant.
        rate: words a minute, 80..450.
        pitch: 0..100; 50 is the variant's own.
    Raises:
        SpeechError: the voice is unknown or can't start.
    """

    def __init__(self, voice: str = VOICE, rate: int = RATE, pitch: int = 50) -> None:
        if not 80 <= rate <= 450:
            raise SpeechError(f"the voice's rate must be 80..450 words a minute, not {rate}")
        if not 0 <= pitch <= 100:
            raise SpeechError(f"the voice's pitch must be 0..100, not {pitch}")
        self._voice, self._rate, self._pitch = voice, rate, pitch
        self._library = library()
        raw = self._library.speak(_CALIBRATION, voice, rate, pitch)
        self._gain = level(loudness(np.divide(raw.pcm, 32768, dtype=np.float32), self._library.rate))

    def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> Iterator[AudioChunk]:
        """Speak `text`: a chunk of 100 ms, then chunks of 200 ms; words and phones come ahead of their samples.

        Text without anything to say (blanks, emoji, markup alone) yields nothing.

        Raises:
            SpeechError: the library refused the text.
        """
        spoken = speakable(text)
        if not spoken:
            return
        resampler = _Resampler(self._library.rate)
        cutter = _Cutter()
        begin = 0
        for start, end in pieces(spoken.text):
            raw = self._library.speak(spoken.text[start:end], self._voice, self._rate, self._pitch)
            last = end == len(spoken.text)
            times = _Times(begin, SAMPLE_RATE / self._library.rate, len(raw.pcm))
            words = _words(raw, times, spoken, start, end, len(text) if last else None)
            pcm = resampler.push(raw.pcm)
            begin += round(len(raw.pcm) * SAMPLE_RATE / self._library.rate)
            if last:
                pcm = np.concatenate([pcm, resampler.flush(), _pause(spoken.text, self._rate)])
            yield from cutter.push(self._gain.apply(pcm), words, _phones(raw, times))
        yield from cutter.flush()


class _Resampler:
    """The library's rate to ours, statefully: pieces join without a click."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def push(self, pcm: Pcm) -> NDArray[np.float32]:
        if not len(pcm):
            return np.zeros(0, np.float32)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = self._rate
        return self._join(self._resampler.resample(frame))

    def flush(self) -> NDArray[np.float32]:
        return self._join(self._resampler.resample(None))

    @staticmethod
    def _join(frames: list[av.AudioFrame]) -> NDArray[np.float32]:
        parts = [frame.to_ndarray().reshape(-1).astype(np.float32) for frame in frames]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class _Times:
    """Where the samples of one call lie in the phrase."""

    begin: int
    scale: float
    samples: int

    def at(self, sample: int) -> int:
        return self.begin + round(min(sample, self.samples) * self.scale)


class _Cutter:
    """Chunks of even length from pieces of any."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.int16)
        self._words: tuple[TimedWord, ...] = ()
        self._phones: tuple[TimedPhone, ...] = ()
        self._length = FIRST_CHUNK

    def push(self, pcm: Pcm, words: tuple[TimedWord, ...], phones: tuple[TimedPhone, ...]) -> Iterator[AudioChunk]:
        self._rest = np.concatenate([self._rest, pcm])
        self._words += words
        self._phones += phones
        while len(self._rest) >= self._length:
            chunk, self._rest = self._rest[: self._length], self._rest[self._length :]
            self._length = CHUNK
            yield self._chunk(chunk)

    def flush(self) -> Iterator[AudioChunk]:
        if len(self._rest):
            yield self._chunk(self._rest)

    def _chunk(self, pcm: Pcm) -> AudioChunk:
        chunk = AudioChunk(pcm, self._words, self._phones)
        self._words, self._phones = (), ()
        return chunk


def _phones(raw: Raw, times: _Times) -> tuple[TimedPhone, ...]:
    """Each event lasts until the next; one of several phones is shared out evenly, adjoining pauses are one."""
    phones: list[TimedPhone] = []
    for index, (ipa, sample) in enumerate(raw.phones):
        start = times.at(sample)
        end = times.at(raw.phones[index + 1][1] if index + 1 < len(raw.phones) else times.samples)
        symbols, stress = arpabet(ipa)
        if phones and symbols == ("SIL",) and phones[-1].symbol == "SIL":
            start = phones.pop().start
        edges = np.linspace(start, end, len(symbols) + 1).round().astype(int).tolist()
        for place, symbol in enumerate(symbols):
            if edges[place + 1] > edges[place]:
                phones.append(TimedPhone(symbol, edges[place], edges[place + 1], stress))
    return tuple(phones)


def _words(raw: Raw, times: _Times, spoken: Spoken, start: int, end: int, whole: int | None) -> tuple[TimedWord, ...]:
    """The events of one token (a number is several words) are one word; a word runs until the next begins.

    `whole` is the original text's length where this is its last piece: what trails the last word goes with it.
    """
    text = spoken.text
    begins: dict[int, int] = {}
    for character, sample in raw.words:
        token = text.rfind(" ", start, start + character + 1) + 1 or start
        if not begins or token > max(begins):
            begins[token] = sample
    tokens = [*begins, end]
    words: list[TimedWord] = []
    for index, (token, sample) in enumerate(begins.items()):
        upto = tokens[index + 1]
        last = index + 2 == len(tokens)
        until = times.samples if last else begins[upto]
        label = text[token:upto].strip()
        text_end = whole if last and whole is not None else spoken.ends[token + len(label) - 1]
        words.append(TimedWord(label, times.at(sample), times.at(until), text_end))
    return tuple(words)


def _pause(text: str, rate: int) -> NDArray[np.float32]:
    """The silence after a phrase, shorter for a faster speaker."""
    mark = text.rstrip(" \"')]")[-1:]
    seconds = _PAUSES.get(mark, 0.0) * min(1.0, RATE / rate)
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)
