"""Tracked shapes made to agree with the lips' contours: what the motion model is asked to predict.

Mediapipe reports a jaw that its own contours confirm (a lowered lip of 0.46 eye distances a unit of `jawOpen` less 0.19
of `mouthClose`; the synthetic head has 0.48 and 0.45), but next to no raised or lowered lips, which the contours show.
So for every frame the lip shapes are sought that, on the synthetic head, move its contour as the person's moved, close
to what was tracked: a ridge, its solution kept within 0..1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES
from training.contours import CONTOURS, MESH_68, TABLE

EYES_CM = 6.3
"""Between the eyes' centres of mediapipe's canonical face, whose unit its poses have."""
LIP_POINTS = range(48, 68)
"""Of the 68."""

_SLACK = {
    "jawOpen": 0.02, "mouthClose": 0.04, "mouthFunnel": 0.08, "mouthPucker": 0.15, "mouthLowerDown": 0.12,
    "mouthUpperUp": 0.09, "mouthStretch": 0.12, "mouthSmile": 0.06, "mouthPress": 0.1, "mouthRollLower": 0.1,
    "mouthRollUpper": 0.1, "mouthShrugUpper": 0.05, "mouthDimple": 0.04, "mouthFrown": 0.03,
}  # fmt: skip
"""How far a shape may be from what was tracked: the jaw hardly, what the tracker under-reports widely."""
_NOISE = 0.012
"""Eye distances by which a contour point errs."""
_GAP_WEIGHT = 4.0
"""Of the gap between the lips next to one contour point: whether they meet matters most."""
_REST_FRAMES = 6
"""At both ends of an utterance, where the lips rest."""
_ROUNDS = 4


def lip_moves() -> NDArray[np.float32]:
    """float32[52, 20, 2]: how the synthetic head's lip points move, in eye distances, x right, y down."""
    with np.load(TABLE, allow_pickle=False) as stored:
        return stored["moves"][:, [CONTOURS.index(point) for point in LIP_POINTS]].astype(np.float32)


def opening(points: NDArray) -> NDArray:
    """[..., 20, 2] lip points or their moves: the gap between the inner lips' middles [...]."""
    return points[..., [17, 18, 19], 1].mean(-1) - points[..., [13, 14, 15], 1].mean(-1)


def displaced(lips: NDArray[np.float32], ids: list[int]) -> NDArray[np.float32]:
    """How far the lip points of an utterance are from their rest, [T, 20, 2], eye distances, x right, y down.

    Args:
        lips: [T, 40, 3], cm in the head's space, y up. ids: [40], which landmark each is.
    """
    points = lips[:, [ids.index(MESH_68[point]) for point in LIP_POINTS], :2] * (1, -1) / EYES_CM
    ends = np.concatenate([points[1:_REST_FRAMES], points[-_REST_FRAMES:]])
    return (points - np.median(ends, axis=0)).astype(np.float32)


def fitted(shapes: NDArray[np.float32], moved: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Args:
        shapes: [T, 52], as tracked. moved: [T, 20, 2], of `displaced`.

    Returns:
        float32[T, 52]: both sides alike, as the person's own asymmetry is not to be learned; what the contours say
        nothing of is as tracked.
    """
    groups = [[i for i, name in enumerate(ARKIT_NAMES) if name.startswith(stem)] for stem in _SLACK]
    slack = np.array(list(_SLACK.values()))
    basis = _rows(np.stack([lip_moves()[group].sum(0) for group in groups]))
    tracked = np.stack([shapes[:, group].mean(1) for group in groups], 1)
    # Rest is 0 for the default avatar: its own relaxed look.
    tracked = np.maximum(tracked - np.quantile(tracked, 0.05, axis=0), 0)
    precision = np.diag((_NOISE / slack) ** 2)
    right = _rows(moved) @ basis.T + tracked @ precision
    hessian = basis @ basis.T + precision
    found = np.clip(np.linalg.solve(hessian, right.T).T, 0, 1)
    for _ in range(_ROUNDS * len(groups)):  # projected coordinate descent, all frames at once
        for index in range(len(groups)):
            pull = right[:, index] - found @ hessian[index] + found[:, index] * hessian[index, index]
            found[:, index] = np.clip(pull / hessian[index, index], 0, 1)
    out = shapes.copy()
    for index, group in enumerate(groups):
        out[:, group] = found[:, index : index + 1]
    return out.astype(np.float32)


def _rows(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n, 20, 2] as [n, 41]: every coordinate, and the weighted gap."""
    rows = np.concatenate([points.reshape(len(points), -1), _GAP_WEIGHT * opening(points)[:, None]], 1)
    return rows.astype(np.float32)
