"""Is this video of one person, before a still camera, in one take? Asked before anything is trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.media import FPS

from .landmarks import Face

THUMB = 64
CUT_SHARE = 0.18
"""Of full scale: mean change of a thumbnail from one frame to the next. Gestures stay under 0.06, cuts begin at 0.2."""
SECOND_FACE = 0.4
"""A second face at least so tall, next to the first, takes part; smaller ones are posters and passers-by."""
MOST_LOST = 0.1
"""More frames without a face than this share, and too little of the person is known."""
MOST_DRIFT = 0.02
"""Of the picture's width: how far the backdrop may move over the clip before its camera isn't still."""
NAMED = 8
"""Times that a message lists."""


@dataclass
class Footage:
    """What was seen of a clip, frame by frame."""

    faces: list[Face | None] = field(default_factory=list)
    """The person's; None where none was found."""
    crowded: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    drift: list[float] = field(default_factory=list)
    """Movement of the backdrop since the first frame, as a share of the width."""
    _last: NDArray[np.float32] | None = None
    _first: NDArray[np.float32] | None = None

    def add(self, picture: NDArray[np.uint8], faces: Sequence[Face]) -> None:
        """Takes the next frame, uint8[h, w, 3], and the faces in it, largest first."""
        index = len(self.faces)
        self.faces.append(faces[0] if faces else None)
        if len(faces) > 1 and _height(faces[1]) > SECOND_FACE * _height(faces[0]):
            self.crowded.append(index)
        small = cv2.resize(picture, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
        thumb = np.divide(small, 255, dtype=np.float32)
        if self._last is not None and float(np.abs(thumb - self._last).mean()) > CUT_SHARE:
            self.cuts.append(index)
        self._last = thumb
        if index % FPS == 0:
            self._watch_backdrop(picture)

    def _watch_backdrop(self, picture: NDArray[np.uint8]) -> None:
        """The upper corners show backdrop alone: how far they moved, by phase correlation."""
        height, width = picture.shape[:2]
        gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
        corners = np.concatenate([gray[: height // 3, : width // 6], gray[: height // 3, -(width // 6) :]])
        if self._first is None:
            self._first = corners
        window = cv2.createHanningWindow(corners.shape[::-1], cv2.CV_32F)
        (across, down), sure = cv2.phaseCorrelate(self._first, corners, window)
        # Even backdrops have nothing to hold on to; then nothing can be seen to move either.
        textured = float(self._first.std()) > 4 and sure > 0.15
        self.drift.append(float(np.hypot(across, down)) / width if textured else 0.0)

    def check(self) -> None:
        """
        Raises:
            ValueError: the clip can't be trained on; the message names the times and what to do.
        """
        lost = [index for index, face in enumerate(self.faces) if face is None]
        if len(lost) > MOST_LOST * len(self.faces):
            raise ValueError(
                f"no face is seen {_at(lost)}: film one face from the front, well lit, and in the picture all the time"
            )
        if len(self.crowded) > 2:
            raise ValueError(f"two faces are seen {_at(self.crowded)}: cut the video to one person alone")
        if self.cuts:
            raise ValueError(f"the picture jumps {_at(self.cuts)}: give one take without cuts, or only a part of it")
        moved = [FPS * second for second, drift in enumerate(self.drift) if drift > MOST_DRIFT]
        if len(moved) > 1:
            raise ValueError(f"the camera moves {_at(moved)}: put it on a stand, or stabilise the video first")


def _height(face: Face) -> float:
    return float(np.ptp(face.landmarks[:, 1]))


def _at(frames: Sequence[int]) -> str:
    """When: runs of frames as spans of seconds."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame - runs[-1][1] <= FPS:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    words = [f"{a / FPS:.1f} s" if a == b else f"{a / FPS:.1f}–{b / FPS:.1f} s" for a, b in runs[:NAMED]]
    return "at " + ", ".join(words) + (f" and {len(runs) - NAMED} more times" if len(runs) > NAMED else "")
