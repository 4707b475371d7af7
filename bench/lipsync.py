"""Sound against picture: by when they arrive, and by what is in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.measure import av_offsets_ms
from bench.mouth import Mouth
from bench.recording import Recording
from bench.stats import slope

GRID_S = 0.005
"""Both signals are laid on this grid, so that a lag is told to a fraction of a picture."""

REACH_S = 0.4
"""Largest lag looked for."""

SMOOTH_S = 0.08
"""Length of the window that the envelope is smoothed with: about what jaws can follow (their movement has its power
below 8 Hz: Chandrasekaran et al. 2009)."""

WINDOW_S = 10.0
"""Speech that one content offset is measured over."""

CLEAR = 0.25
"""Correlation from which the two belong together at all."""

SAMPLE_RATE = 24_000


def arrival_offsets_ms(recording: Recording) -> list[float]:
    """Of each picture: its arrival minus that of the sound of the same media time; positive is a late picture."""
    return av_offsets_ms(recording.pictures, recording.sounds)


def drift_ms_per_hour(recording: Recording) -> float | None:
    """Of the arrival offset."""
    timed = [picture for picture in recording.pictures if picture.media is not None]
    offsets = arrival_offsets_ms(recording)
    if len(offsets) != len(timed):
        timed = timed[-len(offsets) :]
    found = slope([picture.arrived for picture in timed], offsets)
    return None if found is None else 3600 * found


def content_offsets_ms(recording: Recording, mouth: Mouth) -> list[float]:
    """How late the mouth's opening is behind the voice's loudness on the media's own clock, each 10 s of speech.

    It holds what the face adds by itself: lips that lead by design show as a negative number. A planted skew adds to
    it exactly.
    """
    known = ~np.isnan(recording.sound_media)
    seen = ~np.isnan(recording.picture_media)
    if not known.any() or not seen.any():
        return []
    loud = _envelope(recording, known)
    found: list[float] = []
    begin, end = recording.sound_media[known][0], recording.sound_media[known][-1]
    for start in np.arange(begin, end - WINDOW_S / 2, WINDOW_S):
        grid = np.arange(start, min(start + WINDOW_S, end), GRID_S)
        envelope = np.interp(grid, *loud)
        aperture = np.interp(grid, recording.picture_media[seen], mouth.aperture[seen])
        lag = _lag_s(envelope, aperture)
        if lag is not None:
            found.append(1000 * lag)
    return found


def _envelope(recording: Recording, known: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times and logarithmic loudness, one point each 5 ms."""
    piece = int(GRID_S * SAMPLE_RATE)
    pcm = recording.pcm[known].astype(np.float64)
    power = np.square(pcm).reshape(len(pcm), -1, piece).mean(axis=2)
    width = int(SMOOTH_S / GRID_S)
    window = np.hanning(width + 2)[1:-1]
    loudness = np.convolve(np.sqrt(power).ravel(), window / window.sum(), "same")
    inside = (np.arange(power.shape[1]) + 0.5) * GRID_S
    return (recording.sound_media[known][:, None] + inside).ravel(), np.log(loudness + 100)


def _lag_s(envelope: NDArray[np.float64], aperture: NDArray[np.float64]) -> float | None:
    """Of `aperture` behind `envelope`, by the peak of their correlation and a parabola through it."""
    spread = envelope.std(), aperture.std()
    if min(spread) == 0:
        return None
    first, second = (envelope - envelope.mean()) / spread[0], (aperture - aperture.mean()) / spread[1]
    reach = int(REACH_S / GRID_S)
    inner = slice(reach, len(first) - reach)
    if len(first[inner]) < reach:
        return None
    lags = np.arange(-reach, reach + 1)
    count = len(first[inner])
    correlations = np.array([first[inner] @ second[reach + lag : reach + lag + count] / count for lag in lags])
    peak = int(correlations.argmax())
    if correlations[peak] < CLEAR or peak in (0, len(lags) - 1):
        return None
    left, middle, right = correlations[peak - 1 : peak + 2]
    curve = left - 2 * middle + right
    return float(lags[peak] + (0.5 * (left - right) / curve if curve else 0.0)) * GRID_S
