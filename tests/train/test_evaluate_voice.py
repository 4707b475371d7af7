"""A voice measured: a tiny one with random weights, and the shipped one against its own speech."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

pytest.importorskip("PIL")

from engines.media import SAMPLE_RATE
from engines.tts.features import PHONES, Units, units
from engines.tts.model import VoiceModel
from engines.tts.speech_text import Reader
from engines.tts.voice import NeuralVoice
from tests.unit.voice_bundle import write_voice
from training import evaluate_voice
from training.evaluate_voice import chosen, evaluate
from training.voice_data import Example
from training.voice_given import GivenScores, WholeModel, WholeVoice, planned, sound
from training.voice_streaming import speak, worst_click

pytestmark = pytest.mark.train


SHIPPED = Path(__file__).parents[2] / "avatars" / "default" / "voice"


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("voice"))


def example(frames: int) -> Example:
    """A recording of "hello there" whose every unit lasts `frames`, its pitch rising from 200 to 220 Hz."""
    spelt: Units = units(Reader().read("Hello there."))
    lengths = np.full(len(spelt.phones), frames, np.int64)
    total = int(lengths.sum())
    return Example(
        "a7", "x", spelt.phones, spelt.stress, spelt.context, lengths, np.zeros((total, 80), np.float32),
        np.linspace(200, 220, total, dtype=np.float32), np.ones(total, bool), np.zeros(total, np.float32),
        np.zeros(total * 240, np.float32),
    )  # fmt: skip


def test_given_lengths_are_kept(voice: Path) -> None:
    model, recorded = VoiceModel(voice), example(9)
    assert len(sound(model, planned(model, recorded), recorded.frames)) == 240 * 9 * len(recorded.phones)


def test_windows_are_compared_with_one_piece(voice: Path) -> None:
    model, whole, recorded = VoiceModel(voice), WholeModel(voice), example(9)
    scores = GivenScores()
    scores.add(model, whole, recorded)
    found = scores.figures()
    assert found["chunk_error"] is not None
    assert found["chunk_error"] < 1e-4
    assert found["voicing_error"] is not None
    pauses = np.array([code < PHONES.index("AA") for code in recorded.phones])
    late = np.abs(planned(model, recorded).duration - 9)[~pauses]
    assert found["duration_error_ms"] == pytest.approx(10 * late.mean())


def test_a_window_that_lacks_its_surroundings_is_found(voice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, whole, scores = VoiceModel(voice), WholeModel(voice), GivenScores()
    monkeypatch.setattr(model, "meta", model.meta.model_copy(update={"left": 1}))
    scores.add(model, whole, example(9))
    assert scores.chunk_error > 1e-3


def test_the_twin_says_the_same_without_seams(voice: Path) -> None:
    text = "Hello there, how are you? I am fine."
    streamed, whole = speak(NeuralVoice(voice), text), speak(WholeVoice(voice), text)
    assert len(streamed.seams) > 5
    assert worst_click(streamed.samples, streamed.seams, whole.samples) < 0.05  # its ends are noise, not silence
    broken = streamed.samples.copy()
    broken[streamed.seams[3]] += 0.5
    assert worst_click(broken, streamed.seams, whole.samples) > 0.4


TEXTS = {
    "a7": "The little boat sailed slowly across the harbor.",
    "a17": "Did you see the seven brown dogs?",
    "a1": "They were running along the river.",
}


def own_speech(folder: Path) -> Path:
    """Recordings of the shipped voice: a speaker whom it resembles in everything."""
    folder.mkdir(parents=True)
    voice = NeuralVoice(SHIPPED)
    for name, text in TEXTS.items():
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(b"".join(chunk.pcm.tobytes() for chunk in voice.synthesize(text)))
    (folder / "metadata.csv").write_text("".join(f"{name}|{text}\n" for name, text in TEXTS.items()), "utf-8")
    return folder


def test_held_out_prompts_are_spread_evenly(tmp_path: Path) -> None:
    names = [f"a{n}" for n in range(60)]
    (tmp_path / "metadata.csv").write_text("".join(f"{name}|Hello.\n" for name in names), "utf-8")
    for name in names:
        (tmp_path / f"{name}.wav").touch()
    assert [clip.name for clip in chosen(tmp_path, None)] == ["a7", "a17", "a27", "a37", "a47", "a57"]
    assert [clip.name for clip in chosen(tmp_path, 3)] == ["a7", "a27", "a57"]
    (tmp_path / "metadata.csv").write_text("a1|Hello.\n", "utf-8")
    with pytest.raises(ValueError, match="holds no prompt out"):
        chosen(tmp_path, None)


def test_a_voice_is_its_own_perfect_likeness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, page = own_speech(tmp_path / "speakers" / "herself"), tmp_path / "page.html"
    chat = tmp_path / "chat.txt"
    chat.write_text("How are you doing today?\n", "utf-8")
    monkeypatch.setattr(evaluate_voice, "CHAT", chat)
    monkeypatch.setattr(evaluate_voice, "extra_memory_mb", lambda path: 1.5)
    figures = evaluate(SHIPPED, folder, Console(quiet=True), page=page)
    json.dumps(figures)
    assert figures["wer_over_reference"] == 0
    assert figures["mcd"] < 0.1
    assert figures["gv_ratio"] == pytest.approx(1, abs=0.01)
    assert figures["bandwidth"] == figures["bandwidth_reference"]
    assert figures["f0_correlation"] > 0.6  # an aligner's lengths are nearly, not quite, those that were spoken
    assert figures["voicing_error"] < 0.15
    assert figures["duration_error_ms"] < 30
    assert figures["chunk_error"] < 1e-4
    assert figures["worst_click_dbfs"] < -50
    assert figures["similarity"] == pytest.approx(figures["similarity_ceiling"], abs=0.01)
    assert figures["similarity_floor"] is None
    assert figures["fewshot_margin"] is None
    others = {"chat_wer", "first_chunk_ms", "rtf", "verifier_eer", "extra_memory_mb", "clipping", "voice_mb"}
    assert others <= set(figures)
    assert TEXTS["a17"] in page.read_text("utf-8")
