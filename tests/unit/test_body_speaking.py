"""What the voice does to head, brows, lids and eyes, and that nothing jumps where speech begins, ends or breaks off."""

from __future__ import annotations

import numpy as np
import pytest

from engines import Mood
from engines.media import ARKIT_NAMES, FPS, Coeffs, Prosody
from engines.motion.compose import POSE_LIMITS, compose
from engines.motion.gaze import Gaze
from engines.motion.idle import IdleBody
from engines.motion.visemes import VISEMES, expand
from training.simulated_session import simulate

pytestmark = pytest.mark.unit

NAME = {name: index for index, name in enumerate(ARKIT_NAMES)}
EYES = [index for name, index in NAME.items() if name.startswith("eye")]
FACE = [index for index in range(52) if index not in EYES]
MOUTH = [index for name, index in NAME.items() if name.startswith(("mouth", "jaw"))]
BLINK, BROW, PITCH = NAME["eyeBlinkLeft"], NAME["browInnerUp"], 53

PLAIN = Prosody(0.4, 0.0, 0.0, False)
STRESS = Prosody(0.9, 1.0, 1.0, False)
END = Prosody(0.3, -0.5, 0.0, True)
EVERY = 2 * FPS
"""Frames from one event to the next."""


def _after(event: Prosody, seeds: int = 12, events: int = 5) -> Coeffs:
    """What follows an event in speech that is plain otherwise: [events, 2 s, 58], event at 0.4 s."""
    cuts: list[Coeffs] = []
    for seed in range(seeds):
        body = IdleBody().start(seed)
        heard = ([PLAIN] * 10 + [event] * (1 if event.boundary else 3) + [PLAIN] * EVERY)[:EVERY] * events
        frames = np.stack([body.next("speaking", prosody) for prosody in heard])
        cuts += list(frames.reshape(events, EVERY, -1)[1:])
    return np.stack(cuts)


@pytest.fixture(scope="module")
def stressed() -> Coeffs:
    return _after(STRESS)


@pytest.fixture(scope="module")
def ended() -> Coeffs:
    return _after(END)


def test_stress_raises_the_brows_and_nods(stressed: Coeffs, ended: Coeffs) -> None:
    brows = stressed[:, :, BROW].mean(axis=0)
    assert brows[12:20].max() > brows[:9].mean() + 0.03
    nod = np.degrees(stressed[:, :, PITCH]).mean(axis=0)
    assert nod[12:24].max() > nod[:9].mean() + 0.15
    assert ended[:, :, BROW].max() < stressed[:, :, BROW].max()


def test_a_stress_is_not_answered_every_time(stressed: Coeffs) -> None:
    raised = stressed[:, 10:24, BROW].max(axis=1) - stressed[:, 9, BROW] > 0.12
    assert 0.1 < raised.mean() < 0.7


def test_phrases_end_with_a_blink_more_often_than_chance(ended: Coeffs) -> None:
    closed = ended[:, :, BLINK] > 0.5
    begins = closed[:, 1:] & ~closed[:, :-1]
    after, elsewhere = begins[:, 10:20].mean(), begins[:, 25:].mean()
    assert after > 2 * elsewhere
    assert 15 < begins.mean() * FPS * 60 < 40


def _looks_back(boundary: bool) -> float:
    """Share of looks aside that end within 0.4 s of a moment in them."""
    back = []
    for seed in range(60):
        gaze = Gaze(np.random.default_rng(seed))
        while np.hypot(*gaze.target) < np.radians(3):
            gaze.next("speaking", (0.0, 0.0), (0.0, 0.0), False)
        looks = [gaze.next("speaking", (0.0, 0.0), (0.0, 0.0), boundary and frame == 0) for frame in range(10)]
        back.append(np.hypot(*looks[-1][:2]) < np.radians(3))
    return float(np.mean(back))


def test_at_the_end_of_a_phrase_she_looks_at_the_viewer() -> None:
    assert _looks_back(True) > 0.9
    assert _looks_back(False) < 0.4


def test_a_lively_voice_moves_the_head_faster_than_none() -> None:
    def speed(heard: list[Prosody]) -> float:
        body = IdleBody().start(3)
        frames = np.stack([body.next("speaking", prosody) for prosody in heard])
        return float(np.diff(frames[:, 52:55], axis=0).std(axis=0).sum())

    random = np.random.default_rng(0)
    lively = [Prosody(random.random(), random.normal(), float(random.random() < 0.1), False) for _ in range(30 * FPS)]
    assert speed(lively) > 1.1 * speed([Prosody(0.0, 0.0, 0.0, False)] * (30 * FPS))


class _Face:
    """A body and the speech on it, eased as a mouth moves."""

    def __init__(self, emotion: str) -> None:
        self.body = IdleBody().start(6)
        self.body.feel(emotion, 1.0)
        self._speech = np.zeros(58, np.float32)
        self.frames: list[Coeffs] = []
        self.speech: list[Coeffs] = []

    def say(self, phones: str) -> None:
        for phone in phones.split():
            for _ in range(3):
                self._speech = np.asarray((self._speech + expand(VISEMES[phone][0].shape)) / 2, np.float32)
                self._add(compose(self.body.next("speaking", PLAIN), self._speech))

    def rest(self, mood: Mood) -> None:
        for _ in range(FPS):
            self._speech = self._speech * np.float32(0.5)
            over = np.abs(self._speech).max() < 0.004
            self._add(compose(self.body.next(mood), None if over else self._speech))

    def _add(self, frame: Coeffs) -> None:
        self.frames.append(frame)
        self.speech.append(self._speech)


@pytest.mark.parametrize("emotion", ["neutral", "joy", "surprise", "anger"])
def test_nothing_jumps_where_speech_begins_ends_or_breaks_off(emotion: str) -> None:
    face = _Face(emotion)
    face.rest("thinking")
    face.say("SIL M AA M IY S UW P EH F")
    face.rest("listening")  # an interruption
    face.body.feel("sadness", 0.8)
    face.say("B AO T")
    face.body.feel("neutral", 1.0)
    face.say("M IH N SIL SIL")
    face.rest("idle")
    steps, phones = (np.abs(np.diff(np.stack(values), axis=0)) for values in (face.frames, face.speech))
    still = [index for index in FACE if index not in MOUTH]
    assert steps[:, still].max() < 0.12
    assert (steps - phones)[:, MOUTH].max() < 0.25
    assert np.degrees(steps[:, 52:55].max()) < 1.5
    assert steps[:, 55:].max() < 0.08


def test_hours_are_lived_within_the_range_without_drift_or_repeats() -> None:
    """A short stretch of what `simulate` measures over hours."""
    figures = simulate(0.05, seed=5)
    assert figures["pose_share"] < 1
    assert figures["drift_deg"] < 4
    assert figures["autocorrelation"] < 0.9
    assert figures["nearest_deg"] > 0.5
    assert figures["step_face"] < 0.2
    assert figures["step_deg"] < 2.0
    assert figures["step_cm"] < 0.08
    assert 10 < figures["blinks_per_minute"] < 35


def test_the_limits_are_never_met() -> None:
    body = IdleBody().start(1)
    body.behave("lively")
    body.feel("anger", 1.0)
    frames = np.stack([body.next("speaking", STRESS if index % 9 < 3 else PLAIN) for index in range(60 * FPS)])
    assert np.all(np.abs(frames[:, 52:]) < np.array(POSE_LIMITS))
