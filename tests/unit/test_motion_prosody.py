"""Loudness, pitch, accents and boundaries of speech."""

from __future__ import annotations

import numpy as np
import pytest

from engines.media import SAMPLE_RATE, SAMPLES_PER_FRAME, AudioChunk, Pcm, Prosody, TimedPhone
from engines.motion.model import load_model
from engines.motion.speech import SpeechMotion

pytestmark = pytest.mark.unit

MOTION = SpeechMotion(load_model())
MS = SAMPLE_RATE // 1000


def _tone(milliseconds: int, level: float, hertz: float = 120.0) -> Pcm:
    time = np.arange(milliseconds * MS) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 12))
    return (np.asarray(wave) * level).astype(np.int16)


def _prosody(pcm: Pcm, phones: tuple[TimedPhone, ...] = ()) -> list[Prosody]:
    stream = MOTION.stream()
    return [one.prosody for one in stream.push(AudioChunk(pcm, (), phones)) + stream.flush()]


def _frame(milliseconds: float) -> int:
    return int(milliseconds * MS // SAMPLES_PER_FRAME)


def test_loud_speech_is_louder_and_silence_is_none() -> None:
    found = _prosody(np.concatenate([_tone(800, 3000), _tone(400, 9000), np.zeros(400 * MS, np.int16)]))
    assert found[_frame(1000)].loudness > found[_frame(600)].loudness + 0.1 > 0.3
    assert found[-2].loudness == 0
    assert found[-2].pitch == 0


def test_pitch_rises_with_the_voice() -> None:
    found = _prosody(np.concatenate([_tone(1200, 4000, 120), _tone(400, 4000, 170)]))
    assert found[_frame(1500)].pitch > found[_frame(900)].pitch + 0.5


def test_a_phrase_ends_with_a_boundary() -> None:
    found = _prosody(_tone(500, 4000))
    assert [one.boundary for one in found] == [False] * (len(found) - 1) + [True]


def test_a_pause_is_one_boundary_and_a_stop_is_none() -> None:
    speech = _tone(400, 4000)
    with_pause = _prosody(np.concatenate([speech, np.zeros(300 * MS, np.int16), speech]))
    places = [index for index, one in enumerate(with_pause[:-1]) if one.boundary]
    assert len(places) == 1
    assert _frame(400) <= places[0] <= _frame(520)
    with_stop = _prosody(np.concatenate([speech, np.zeros(70 * MS, np.int16), speech]))
    assert not any(one.boundary for one in with_stop[:-1])


def test_pauses_of_known_phones() -> None:
    phones = tuple(
        TimedPhone(symbol, start * MS, end * MS, 1)
        for symbol, start, end in (("AA", 0, 400), ("SIL", 400, 600), ("AA", 600, 900), ("SIL", 900, 980),
                                   ("AA", 980, 1200))
    )  # fmt: skip
    found = _prosody(np.concatenate([_tone(400, 4000), np.zeros(200 * MS, np.int16), _tone(600, 4000)]), phones)
    assert [index for index, one in enumerate(found[:-1]) if one.boundary] == [_frame(400)]


def test_accents_are_on_the_vowels_of_stressed_words() -> None:
    timeline = (("AH", 0, 200, 0), ("B", 200, 280, 0), ("AA", 280, 480, 1), ("T", 480, 560, 0), ("IY", 560, 760, 2))
    phones = tuple(TimedPhone(symbol, start * MS, end * MS, stress) for symbol, start, end, stress in timeline)
    found = _prosody(_tone(760, 4000), phones)
    assert found[_frame(100)].accent == 0
    assert found[_frame(520)].accent == 0
    assert found[_frame(380)].accent > found[_frame(660)].accent > 0


def test_without_phones_a_peak_of_loudness_and_pitch_is_an_accent() -> None:
    quiet, peak = _tone(600, 1500, 110), _tone(120, 8000, 160)
    found = _prosody(np.concatenate([quiet, peak, quiet]))
    strongest = int(np.argmax([one.accent for one in found[5:]])) + 5
    assert _frame(560) <= strongest <= _frame(740)
    assert found[strongest].accent > 0.5
