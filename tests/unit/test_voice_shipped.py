"""The shipped voice itself: it loads, streams as the whole sounds, and is as loud as every voice."""

from __future__ import annotations

import numpy as np
import pytest

from engines.media import SAMPLE_RATE
from engines.tts import model
from engines.tts.loudness import TARGET_LUFS, loudness
from engines.tts.voice import NeuralVoice
from server.engines import DEFAULT_VOICE

pytestmark = pytest.mark.unit

TEXT = "I can tell you the time, or simply chat for a while, if you like that better. What would you like to know?"


@pytest.fixture(scope="module")
def voice() -> NeuralVoice:
    return NeuralVoice(DEFAULT_VOICE)


def _pcm(voice: NeuralVoice, text: str) -> np.ndarray:
    return np.concatenate([chunk.pcm for chunk in voice.synthesize(text)])


def test_it_is_small_and_says_whose_it_is(voice: NeuralVoice) -> None:
    assert sum(file.stat().st_size for file in DEFAULT_VOICE.iterdir()) <= 12e6
    meta = voice._model.meta
    assert meta.licence
    assert meta.source
    assert set(meta.styles) == {"calm", "cheerful", "serious", "whisper"}


def test_windows_sound_as_the_whole(voice: NeuralVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    streamed = _pcm(voice, TEXT).astype(int)
    monkeypatch.setattr(model, "WINDOWS", (12, 700))
    assert np.abs(_pcm(voice, TEXT) - streamed).max() <= 3, "1e-4 of full scale"


def test_it_is_as_loud_as_every_voice(voice: NeuralVoice) -> None:
    pcm = _pcm(voice, TEXT)
    assert loudness(np.divide(pcm, 32768, dtype=np.float32), SAMPLE_RATE) == pytest.approx(TARGET_LUFS, abs=2)
    assert np.abs(pcm.astype(int)).max() < 32767
