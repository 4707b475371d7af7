"""What a listener hears where chunks meet, and how words are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.media import AudioChunk
from engines.tags import Tag
from training.voice_streaming import SILENT_DBFS, Roughness, dbfs, size_mb, speak, worst_click
from training.voice_words import WordErrors, errors, words

pytestmark = pytest.mark.train

RANDOM = np.random.default_rng(0)


class Chunks:
    """A voice that says what it was given."""

    def __init__(self, *chunks: Sequence[int]) -> None:
        self._chunks = chunks

    def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> Iterator[AudioChunk]:
        for chunk in self._chunks:
            yield AudioChunk(np.array(chunk, np.int16))


def speech(count: int) -> NDArray[np.float32]:
    """Noise with most of its energy below 1 kHz, from silence to silence."""
    smooth = np.convolve(RANDOM.standard_normal(count), np.hanning(40) / 20, "same")
    return (0.3 * smooth * np.hanning(count)).astype(np.float32)


def test_a_text_is_joined_and_its_seams_are_known() -> None:
    streamed = speak(Chunks([16384, 0], [1], [2, 3]), "x")
    assert streamed.samples.tolist() == pytest.approx([0.5, 0, 1 / 32768, 2 / 32768, 3 / 32768])
    assert streamed.seams == (2, 3)
    assert 0 < streamed.first_ms <= 1000 * streamed.seconds


def test_a_voice_that_says_nothing_is_no_voice() -> None:
    with pytest.raises(ValueError, match="nothing to say for: hush"):
        speak(Chunks([]), "hush")


def test_a_step_at_a_seam_is_its_height_and_one_elsewhere_is_not_looked_for() -> None:
    whole = speech(9000)
    assert worst_click(whole, [3000, 6000], whole) < 1e-3
    stepped = whole.copy()
    stepped[3000:3100] += 0.02
    assert worst_click(stepped, [3000, 6000], whole) == pytest.approx(0.02, rel=1e-3)
    assert worst_click(stepped, [6000], whole) < 1e-3


def test_a_phrase_that_breaks_off_clicks_at_its_end() -> None:
    whole = speech(9000)
    cut = np.append(whole[:8000], np.float32(0.25))
    assert worst_click(cut, [], cut) == pytest.approx(0.25)
    paused = np.concatenate([whole, np.zeros(500, np.float32), whole])
    assert worst_click(paused, [], paused) < 1e-3
    paused[len(whole) + 500] = -0.125
    assert worst_click(paused, [], paused) == pytest.approx(0.125)


def test_a_twin_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="streamed, the phrase has 10 samples, whole 9"):
        worst_click(np.zeros(10, np.float32), [], np.zeros(9, np.float32))


def test_roughness_tells_seams_with_steps_from_seams_without() -> None:
    clean, stepped = Roughness(), Roughness()
    assert clean.decibels() is None
    for _ in range(30):
        whole = speech(9000)
        seams = [int(seam) for seam in RANDOM.integers(3000, 6000, 4)]
        clean.add(whole, seams)
        broken = whole.copy()
        for seam in seams:
            broken[seam:] += 0.01
        stepped.add(broken, seams)
    level, worse = clean.decibels(), stepped.decibels()
    assert level is not None
    assert worse is not None
    assert abs(level) < 4
    assert worse > 15


def test_decibels_of_full_scale_have_a_floor() -> None:
    assert dbfs(0.1) == pytest.approx(-20)
    assert dbfs(0) == SILENT_DBFS


def test_a_voice_is_as_large_as_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "voice"
    folder.mkdir()
    (folder / "a.onnx").write_bytes(b"x" * 1_500_000)
    (folder / "voice.json").write_bytes(b"x" * 500_000)
    assert size_mb(folder) == 2.0


def test_words_are_letters_in_lower_case() -> None:
    assert words("Don't—'quote' the wolf-dog, O.K.?") == ["don't", "quote", "the", "wolf", "dog", "o", "k"]


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [("a b c", "a b c", 0), ("a b c", "a c", 1), ("a b c", "a x c d", 2), ("", "a b", 2), ("a b", "", 2)],
)
def test_errors_are_the_fewest_edits(said: str, heard: str, wrong: int) -> None:
    assert errors(said.split(), heard.split()) == wrong


def test_word_errors_are_pooled_over_utterances() -> None:
    counted = WordErrors()
    assert counted.rate() == 0
    counted.add("one two three", ["one"])
    counted.add("four", ["four"])
    assert counted.rate() == 0.5
