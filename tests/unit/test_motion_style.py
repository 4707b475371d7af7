"""A person's own way of moving the mouth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.media import ARKIT_NAMES, AudioChunk
from engines.motion.model import LIPS, load_model
from engines.motion.speech import SpeechMotion
from engines.motion.style import FILE, NEIGHBOURS, Style, load_style, save_style

pytestmark = pytest.mark.unit

COUNT = len(LIPS)


def _style(gain: float = 1.0, balance: float = 0.0, high: float = 1.0, spread: float = 1.0) -> Style:
    random = np.random.default_rng(0)
    return Style(
        np.full(COUNT, gain, np.float32),
        np.zeros(COUNT, np.float32),
        np.full(COUNT, high, np.float32),
        np.full(COUNT, balance, np.float32),
        np.full(COUNT, 0.25, np.float32),
        (random.uniform(0, 0.5, (64, COUNT)) * spread).astype(np.float32),
    )


def test_a_mouth_of_the_codebook_stays_as_it_is() -> None:
    style = _style()
    for mouth in style.codebook[:5]:
        assert np.allclose(style.of(mouth), mouth, atol=0.02)


def test_a_strange_mouth_is_drawn_towards_the_codebook_and_into_the_range() -> None:
    style = _style(high=0.4)
    mouth = np.ones(COUNT, np.float32)
    drawn = style.of(mouth)
    nearest = np.sqrt(np.square(style.codebook - mouth).sum(1)).min()
    assert drawn.max() <= 0.4
    assert np.sqrt(np.square(style.codebook - drawn).sum(1)).min() < nearest


def test_sides_differ_by_the_balance() -> None:
    face = _style(balance=0.2).expand(np.full(COUNT, 0.5, np.float32))
    left, right = ARKIT_NAMES.index("mouthUpperUpLeft"), ARKIT_NAMES.index("mouthUpperUpRight")
    assert face[left] == pytest.approx(0.6)
    assert face[right] == pytest.approx(0.4)
    assert face[ARKIT_NAMES.index("jawOpen")] == pytest.approx(0.5)


def test_a_style_is_kept_in_the_avatars_folder(tmp_path: Path) -> None:
    assert load_style(tmp_path) is None
    save_style(_style(gain=1.2), tmp_path)
    kept = load_style(tmp_path)
    assert kept is not None
    assert np.array_equal(kept.codebook, _style().codebook)
    assert kept.gain[0] == np.float32(1.2)


@pytest.mark.parametrize("codes", [NEIGHBOURS - 1, 5000])
def test_a_broken_style_is_refused(tmp_path: Path, codes: int) -> None:
    (tmp_path / FILE).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="holds no style"):
        load_style(tmp_path)
    good = _style()
    save_style(
        Style(good.gain, good.low, good.high, good.balance, good.share, np.zeros((codes, COUNT), np.float32)), tmp_path
    )
    with pytest.raises(ValueError, match="another version"):
        load_style(tmp_path)


def test_speech_follows_the_style() -> None:
    random = np.random.default_rng(0)
    pcm = (random.standard_normal(24_000) * 3000).astype(np.int16)
    faces = []
    for style in (None, _style(high=0.05)):
        stream = SpeechMotion(load_model(), style).stream()
        faces.append(np.stack([one.coeffs for one in stream.push(AudioChunk(pcm)) + stream.flush()]))
    assert faces[1].max() <= 0.0501 < faces[0].max()
