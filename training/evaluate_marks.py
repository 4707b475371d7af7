"""A drawn face against the true one by the landmarks that the same tracker finds in both."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .contours import LIPS, MESH_68
from .landmarks import StillFaces
from .motion_metrics import pearson
from .motion_targets import opening

EYES = np.array([[MESH_68[point] for point in range(first, first + 6)] for first in (36, 42)])
"""Of the mesh: each eye's outer corner, two points of the upper lid, inner corner, two of the lower (iBUG's order)."""

Marks = NDArray[np.float64]
Picture = NDArray[np.uint8]


def openness(marks: Marks) -> float:
    """How far the eyes are open: the lids' gap by the eye's width (Soukupova and Cech 2016), mean of both.

    Args:
        marks: [478, 2].
    """
    eyes = marks[EYES]
    gaps = np.linalg.norm(eyes[:, [1, 2]] - eyes[:, [5, 4]], axis=-1).mean(1)
    return float((gaps / np.linalg.norm(eyes[:, 0] - eyes[:, 3], axis=-1)).mean())


@dataclass
class Landmarks:
    """What was found in the frames of a clip; NaN where a face was missed on either side."""

    faces: StillFaces
    distance: list[float] = field(default_factory=list)
    """Mean distance of the 478 landmarks, pixels."""
    lips: list[float] = field(default_factory=list)
    """The same of 20 lip points, each side about its own middle: the shape of the mouth, wherever the head is."""
    gaps: list[tuple[float, float]] = field(default_factory=list)
    """Between the inner lips, pixels: drawn, true."""
    eyes: list[tuple[float, float]] = field(default_factory=list)
    """`openness`: drawn, true."""

    def add(self, drawn: Picture, truth: Picture) -> Marks | None:
        """Takes the next pair of pictures; returns the true one's landmarks [478, 2]."""
        ours, theirs = self.faces.find(drawn), self.faces.find(truth)
        if ours is None or theirs is None:
            self.distance.append(np.nan)
            self.lips.append(np.nan)
            self.gaps.append((np.nan, np.nan))
            self.eyes.append((np.nan, np.nan))
            return theirs
        self.distance.append(float(np.linalg.norm(ours - theirs, axis=-1).mean()))
        mouths = [marks[list(LIPS)] - marks[list(LIPS)].mean(0) for marks in (ours, theirs)]
        self.lips.append(float(np.linalg.norm(mouths[0] - mouths[1], axis=-1).mean()))
        self.gaps.append((float(opening(mouths[0])), float(opening(mouths[1]))))
        self.eyes.append((openness(ours), openness(theirs)))
        return theirs

    def figures(self) -> dict[str, float]:
        """Over all frames in which both faces were found; none where there is no such frame."""
        seen = np.isfinite(self.distance)
        if not seen.any():
            return {}
        gaps, eyes = np.array(self.gaps)[seen], np.array(self.eyes)[seen]
        return {
            "lmd": float(np.mean(np.array(self.distance)[seen])),
            "lmd_mouth": float(np.mean(np.array(self.lips)[seen])),
            "mouth_correlation": pearson(gaps[:, 0], gaps[:, 1]),
            "blink_error": float(np.abs(eyes[:, 0] - eyes[:, 1]).mean()),
        }
