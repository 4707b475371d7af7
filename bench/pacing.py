"""How evenly pictures came while she spoke."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.measure import CODED, FRAME_S
from bench.recording import Recording

TALK_S = 0.3
"""Longest silence inside her speech: a pause at a full stop."""

EDGE_S = 0.2
"""Left out at either end of her speech: idle pictures may come at another rate."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """Over all of her speech."""

    errors_ms: list[float]
    """Of each picture but the first: its interval to the one before, minus 40 ms, as a magnitude."""
    seconds: float
    fps: float | None
    freezes: int
    """Intervals longer than three mean ones, and than a mean one and 150 ms (W3C webrtc-stats, `freezeCount`)."""
    frozen_share: float | None
    """Of the time."""
    repeated: int
    """Pictures that show nothing new."""
    gaps: int
    """Missing packets of sound inside her speech."""


def pacing(recording: Recording) -> Pacing:
    """Intervals are taken between the first packets of pictures, so that a large picture is no late one."""
    began = recording.picture_began
    intervals: list[float] = []
    repeated = gaps = 0
    seconds = 0.0
    changed = _changes(recording)
    for first, last in speech_spans(recording):
        inside = np.flatnonzero((began >= first + EDGE_S) & (began < last - EDGE_S))
        if len(inside) > 1:
            intervals += np.diff(began[inside]).tolist()
            repeated += int((changed[inside[1:]] < CODED / 4).sum())
            seconds += float(began[inside[-1]] - began[inside[0]])
        gaps += _gaps(recording, first, last)
    if not intervals:
        return Pacing([], 0.0, None, 0, None, 0, gaps)
    mean = float(np.mean(intervals))
    frozen = [interval for interval in intervals if interval > max(3 * mean, mean + 0.15)]
    return Pacing(
        errors_ms=[1000 * abs(interval - FRAME_S) for interval in intervals],
        seconds=seconds,
        fps=round(len(intervals) / seconds, 2),
        freezes=len(frozen),
        frozen_share=round(sum(frozen) / seconds, 4),
        repeated=repeated,
        gaps=gaps,
    )


def speech_spans(recording: Recording) -> list[tuple[float, float]]:
    """From her first to her last sound, each time that she spoke."""
    voiced = [sound.arrived for sound in recording.sounds if sound.voiced]
    spans: list[tuple[float, float]] = []
    for moment in voiced:
        if spans and moment - spans[-1][1] <= TALK_S:
            spans[-1] = (spans[-1][0], moment)
        else:
            spans.append((moment, moment))
    return [span for span in spans if span[1] - span[0] > 2 * EDGE_S]


def _changes(recording: Recording) -> np.ndarray:
    """float[m]: mean absolute change of each picture's busiest tenth of cells."""
    cells = recording.cells.reshape(len(recording.cells), -1)
    found = np.full(len(cells), np.inf)
    if not recording.cells.size:
        return found
    for place in range(1, len(cells)):
        moved = np.abs(cells[place].astype(np.float32) - cells[place - 1].astype(np.float32))
        found[place] = np.partition(moved, -len(moved) // 10)[-len(moved) // 10 :].mean()
    return found


def _gaps(recording: Recording, first: float, last: float) -> int:
    """Packets of sound that never came, by the holes in media time."""
    inside = (recording.sound_arrived >= first) & (recording.sound_arrived <= last)
    media = recording.sound_media[inside]
    media = media[~np.isnan(media)]
    if len(media) < 2:
        return 0
    return int(np.maximum(0, np.round(np.diff(media) / 0.02) - 1).sum())
