"""The sheet of hard moments: which faces are on it, and that sounds choose them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from engines.fake import FakeMotion
from engines.media import ARKIT_NAMES, SAMPLES_PER_FRAME, AudioChunk, TimedPhone
from engines.motion.compose import compose
from engines.tags import Tag
from server.sheet import CLOSURES, COLUMNS, tiles
from tests.witness import Witness

pytestmark = pytest.mark.unit

LENGTH = 4 * SAMPLES_PER_FRAME
BLINK, YAW = ARKIT_NAMES.index("eyeBlinkLeft"), 52


class Voice:
    """Eight sounds of four frames; louder and louder, so that each frame's face is another one."""

    def __init__(self, *symbols: str) -> None:
        self._symbols = symbols

    def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> Iterator[AudioChunk]:
        pcm = np.repeat(np.linspace(100, 9000, 40).astype(np.int16), SAMPLES_PER_FRAME)
        at = [(symbol, index * LENGTH) for index, symbol in enumerate(self._symbols)]
        yield AudioChunk(pcm, (), tuple(TimedPhone(symbol, begin, begin + LENGTH) for symbol, begin in at))


def test_sounds_choose_the_pictures_of_lips_and_teeth() -> None:
    witness = Witness()
    voice = Voice("M", "IY", "P", "T", "B", "AA", "P", "IY")
    shown = tiles(voice, FakeMotion(), witness)
    assert [words for words, _ in shown[:4]] == ["m, 1 of 4", "p, 2 of 4", "b, 3 of 4", "p, 4 of 4"]
    assert shown[0][1].shape == (512, 512, 3)
    stream = FakeMotion().stream()
    heard = [gesture for chunk in voice.synthesize("") for gesture in stream.push(chunk)] + stream.flush()
    spoken = [compose(np.zeros(58, np.float32), gesture.coeffs) for gesture in heard]
    np.testing.assert_array_equal(witness.seen[:4], [spoken[4 * index + 2] for index in (0, 2, 4, 6)])
    np.testing.assert_array_equal(witness.seen[4 : 4 + COLUMNS], spoken[4 : 4 + COLUMNS])  # from the first IY on


def test_the_lids_close_and_the_head_turns_to_twelve_degrees() -> None:
    witness = Witness()
    tiles(Voice("M"), FakeMotion(), witness)
    faces = np.stack(witness.seen)
    assert faces[:, BLINK].max() == 1
    assert np.degrees(faces[:, YAW]).min() == pytest.approx(-12)
    assert np.degrees(faces[:, YAW]).max() == pytest.approx(12)


def test_the_phrase_closes_the_lips_once_a_column() -> None:
    assert sum(CLOSURES.lower().count(letter) for letter in "pbm") == COLUMNS


def test_a_voice_without_times_is_refused() -> None:
    with pytest.raises(ValueError, match="neural"):
        tiles(Voice(), FakeMotion(), Witness())
