"""`visavis motion`: the face that belongs to a recording, as curves for Blender, Unreal, Unity or any ARKit rig."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from engines import Gesture, IdleMotion, Motion
from engines.media import ARKIT_NAMES, BLENDSHAPES, FPS, SAMPLE_RATE, AudioChunk, Coeffs
from engines.motion.compose import compose, limited
from engines.motion.gaze import FULL_LOOK
from server.recording import read_recording

FORMAT = "visavis-motion/1"

POSE_NAMES = ("yaw", "pitch", "roll", "tx", "ty", "tz")

CSV_ROTATIONS = tuple(f"{part}{axis}" for part in ("head", "leftEye", "rightEye") for axis in ("Yaw", "Pitch", "Roll"))
"""What a take of the Live Link Face app has after the blendshapes, in radians."""

MAX_S = 3600
"""Seconds of a recording: an hour of curves is 40 MB at 60 frames a second."""


def follow(audio: Path, motion: Motion, body: IdleMotion | None, fps: int = FPS) -> tuple[NDArray[np.float32], float]:
    """The motion of a recording.

    Args:
        body: lends blinks, gaze, brows and head; None for the speech's own part.
        fps: frames a second; frame k is the face at k / fps.

    Returns:
        float32[n, 58], and the recording's length in seconds.

    Raises:
        ValueError: it can't be read, is empty, or too long.
    """
    stream, samples = motion.stream(), 0
    frames: list[Coeffs] = []

    for pcm in read_recording(audio):
        samples += len(pcm)
        if samples > MAX_S * SAMPLE_RATE:
            raise ValueError(f"{audio} is longer than {MAX_S // 60} minutes: cut it")
        frames += [_face(gesture, body) for gesture in stream.push(AudioChunk(pcm))]
    frames += [_face(gesture, body) for gesture in stream.flush()]
    if not frames:
        raise ValueError(f"{audio} is empty")
    seconds = samples / SAMPLE_RATE
    return resampled(np.stack(frames), fps, max(1, round(seconds * fps))), seconds


def resampled(frames: NDArray[np.float32], fps: int, count: int) -> NDArray[np.float32]:
    """`count` frames at `fps` of curves that were made at `FPS`, by Catmull-Rom splines: smooth, and through every
    frame that was made.
    """
    if fps == FPS:
        return frames[:count]
    place = np.arange(count) * (FPS / fps)
    begin = np.floor(place).astype(int)
    share = (place - begin)[:, None]
    before, here, there, after = (frames[np.clip(begin + k, 0, len(frames) - 1)] for k in (-1, 0, 1, 2))
    slope_here, slope_there = (there - before) / 2, (after - here) / 2
    curve = (
        (2 * share**3 - 3 * share**2 + 1) * here
        + (share**3 - 2 * share**2 + share) * slope_here
        + (3 * share**2 - 2 * share**3) * there
        + (share**3 - share**2) * slope_there
    )
    return np.stack([limited(frame) for frame in curve.astype(np.float32)])


def write_csv(file: TextIO, frames: NDArray[np.float32], fps: int) -> None:
    """As a take of the Live Link Face app: `Timecode` (HH:MM:SS:FF), `BlendShapeCount`, the blendshapes under ARKit's
    names and in its order, then `CSV_ROTATIONS`.
    """
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("Timecode", "BlendShapeCount", *ARKIT_NAMES, *CSV_ROTATIONS))
    values = len(ARKIT_NAMES) + len(CSV_ROTATIONS)
    for number, frame in enumerate(frames):
        seconds, part = divmod(number, fps)
        minutes, second = divmod(seconds, 60)
        timecode = f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}:{part:02d}.000"
        rotations = (*frame[BLENDSHAPES : BLENDSHAPES + 3].tolist(), *_eyes(frame))
        numbers = (*frame[:BLENDSHAPES].tolist(), *rotations)
        rows.writerow((timecode, values, *(f"{number:.5f}" for number in numbers)))


def write_json(file: TextIO, frames: NDArray[np.float32], fps: int) -> None:
    """One object: `format`, `fps`, `names`, `pose_names`, and `frames` of 52 blendshapes and 6 numbers of pose each."""
    head = {"format": FORMAT, "fps": fps, "names": ARKIT_NAMES, "pose_names": POSE_NAMES}
    file.write(json.dumps(head)[:-1] + ', "frames": [\n')
    lines = (json.dumps([round(value, 5) for value in frame.tolist()]) for frame in frames)
    file.write(",\n".join(lines) + "\n]}\n")


def _face(gesture: Gesture, body: IdleMotion | None) -> Coeffs:
    return gesture.coeffs if body is None else compose(body.next("speaking", gesture.prosody), gesture.coeffs)


def _eyes(frame: Coeffs) -> tuple[float, ...]:
    """Yaw, pitch and roll of the left eye, then of the right, in radians, as the blendshapes turn them."""
    look = dict(zip(ARKIT_NAMES, frame.tolist(), strict=False))
    yaw, pitch = FULL_LOOK
    return (
        (look["eyeLookOutLeft"] - look["eyeLookInLeft"]) * yaw,
        (look["eyeLookDownLeft"] - look["eyeLookUpLeft"]) * pitch,
        0.0,
        (look["eyeLookInRight"] - look["eyeLookOutRight"]) * yaw,
        (look["eyeLookDownRight"] - look["eyeLookUpRight"]) * pitch,
        0.0,
    )
