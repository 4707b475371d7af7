"""What the voice's networks read of a text, and the pitch tracker they were taught with."""

from __future__ import annotations

import numpy as np
import pytest

from engines.tts.features import CONTEXT, HOP, LONGEST_PAUSE, PHONES, place, spread, units, whole_frames
from engines.tts.lexicon import Phone
from engines.tts.speech_text import SpokenWord
from training.pitch import track

pytestmark = pytest.mark.unit


def word(text: str, phones: str, after: str = "") -> SpokenWord:
    """A word of ARPAbet phones, vowels with a digit of stress."""
    parts = [Phone(p.rstrip("012"), int(p[-1]) if p[-1].isdigit() else 0) for p in phones.split()]
    return SpokenWord(text, 0, tuple(parts), after)


HELLO = word("Hello", "HH AH0 L OW1", ",")
WORLD = word("world", "W ER1 L D")


def names(phrase: list[SpokenWord], breaks: tuple[int, ...] = ()) -> list[str]:
    return [PHONES[index] for index in units(phrase, breaks).phones]


def test_a_phrase_begins_in_silence_and_pauses_where_punctuation_is():
    assert names([HELLO, WORLD]) == ["SIL", "HH", "AH", "L", "OW", ",", "W", "ER", "L", "D", "SIL"]
    assert names([WORLD, word("you", "Y UW1", "?")]) == ["SIL", "W", "ER", "L", "D", "Y", "UW", "?"]


def test_unwritten_pauses_of_a_recording_are_told_apart():
    phrase = [WORLD, WORLD]
    assert names(phrase, breaks=(0,)).count("SIL") == names(phrase).count("SIL") + 1


def test_units_know_their_word_stress_and_place():
    table = units([HELLO, WORLD])
    assert table.words.tolist() == [-1, 0, 0, 0, 0, -1, 1, 1, 1, 1, -1]
    assert table.stress.tolist() == [0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0]
    column = dict(zip(CONTEXT, table.context.T, strict=True))
    assert column["clause_comma"][1:6].all()
    assert not column["clause_comma"][6:].any()
    assert (np.diff(column["phrase_place"]) > 0).all()
    assert table.context.min() >= 0
    assert table.context.max() <= 1


def test_a_question_is_known_from_its_first_phone_on():
    table = units([word("who", "HH UW1"), word("are", "AA1 R"), word("you", "Y UW1", "?")])
    assert table.context[:, CONTEXT.index("question")].all()
    assert table.context[:, CONTEXT.index("wh_question")].all()


@pytest.mark.parametrize("phrase", [[], [word("x", "QQ")]])
def test_no_words_or_no_phones_are_refused(phrase: list[SpokenWord]):
    with pytest.raises(ValueError, match=r"at least one word|no ARPAbet phone"):
        units(phrase)


def test_whole_frames_keep_the_phrase_as_long_as_it_was_predicted():
    duration = np.random.default_rng(0).uniform(2, 12, 60)
    pause = np.zeros(60, bool)
    pause[[0, -1]] = True
    for rate in (0.7, 1.0, 1.9):
        frames = whole_frames(duration, pause, rate)
        assert abs(frames[1:].sum() - duration[1:].sum() / rate) <= 1
        assert frames[1:].min() >= 1


def test_phones_never_vanish_and_pauses_may():
    pause = np.array([True, False, True, False, True])
    assert whole_frames(np.zeros(5), pause, 1.0, lead=3).tolist() == [3, 1, 0, 1, 0]
    assert whole_frames(np.full(5, 500.0), pause)[2] == LONGEST_PAUSE


def test_frames_know_their_unit_and_their_place_in_it():
    frames = np.array([2, 0, 4])
    assert spread(frames).tolist() == [0, 0, 2, 2, 2, 2]
    table = place(frames)
    assert table[0].tolist() == [0.25, 0.75, 0.125, 0.375, 0.625, 0.875]
    assert table.shape == (3, 6)


def glide(low: float, high: float, seconds: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """A voice-like tone that glides, and its pitch by frame."""
    rate = 24_000
    pitch = np.geomspace(low, high, round(seconds * rate))
    turn = 2 * np.pi * np.cumsum(pitch) / rate
    tone = 0.05 * np.sum([np.cos(k * turn) / k for k in range(1, 30)], axis=0)
    return tone.astype(np.float32), pitch[HOP // 2 :: HOP]


def test_the_tracker_follows_a_glide_within_a_percent():
    tone, truth = glide(120, 200)
    hertz, voiced = track(tone)
    assert voiced.mean() > 0.95
    assert np.abs(hertz[2:-2] / truth[2:-2] - 1).max() < 0.012


def test_the_tracker_hears_no_pitch_in_noise_and_fills_the_gap():
    tone, _ = glide(150, 150)
    noise = np.random.default_rng(1).normal(0, 0.03, 12_000).astype(np.float32)
    hertz, voiced = track(np.concatenate([tone, noise, tone]))
    gap = slice(len(tone) // HOP + 2, (len(tone) + len(noise)) // HOP - 2)
    assert voiced[gap].mean() < 0.1
    assert np.allclose(hertz[gap], 150, rtol=0.02)


def test_silence_has_no_pitch():
    hertz, voiced = track(np.zeros(4800, np.float32))
    assert not voiced.any()
    assert not hertz.any()
    assert len(track(np.zeros(0, np.float32))[0]) == 0
