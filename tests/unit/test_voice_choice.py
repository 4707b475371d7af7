"""Which voice a configuration means."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.tts import SpeechError
from engines.tts.voice import NeuralVoice
from server import engines
from server.config import ConfigError, load_config
from server.engines import DEFAULT_VOICE, voice_folder
from tests.unit.voice_bundle import write_voice

pytestmark = pytest.mark.unit


def test_a_path_is_meant_from_the_file_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "visavis.toml"
    file.write_text('[tts]\nprovider = "neural"\nvoice = "voices/anna"\n')
    assert voice_folder(load_config(file, environ={})) == tmp_path / "voices/anna"
    file.write_text('[tts]\nprovider = "openai"\nvoice = "alloy"\n')
    assert load_config(file, environ={}).tts.voice == "alloy"


def test_without_a_path_it_is_the_avatars_own_or_the_shipped_one(tmp_path: Path) -> None:
    config = load_config(None, {"tts.provider": "neural", "avatar.path": str(tmp_path)}, {})
    assert voice_folder(config) == DEFAULT_VOICE
    (tmp_path / "voice").mkdir()
    assert voice_folder(config) == tmp_path / "voice"


def test_a_neural_voice_takes_its_settings(tmp_path: Path) -> None:
    write_voice(tmp_path)
    keys = {"tts.provider": "neural", "tts.voice": str(tmp_path), "tts.pronunciations": "Nguyen: W IH1 N, Qi: CH IY1"}

    def said(**more: object) -> tuple[list[str], int]:
        overrides = keys | {key.replace("_", ".", 1): value for key, value in more.items()}
        voice = engines._voice(load_config(None, overrides, {}))
        assert isinstance(voice, NeuralVoice)
        chunks = list(voice.synthesize("Nguyen. Qi."))
        phones = [phone.symbol for chunk in chunks for phone in chunk.phones if phone.symbol != "SIL"]
        return phones, sum(len(chunk.pcm) for chunk in chunks)

    phones, samples = said()
    assert phones == ["W", "IH", "N", "CH", "IY"]
    assert said(tts_rate="2")[1] < 0.75 * samples


@pytest.mark.parametrize("wrong", ["Nguyen", "Nguyen:", ": W IH1 N"])
def test_a_pronunciation_has_a_word_and_phones(wrong: str) -> None:
    with pytest.raises(ConfigError, match="words with their ARPAbet phones, like Nguyen: W IH1 N"):
        load_config(None, {"tts.pronunciations": [wrong]}, {})


def test_a_voice_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    config = load_config(None, {"tts.provider": "neural", "tts.voice": str(tmp_path / "none")}, {})
    with pytest.raises(SpeechError, match="give the folder of a voice"):
        engines._voice(config)


def test_rate_and_pitch_mean_the_same_to_espeak() -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'espeak' is not installed")
    voices = [
        engines._voice(load_config(None, {"tts.provider": "espeak", **more}, {}))
        for more in ({}, {"tts.rate": 2}, {"tts.pitch": 12}, {"tts.pitch": -12})
    ]
    lengths = [sum(len(c.pcm) for c in voice.synthesize("We were away a year ago.")) for voice in voices]  # pyright: ignore
    assert lengths[1] < 0.7 * lengths[0]
    assert lengths[2] == pytest.approx(lengths[0], rel=0.1)
