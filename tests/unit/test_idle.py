"""The body's own life: human statistics, no jumps, no drift, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from engines import Mood
from engines.media import ARKIT_NAMES, COEFFS, FPS, Coeffs
from engines.motion.gaze import FULL_LOOK
from engines.motion.idle import MOODS, IdleBody
from engines.motion.smooth import Noise, Smooth

pytestmark = pytest.mark.unit

NAME = {name: index for index, name in enumerate(ARKIT_NAMES)}
BLINK = NAME["eyeBlinkLeft"]
EYES = [index for name, index in NAME.items() if name.startswith("eye")]
FACE = [index for index in range(52) if index not in EYES]
MINUTES = 2


def _live(seed: int, mood: Mood, seconds: float) -> Coeffs:
    body = IdleBody().start(seed)
    for _ in range(2 * FPS):
        body.next(mood)
    return np.stack([body.next(mood) for _ in range(int(seconds * FPS))])


@pytest.fixture(scope="module")
def lives() -> dict[Mood, Coeffs]:
    return {mood: _live(7, mood, 60 * MINUTES) for mood in MOODS}


def _blinks(frames: Coeffs) -> np.ndarray:
    """Frames at which a blink begins."""
    closed = frames[:, BLINK] > 0.4
    return np.flatnonzero(closed[1:] & ~closed[:-1])


def _gaze(frames: Coeffs) -> np.ndarray:
    """Where the eyes look in the viewer's space, degrees: the eyes in the head, plus the head."""
    yaw = frames[:, NAME["eyeLookOutLeft"]] - frames[:, NAME["eyeLookInLeft"]]
    pitch = frames[:, NAME["eyeLookDownLeft"]] - frames[:, NAME["eyeLookUpLeft"]]
    return np.degrees(np.stack([yaw, pitch], axis=1) * FULL_LOOK + frames[:, 52:54])


def test_shape_and_ranges(lives: dict[Mood, Coeffs]) -> None:
    for frames in lives.values():
        assert frames.dtype == np.float32
        assert frames.shape[1] == COEFFS
        assert frames[:, :52].min() >= 0
        assert frames[:, :52].max() <= 1
        assert np.degrees(np.abs(frames[:, 52:55]).max()) < 12
        assert np.abs(frames[:, 55:]).max() < 1


@pytest.mark.parametrize(("mood", "low", "high"), [("idle", 12, 24), ("listening", 12, 24), ("speaking", 20, 34)])
def test_blinks_at_human_rates(lives: dict[Mood, Coeffs], mood: Mood, low: float, high: float) -> None:
    assert low <= len(_blinks(lives[mood])) / MINUTES <= high


def test_blinks_are_irregular_short_and_of_both_eyes(lives: dict[Mood, Coeffs]) -> None:
    frames = lives["idle"]
    begins = _blinks(frames)
    intervals = np.diff(begins) / FPS
    assert intervals.min() >= 0.4
    assert 0.3 < np.log(intervals).std() < 0.9
    assert np.array_equal(frames[:, BLINK], frames[:, NAME["eyeBlinkRight"]])
    lengths = [(frames[begin - 3 : begin + 8, BLINK] > 0.15).sum() * 40 for begin in begins[1:-1]]
    assert 120 <= np.mean(lengths) <= 260


def test_eyes_turn_together(lives: dict[Mood, Coeffs]) -> None:
    for frames in lives.values():
        for left, right in (("Out", "In"), ("In", "Out"), ("Up", "Up"), ("Down", "Down")):
            assert np.array_equal(frames[:, NAME[f"eyeLook{left}Left"]], frames[:, NAME[f"eyeLook{right}Right"]])


def test_looks_at_the_viewer_but_aside_while_thinking(lives: dict[Mood, Coeffs]) -> None:
    at_viewer = {mood: float((np.abs(_gaze(frames)).max(axis=1) < 3).mean()) for mood, frames in lives.items()}
    assert at_viewer["idle"] > 0.75
    assert at_viewer["listening"] > 0.85
    assert at_viewer["speaking"] > 0.6
    assert at_viewer["thinking"] < 0.45
    assert _gaze(lives["thinking"])[:, 1].mean() < -1  # up


def test_the_gaze_holds_while_the_head_moves(lives: dict[Mood, Coeffs]) -> None:
    """Between saccades the gaze stands still although the head sways."""
    frames = lives["speaking"]
    steps = np.abs(np.diff(_gaze(frames), axis=0)).max(axis=1)
    assert np.median(steps) < 0.02
    assert np.median(np.abs(np.degrees(np.diff(frames[:, 52])))) > 0.02


