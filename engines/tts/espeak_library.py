"""libespeak-ng through ctypes.

The library is GPL-3, so the package that carries it is an optional extra. It keeps one voice and one callback for the
whole process (`speak_lib.h`): one object owns it, behind one lock.
"""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from engines.media import Pcm
from engines.tts import SpeechError

try:
    import espeakng_loader
except ImportError as error:
    raise ImportError(
        "espeak-ng is not installed (it is GPL-3, so it is optional): pip install -e '.[espeak]' in the project's "
        "folder"
    ) from error

# speak_lib.h
_EVENT_END, _EVENT_WORD, _EVENT_PHONE = 0, 1, 7
_OUTPUT_SYNCHRONOUS = 2
_INIT_PHONE_EVENTS, _INIT_IPA, _INIT_DONT_EXIT = 0x1, 0x2, 0x8000
_UTF8 = 1
_AS_IPA = 0x02
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
class Raw:
    """One call's result, in samples at the library's rate."""

    pcm: Pcm
    words: tuple[tuple[int, int], ...]
    """(character, sample)"""
    phones: tuple[tuple[str, int], ...]
    """(IPA, sample)"""


class Library:
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
            raise SpeechError("espeak-ng could not start; reinstall it: pip install --force-reinstall espeakng-loader")
        self._lib.espeak_SetSynthCallback(self._callback)
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def speak(self, text: str, voice: str, rate: int, pitch: int) -> Raw:
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
            return Raw(pcm, tuple(self._words), tuple(self._phones))

    def phonemes(self, text: str, voice: str) -> str:
        """`text` in IPA, words apart by spaces.

        Raises:
            SpeechError: the voice is unknown.
        """
        data = ctypes.create_string_buffer(text.encode("utf-8", "ignore"))
        place = ctypes.c_void_p(ctypes.addressof(data))
        said: list[str] = []
        with self._lock:
            self._choose(voice, *(self._settings or ("", 175, 50))[1:])
            while place.value:
                said.append(self._lib.espeak_TextToPhonemes(ctypes.byref(place), _UTF8, _AS_IPA).decode())
        return " ".join(said).strip()

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
def library() -> Library:
    """The process's one library, started when first asked for.

    Raises:
        SpeechError: it could not start.
    """
    return Library()
