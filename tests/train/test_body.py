"""What the body takes from tracked people: the head's fit, and a manner."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.media import COEFFS, FPS
from engines.motion.manner import MANNERS, Manner
from engines.motion.smooth import Noise
from training.body import VOICE_SECONDS, Clips, angles_of, fit_head
from training.manner import default_speech, habits_of, manner_of

pytestmark = pytest.mark.train

CLIPS, FRAMES = 80, 75
SWAY_SECONDS, SWAY_DEGREES = 0.25, 0.5
CROSSTALK = 8.0
"""Degrees of pitch that a tracker reads into a jaw of 1."""


def _recorded(gain: float) -> Clips:
    """A speaker whose pitch follows the loudness, `gain` degrees of it, under a sway of known pace and size."""
    random = np.random.default_rng(0)
    noises = [Noise(SWAY_SECONDS, random) for _ in range(3)]
    angles = SWAY_DEGREES * np.array([[n.next() for n in noises] for _ in range(CLIPS * FRAMES)])
    angles = angles.reshape(CLIPS, FRAMES, 3)
    voice = np.zeros((CLIPS, FRAMES, 3))
    voice[..., 0] = np.repeat(random.random((CLIPS, FRAMES // 5)), 5, axis=1)
    voice[..., 1] = random.standard_normal((CLIPS, FRAMES))
    voice[..., 2] = random.random((CLIPS, FRAMES)) < 0.1
    keep = np.exp(-1 / (FPS * VOICE_SECONDS[1]))
    slow = fast = np.zeros(CLIPS)
    for frame in range(FRAMES):
        fast = keep * fast + (1 - keep) * voice[:, frame, 0]
        slow = keep * slow + (1 - keep) * fast
        angles[:, frame, 1] += gain * slow
    jaw = random.random((CLIPS, FRAMES))
    angles[..., 1] += CROSSTALK * jaw
    return Clips(angles, jaw, voice, np.ones(CLIPS, bool))


def test_the_fit_finds_what_was_put_in() -> None:
    fit = fit_head(_recorded(gain=6.0), np.random.default_rng(1))
    assert fit.values["sway_seconds"] == pytest.approx([SWAY_SECONDS] * 3, rel=0.35)
    mix = np.array(fit.values["sway_mix"])
    assert np.sqrt((mix**2).sum(axis=1)) == pytest.approx([SWAY_DEGREES] * 3, rel=0.3)
    gain = np.array(fit.values["voice_gain"]).reshape(3, len(VOICE_SECONDS), 3)
    assert gain[1, :, 0].sum() == pytest.approx(6.0, rel=0.25)
    assert fit.figures["pitch_correlation"] > 0.6
    assert abs(fit.figures["yaw_correlation"]) < 0.25
    assert fit.figures["yaw_spectrum_miss"] < 0.3
    json.dumps(fit.values)


def test_angles_are_those_of_the_rotation() -> None:
    yaw, pitch, roll = np.radians((12.0, -5.0, 3.0))
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    tilt = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    assert angles_of(turn @ nod @ tilt) == pytest.approx([12.0, -5.0, 3.0])


def test_the_manner_of_a_body_is_found_again() -> None:
    assert manner_of(default_speech()) == Manner()
    for name in ("calm", "lively"):
        found, put = manner_of(default_speech(MANNERS[name])), MANNERS[name]
        assert found.head == pytest.approx(put.head, rel=0.25)
        assert found.tempo == pytest.approx(put.tempo, rel=0.25)
        assert found.blinks == pytest.approx(put.blinks, rel=0.25)
        assert found.brows == pytest.approx(put.brows, rel=0.4)
        assert found.amplitude == pytest.approx(put.amplitude, rel=0.25)
        assert found.smile == pytest.approx(put.smile, abs=0.03)


def test_a_still_face_is_a_manner_too() -> None:
    found = manner_of(np.zeros((20 * FPS, COEFFS), np.float32))
    assert found.head == 0
    assert found.blinks == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("track", "says"),
    [
        (np.zeros((30, COEFFS)), "give at least 10 s"),
        (np.zeros((0, COEFFS)), "give at least 10 s"),
        (np.zeros((500, 52)), "a track is"),
        (np.full((500, COEFFS), np.nan), "finite"),
    ],
)
def test_a_bad_track_is_refused(track: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        habits_of(track.astype(np.float32))


def test_a_video_that_is_none_is_refused(tmp_path: Path) -> None:
    from training.manner import track_video

    path = tmp_path / "no.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(ValueError, match="can't be read as a video"):
        track_video(path, None)
