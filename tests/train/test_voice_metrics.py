"""The measures of a voice, against sounds whose measures are known and against slow textbook code."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE
from training.voice_metrics import (
    bandwidth,
    cepstra,
    clipped,
    distances,
    pitch_errors,
    power_spectrum,
    variance_ratio,
    warped_mean,
)

pytestmark = pytest.mark.train

RANDOM = np.random.default_rng(0)


def vowel(hertz: float, seconds: float = 0.4, bright: float = 1.0) -> NDArray[np.float32]:
    """Harmonics that fall off with frequency, the slower the brighter, under a slow swell."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    harmonics = sum(
        math.exp(-k * hertz / (2000 * bright)) * np.sin(2 * np.pi * k * hertz * t)
        for k in range(1, int(11_000 / hertz))
    )
    swell = 0.1 * (1.2 + np.sin(2 * np.pi * 3 * t))
    return (np.asarray(harmonics) * swell + 1e-4 * RANDOM.standard_normal(len(t))).astype(np.float32)


def slow_frame_cepstrum(frame: NDArray[np.float32]) -> list[float]:
    """c1..c13 of 1024 samples, written down from the definition: a plain DFT, triangles, a cosine series."""
    windowed = [float(x) * (0.5 - 0.5 * math.cos(2 * math.pi * n / 1024)) for n, x in enumerate(frame)]
    size = [
        abs(sum(x * cmath.exp(-2j * math.pi * k * n / 1024) for n, x in enumerate(windowed)))
        for k in range(1024 // 2 + 1)
    ]
    mel = [2595 * math.log10(1 + hz / 700) for hz in (20, 12_000)]
    corner = [700 * (10 ** ((mel[0] + i * (mel[1] - mel[0]) / 81) / 2595) - 1) for i in range(82)]
    bands = []
    for low, middle, high in zip(corner, corner[1:], corner[2:], strict=False):
        weights = [
            max(0.0, min((f - low) / (middle - low), (high - f) / (high - middle)))
            for f in (k * SAMPLE_RATE / 1024 for k in range(513))
        ]
        bands.append(math.log(sum(w * s for w, s in zip(weights, size, strict=True)) / sum(weights)))
    return [
        2 / 80 * sum(band * math.cos(m * math.pi * (k + 0.5) / 80) for k, band in enumerate(bands))
        for m in range(1, 14)
    ]


def slow_warped_mean(cost: NDArray[np.float64]) -> float:
    """Dynamic time warping, cell by cell."""
    rows, columns = cost.shape
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for i in range(rows):
        for j in range(columns):
            ways = [best[key] for key in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if key in best]
            total, steps = min(ways, key=lambda way: way[0]) if ways else (0.0, 0)
            best[i, j] = total + cost[i, j], steps + 1
    total, steps = best[rows - 1, columns - 1]
    return total / steps


def test_cepstra_are_those_of_the_definition() -> None:
    sound = vowel(150)
    found = cepstra(sound)
    # Frame t covers the 1024 samples round sample 240 t + 120; every frame of a vowel holds speech.
    frame = 20
    start = 240 * frame + 120 - 512
    assert found[frame] == pytest.approx(slow_frame_cepstrum(sound[start : start + 1024]), abs=2e-4)


def test_distance_is_the_rms_difference_of_smoothed_log_spectra_in_db() -> None:
    one, other = RANDOM.normal(size=(1, 13)), RANDOM.normal(size=(1, 13))
    places = (np.arange(4096) + 0.5) / 4096 * np.pi
    log_spectra = [sum(c[0, m - 1] * np.cos(m * places) for m in range(1, 14)) for c in (one, other)]
    decibels = 20 / np.log(10) * (log_spectra[0] - log_spectra[1])
    assert distances(one, other)[0, 0] == pytest.approx(float(np.sqrt((decibels**2).mean())), rel=1e-6)


def test_warping_is_that_of_the_textbook() -> None:
    for rows, columns in ((1, 1), (1, 5), (7, 1), (6, 9), (30, 23)):
        cost = RANDOM.uniform(0.1, 1, (rows, columns))
        assert warped_mean(cost) == pytest.approx(slow_warped_mean(cost))


def test_a_sound_has_no_distortion_from_itself_louder_or_slower() -> None:
    sound = vowel(150)
    itself = cepstra(sound)
    assert warped_mean(distances(itself, itself)) < 1e-6
    assert warped_mean(distances(itself, cepstra(sound * 0.25))) < 0.1
    slower = np.repeat(itself, 2, axis=0)
    assert warped_mean(distances(itself, slower)) < 1e-6


def test_a_known_tilt_has_its_known_distortion() -> None:
    """c1 raised by a tilts the log spectrum by a cos(w): RMS a / sqrt(2), in dB 20 / ln 10 times that."""
    itself = cepstra(vowel(150))
    tilted = itself.copy()
    tilted[:, 0] += 0.4
    # Along the diagonal; a path that leaves it must not be cheaper by much.
    assert np.diag(distances(itself, tilted)) == pytest.approx(20 / np.log(10) * 0.4 / np.sqrt(2), rel=1e-6)


def test_another_vowel_is_further_than_another_take_of_the_same() -> None:
    same = warped_mean(distances(cepstra(vowel(150)), cepstra(vowel(150))))
    brighter = warped_mean(distances(cepstra(vowel(150)), cepstra(vowel(150, bright=2))))
    assert brighter > 3 > same


def test_silence_has_no_cepstra() -> None:
    with pytest.raises(ValueError, match="no speech"):
        cepstra(np.zeros(5000, np.float32))


def test_half_the_deviation_is_a_quarter_of_the_variance() -> None:
    recorded = [RANDOM.normal(size=(50, 13)) for _ in range(3)]
    assert variance_ratio(recorded, recorded) == pytest.approx(1)
    assert variance_ratio([c / 2 for c in recorded], recorded) == pytest.approx(0.25)


def test_a_spectrum_ends_where_it_was_cut() -> None:
    noise = RANDOM.standard_normal(48_000)
    spectrum = np.fft.rfft(noise)
    spectrum[len(spectrum) * 8 // 12 :] = 0
    narrow = np.fft.irfft(spectrum).astype(np.float32)
    assert bandwidth(power_spectrum(narrow)) == pytest.approx(8000, abs=150)  # the window leaks over some bins
    assert bandwidth(power_spectrum(noise.astype(np.float32))) == 12_000


def test_clipping_is_a_share_of_samples() -> None:
    assert clipped(np.array([0.5, -1, 1, 0.99], np.float32)) == 0.5


def test_pitch_is_compared_where_both_are_voiced() -> None:
    hertz = np.array([100, 120, 140, 160, 180], np.float32)
    voiced = np.array([True, True, True, True, False])
    figures = pitch_errors(hertz, voiced, hertz * 2, np.array([True, True, True, False, False]))
    assert figures["f0_correlation"] == pytest.approx(1)
    assert figures["log_f0_rmse"] == pytest.approx(math.log(2))
    assert figures["voicing_error"] == pytest.approx(0.2)
    mute = pitch_errors(hertz, voiced, hertz, np.zeros(5, bool))
    assert mute == {"f0_correlation": None, "log_f0_rmse": None, "voicing_error": pytest.approx(0.8)}
