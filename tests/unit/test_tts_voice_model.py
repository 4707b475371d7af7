"""The voice's bundle and its networks: what is refused at load, and windows that give what the whole gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.tts import SpeechError
from engines.tts.bundle import Style, read_voice
from engines.tts.features import PHONES, Units
from engines.tts.model import WINDOWS, Track, VoiceModel, windows
from tests.unit.voice_bundle import HIDDEN, write_voice

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> VoiceModel:
    return VoiceModel(write_voice(tmp_path_factory.mktemp("voice")))


def test_windows_cover_the_phrase_and_grow() -> None:
    cut = list(windows(200, left=40))
    assert cut == [(0, 0, 12), (12, 12, 24), (36, 36, 48), (40, 84, 96), (40, 180, 96)]
    assert list(windows(12, 40)) == [(0, 0, 12)]
    assert list(windows(0, 40)) == []


@pytest.mark.parametrize("frames", [1, 11, 12, 13, 36, 84, 85, 301])
def test_windows_give_the_filters_of_the_whole(model: VoiceModel, frames: int) -> None:
    rng = np.random.default_rng(frames)
    hidden = rng.normal(size=(HIDDEN, frames)).astype(np.float32)
    place = rng.uniform(size=(3, frames)).astype(np.float32)
    track = Track(*rng.normal(size=(3, frames)).astype(np.float32))
    hertz = np.full(frames, 180, np.float32)
    parts = list(model.filters(hidden, place, track, hertz))
    ones = np.ones((1, frames), np.float32)
    rows = {"f0": track.f0, "voicing": track.voicing, "energy": track.energy, "hertz": hertz}
    given: dict[str, Any] = {name: row[None] for name, row in rows.items()}
    whole = model._run(model._decode, {"hidden": hidden[None], "place": place[None], "inside": ones, **given})
    assert [part.shape[-1] for part in parts][:2] == [min(WINDOWS[0], frames), min(WINDOWS[1], frames - 12)][
        : len(parts)
    ]
    np.testing.assert_allclose(np.concatenate(parts, -1), whole["filters"][0], atol=1e-5)


@pytest.mark.parametrize("frames", [20, 96, 97, 500])
def test_prosody_ahead_gives_the_prosody_of_the_whole(model: VoiceModel, frames: int) -> None:
    rng = np.random.default_rng(frames)
    hidden, place = rng.normal(size=(HIDDEN, frames)).astype(np.float32), np.zeros((3, frames), np.float32)
    whole = model.prosody(hidden, place)
    begin = 0
    for at, part in model.prosody_ahead(hidden, place):
        assert at == begin
        begin += len(part.f0)
        for name in ("f0", "voicing", "energy"):
            np.testing.assert_allclose(getattr(part, name), getattr(whole, name)[at:begin], atol=1e-5)
        assert begin >= min(frames, sum(WINDOWS[:1]) + model.meta.right + 2), "the first window has what it needs"
    assert begin == frames


def test_filling_a_phrase_up_changes_nothing(model: VoiceModel) -> None:
    phones = np.arange(37) % len(PHONES)
    units = Units(phones, phones % 3, np.zeros((37, len(model.meta.features)), np.float32), phones)
    plan = model.plan(units)
    assert plan.hidden.shape == (HIDDEN, 37)
    assert plan.duration.shape == (37,)
    assert (plan.duration >= 3).all()
    track = model.prosody(plan.hidden, np.zeros((3, 37), np.float32))
    assert track.f0.shape == track.voicing.shape == track.energy.shape == (37,)


def test_a_style_has_a_strength() -> None:
    style = Style(rate=1.21, pitch=1.0, range=1.44, energy=-2.0, breath=1.0)
    half = style.scaled(0.5)
    assert (half.pitch, half.energy, half.breath) == (0.5, -1.0, 0.5)
    assert (half.rate, half.range) == (pytest.approx(1.1), pytest.approx(1.2))
    assert style.scaled(0) == Style()
    assert style.scaled(1) == style


def _set(key: str, value: object):
    def describe(meta: dict[str, Any]) -> None:
        meta[key] = value

    return describe


@pytest.mark.parametrize(
    ("describe", "said"),
    [
        (_set("format", "visavis-voice/9"), "format"),
        (_set("sample_rate", 22_050), "sample_rate is not what this version computes with"),
        (_set("phones", ["SIL"]), "phones is not what this version computes with"),
        (_set("timbre", [0.0] * 3), "timbre"),
        (_set("log_f0_mean", float("nan")), "log_f0_mean"),
        (_set("gain_db", 400), "gain_db"),
        (_set("right", 500), "right"),
        (_set("styles", {"calm": {"rate": 0}}), "styles.calm.rate"),
        (_set("sha256", {}), "sha256 of plan.onnx is missing"),
        (_set("hidden", 7), "shape"),
    ],
)
def test_a_wrong_description_is_refused_with_the_reason(tmp_path: Path, describe, said: str) -> None:
    with pytest.raises(SpeechError, match=said):
        VoiceModel(write_voice(tmp_path, describe))


@pytest.mark.parametrize("graph", ["plan", "prosody", "decode"])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, graph: str) -> None:
    with pytest.raises(SpeechError, match=rf"{graph}\.onnx holds weights that are not numbers"):
        VoiceModel(write_voice(tmp_path, poison=graph))


def test_missing_truncated_and_swapped_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match=r"voice\.json is missing.*train-voice"):
        read_voice(tmp_path)
    write_voice(tmp_path)
    whole = (tmp_path / "decode.onnx").read_bytes()
    (tmp_path / "decode.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SpeechError, match=r"decode\.onnx is not the one .* or only a part"):
        read_voice(tmp_path)
    (tmp_path / "decode.onnx").unlink()
    with pytest.raises(SpeechError, match=r"decode\.onnx is missing"):
        read_voice(tmp_path)
    (tmp_path / "decode.onnx").write_bytes(whole)
    (tmp_path / "voice.json").write_text("{")
    with pytest.raises(SpeechError, match=r"voice\.json describes no voice"):
        read_voice(tmp_path)
    (tmp_path / "voice.json").write_bytes(b" " * 300_000)
    with pytest.raises(SpeechError, match="far larger"):
        read_voice(tmp_path)