def test_a_listener_nods_and_nobody_else(lives: dict[Mood, Coeffs]) -> None:
    def nods(mood: Mood) -> int:
        fast = np.diff(np.degrees(lives[mood][:, 53])) > 0.4
        return int((fast[1:] & ~fast[:-1]).sum())

    assert nods("listening") > 5 * MINUTES
    assert nods("idle") == 0
    assert nods("thinking") < 2 * MINUTES


def test_a_speaker_leaves_the_lips_to_speech(lives: dict[Mood, Coeffs]) -> None:
    smiles = [NAME["mouthSmileLeft"], NAME["mouthSmileRight"]]
    lips = [index for name, index in NAME.items() if name.startswith(("mouth", "jaw")) and index not in smiles]
    assert lives["speaking"][:, lips].max() < 0.01
    assert 0.01 < lives["speaking"][:, smiles].mean() < 0.06


def test_breathes_about_fifteen_times_a_minute(lives: dict[Mood, Coeffs]) -> None:
    rise = lives["idle"][:, 56] - lives["idle"][:, 56].mean()
    power = np.abs(np.fft.rfft(rise * np.hanning(len(rise)))) ** 2
    per_minute = np.fft.rfftfreq(len(rise), 1 / FPS) * 60
    fast = per_minute > 8  # beyond the changes of posture
    assert 12 <= per_minute[fast][power[fast].argmax()] <= 18


def test_never_jumps_whatever_the_moods_do() -> None:
    body = IdleBody().start(3)
    random = np.random.default_rng(0)
    mood: Mood = "idle"
    frames: list[Coeffs] = []
    for _ in range(60 * FPS):
        if random.random() < 0.05:
            mood = MOODS[random.integers(4)]
        frames.append(body.next(mood))
    steps = np.abs(np.diff(np.stack(frames), axis=0)).max(axis=0)
    looks = [index for name, index in NAME.items() if name.startswith("eyeLook")]
    assert steps[FACE].max() < 0.07
    assert steps[looks].max() < 0.4  # a saccade: 10 degrees in two frames
    assert steps[BLINK] < 0.85  # lids fall within two frames
    assert np.degrees(steps[52:55].max()) < 2.0
    assert steps[55:].max() < 0.05


def test_the_same_seed_lives_the_same_life() -> None:
    assert np.array_equal(_live(5, "listening", 20), _live(5, "listening", 20))
    assert not np.array_equal(_live(5, "listening", 20), _live(6, "listening", 20))


def test_bodies_do_not_share_state() -> None:
    alone = _live(5, "idle", 4)
    first, other = IdleBody().start(5), IdleBody().start(9)
    mixed = []
    for _ in range(6 * FPS):
        mixed.append(first.next("idle"))
        other.next("thinking")
    assert np.array_equal(np.stack(mixed)[2 * FPS :], alone)


def test_noise_is_stationary_from_the_first_frame() -> None:
    """Over many seeds the spread at the start is the spread later: nothing drifts, so ten hours are like one minute."""
    early, late = [], []
    for seed in range(150):
        noise = Noise(0.4, np.random.default_rng(seed))
        early.append(noise.next())
        late.append([noise.next() for _ in range(60)][-1])
    assert np.std(early) == pytest.approx(1, abs=0.2)
    assert np.std(late) == pytest.approx(1, abs=0.2)
    assert abs(np.mean(late)) < 0.25


def test_no_drift() -> None:
    """Over many bodies, where the head is after a while is where it began: mean and spread alike."""
    bodies = [IdleBody().start(seed) for seed in range(12)]
    heads = np.array([[np.degrees(body.next("idle")[52:55]) for _ in range(20 * FPS)] for body in bodies])
    early, late = heads[:, :FPS], heads[:, -FPS:]
    assert np.abs(late.mean(axis=(0, 1)) - early.mean(axis=(0, 1))).max() < 1.5
    assert np.all(late.std(axis=(0, 1)) < 2 * early.std(axis=(0, 1)) + 0.2)


def test_a_follower_arrives_without_overshoot() -> None:
    smooth = Smooth(0.35)
    values = [smooth.towards(1.0) for _ in range(4 * FPS)]
    assert np.all(np.diff(values) >= 0)
    assert values[0] < 0.02
    assert values[-1] == pytest.approx(1.0, abs=1e-3)
    assert max(values) <= 1.0
