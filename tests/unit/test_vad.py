"""The voice activity detector: the real model, on sounds that are easy to make."""

from __future__ import annotations

import numpy as np
import pytest

from engines import vad
from engines.vad import WINDOW, SileroVAD

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def detector() -> SileroVAD:
    return SileroVAD()


def hum(windows: int) -> np.ndarray:
    """A buzz with the formants of an open vowel, syllable by syllable: enough of a voice for the model."""
    time = np.arange(windows * WINDOW) / 16_000
    pitch = 130 + 15 * np.sin(2 * np.pi * 3 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    sound = np.zeros_like(time)
    for harmonic in range(1, 28):
        frequency = 130 * harmonic
        gain = sum(
            peak / (1 + ((frequency - centre) / 120) ** 2) for centre, peak in ((700, 1), (1200, 0.6), (2600, 0.3))
        )
        sound += gain * np.sin(harmonic * phase)
    return (4_000 * sound * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * time))).astype(np.int16)


def probabilities(detector: SileroVAD, pcm: np.ndarray) -> list[float]:
    stream = detector.stream()
    return [stream.step(pcm[start : start + WINDOW]) for start in range(0, len(pcm), WINDOW)]


def test_silence_and_noise_are_no_speech(detector: SileroVAD) -> None:
    noise = np.random.default_rng(0).normal(0, 800, 40 * WINDOW).astype(np.int16)
    assert max(probabilities(detector, np.zeros(40 * WINDOW, np.int16))) < 0.2
    assert max(probabilities(detector, noise)) < 0.2


def test_a_voice_is_more_like_speech_than_noise(detector: SileroVAD) -> None:
    assert max(probabilities(detector, hum(40))) > 0.5


def test_streams_are_independent_and_begin_anew_when_reset(detector: SileroVAD) -> None:
    pcm = hum(20)
    alone = probabilities(detector, pcm)
    stream, other = detector.stream(), detector.stream()
    noise = np.random.default_rng(1).normal(0, 2000, len(pcm)).astype(np.int16)
    between = []
    for start in range(0, len(pcm), WINDOW):
        between.append(stream.step(pcm[start : start + WINDOW]))
        other.step(noise[start : start + WINDOW])
    assert between == alone
    other.reset()
    assert [other.step(pcm[start : start + WINDOW]) for start in range(0, len(pcm), WINDOW)] == alone


@pytest.mark.parametrize("samples", [0, WINDOW - 1, WINDOW + 1])
def test_other_lengths_are_refused(detector: SileroVAD, samples: int) -> None:
    with pytest.raises(ValueError, match="512 samples"):
        detector.stream().step(np.zeros(samples, np.int16))


def test_a_missing_model_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad, "find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError, match="make setup"):
        SileroVAD()
