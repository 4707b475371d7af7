"""A person's manner from tracked video: how far, how fast and how often, next to the default body's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, BLENDSHAPES, COEFFS, FPS, Coeffs
from engines.motion.idle import IdleBody
from engines.motion.manner import RANGES, USUAL_SMILE, Manner
from training.simulated_session import speech

SHORTEST_S = 10.0
"""Below, a blink or a nod more or less decides."""

_MEASURED_S = 180
"""Of the default body, speaking: what a person's figures are divided by."""

_WINDOW = 3 * FPS
"""Within windows of 3 s: slower changes are posture, and whose chair it was."""
_CLOSED = 0.5
"""Share of the way from her usual lids to the most closed that counts as a blink."""
_LEAST_BLINK = 0.2
"""Lids that never close further did not blink."""
_LONGEST_BLINK = 12
"""Frames; longer, she looks down."""
_RAISED = 2.5
"""Brows this many times their usual restlessness above their usual place are raised."""

_TRACKED_BROW = 0.5
"""What mediapipe's brows rise by where ours rise by 1, on pictures of the default avatar."""
_TRACKED_SMILES = (0.004, 0.015, 0.1, 0.3, 0.6), (0.0, 0.15, 0.3, 0.4, 0.55)
"""What mediapipe finds in her smiles of these sizes, on the same pictures; in between, straight lines."""

_AMPLITUDE = (0.6, 1.4)
"""Brows alone say no more than this of how far a face goes."""

_BROW = ARKIT_NAMES.index("browInnerUp")
_LIDS = [ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
_SMILE = [ARKIT_NAMES.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]


@dataclass(frozen=True, slots=True)
class Habits:
    """Statistics of a clip of somebody speaking."""

    head: float
    """Degrees: standard deviation of yaw, pitch and roll together within 3 s."""
    tempo: float
    """How often a second the head's speed outweighs its distance: rms speed over `head`."""
    blinks: float
    """A minute."""
    brows: float
    """Raises a minute."""
    raise_size: float
    """0..1: how far brows are above their median at the height of a raise, the median raise."""
    smile: float
    """0..1: median."""


def habits_of(coeffs: Coeffs) -> Habits:
    """What float32[n, 58] at 25 fps does.

    Raises:
        ValueError: another shape, not finite, or shorter than `SHORTEST_S`.
    """
    track = np.asarray(coeffs, np.float64)
    if track.ndim != 2 or track.shape[1] != COEFFS or not np.isfinite(track).all():
        raise ValueError(f"a track is [frames, {COEFFS}] and finite, this is {track.shape}")
    if len(track) < SHORTEST_S * FPS:
        raise ValueError(f"the face was seen for {len(track) / FPS:.1f} s: give at least {SHORTEST_S:.0f} s of it")
    minutes = len(track) / FPS / 60
    angles = _smoothed(np.degrees(track[:, BLENDSHAPES : BLENDSHAPES + 3]))
    windows = angles[: len(angles) // _WINDOW * _WINDOW].reshape(-1, _WINDOW, 3)
    head = float(np.sqrt((windows.std(axis=1) ** 2).mean(axis=0).sum()))
    speed = float(np.sqrt((np.diff(windows, axis=1) ** 2).mean(axis=(0, 1)).sum()) * FPS)
    brows = _smoothed(track[:, _BROW : _BROW + 1])[:, 0]
    usual = float(np.median(brows))
    restless = float(np.median(np.abs(brows - usual))) + 1e-3
    raises = [float(brows[run].max()) - usual for run in _runs(brows > usual + _RAISED * restless)]
    return Habits(
        head=head,
        tempo=speed / max(head, 1e-6),
        blinks=_blinks(track[:, _LIDS].mean(axis=1)) / minutes,
        brows=len(raises) / minutes,
        raise_size=float(np.median(raises)) if raises else 0.0,
        smile=float(np.median(track[:, _SMILE].mean(axis=1))),
    )


def manner_of(coeffs: Coeffs) -> Manner:
    """The manner that makes the default body do what this track, [n, 58] at 25 fps of somebody speaking, does.

    Raises:
        ValueError: as `habits_of`.
    """
    his, hers = habits_of(coeffs), _default_habits()
    values = {
        "amplitude": float(np.clip(his.raise_size / hers.raise_size, *_AMPLITUDE)),
        "head": his.head / hers.head,
        "tempo": his.tempo / hers.tempo,
        "blinks": his.blinks / max(hers.blinks, 1e-6),
        "brows": his.brows / max(hers.brows, 1e-6),
        "smile": his.smile - hers.smile + USUAL_SMILE,
    }
    return Manner(**{name: min(max(value, RANGES[name][0]), RANGES[name][1]) for name, value in values.items()})


@cache
def _default_habits() -> Habits:
    return habits_of(default_speech())


def default_speech(own: Manner | None = None) -> Coeffs:
    """The default body, or one of another manner, speaking for three minutes: float32[n, 58]."""
    body = IdleBody(own).start(1)
    return np.stack([body.next("speaking", heard) for heard in speech(_MEASURED_S * FPS, np.random.default_rng(1))])


def track_video(video: Path, landmarker: Path | None) -> Coeffs:
    """The largest face of a video, float32[n, 58] at 25 fps, brows and smiles to our scale; frames without one are left
    out.

    Raises:
        ValueError: the video can't be read, or the face landmarker is missing.
    """
    from training.body import angles_of
    from training.landmarks import find_faces, landmarker_file
    from training.video import pictures, probe

    probe(video)
    frames: list[Coeffs] = []
    for faces in find_faces(pictures(video), landmarker_file(landmarker), most=1):
        if faces:
            frame = np.zeros(COEFFS, np.float32)
            frame[:BLENDSHAPES] = faces[0].blendshapes
            frame[_BROW] /= _TRACKED_BROW
            frame[_SMILE] = np.interp(frame[_SMILE], *_TRACKED_SMILES)
            frame[BLENDSHAPES : BLENDSHAPES + 3] = np.radians(angles_of(faces[0].pose))
            frame[BLENDSHAPES + 3 :] = faces[0].pose[:3, 3]
            frames.append(frame)
    return np.array(frames, np.float32).reshape(-1, COEFFS)


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the tracker's trembling: a triangle over 200 ms along the first axis."""
    kernel = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9
    padded = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], axis=1)


def _runs(on: NDArray[np.bool_]) -> list[slice]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]])))
    return [slice(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _blinks(lids: NDArray[np.float64]) -> int:
    open_, closed = float(np.median(lids)), float(np.percentile(lids, 99.5))
    if closed - open_ < _LEAST_BLINK:
        return 0
    shut = _runs(lids > open_ + _CLOSED * (closed - open_))
    return sum(run.stop - run.start <= _LONGEST_BLINK for run in shut)
