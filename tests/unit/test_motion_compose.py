"""Body and speech as one face."""

from __future__ import annotations

import numpy as np
import pytest

from engines.media import ARKIT_NAMES, COEFFS, FPS
from engines.motion.compose import POSE_LIMITS, compose
from engines.motion.idle import IdleBody
from engines.motion.visemes import VISEMES, expand
from engines.tags import EMOTIONS

pytestmark = pytest.mark.unit

NAME = {name: index for index, name in enumerate(ARKIT_NAMES)}


def _face(**values: float) -> np.ndarray:
    face = np.zeros(COEFFS, np.float32)
    for name, value in values.items():
        face[NAME[name]] = value
    return face


# Inner lips' distance in pixels at 512, by blendshape: least squares over the landmarks of the default avatar's capture
# (735 frames, residual 0.3 px, 0.1 px where the lips are closed).
GAP_AT_REST = 0.74
GAP = {
    "mouthClose": -48.9, "jawOpen": 37.5, "mouthFunnel": 14.6, "mouthShrugLower": -8.3, "mouthShrugUpper": 6.0,
    "mouthUpperUpLeft": 4.6, "mouthUpperUpRight": 4.7, "noseSneerLeft": 4.1, "noseSneerRight": 4.1,
    "mouthLowerDownLeft": 4.0, "mouthLowerDownRight": 3.8, "mouthRollLower": -4.0, "mouthRollUpper": 2.3,
    "mouthPucker": -1.5, "mouthPressLeft": -1.4, "mouthPressRight": -1.1, "mouthDimpleLeft": -1.0,
    "mouthDimpleRight": -0.6, "mouthLeft": -0.7, "mouthStretchLeft": -0.3, "mouthStretchRight": -0.3,
    "mouthFrownLeft": -0.2, "mouthFrownRight": -0.2, "mouthSmileLeft": -0.1, "mouthSmileRight": -0.1,
    "cheekSquintLeft": 0.3, "cheekSquintRight": 0.3,
}  # fmt: skip


def _gap(face: np.ndarray) -> float:
    return GAP_AT_REST + sum(float(face[NAME[name]]) * pixels for name, pixels in GAP.items())


def test_without_speech_the_body_stays() -> None:
    body = _face(mouthSmileLeft=0.2, eyeBlinkLeft=1.0)
    assert np.array_equal(compose(body, None), body)
    assert np.array_equal(compose(body, _face()), body)


def test_speech_has_the_lips_and_leaves_the_eyes() -> None:
    body = _face(jawOpen=0.16, mouthUpperUpLeft=0.14, eyeBlinkLeft=0.9, browInnerUp=0.1)
    face = compose(body, _face(mouthPressLeft=0.4))
    assert face[NAME["jawOpen"]] == face[NAME["mouthUpperUpLeft"]] == 0
    assert face[NAME["mouthPressLeft"]] == pytest.approx(0.4)
    assert face[NAME["eyeBlinkLeft"]] == pytest.approx(0.9)


def test_a_smile_survives_closed_lips_and_yields_to_rounded_ones() -> None:
    body = _face(mouthSmileLeft=0.6)
    assert compose(body, _face(mouthPressLeft=0.4))[NAME["mouthSmileLeft"]] > 0.4
    assert compose(body, _face(mouthPucker=0.5, mouthFunnel=0.3))[NAME["mouthSmileLeft"]] < 0.25


def test_pressed_lips_do_not_hold_the_jaw() -> None:
    body = _face(mouthPressLeft=0.4, mouthShrugLower=0.3)
    face = compose(body, _face(jawOpen=0.4))
    assert face[NAME["mouthPressLeft"]] == face[NAME["mouthShrugLower"]] == 0


def test_the_mouth_changes_without_a_step() -> None:
    body = _face(mouthSmileLeft=0.8, mouthPressLeft=0.4, jawOpen=0.2, noseSneerLeft=0.3)
    for channel in ("jawOpen", "mouthPucker", "mouthPressRight", "mouthRollLower"):
        faces = np.stack([compose(body, _face(**{channel: value})) for value in np.linspace(0, 0.6, 601)])
        assert np.abs(np.diff(faces, axis=0)).max() < 0.005


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize("firmness", [0.4, 1.0])
def test_lips_meet_whatever_she_feels(emotion: str, firmness: float) -> None:
    body = IdleBody().start(4)
    body.feel(emotion, 1.0)
    face = [body.next("speaking") for _ in range(FPS)][-1]
    for phone in ("M", "P", "B"):
        lips = VISEMES[phone][0].shape * np.float32(firmness)
        assert _gap(compose(face, expand(lips))) <= 1.5
    assert _gap(compose(face, expand(VISEMES["AA"][0].shape))) > 10


def test_lips_meet_in_the_first_frame_of_speech() -> None:
    body = IdleBody().start(4)
    body.feel("surprise", 1.0)
    face = [body.next("idle") for _ in range(FPS)][-1]
    assert _gap(compose(face, None)) > 4
    assert _gap(compose(body.next("speaking"), expand(VISEMES["M"][0].shape))) <= 1.5


def test_everything_keeps_its_range() -> None:
    wild = np.full(COEFFS, 5, np.float32)
    high, low = compose(wild, wild), compose(-wild, -wild)
    assert high[:52].max() <= 1
    assert low[:52].min() >= 0
    assert high[52:] == pytest.approx(POSE_LIMITS)
    assert low[52:] == pytest.approx([-limit for limit in POSE_LIMITS])


def test_inputs_are_left_alone() -> None:
    body, speech = _face(mouthSmileLeft=0.2), _face(jawOpen=0.3)
    compose(body, speech)
    assert body[NAME["mouthSmileLeft"]] == pytest.approx(0.2)
    assert speech[NAME["jawOpen"]] == pytest.approx(0.3)
