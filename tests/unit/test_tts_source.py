"""The voice's sources and filters: in windows of any size they sound as whole."""

from __future__ import annotations

import numpy as np
import pytest

from engines.media import SAMPLE_RATE
from engines.tts.source import BINS, EARLIER, HIGHEST, HOP, Vocoder, pulses

pytestmark = pytest.mark.unit

FRAMES = 120


@pytest.fixture(scope="module")
def phrase() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Hertz, voicing, breath, filters of a phrase in which everything moves."""
    rng = np.random.default_rng(0)
    hertz = 200 * np.exp(0.4 * np.sin(np.arange(FRAMES) / 9))
    voicing = np.clip(np.sin(np.arange(FRAMES) / 5) + 0.7, 0, 1)
    breath = np.clip(np.arange(FRAMES) / FRAMES - 0.5, 0, 1)
    filters = rng.normal(-2, 0.8, (3, BINS, FRAMES)).astype(np.float32)
    return hertz.astype(np.float32), voicing.astype(np.float32), breath, filters


def _sound(phrase: tuple[np.ndarray, ...], windows: list[int]) -> list[np.ndarray]:
    hertz, voicing, breath, filters = phrase
    vocoder = Vocoder(hertz, voicing, breath)
    ends = np.cumsum(windows)
    assert ends[-1] == FRAMES
    return [*(vocoder.push(filters[..., end - w : end]) for w, end in zip(windows, ends, strict=True)), vocoder.flush()]


@pytest.mark.parametrize(
    "windows", [[1] * FRAMES, [12, 24, 48, 36], [2, 1, 1, 3, 113], [119, 1], [5, 7, 11, 13, 17, 19, 23, 25]]
)
def test_windows_of_any_size_sound_as_the_whole(phrase, windows: list[int]) -> None:
    parts = _sound(phrase, windows)
    whole = np.concatenate(_sound(phrase, [FRAMES]))
    assert len(whole) == FRAMES * HOP
    assert sum(map(len, parts[:-1])) == FRAMES * HOP - EARLIER
    assert len(parts[0]) == max(windows[0] * HOP - EARLIER, 0)
    assert np.abs(whole).max() > 0.5
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


def test_pulses_are_flat_up_to_the_highest_harmonic_and_nothing_folds_over() -> None:
    train, _ = pulses(np.full(SAMPLE_RATE, 100.0))
    power = np.abs(np.fft.rfft(train)) ** 2
    harmonics = power[100 : int(HIGHEST) + 1 : 100].copy()
    assert train.std() == pytest.approx(1, rel=0.01)
    np.testing.assert_allclose(harmonics[:-1], harmonics[0], rtol=1e-6)
    power[0 : int(HIGHEST) + 101 : 100] = 0
    assert power.max() < 1e-9 * harmonics[0]


def test_pulses_keep_their_phase_across_a_change_of_pitch() -> None:
    hertz = np.linspace(90, 333, 9000)
    whole, end = pulses(hertz)
    first, turns = pulses(hertz[:4001])
    second, last = pulses(hertz[4001:], turns)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-9)
    assert last == pytest.approx(end)


def test_a_whisper_has_no_pitch_and_less_bass(phrase) -> None:
    hertz, voicing = np.full(FRAMES, 200, np.float32), np.ones(FRAMES, np.float32)
    filters = np.zeros((3, BINS, FRAMES), np.float32)
    filters[2] = -14

    def spectrum(breath: float) -> np.ndarray:
        sound = Vocoder(hertz, voicing, np.full(FRAMES, breath)).push(filters)[2400:26400]
        return np.abs(np.fft.rfft(sound)) ** 2

    voiced, whispered = spectrum(0), spectrum(1)
    at = np.arange(len(voiced)) * SAMPLE_RATE / 24_000
    on = np.isin(at % 200, (0, 1, 199))
    high = (at > 2000) & (at < 11_000)
    assert voiced[on & high].sum() > 0.99 * voiced[high].sum()
    assert whispered[on & high].sum() < 0.05 * whispered[high].sum()
    low = (at > 100) & (at < 500)
    bass = [found[low].sum() / found[high].sum() for found in (voiced, whispered)]
    assert bass[1] == pytest.approx(bass[0] / 10, rel=0.4), "between 8.7 and 11.3 dB less there, and 12 at 0 Hz"
