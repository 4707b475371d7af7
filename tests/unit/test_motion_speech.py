"""Speech to the face: the stream's contract, the contacts, phrases, prosody, and sound that is none."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import Gesture
from engines.media import ARKIT_NAMES, COEFFS, SAMPLE_RATE, SAMPLES_PER_FRAME, AudioChunk, Coeffs, Pcm, TimedPhone
from engines.motion.model import LOOKAHEAD, load_model
from engines.motion.speech import SpeechMotion, SpeechMotionStream
from engines.motion.visemes import VISEMES

pytestmark = pytest.mark.unit

NAME = {name: index for index, name in enumerate(ARKIT_NAMES)}
JAW, FUNNEL, PRESS = NAME["jawOpen"], NAME["mouthFunnel"], NAME["mouthPressLeft"]
LOWER, UPPER, ROLL = NAME["mouthLowerDownLeft"], NAME["mouthUpperUpLeft"], NAME["mouthRollLower"]
MS = SAMPLE_RATE // 1000
MOTION = SpeechMotion(load_model())


def _phones(*timeline: tuple[str, int]) -> tuple[TimedPhone, ...]:
    """(symbol, milliseconds) in a row."""
    phones: list[TimedPhone] = []
    at = 0
    for symbol, length in timeline:
        phones.append(TimedPhone(symbol, at * MS, (at + length) * MS, stress=1))
        at += length
    return tuple(phones)


def _voice(seconds: float, seed: int = 0) -> Pcm:
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


def _play(pcm: Pcm, phones: Sequence[TimedPhone], cuts: list[int], *, late: bool = False) -> list[Gesture]:
    """The whole phrase's frames for audio cut at `cuts`; `late`: each phone comes no earlier than its first sample."""
    stream = MOTION.stream()
    frames: list[Gesture] = []
    edges = [0, *sorted(set(cuts) - {0, len(pcm)}), len(pcm)]
    for start, end in pairwise(edges):
        due = tuple(p for p in phones if start <= p.start < end) if late else (tuple(phones) if start == 0 else ())
        frames += stream.push(AudioChunk(pcm[start:end], (), due))
        assert len(frames) >= end // SAMPLES_PER_FRAME - LOOKAHEAD
        assert len(frames) <= end // SAMPLES_PER_FRAME
    return frames + stream.flush()


def _faces(gestures: list[Gesture]) -> Coeffs:
    return np.stack([gesture.coeffs for gesture in gestures])


def _at(frames: Coeffs, sample: float) -> Coeffs:
    return frames[int(sample // SAMPLES_PER_FRAME)]


def _same(one: list[Gesture], other: list[Gesture]) -> bool:
    return np.array_equal(_faces(one), _faces(other)) and [a.prosody for a in one] == [b.prosody for b in other]


@pytest.mark.parametrize("phones", [MAMA, ()], ids=["phones", "sound"])
def test_bit_equal_however_the_audio_is_cut(phones: tuple[TimedPhone, ...]) -> None:
    whole = _play(PCM, phones, [])
    assert len(whole) == -(-len(PCM) // SAMPLES_PER_FRAME)
    assert _faces(whole).dtype == np.float32
    assert _same(whole, _play(PCM, phones, list(range(0, len(PCM), 20 * MS))))
    assert _same(whole, _play(PCM, phones, list(range(0, len(PCM), 20 * MS)), late=True))


WHOLE = _play(PCM, MAMA, [])


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, len(PCM) - 1), max_size=12), st.booleans())
def test_bit_equal_for_any_cuts(cuts: list[int], late: bool) -> None:
    assert _same(WHOLE, _play(PCM, MAMA, cuts, late=late))


