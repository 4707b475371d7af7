"""Speech to lips: the stream's contract, the contacts, the shapes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import Gesture
from engines.media import ARKIT_NAMES, COEFFS, SAMPLE_RATE, SAMPLES_PER_FRAME, AudioChunk, Coeffs, TimedPhone
from engines.motion.speech import LOOKAHEAD, SpeechMotion, SpeechMotionStream
from engines.motion.visemes import VISEMES

pytestmark = pytest.mark.unit

NAME = {name: index for index, name in enumerate(ARKIT_NAMES)}
JAW, FUNNEL, PUCKER, PRESS = NAME["jawOpen"], NAME["mouthFunnel"], NAME["mouthPucker"], NAME["mouthPressLeft"]
LOWER, UPPER, ROLL = NAME["mouthLowerDownLeft"], NAME["mouthUpperUpLeft"], NAME["mouthRollLower"]
MS = SAMPLE_RATE // 1000


def _phones(*timeline: tuple[str, int]) -> tuple[TimedPhone, ...]:
    """(symbol, milliseconds) in a row."""
    phones: list[TimedPhone] = []
    at = 0
    for symbol, length in timeline:
        phones.append(TimedPhone(symbol, at * MS, (at + length) * MS, stress=1))
        at += length
    return tuple(phones)


def _voice(seconds: float, seed: int = 0) -> np.ndarray:
    """A buzz of 200 Hz whose loudness and brightness wander, with pauses."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    random = np.random.default_rng(seed)
    knots = np.arange(0.0, seconds + 0.1, 0.1)
    loud = np.clip(np.interp(time, knots, random.uniform(-0.3, 1, len(knots))), 0, 1)
    wave = sum(np.sin(2 * np.pi * 200 * k * time) / k for k in range(1, 12))
    return (loud * np.asarray(wave) * 6000).astype(np.int16)


MAMA = _phones(
    ("SIL", 80), ("M", 70), ("AA", 150), ("M", 80), ("AH", 120), ("F", 90), ("IY", 140), ("B", 60), ("UW", 160),
    ("P", 70), ("EH", 110), ("V", 60), ("AY", 200), ("S", 90), ("SIL", 200),
)  # fmt: skip
PCM = _voice(MAMA[-1].end / SAMPLE_RATE)


def _play(pcm: np.ndarray, phones: tuple[TimedPhone, ...], cuts: list[int], *, late: bool = False) -> Coeffs:
    """The whole phrase's frames for audio cut at `cuts`; `late`: each phone comes no earlier than its first sample."""
    stream = SpeechMotion().stream()
    frames: list[Gesture] = []
    edges = [0, *sorted(set(cuts) - {0, len(pcm)}), len(pcm)]
    for start, end in pairwise(edges):
        due = tuple(p for p in phones if start <= p.start < end) if late else (phones if start == 0 else ())
        frames += stream.push(AudioChunk(pcm[start:end], (), due))
        assert len(frames) >= end // SAMPLES_PER_FRAME - LOOKAHEAD
        assert len(frames) <= end // SAMPLES_PER_FRAME
    return np.stack([gesture.coeffs for gesture in frames + stream.flush()])


def _at(frames: Coeffs, sample: float) -> Coeffs:
    return frames[int(sample // SAMPLES_PER_FRAME)]


@pytest.mark.parametrize("phones", [MAMA, ()], ids=["phones", "sound"])
def test_bit_equal_however_the_audio_is_cut(phones: tuple[TimedPhone, ...]) -> None:
    whole = _play(PCM, phones, [])
    small = _play(PCM, phones, list(range(0, len(PCM), 20 * MS)))
    late = _play(PCM, phones, list(range(0, len(PCM), 20 * MS)), late=True)
    assert len(whole) == -(-len(PCM) // SAMPLES_PER_FRAME)
    assert whole.dtype == np.float32
    assert np.array_equal(whole, small)
    assert np.array_equal(whole, late)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, len(PCM) - 1), max_size=12), st.booleans())
def test_bit_equal_for_any_cuts(cuts: list[int], late: bool) -> None:
    assert np.array_equal(_play(PCM, MAMA, []), _play(PCM, MAMA, cuts, late=late))


