"""The verifier that tells voices apart: its features, its figures and its network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from training.verifier import Verifier, centre, equal_error_rate
from training.verifier_features import BANDS, RATE, features

pytestmark = pytest.mark.train

RANDOM = np.random.default_rng(0)


def voice(pitch: float, tract: float, seconds: float = 1.5) -> NDArray[np.float32]:
    """A buzz through two formants that wander: float32[n] at 16 kHz. `tract` scales the formants."""
    t = np.arange(round(seconds * RATE)) / RATE
    wander = np.interp(t, np.linspace(0, seconds, 8), RANDOM.uniform(0.7, 1.3, 8))
    sound = np.zeros(len(t))
    for k in range(1, int(7000 / pitch)):
        hertz = k * pitch
        gain = sum(1 / (1 + ((hertz - f * tract * wander) / 120) ** 2) for f in (600, 1700, 2900))
        sound += gain * np.sin(2 * np.pi * hertz * t + k) / k**0.5
    return (0.05 * sound + 1e-3 * RANDOM.standard_normal(len(t))).astype(np.float32)


def test_the_equal_error_rate_is_where_both_kinds_of_error_meet() -> None:
    same, different = np.array([0.9, 0.8, 0.7, 0.2]), np.array([0.1, 0.0, 0.3, 0.75])
    assert equal_error_rate(same, different) == 0.25
    assert equal_error_rate(same[:3], different[:3]) == 0
    assert equal_error_rate(different[:3], same[:3]) == 1
    both = RANDOM.normal(size=20_000)
    assert equal_error_rate(both[:10_000], both[10_000:]) == pytest.approx(0.5, abs=0.02)


def test_features_leave_loudness_and_pauses_out() -> None:
    sound = voice(120, 1)
    found = features(sound)
    assert found.shape[1] == BANDS
    assert features(sound * 0.1) == pytest.approx(found, abs=0.05)
    padded = np.concatenate([np.zeros(RATE, np.float32), sound, np.zeros(RATE, np.float32)])
    assert len(features(padded)) == pytest.approx(len(found), abs=6)


@pytest.mark.parametrize("samples", [0, 100, RATE])
def test_what_holds_no_speech_is_refused(samples: int) -> None:
    with pytest.raises(ValueError, match="recording"):
        features(np.zeros(samples, np.float32))


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "verifier.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no graph"):
        Verifier(path)


def test_the_committed_verifier_tells_buzzes_apart_and_knows_its_error_rate() -> None:
    verifier = Verifier()
    low, high = ([verifier.embed(voice(*kind), RATE) for _ in range(4)] for kind in ((105, 1.0), (210, 1.25)))
    assert np.linalg.norm(low[0]) == pytest.approx(1, abs=1e-4)
    known = centre(low[:2])
    assert min(known @ one for one in low[2:]) > max(known @ other for other in high)
    assert 0 < verifier.notes["eer"] < 0.166  # of means and deviations of the bands alone
    assert verifier.notes["trials"] > 10_000
