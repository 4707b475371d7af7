"""The pocketsphinx C library (5.1), called so that other Python threads run meanwhile.

The library's own binding keeps the interpreter's lock while it searches: 10 to 60 ms at a time, which the playout
clock would feel. Its shared object exports the public C API (pocketsphinx.h, pocketsphinx/search.h), and ctypes lets
go of the lock for the length of each call.
"""

from __future__ import annotations

import ctypes
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engines.media import Pcm

FRAME_SAMPLES = 160
"""Samples of one acoustic frame: 10 ms at 16 kHz (`frate` 100, the acoustic model's)."""

LOG_BASE = math.log(1.0001)
"""The library counts in powers of 1.0001 (`logbase`)."""

_POINTER = ctypes.c_void_p
_INT = ctypes.c_int
_TEXT = ctypes.c_char_p
_INT32_OUT = ctypes.POINTER(ctypes.c_int32)
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "ps_config_init": (_POINTER, [_POINTER]),
    "ps_config_parse_json": (_POINTER, [_POINTER, _TEXT]),
    "ps_config_free": (_INT, [_POINTER]),
    "ps_init": (_POINTER, [_POINTER]),
    "ps_free": (_INT, [_POINTER]),
    "ps_set_cmn": (_INT, [_POINTER, _TEXT]),
    "ps_get_cmn": (_TEXT, [_POINTER, _INT]),
    "ps_set_align_text": (_INT, [_POINTER, _TEXT]),
    "ps_start_stream": (_INT, [_POINTER]),
    "ps_start_utt": (_INT, [_POINTER]),
    "ps_process_raw": (_INT, [_POINTER, _POINTER, ctypes.c_size_t, _INT, _INT]),
    "ps_end_utt": (_INT, [_POINTER]),
    "ps_get_hyp": (_TEXT, [_POINTER, _INT32_OUT]),
    "ps_get_prob": (ctypes.c_int32, [_POINTER]),
    "ps_lookup_word": (_POINTER, [_POINTER, _TEXT]),
    "ckd_free": (None, [_POINTER]),
    "ps_seg_iter": (_POINTER, [_POINTER]),
    "ps_seg_next": (_POINTER, [_POINTER]),
    "ps_seg_word": (_TEXT, [_POINTER]),
    "ps_seg_frames": (None, [_POINTER, ctypes.POINTER(_INT), ctypes.POINTER(_INT)]),
    "ps_seg_prob": (ctypes.c_int32, [_POINTER, _INT32_OUT, _INT32_OUT, _INT32_OUT]),
    "err_set_loglevel_str": (_TEXT, [_TEXT]),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One word of a hypothesis, or a filler such as `<sil>`; frames of 10 ms, `end` exclusive."""

    word: str
    start: int
    end: int
    acoustic: int
    """Log score of the sound alone. An n-gram search gives it 2**10 times larger than a grammar's (`SENSCR_SHIFT`
    in src/hmm.h)."""

    @property
    def filler(self) -> bool:
        return self.word[0] in "<[+("


class SphinxError(RuntimeError):
    """The library refused a configuration, a grammar or a block of audio."""


class Decoder:
    """One decoder: one utterance at a time, from any thread, never from two at once."""

    def __init__(self, **settings: str | int | float | bool) -> None:
        """`settings` are pocketsphinx's configuration parameters. Raises `SphinxError` where they are refused."""
        self._lib = _library()
        self._phones: dict[str, list[str]] = {}
        self._started = False
        settings = {"loglevel": "FATAL", **settings}
        config = self._lib.ps_config_parse_json(None, json.dumps(settings).encode())
        if not config:
            raise SphinxError(f"pocketsphinx refused the settings {settings}")
        self._decoder = self._lib.ps_init(config)
        self._lib.ps_config_free(config)
        if not self._decoder:
            raise SphinxError(f"pocketsphinx could not start with {settings}")

    def __del__(self) -> None:
        decoder, self._decoder = getattr(self, "_decoder", None), None
        if decoder:
            self._lib.ps_free(decoder)

    @property
    def cepstral_mean(self) -> str:
        """The mean that features are normalised by: what the decoder has learned of this voice and microphone."""
        return self._lib.ps_get_cmn(self._decoder, 0).decode()

    @cepstral_mean.setter
    def cepstral_mean(self, mean: str) -> None:
        self._check(self._lib.ps_set_cmn(self._decoder, mean.encode()), "set the cepstral mean")

    def align(self, words: str) -> None:
        """Let the next utterance be these words of the dictionary, separated by spaces: only their times are sought.

        Raises:
            SphinxError: a word is not in the dictionary.
        """
        self._check(self._lib.ps_set_align_text(self._decoder, words.encode()), "align these words")

    def start(self, *, anew: bool) -> None:
        """Begin an utterance; one that was left open is dropped.

        Args:
            anew: another microphone than before: forget the noise that was learned.
        """
        if self._started:
            self.end()
        self._started = True
        if anew:
            self._check(self._lib.ps_start_stream(self._decoder), "start a stream")
        self._check(self._lib.ps_start_utt(self._decoder), "start an utterance")

    def feed(self, pcm: Pcm) -> None:
        """int16[n] at 16 kHz, contiguous."""
        if len(pcm):
            self._check(
                self._lib.ps_process_raw(self._decoder, pcm.ctypes.data, len(pcm), 0, 0), "process a block of audio"
            )

    def end(self) -> None:
        self._started = False
        self._check(self._lib.ps_end_utt(self._decoder), "end an utterance")

    def hypothesis(self) -> str:
        """The best words so far, or, once ended, of the whole utterance; empty where nothing fits."""
        text = self._lib.ps_get_hyp(self._decoder, None)
        return text.decode() if text else ""

    def segments(self) -> list[Segment]:
        """The hypothesis word by word, fillers included."""
        found: list[Segment] = []
        start, end, acoustic = _INT(), _INT(), ctypes.c_int32()
        segment = self._lib.ps_seg_iter(self._decoder)
        while segment:
            self._lib.ps_seg_frames(segment, ctypes.byref(start), ctypes.byref(end))
            self._lib.ps_seg_prob(segment, ctypes.byref(acoustic), None, None)
            word = self._lib.ps_seg_word(segment).decode()
            found.append(Segment(word, start.value, end.value + 1, acoustic.value))
            segment = self._lib.ps_seg_next(segment)
        return found

    def log_posterior(self) -> float:
        """Natural logarithm of the hypothesis' posterior probability, from the lattice of an ended utterance."""
        return self._lib.ps_get_prob(self._decoder) * LOG_BASE

    def pronunciations(self, word: str) -> list[str]:
        """The dictionary's ways to say `word`, the usual one first."""
        found: list[str] = []
        while phones := self._lookup(word if not found else f"{word}({len(found) + 1})"):
            found.append(phones)
        return found

    def phones(self, word: str) -> list[str]:
        """The phones of one segment's word, which names its pronunciation: `the(2)`."""
        if word not in self._phones:
            self._phones[word] = self._lookup(word).split()
        return self._phones[word]

    def _lookup(self, entry: str) -> str:
        pointer = self._lib.ps_lookup_word(self._decoder, entry.encode())
        if not pointer:
            return ""
        try:
            return (ctypes.string_at(pointer) or b"").decode()
        finally:
            self._lib.ckd_free(pointer)

    @staticmethod
    def _check(result: int, what: str) -> None:
        if result < 0:
            raise SphinxError(f"pocketsphinx could not {what}")


def model_path(name: str) -> Path:
    """A file of the US English model that travels in the wheel."""
    import pocketsphinx

    return Path(pocketsphinx.get_model_path(name))


@cache
def _library() -> ctypes.CDLL:
    from pocketsphinx import _pocketsphinx  # pyright: ignore[reportMissingImports]

    library = ctypes.CDLL(_pocketsphinx.__file__)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.err_set_loglevel_str(b"FATAL")
    return library