@pytest.mark.parametrize("samples", [0, 1, 959, 960, 961, 5000])
def test_one_frame_for_each_begun_40_ms(samples: int) -> None:
    stream = SpeechMotion().stream()
    frames = stream.push(AudioChunk(np.zeros(samples, np.int16))) + stream.flush()
    assert len(frames) == -(-samples // SAMPLES_PER_FRAME)


def test_phrases_follow_each_other_in_one_stream() -> None:
    stream = SpeechMotion().stream()
    first = stream.push(AudioChunk(PCM, (), MAMA)) + stream.flush()
    second = stream.push(AudioChunk(PCM, (), MAMA)) + stream.flush()
    assert len(first) == len(second)
    assert stream.flush() == []


@pytest.mark.parametrize("phone", [p for p in MAMA if p.symbol in "MBP"], ids=lambda p: f"{p.symbol}{p.start}")
def test_lips_meet_in_the_middle_of_m_b_p(phone: TimedPhone) -> None:
    shut = _at(_play(PCM, MAMA, []), (phone.start + phone.end) / 2)
    assert max(shut[[JAW, FUNNEL, LOWER, UPPER]]) < 0.02
    assert shut[PRESS] > 0.3


@pytest.mark.parametrize("phone", [p for p in MAMA if p.symbol in "FV"], ids=lambda p: p.symbol)
def test_lip_and_teeth_meet_in_the_middle_of_f_v(phone: TimedPhone) -> None:
    touch = _at(_play(PCM, MAMA, []), (phone.start + phone.end) / 2)
    assert touch[JAW] < 0.1
    assert touch[ROLL] > 0.35
    assert touch[LOWER] < 0.03


@pytest.mark.parametrize("symbol", ["S", "Z", "SH", "CH", "JH"])
def test_sibilants_narrow_the_jaw(symbol: str) -> None:
    phones = _phones(("SIL", 100), ("AA", 140), (symbol, 80), ("AA", 140), ("SIL", 100))
    assert _at(_play(_voice(0.56), phones, []), 280 * MS)[JAW] < 0.13


@pytest.mark.parametrize("length", [30, 50, 70, 120])
@pytest.mark.parametrize("offset", [0, 7, 13, 20, 31])
def test_closures_hold_at_every_length_and_phase(length: int, offset: int) -> None:
    phones = _phones(("SIL", 200 + offset), ("AA", 140), ("B", length), ("AA", 140), ("SIL", 200))
    frames = _play(_voice(phones[-1].end / SAMPLE_RATE), phones, [])
    shut = _at(frames, (phones[2].start + phones[2].end) / 2)
    assert max(shut[[JAW, LOWER]]) < 0.02
    assert frames[:, JAW].max() > 0.25


def test_vowels_look_like_themselves() -> None:
    def middle(symbol: str) -> Coeffs:
        phones = _phones(("SIL", 100), ("T", 60), (symbol, 200), ("T", 60), ("SIL", 100))
        return _at(_play(_voice(0.52), phones, []), 260 * MS)

    assert middle("AA")[JAW] > 2 * middle("IY")[JAW]
    assert middle("AA")[JAW] > 2 * middle("UW")[JAW]
    assert middle("UW")[PUCKER] > 0.3 > 0.05 > middle("AA")[PUCKER]
    assert middle("IY")[NAME["mouthStretchLeft"]] > 0.15 > 0.05 > middle("UW")[NAME["mouthStretchLeft"]]


def test_tongue_consonants_leave_rounded_lips_alone() -> None:
    phones = _phones(("SIL", 100), ("UW", 150), ("T", 70), ("UW", 150), ("SIL", 100))
    frames = _play(_voice(0.57), phones, [])
    assert _at(frames, 285 * MS)[PUCKER] > 0.7 * _at(frames, 190 * MS)[PUCKER]


def test_the_mouth_leads_the_sound() -> None:
    phones = _phones(("SIL", 400), ("AA", 200), ("SIL", 300))
    jaw = _play(_voice(0.9), phones, [])[:, JAW]
    assert jaw[9] > 0.02  # 360..400 ms: opening before the vowel is heard
    assert jaw[5] < 0.02  # but not a fifth of a second early


def test_phrases_begin_and_end_near_rest() -> None:
    frames = _play(PCM, MAMA, [])
    assert frames[0].max() < 0.15
    assert frames[-1].max() < 0.1


def test_the_next_phrase_goes_on_from_the_last() -> None:
    phones = _phones(("AA", 300))
    pcm = _voice(0.3, seed=3)
    stream = SpeechMotion().stream()
    first = stream.push(AudioChunk(pcm, (), phones)) + stream.flush()
    second = stream.push(AudioChunk(pcm, (), phones)) + stream.flush()
    assert abs(second[0].coeffs[JAW] - first[-1].coeffs[JAW]) < 0.12
    assert min(first[-1].coeffs[JAW], second[0].coeffs[JAW]) > 0.05  # no hard closing in between


def test_only_mouth_and_jaw_move_and_moderately() -> None:
    for phones in (MAMA, ()):
        frames = _play(PCM, phones, [])
        moving = {ARKIT_NAMES[index] for index in np.flatnonzero(np.abs(frames[:, :52]).max(axis=0))}
        assert all(name.startswith(("jaw", "mouth")) for name in moving)
        assert frames.shape[1] == COEFFS
        assert not frames[:, 52:].any()
        assert frames.min() >= 0
        assert frames[:, JAW].max() <= 0.5
        assert np.abs(np.diff(frames, axis=0)).max() < 0.45


def test_loud_speech_opens_the_jaw_further() -> None:
    phones = _phones(("SIL", 100), ("AA", 300), ("SIL", 100))
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    buzz = np.sign(np.sin(2 * np.pi * 200 * time))
    loud = _play((buzz * 9000).astype(np.int16), phones, [])[:, JAW].max()
    soft = _play((buzz * 300).astype(np.int16), phones, [])[:, JAW].max()
    assert loud > 1.2 * soft


def test_sound_alone_opens_the_mouth_and_silence_closes_it() -> None:
    pcm = np.concatenate([np.zeros(9600, np.int16), _voice(0.8, seed=5), np.zeros(9600, np.int16)])
    frames = _play(pcm, (), [])
    assert not frames[:8].any()
    assert frames[10:30, JAW].max() > 0.15
    assert not frames[-4:].any()


def test_every_phone_has_a_shape_and_fits_the_ranges() -> None:
    assert len(VISEMES) == 40
    for visemes in VISEMES.values():
        assert all(viseme.shape.min() >= 0 and viseme.shape.max() <= 0.6 for viseme in visemes)


def test_a_long_phrase_keeps_no_samples() -> None:
    stream: SpeechMotionStream = SpeechMotion().stream()
    for _ in range(30 * SAMPLE_RATE // 4800):
        stream.push(AudioChunk(np.zeros(4800, np.int16)))
    assert len(stream._sound._pcm) < 10 * SAMPLES_PER_FRAME
