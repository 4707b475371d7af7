"""Emotions, manners and given poses: they come and go without a jump, and say what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.media import ARKIT_NAMES, COEFFS, FPS, Coeffs, Prosody
from engines.motion.compose import POSE_LIMITS
from engines.motion.expression import Expression
from engines.motion.idle import IdleBody, IdleLife
from engines.motion.manner import MANNERS, Manner, read_manner, write_manner
from engines.tags import EMOTIONS, NEUTRAL
from engines.tags import MANNERS as MANNER_NAMES

pytestmark = pytest.mark.unit

NAME = {name: index for index, name in enumerate(ARKIT_NAMES)}
EYES = [index for name, index in NAME.items() if name.startswith("eye")]
FACE = [index for index in range(52) if index not in EYES]


def _felt(emotion: str, intensity: float, seconds: float = 1.0) -> Coeffs:
    expression = Expression()
    expression.feel(emotion, intensity)
    return [expression.next(1.0) for _ in range(int(seconds * FPS))][-1].coeffs


def _live(body: IdleLife, seconds: float, prosody: Prosody | None = None) -> Coeffs:
    return np.stack([body.next("speaking", prosody) for _ in range(int(seconds * FPS))])


def _given(**pose: float) -> Coeffs:
    names = ("yaw", "pitch", "roll", "tx", "ty", "tz")
    return np.array([0.0] * 52 + [pose.get(name, 0.0) for name in names], np.float32)


def test_every_name_of_the_table_is_known() -> None:
    body = IdleBody().start(0)
    for emotion in EMOTIONS:
        body.feel(emotion, 1.0)
    for manner in (*MANNER_NAMES, NEUTRAL):
        body.behave(manner)
    assert set(MANNERS) == {*MANNER_NAMES, NEUTRAL}


def test_unknown_names_and_intensities_are_refused() -> None:
    body = IdleBody().start(0)
    with pytest.raises(ValueError, match="emotion 'bliss' is unknown"):
        body.feel("bliss", 1.0)
    with pytest.raises(ValueError, match="manner 'rude' is unknown"):
        body.behave("rude")
    for intensity in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="intensity"):
            body.feel("joy", intensity)


def test_emotions_differ_and_grow_with_intensity() -> None:
    faces = {emotion: _felt(emotion, 1.0)[:52] for emotion in EMOTIONS}
    assert np.abs(faces[NEUTRAL]).max() == 0
    names = list(faces)
    for index, name in enumerate(names):
        for other in names[index + 1 :]:
            assert np.linalg.norm(faces[name] - faces[other]) > 0.5
    for emotion in EMOTIONS[1:]:
        assert _felt(emotion, 0.5)[:52] == pytest.approx(faces[emotion] / 2, abs=1e-6)
        assert faces[emotion].max() <= 1


def test_an_apex_relaxes_but_stays() -> None:
    brows = NAME["browInnerUp"]
    apex, later, latest = (_felt("surprise", 1.0, seconds)[brows] for seconds in (1.0, 6.0, 20.0))
    assert apex > later + 0.05
    assert later == pytest.approx(latest, abs=0.05)
    assert latest > 0.4


def test_emotions_are_eased_when_they_change_in_mid_speech() -> None:
    body = IdleBody().start(2)
    frames = []
    for turn, emotion in enumerate((*EMOTIONS, "joy", "sadness", "anger", NEUTRAL)):
        body.feel(emotion, 1.0 if turn % 2 else 0.6)
        frames.append(_live(body, 0.5))
    steps = np.abs(np.diff(np.concatenate(frames), axis=0)).max(axis=0)
    assert steps[FACE].max() < 0.1
    assert np.degrees(steps[52:55].max()) < 1.5
    assert steps[55:].max() < 0.1


def test_a_feeling_that_goes_leaves_nothing() -> None:
    one, other = IdleBody().start(5), IdleBody().start(5)
    one.feel("anger", 1.0)
    _live(one, 1)
    _live(other, 1)
    one.feel(NEUTRAL, 1.0)
    assert _live(one, 5)[-1, :52] == pytest.approx(_live(other, 5)[-1, :52], abs=0.02)


def _spread(manner: str) -> float:
    body = IdleBody().start(8)
    body.behave(manner)
    _live(body, 3)
    return float(_live(body, 25, Prosody(0.5, 0.0, 0.0, False))[:, 52:55].std(axis=0).sum())


def test_manners_scale_the_head() -> None:
    own = _spread(NEUTRAL)
    assert _spread("formal") < 0.7 * own
    assert _spread("calm") < 0.8 * own
    assert _spread("lively") > 1.25 * own


def test_a_manner_of_ones_own_is_what_neutral_means() -> None:
    still = IdleBody(Manner(head=0.0, smile=0.3)).start(8)
    frames = _live(still, 30)
    assert np.degrees(frames[:, 54].std()) < 0.1
    assert frames[:, NAME["mouthSmileLeft"]].mean() > 0.15
    still.behave("lively")
    assert np.degrees(_live(still, 30)[:, 54].std()) < 0.1


def test_a_manner_survives_its_file(tmp_path: Path) -> None:
    manner = Manner(amplitude=1.1, head=0.7, tempo=1.2, blinks=0.9, brows=1.5, smile=0.12)
    write_manner(manner, tmp_path / "m.json")
    assert read_manner(tmp_path / "m.json") == manner


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "can't be read"),
        ("[1]", "is no manner"),
        ('{"speed": 1}', "is no manner"),
        ('{"head": "1"}', "are numbers"),
        ('{"head": 9}', "head is 9"),
        ('{"head": NaN}', "head is nan"),
    ],
)
def test_a_bad_manner_file_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=says):
        read_manner(path)


def test_a_given_pose_is_taken_over_without_a_jump_and_held_exactly() -> None:
    body = IdleBody().start(3)
    pose = _given(yaw=0.2, pitch=-0.1, roll=0.05, tx=1.0)
    before = _live(body, 1)
    body.pose(pose)
    during = _live(body, 2)
    body.pose(None)
    after = _live(body, 2)
    assert during[-1, 52:] == pytest.approx(pose[52:], abs=0.02)
    assert np.abs(after[-1, 52] - 0.2) > 0.05
    steps = np.abs(np.diff(np.concatenate([before, during, after])[:, 52:], axis=0)).max(axis=0)
    assert np.degrees(steps[:3].max()) < 2.5
    assert steps[3:].max() < 0.2


def test_a_moving_given_pose_is_followed() -> None:
    body = IdleBody().start(3)
    yaw = 0.2 * np.sin(np.arange(4 * FPS) * 2 * np.pi * 0.5 / FPS)
    frames = []
    for value in yaw:
        body.pose(_given(yaw=float(value)))
        frames.append(body.next("idle"))
    followed = np.stack(frames)[2 * FPS :, 52]
    assert np.abs(followed - yaw[2 * FPS :]).max() < 0.08
    assert np.corrcoef(followed, yaw[2 * FPS :])[0, 1] > 0.97


def test_bad_poses_are_refused_and_wild_ones_bounded() -> None:
    body = IdleBody().start(3)
    for bad in (np.zeros(6, np.float32), np.full(COEFFS, np.nan, np.float32)):
        with pytest.raises(ValueError, match="a pose is"):
            body.pose(bad)
    body.pose(np.full(COEFFS, 100, np.float32))
    assert np.all(_live(body, 3)[:, 52:] <= np.array(POSE_LIMITS))
