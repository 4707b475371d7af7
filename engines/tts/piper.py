"""Voices in Piper's format: MODEL.onnx (a VITS network) beside MODEL.onnx.json, of any language.

Interface of the graph as Piper's own runtime uses it (rhasspy/piper, src/python_run/piper/voice.py): `input`
int64[1, N], `input_lengths` int64[1], `scales` float32[3] (noise, length, noise of durations), `sid` int64[1] with
several speakers; `output` float32[1, 1, T]. The licence of each voice is its maker's.
"""

from __future__ import annotations

import json
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.align import WordAligner
from engines.media import SAMPLE_RATE, AudioChunk, Pcm, TimedPhone, TimedWord
from engines.onnx_scan import operators
from engines.runtime import Graph, Part, weights_are_finite
from engines.tags import Tag
from engines.tts import SpeechError
from engines.tts.lexicon import VOWELS
from engines.tts.loudness import level, loudness
from engines.tts.speech_text import Reader
from engines.tts.text import Spoken, pieces, speakable

PIECE = 200
"""Characters that the network reads at once: it makes all of their sound (some 12 s) before the first sample leaves."""
FIRST_CHUNK, CHUNK = SAMPLE_RATE // 10, SAMPLE_RATE // 5
"""100 ms, enough for the first pictures' look-ahead; then 200 ms: an interruption is noticed between chunks."""
LONGEST = 60
"""Seconds of sound for one piece: five times the slowest reader's."""
LARGEST_CONFIG = 1_000_000
"""Bytes of the JSON: a hundred times a usual one's."""

_SILENT = 0.01
"""Of a piece's loudest 10 ms: below it (-40 dB) nothing is said."""
_CLAUSE = re.compile(r"([^.,!?;:]+)([.,!?;:]*)")
_CALIBRATION = "Hello, this is how I sound. One, two, three, four, five."


class _Audio(BaseModel):
    sample_rate: int = Field(ge=8000, le=48_000)


class _Espeak(BaseModel):
    voice: str = Field(default="en-us", pattern=r"^[A-Za-z0-9+_-]{1,40}$")


class _Inference(BaseModel):
    noise_scale: float = Field(default=0.667, ge=0, le=2)
    length_scale: float = Field(default=1.0, ge=0.2, le=5)
    noise_w: float = Field(default=0.8, ge=0, le=2)


class _Settings(BaseModel):
    """What is read of MODEL.onnx.json."""

    model_config = ConfigDict(extra="ignore")
    audio: _Audio
    phoneme_id_map: dict[str, list[int]]
    phoneme_type: str = "espeak"
    espeak: _Espeak = _Espeak()
    inference: _Inference = _Inference()
    num_speakers: int = Field(default=1, ge=1)

    @property
    def english(self) -> bool:
        return self.espeak.voice.lower().startswith("en")


