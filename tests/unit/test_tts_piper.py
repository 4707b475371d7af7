"""Voices in Piper's format, on a graph with the interface of theirs: every symbol hums for 50 ms."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.media import SAMPLE_RATE, TimedWord
from engines.tts import SpeechError
from engines.tts.piper import CHUNK, FIRST_CHUNK, PiperVoice
from server import engines
from server.config import load_config

pytestmark = pytest.mark.unit

RATE = 16_000
HUM = RATE // 20


def voice(folder: Path, *, weight: float = 1.0, **settings: object) -> Path:
    """A voice whose letters hum at a pitch of their own; a space and the marks are silent."""
    folder.mkdir(exist_ok=True)
    time = np.arange(HUM, dtype=np.float32)[None, None] * (2 * np.pi / RATE) * weight
    nodes = [
        helper.make_node("Cast", ["input"], ["pitch"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["pitch", "last"], ["column"]),
        helper.make_node("Mul", ["column", "time"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["hum"]),
        helper.make_node("Slice", ["scales", "zero", "one"], ["loud"]),
        helper.make_node("Mul", ["hum", "loud"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["output"]),
    ]
    constants = {
        "last": np.array([2], np.int64), "time": time, "shape": np.array([1, 1, -1], np.int64),
        "zero": np.array([0], np.int64), "one": np.array([1], np.int64),
    }  # fmt: skip
    inputs = [("input", TensorProto.INT64, [1, "n"]), ("input_lengths", TensorProto.INT64, [1])]
    inputs += [("scales", TensorProto.FLOAT, [3])]
    graph = helper.make_graph(
        nodes,
        "hum",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "t"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = folder / "hum.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    ids = {letter: [200 + 20 * place] for place, letter in enumerate("abcdefghijklmnopqrstuvwxyzé")}
    known = {
        "audio": {"sample_rate": RATE}, "phoneme_type": "text", "espeak": {"voice": "de"},
        "phoneme_id_map": {**ids, "^": [0], "$": [0], " ": [0], ".": [0]}, "num_speakers": 1,
    }  # fmt: skip
    path.with_name("hum.onnx.json").write_text(json.dumps({**known, **settings}), "utf-8")
    return path


def test_says_every_symbol_and_times_the_words(tmp_path: Path) -> None:
    text = "**Guten** Tag 😀."
    chunks = list(PiperVoice(voice(tmp_path)).synthesize(text))
    pcm = np.concatenate([chunk.pcm for chunk in chunks])
    symbols = 2 + len("guten tag.")
    assert abs(len(pcm) - symbols * SAMPLE_RATE // 20) <= 48
    assert np.abs(pcm).max() > 1000
    assert [len(chunk.pcm) for chunk in chunks[:-1]] == [FIRST_CHUNK] + [CHUNK] * (len(chunks) - 2)
    assert not any(chunk.words for chunk in chunks[1:])
    first, second = chunks[0].words
    assert (first.text, text[: first.text_end], second.text, second.text_end) == ("Guten", "**Guten", "Tag.", len(text))
    beat = SAMPLE_RATE // 20
    assert abs(first.start - beat) <= beat // 4
    assert abs(first.end - 6 * beat) <= beat
    assert first.end <= second.start < second.end <= len(pcm)


def test_spreads_words_of_english_too_where_the_sound_is_no_speech(tmp_path: Path) -> None:
    chunks = list(PiperVoice(voice(tmp_path, espeak={"voice": "en-us"})).synthesize("Good day to you"))
    words = chunks[0].words
    assert [word.text for word in words] == ["Good", "day", "to", "you"]
    assert all(a.end <= b.start for a, b in pairwise(words))
    phones = chunks[0].phones
    assert [phone.symbol for phone in phones][:3] == ["G", "UH", "D"]
    assert all(a.end == b.start or a.end < b.start for a, b in pairwise(phones))
    assert all(any(word.start <= phone.start and phone.end <= word.end for word in words) for phone in phones)


def test_long_text_goes_in_pieces_that_follow_each_other(tmp_path: Path) -> None:
    text = "eins zwei drei vier. " * 25
    chunks = list(PiperVoice(voice(tmp_path)).synthesize(text))
    words: list[TimedWord] = [word for chunk in chunks for word in chunk.words]
    assert len(words) == 100
    assert all(a.start <= b.start and a.text_end <= b.text_end for a, b in pairwise(words))
    assert words[-1].text_end == len(text)
    assert words[-1].end <= sum(len(chunk.pcm) for chunk in chunks)


@pytest.mark.parametrize("nothing", ["", " \n", "😀", "..."])
def test_says_nothing(tmp_path: Path, nothing: str) -> None:
    assert list(PiperVoice(voice(tmp_path)).synthesize(nothing)) == []


def test_speaks_espeak_phonemes(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    spelled = {symbol: [300] for symbol in "həlˈoʊ"} | {"^": [0], "$": [0]}
    path = voice(tmp_path, phoneme_type="espeak", espeak={"voice": "en-us"}, phoneme_id_map=spelled)
    pcm = np.concatenate([chunk.pcm for chunk in PiperVoice(path).synthesize("hello")])
    assert abs(len(pcm) - (2 + len("həlˈoʊ")) * SAMPLE_RATE // 20) <= 48


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"audio": {"sample_rate": 1}}, "no description of a Piper voice"),
        ({"phoneme_id_map": []}, "no description of a Piper voice"),
        ({"phoneme_type": "pinyin"}, "type 'pinyin'"),
        ({"weight": float("nan")}, "no numbers"),
    ],
)
def test_refuses_what_it_cannot_use(tmp_path: Path, settings: dict[str, object], told: str) -> None:
    with pytest.raises(SpeechError, match=told):
        PiperVoice(voice(tmp_path, **settings))  # pyright: ignore[reportArgumentType]


def test_is_chosen_in_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "visavis.toml"
    voice(tmp_path / "voices")
    file.write_text('[tts]\nprovider = "piper"\nvoice = "voices/hum.onnx"\nrate = 0.5\n')
    assert isinstance(engines._voice(load_config(file, environ={})), PiperVoice)
    with pytest.raises(ValueError, match=r"set tts\.voice"):
        engines._voice(load_config(None, {"tts.provider": "piper"}, {}))


def test_refuses_what_is_no_voice(tmp_path: Path) -> None:
    path = voice(tmp_path)
    with pytest.raises(SpeechError, match="beside it"):
        PiperVoice(tmp_path / "other.onnx")
    with pytest.raises(SpeechError, match=r"speakers 0\.\.0"):
        PiperVoice(path, speaker=1)
    with pytest.raises(SpeechError, match="rate"):
        PiperVoice(path, rate=3)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SpeechError, match="no Piper voice"):
        PiperVoice(path)
