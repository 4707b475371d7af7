"""Body and speech as one face."""

from __future__ import annotations

import numpy as np
import pytest

from engines.media import ARKIT_NAMES, COEFFS
from engines.motion.compose import POSE_LIMITS, compose

pytestmark = pytest.mark.unit

NAME = {name: index for index, name in enumerate(ARKIT_NAMES)}


def _face(**values: float) -> np.ndarray:
    face = np.zeros(COEFFS, np.float32)
    for name, value in values.items():
        face[NAME[name]] = value
    return face


def test_without_speech_the_body_stays() -> None:
    body = _face(mouthSmileLeft=0.2, eyeBlinkLeft=1.0)
    assert np.array_equal(compose(body, None), body)
    assert np.array_equal(compose(body, _face()), body)


def test_speech_takes_the_mouth_and_leaves_the_eyes() -> None:
    body = _face(mouthSmileLeft=0.2, eyeBlinkLeft=0.9, browInnerUp=0.1)
    face = compose(body, _face(mouthPressLeft=0.4))
    assert face[NAME["mouthSmileLeft"]] == 0
    assert face[NAME["mouthPressLeft"]] == pytest.approx(0.4)
    assert face[NAME["eyeBlinkLeft"]] == pytest.approx(0.9)


def test_the_smile_fades_without_a_step() -> None:
    body = _face(mouthSmileLeft=0.2)
    smiles = [compose(body, _face(jawOpen=jaw))[NAME["mouthSmileLeft"]] for jaw in np.linspace(0, 0.3, 61)]
    assert max(-np.diff(smiles)) < 0.02


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