class PiperVoice:
    """A Piper voice from a file: implements `engines.TTS`. Any thread may ask it for speech; they wait for each other.

    For English, times of words and phones come from aligning the finished sound with the text; else there are words
    only, spread over the sound by their length.
    """

    def __init__(self, path: Path, rate: float = 1.0, speaker: int = 0, threads: int = 1) -> None:
        """
        Args:
            path: MODEL.onnx; MODEL.onnx.json lies beside it.
            rate: times the voice's own pace, 0.5..2.
            speaker: of a model with several.

        Raises:
            SpeechError: it is no such voice, or needs the extra `espeak`; the message says what to do.
        """
        if not 0.5 <= rate <= 2:
            raise SpeechError(f"the voice's rate must be 0.5..2, not {rate}")
        self._settings = _read_settings(path)
        if not 0 <= speaker < self._settings.num_speakers:
            raise SpeechError(f"{path} has the speakers 0..{self._settings.num_speakers - 1}, not {speaker}")
        self._symbols = _phonemizer(self._settings)
        try:
            operators(path)
            if not weights_are_finite(path):
                raise SpeechError(f"{path} holds weights that are no numbers: fetch it again")
            self._graph = Graph(path, [Part(("output",), "f32")], threads)
        except ValueError as error:
            raise SpeechError(f"{path} is no Piper voice: {error}") from error
        inference = self._settings.inference
        scales = [inference.noise_scale, inference.length_scale / rate, inference.noise_w]
        self._fixed: dict[str, NDArray[Any]] = {"scales": np.array(scales, np.float32)}
        if self._settings.num_speakers > 1:
            self._fixed["sid"] = np.array([speaker], np.int64)
        self._lock = threading.Lock()
        self._reader = Reader()
        self._aligner = WordAligner() if self._settings.english else None
        sound = self._sound(_CALIBRATION)
        self._gain = level(loudness(sound, SAMPLE_RATE) if len(sound) >= SAMPLE_RATE // 2 else -20.0)

    def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> Iterator[AudioChunk]:
        """Speak `text`: a chunk of 100 ms, then chunks of 200 ms; words and phones come ahead of their samples.

        Text without anything to say yields nothing; letters that the voice lacks are left out, and so are styles.

        Raises:
            SpeechError: the network failed.
        """
        spoken = speakable(text)
        if not spoken:
            return
        begin = 0
        for start, end in pieces(spoken.text, PIECE):
            pcm = self._gain.apply(self._sound(spoken.text[start:end]))
            words, phones = self._times(spoken, start, end, pcm, len(text) if end == len(spoken.text) else None)
            moved = (
                tuple(TimedWord(w.text, w.start + begin, w.end + begin, w.text_end) for w in words),
                tuple(TimedPhone(p.symbol, p.start + begin, p.end + begin, p.stress) for p in phones),
            )
            begin += len(pcm)
            yield from _chunks(pcm, *moved)

    def _sound(self, text: str) -> NDArray[np.float32]:
        """float32[n] at `SAMPLE_RATE`."""
        known = self._settings.phoneme_id_map
        ids = list(known.get("^", []))
        for symbol in self._symbols(text):
            if symbol in known:
                ids += known[symbol] + known.get("_", [])
        ids += known.get("$", [])
        if not ids:
            return np.zeros(0, np.float32)
        inputs: dict[str, NDArray[Any]] = {
            "input": np.array([ids], np.int64), "input_lengths": np.array([len(ids)], np.int64), **self._fixed,
        }  # fmt: skip
        with self._lock:
            try:
                out = self._graph.run(inputs)["output"].astype(np.float32).reshape(-1)
            except RuntimeError as error:
                raise SpeechError(f"the Piper voice could not say {text[:40]!r}: {error}") from error
        if not np.isfinite(out).all() or len(out) > LONGEST * self._settings.audio.sample_rate:
            raise SpeechError(f"the Piper voice made no speech of {text[:40]!r}: try another voice file")
        return _resampled(out, self._settings.audio.sample_rate)

    def _times(
        self, spoken: Spoken, start: int, end: int, pcm: Pcm, whole: int | None
    ) -> tuple[list[TimedWord], list[TimedPhone]]:
        """Words of `spoken.text[start:end]` and, for English, their phones; from the first sample of `pcm`.

        `whole` is the original text's length where this is its last piece: what trails the last word goes with it.
        """
        text = spoken.text[start:end]
        found = list(self._aligner.align(text, pcm)) if self._aligner else []
        found = found or _by_energy(text, pcm)
        words = [
            TimedWord(word.text, word.start, word.end, spoken.ends[start + max(word.text_end, 1) - 1]) for word in found
        ]
        if words and whole is not None:
            words[-1] = TimedWord(words[-1].text, words[-1].start, words[-1].end, whole)
        return words, self._phones(found) if self._aligner else []

    def _phones(self, words: Sequence[TimedWord]) -> list[TimedPhone]:
        """The phones of aligned words: a vowel lasts as long as two consonants."""
        phones: list[TimedPhone] = []
        for word in words:
            said = [phone for part in self._reader.read(word.text) for phone in part.phones]
            if not said or word.end <= word.start:
                continue
            weights = np.cumsum([0.0] + [2.0 if phone.symbol in VOWELS else 1.0 for phone in said])
            edges = np.round(word.start + (word.end - word.start) * weights / weights[-1]).astype(int).tolist()
            for phone, begin, end in zip(said, edges[:-1], edges[1:], strict=True):
                if end > begin:
                    phones.append(TimedPhone(phone.symbol, begin, end, phone.stress))
        return phones


def _read_settings(path: Path) -> _Settings:
    config = path.with_name(path.name + ".json")
    if path.suffix != ".onnx" or not path.is_file() or not config.is_file():
        raise SpeechError(f"a Piper voice is MODEL.onnx with MODEL.onnx.json beside it, not {path}")
    if config.stat().st_size > LARGEST_CONFIG:
        raise SpeechError(f"{config} is too large for a voice's settings")
    try:
        return _Settings.model_validate(json.loads(config.read_text("utf-8")))
    except (ValueError, ValidationError) as error:
        raise SpeechError(f"{config} is no description of a Piper voice: {str(error)[:200]}") from error


def _phonemizer(settings: _Settings) -> Callable[[str], str]:
    """Text to the characters that the voice's map names: the letters themselves, or espeak-ng's IPA."""
    if settings.phoneme_type == "text":
        return lambda text: unicodedata.normalize("NFD", text.lower())
    if settings.phoneme_type != "espeak":
        raise SpeechError(
            f"this Piper voice wants phonemes of type {settings.phoneme_type!r}: use one of text or espeak"
        )
    try:
        from engines.tts.espeak_library import library
    except ImportError as error:
        raise SpeechError(
            "this Piper voice reads espeak-ng's phonemes, and espeak-ng is not installed (it is GPL-3, so it is "
            "optional): pip install -e '.[espeak]' in the project's folder, or take a voice of phoneme_type \"text\""
        ) from error
    owner, voice = library(), settings.espeak.voice

    def phonemes(text: str) -> str:
        said = [owner.phonemes(words, voice) + mark[:1] for words, mark in _CLAUSE.findall(text)]
        return unicodedata.normalize("NFD", " ".join(said))

    return phonemes


def _by_energy(text: str, pcm: Pcm) -> list[TimedWord]:
    """Words over the time in which there is sound, each for as long as it has letters."""
    tokens = [match for match in re.finditer(r"\S+", text) if any(char.isalnum() for char in match.group())]
    if not tokens or not len(pcm):
        return []
    hop = SAMPLE_RATE // 100
    frames = np.abs(np.pad(pcm, (0, -len(pcm) % hop)).astype(np.float32)).reshape(-1, hop).max(1)
    heard = np.concatenate([[0], np.cumsum(frames > _SILENT * max(frames.max(), 1))])
    letters = np.cumsum([0] + [sum(char.isalnum() for char in match.group()) for match in tokens])
    shares = letters * heard[-1] // letters[-1]
    starts = np.minimum((np.searchsorted(heard, shares[:-1], "right") - 1) * hop, len(pcm)).tolist()
    ends = np.minimum(np.searchsorted(heard, shares[1:]) * hop, len(pcm)).tolist()
    return [
        TimedWord(match.group(), begin, end, match.end())
        for match, begin, end in zip(tokens, starts, ends, strict=True)
    ]


def _resampled(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = rate
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray().reshape(-1) for part in parts]).astype(np.float32)


def _chunks(pcm: Pcm, words: tuple[TimedWord, ...], phones: tuple[TimedPhone, ...]) -> Iterator[AudioChunk]:
    """All times go with the first chunk."""
    start, length = 0, FIRST_CHUNK
    while start < len(pcm):
        yield AudioChunk(pcm[start : start + length], words, phones)
        start, length, words, phones = start + length, CHUNK, (), ()