@pytest.mark.parametrize("samples", [0, 1, 959, 960, 961, 5000])
def test_one_frame_for_each_begun_40_ms(samples: int) -> None:
    stream = MOTION.stream()
    frames = stream.push(AudioChunk(np.zeros(samples, np.int16))) + stream.flush()
    assert len(frames) == -(-samples // SAMPLES_PER_FRAME)


def test_a_turn_begins_without_memory_of_the_last() -> None:
    stream = MOTION.stream()
    first = stream.push(AudioChunk(PCM, (), MAMA)) + stream.flush()
    second = stream.push(AudioChunk(PCM, (), MAMA)) + stream.flush()
    assert len(first) == len(second)
    assert stream.flush() == []
    assert _same(first, WHOLE)


@pytest.mark.parametrize("phone", [p for p in MAMA if p.symbol in "MBP"], ids=lambda p: f"{p.symbol}{p.start}")
def test_lips_meet_in_the_middle_of_m_b_p(phone: TimedPhone) -> None:
    shut = _at(_faces(WHOLE), (phone.start + phone.end) / 2)
    assert max(shut[[JAW, FUNNEL, LOWER, UPPER]]) < 0.02
    assert shut[PRESS] > 0.3


@pytest.mark.parametrize("phone", [p for p in MAMA if p.symbol in "FV"], ids=lambda p: p.symbol)
def test_lip_and_teeth_meet_in_the_middle_of_f_v(phone: TimedPhone) -> None:
    touch = _at(_faces(WHOLE), (phone.start + phone.end) / 2)
    assert touch[JAW] < 0.1
    assert touch[ROLL] > 0.35
    assert touch[LOWER] < 0.03


@pytest.mark.parametrize(("length", "offset"), [(30, 0), (30, 20), (50, 7), (50, 31), (70, 13), (120, 20)])
def test_closures_hold_at_every_length_and_phase(length: int, offset: int) -> None:
    phones = _phones(("SIL", 200 + offset), ("AA", 140), ("B", length), ("AA", 140), ("SIL", 200))
    frames = _faces(_play(_voice(phones[-1].end / SAMPLE_RATE), phones, []))
    shut = _at(frames, (phones[2].start + phones[2].end) / 2)
    assert max(shut[[JAW, LOWER]]) < 0.02


def test_phrases_begin_and_end_near_rest() -> None:
    frames = _faces(WHOLE)
    assert frames[0].max() < 0.15
    assert frames[-1][[JAW, LOWER, UPPER]].max() < 0.15


def test_the_next_phrase_goes_on_from_the_last() -> None:
    phones = _phones(("AA", 300))
    pcm = _voice(0.3, seed=3)
    stream = MOTION.stream()
    first = stream.push(AudioChunk(pcm, (), phones)) + stream.flush()
    second = stream.push(AudioChunk(pcm, (), phones)) + stream.flush()
    assert abs(second[0].coeffs[JAW] - first[-1].coeffs[JAW]) < 0.12


def test_only_mouth_and_jaw_move_and_within_their_range() -> None:
    for gestures in (WHOLE, _play(PCM, (), [])):
        frames = _faces(gestures)
        moving = {ARKIT_NAMES[index] for index in np.flatnonzero(np.abs(frames[:, :52]).max(axis=0))}
        assert all(name.startswith(("jaw", "mouth")) for name in moving)
        assert frames.shape[1] == COEFFS
        assert not frames[:, 52:].any()
        assert frames.min() >= 0
        assert frames.max() <= 1
        assert np.abs(np.diff(frames, axis=0)).max() < 0.5


def test_every_phone_has_a_shape_and_fits_the_ranges() -> None:
    assert len(VISEMES) == 40
    for visemes in VISEMES.values():
        assert all(viseme.shape.min() >= 0 and viseme.shape.max() <= 0.6 for viseme in visemes)


def test_a_long_phrase_keeps_neither_samples_nor_phones() -> None:
    stream: SpeechMotionStream = MOTION.stream()
    for second in range(10):
        phones = tuple(TimedPhone("AA", second * 4800 + 100 * k, second * 4800 + 100 * k + 100, 1) for k in range(40))
        stream.push(AudioChunk(np.zeros(4800, np.int16), (), phones))
    assert len(stream._rest) < SAMPLES_PER_FRAME
    for _ in range(20):
        stream.push(AudioChunk(np.zeros(4800, np.int16)))
    assert len(stream._phones) < 200


def _noise(level: float) -> Pcm:
    return (np.random.default_rng(0).standard_normal(SAMPLE_RATE) * level).clip(-32768, 32767).astype(np.int16)


STRANGE = {
    "silence": np.zeros(SAMPLE_RATE, np.int16),
    "noise": _noise(3000),
    "clipping": _noise(90_000),
    "direct current": np.full(SAMPLE_RATE, 20_000, np.int16),
    "music": sum(
        (np.sin(np.arange(SAMPLE_RATE) * 2 * np.pi * hertz / SAMPLE_RATE) * 5000).astype(np.int16)
        for hertz in (220, 277, 330)
    ),
    "a gap": np.concatenate([PCM[:12_000], np.zeros(7_777, np.int16), PCM[12_000:]]),
    "a telephone's 8 kHz": np.repeat(PCM[::3], 3),
    "another rate from the middle on": np.concatenate([PCM[:12_000], PCM[12_000::2]]),
}


@pytest.mark.parametrize("name", STRANGE)
def test_whatever_sounds_the_face_stays_in_range(name: str) -> None:
    gestures = _play(np.asarray(STRANGE[name], np.int16), (), [5_000])
    frames = _faces(gestures)
    assert np.isfinite(frames).all()
    assert frames.min() >= 0
    assert frames.max() <= 1
    for prosody in (gesture.prosody for gesture in gestures):
        assert 0 <= prosody.loudness <= 1
        assert 0 <= prosody.accent <= 1
        assert -2 <= prosody.pitch <= 2


def test_silence_keeps_the_mouth_shut() -> None:
    assert _faces(_play(STRANGE["silence"], (), [])).max() < 0.1
