"""The motion model's steps, its file, and what it hears."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines import pitch
from engines.media import SAMPLE_RATE, SAMPLES_PER_FRAME, Pcm, TimedPhone
from engines.mel import BANDS, HIGHEST, LOWEST, WINDOW, log_mel
from engines.motion.features import CLASS_OF, CLASSES, HEARD, STEPS, begin, hear, read_phones
from engines.motion.model import FILE, MotionModel, expand, load_model, shapes

pytestmark = pytest.mark.unit

MODEL = load_model()
UNKNOWN = read_phones((), 0)


def _buzz(hertz: float, seconds: float, level: float = 6000.0) -> Pcm:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 10))
    return (np.asarray(wave) * level / 2).astype(np.int16)


def _blocks(pcm: Pcm) -> list[Pcm]:
    return list(pcm[: len(pcm) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME].reshape(-1, SAMPLES_PER_FRAME))


def test_a_state_is_a_value_that_a_step_leaves_alone() -> None:
    first, *rest = _blocks(_buzz(150, 0.4))
    state = MODEL.step(MODEL.phrase(None), first, UNKNOWN)[0]
    once = MODEL.step(state, rest[0], UNKNOWN)
    MODEL.step(state, rest[5], UNKNOWN)
    again = MODEL.step(state, rest[0], UNKNOWN)
    assert np.array_equal(once[1], again[1])
    assert np.array_equal(once[2], again[2])


def test_level_hardly_matters_once_a_voice_is_known() -> None:
    random = np.random.default_rng(0)
    loud = (_buzz(150, 8).reshape(-1, 4800) * random.uniform(0, 1, (40, 1))).astype(np.int16).ravel()
    ends: list[np.ndarray] = []
    for gain in (1.0, 0.1):
        state, out = MODEL.phrase(None), []
        for block in _blocks((loud * gain).astype(np.int16)):
            state, lips, _ = MODEL.step(state, block, UNKNOWN)
            out.append(lips)
        ends.append(np.stack(out[125:]))
    assert np.abs(ends[0] - ends[1]).mean() < 0.04  # of 20 dB, after five seconds


def test_a_phrase_remembers_the_voice_and_nothing_else() -> None:
    state = MODEL.phrase(None)
    for block in _blocks(_buzz(150, 1)):
        state = MODEL.step(state, block, UNKNOWN)[0]
    next_phrase = MODEL.phrase(state)
    assert np.array_equal(next_phrase.heard.spectrum, state.heard.spectrum)
    assert not next_phrase.heard.tail.any()
    assert not next_phrase.entered.any()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "motion.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no motion model"):
        load_model(path)
    with pytest.raises(ValueError, match="no motion model"):
        load_model(tmp_path / "absent.npz")


def test_arrays_that_lack_or_break_something_are_refused() -> None:
    good: dict[str, NDArray[np.float32]] = {name: np.zeros(shape, np.float32) for name, shape in shapes(1).items()}
    good["dilations"] = np.ones(1, np.float32)
    MotionModel(good)
    with pytest.raises(ValueError, match=r"down\.bias"):
        MotionModel({name: value for name, value in good.items() if name != "down.bias"})
    with pytest.raises(ValueError, match=r"out\.bias"):
        MotionModel(good | {"out.bias": np.full(14, np.nan, np.float32)})
    with pytest.raises(ValueError, match="dilations"):
        MotionModel(good | {"dilations": np.array([1000.0], np.float32)})


def test_the_shipped_file_is_small() -> None:
    assert FILE.stat().st_size < 3_000_000


def test_lips_move_both_sides_alike() -> None:
    face = expand(np.linspace(0, 1, 14, dtype=np.float32))
    assert face.shape == (58,)
    assert not face[52:].any()


def test_log_mel_finds_a_tone_and_full_scale() -> None:
    time = np.arange(WINDOW) / SAMPLE_RATE
    bands = log_mel((32767 * np.sin(2 * np.pi * 1000 * time))[None].astype(np.float32))[0]
    mel = 2595 * np.log10(1 + 1000 / 700)
    edges = 2595 * np.log10(1 + np.array([LOWEST, HIGHEST]) / 700)
    assert abs(int(bands.argmax()) - round((mel - edges[0]) / (edges[1] - edges[0]) * (BANDS + 1) - 1)) <= 1
    assert -4 < bands.max() < 6


@pytest.mark.parametrize("hertz", [85, 120, 210, 320])
def test_pitch_of_a_buzz(hertz: float) -> None:
    heard = begin(np.full(BANDS, -45, np.float32))
    for block in _blocks(_buzz(hertz, 0.4)):
        heard, _ = hear(heard, block)
    assert abs(heard.hertz / hertz - 1) < 0.03


def test_noise_has_no_pitch() -> None:
    random = np.random.default_rng(0)
    noise = (random.standard_normal(pitch.NEEDS + 99 * 240) * 3000).astype(np.float32)
    assert (pitch.follow(pitch.correlate(noise, 100, 240), 0.0)[:, 1] > 0.3).mean() < 0.1


def test_what_is_heard_is_finite_whatever_sounds() -> None:
    for pcm in (
        np.zeros(960, np.int16),
        np.full(960, -32768, np.int16),
        np.tile(np.array([32767, -32768], np.int16), 480),
    ):
        heard = begin(np.full(BANDS, -45, np.float32))
        sound = np.zeros((STEPS, HEARD), np.float32)
        for _ in range(20):
            heard, sound = hear(heard, pcm)
        assert sound.shape == (STEPS, HEARD)
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() <= 3.0


def test_phones_count_from_their_start() -> None:
    phones = (TimedPhone("M", 1000, 3000), TimedPhone("AA", 3000, 9000))
    assert read_phones(phones, 0)[0].argmax() == len(CLASSES)
    assert read_phones(phones, 2)[0].argmax() == CLASS_OF["M"]
    assert read_phones(phones, 4)[0].argmax() == CLASS_OF["AA"]
    assert (read_phones(phones, 4).sum(1) == 1).all()
