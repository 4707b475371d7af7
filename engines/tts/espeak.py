"""espeak-ng in process: the voice until the project ships its own.

The library is GPL-3, so the package that carries it is an optional extra. It keeps one voice and one callback for the
whole process (`speak_lib.h`), so one object owns it behind one lock; synthesis runs a thousand times faster than real
time, so a piece of text is made whole under the lock and streamed from memory.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE, AudioChunk, Pcm, TimedPhone, TimedWord
from engines.tts import SpeechError
from engines.tts.loudness import level, loudness
from engines.tts.phones import arpabet
from engines.tts.text import Spoken, pieces, speakable

try:
    import espeakng_loader
except ImportError as error:
    raise ImportError(
        "the espeak-ng voice is not installed (it is GPL-3, so it is optional): pip install 'visavis[espeak]'"
    ) from error

FIRST_CHUNK = SAMPLE_RATE // 10
"""100 ms: enough for the first pictures' look-ahead, little enough to leave at once."""
CHUNK = SAMPLE_RATE // 5
"""200 ms: an interruption is noticed between chunks."""

_CALIBRATION = "The quick brown fox jumps over the lazy dog, and she sells sea shells by the sea shore."
_PAUSES = {".": 0.28, "!": 0.28, "?": 0.28, ":": 0.2, ";": 0.2, ",": 0.12, "-": 0.12}
"""Seconds of silence after a phrase, by its last mark: what espeak-ng itself puts between clauses of one text at its
default rate (300 ms after a full stop, 150 ms after a comma), of which a lone phrase keeps only 50 ms."""

# speak_lib.h
_EVENT_END, _EVENT_WORD, _EVENT_PHONE = 0, 1, 7
_OUTPUT_SYNCHRONOUS = 2
_INIT_PHONE_EVENTS, _INIT_IPA, _INIT_DONT_EXIT = 0x1, 0x2, 0x8000
_UTF8 = 1
_RATE, _PITCH = 1, 3


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """`espeak_EVENT`; positions in characters counted from 1, samples at the voice's own rate."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class _Raw:
    """One call's result, in samples at the library's rate."""

    pcm: Pcm
    words: tuple[tuple[int, int], ...]
    """(character, sample)"""
    phones: tuple[tuple[str, int], ...]
    """(IPA, sample)"""


class _Library:
    """The one owner of the library's global state."""

    def __init__(self) -> None:
        self._lib: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        self._lock = threading.Lock()
        self._pcm: list[Pcm] = []
        self._words: list[tuple[int, int]] = []
        self._phones: list[tuple[str, int]] = []
        self._settings: tuple[str, int, int] | None = None
        self._callback = _Callback(self._collect)  # kept: the library holds only a pointer to it
        self.rate: int = self._lib.espeak_Initialize(
            _OUTPUT_SYNCHRONOUS,
            0,
            espeakng_loader.get_data_path().encode(),
            _INIT_PHONE_EVENTS | _INIT_IPA | _INIT_DONT_EXIT,
        )
        if self.rate <= 0:
            raise SpeechError("espeak-ng could not start; reinstall it: pip install 'visavis[espeak]'")
        self._lib.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str, rate: int, pitch: int) -> _Raw:
        """Synthesise `text` whole.

        Raises:
            SpeechError: the voice is unknown, or the library refused the text.
        """
        data = text.encode("utf-8", "ignore") + b"\0"
        with self._lock:
            self._choose(voice, rate, pitch)
            self._pcm, self._words, self._phones = [], [], []
            if self._lib.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None):
                raise SpeechError("espeak-ng refused the text")
            pcm = np.concatenate(self._pcm) if self._pcm else np.zeros(0, np.int16)
            return _Raw(pcm, tuple(self._words), tuple(self._phones))

    def _choose(self, voice: str, rate: int, pitch: int) -> None:
        if self._settings == (voice, rate, pitch):
            return
        self._settings = None
        if self._lib.espeak_SetVoiceByName(voice.encode()):
            raise SpeechError(f"espeak-ng has no voice '{voice}'; try 'en-us+f5' (a language, plus, a variant)")
        self._lib.espeak_SetParameter(_RATE, rate, 0)
        self._lib.espeak_SetParameter(_PITCH, pitch, 0)
        self._settings = (voice, rate, pitch)

    def _collect(self, wav: Any, count: int, events: Any) -> int:
        if wav and count > 0:
            self._pcm.append(np.ctypeslib.as_array(wav, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:
            event = events[index]
            if event.type == _EVENT_WORD:
                self._words.append((event.text_position - 1, event.sample))
            elif event.type == _EVENT_PHONE:
                self._phones.append((event.id.string.decode("utf-8", "ignore"), event.sample))
            index += 1
        return 0


@lru_cache(maxsize=1)
def _library() -> _Library:
    return _Library()


class EspeakTTS:
    """A voice of espeak-ng: English, female by default.

    Args:
        voice: espeak-ng's name of a language and a variant. Of the eight female variants tried, f5 is the
            one that a general recogniser understands best (pocketsphinx word error rate 0.32; f2 0.48, f3 0.68).
        rate: words a minute, 80..450.
        pitch: 0..100; 50 is the variant's own.
    Raises:
        SpeechError: the voice is unknown or can't start.
    """

    def __init__(self, voice: str = "en-us+f5", rate: int = 165, pitch: int = 50) -> None:
        if not 80 <= rate <= 450:
            raise SpeechError(f"the voice's rate must be 80..450 words a minute, not {rate}")
        if not 0 <= pitch <= 100:
            raise SpeechError(f"the voice's pitch must be 0..100, not {pitch}")
        self._voice, self._rate, self._pitch = voice, rate, pitch
        self._library = _library()
        raw = self._library.speak(_CALIBRATION, voice, rate, pitch)
        self._gain = level(loudness(np.divide(raw.pcm, 32768, dtype=np.float32), self._library.rate))

    def synthesize(self, text: str) -> Iterator[AudioChunk]:
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


def _phones(raw: _Raw, times: _Times) -> tuple[TimedPhone, ...]:
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


def _words(raw: _Raw, times: _Times, spoken: Spoken, start: int, end: int, whole: int | None) -> tuple[TimedWord, ...]:
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
    seconds = _PAUSES.get(mark, 0.0) * min(1.0, 165 / rate)
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)
