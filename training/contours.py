"""The tracker's blendshapes, corrected by the contours of lips and eyes that it found itself.

Mediapipe under-reports small lip shapes that its own landmarks show. How a face's 68 points move with each ARKit shape
is known exactly from the synthetic capture; what a person's contours show beyond what the tracked shapes explain is
laid to the shapes by one gain and one offset each, for the whole clip.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES

MESH_68 = (
    127, 234, 93, 132, 58, 136, 150, 148, 152, 377, 379, 365, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178,
)  # fmt: skip
"""Mediapipe's landmarks at the places of iBUG's 68."""
LIPS = MESH_68[48:]
"""Mediapipe's landmarks on the lips: 12 outside, 8 inside."""
ANCHORS = (27, 28, 29, 30, 36, 39, 42, 45)
"""Of the 68: bridge of the nose and eye corners, by which faces are laid on each other."""
CONTOURS = (*range(36, 68),)
"""Of the 68: eyes and lips."""
CORRECTED = tuple(
    index for index, name in enumerate(ARKIT_NAMES) if name.startswith(("mouth", "jawOpen", "eyeBlink", "eyeWide"))
)
PULL = 0.05
"""Weight that holds a gain at 1, next to its shape's own evidence: of two that look alike, neither runs away."""
QUIET = 1e-3
"""The same next to the shapes' mean evidence: one that is hardly ever seen stays as tracked."""
GAIN = (0.5, 4.0)
"""Bounds of a gain: four times makes mediapipe's 0.11 of a lowered lip what the contours show."""
TABLE = Path(__file__).parent / "data" / "arkit_contours.npz"

Array = NDArray[np.float64]


def aligned(points: Array) -> Array:
    """Points [n, 68, 2] laid on their median by their anchors (similarity), in units of the eyes' distance."""
    front = _front(points)
    return np.stack([_laid(face, front) for face in points])


def _front(points: Array) -> Array:
    """A median face, upright, its eyes one unit apart and their middle at the origin."""
    face = np.median(points, axis=0)
    left, right = face[36:42].mean(0), face[42:48].mean(0)
    across = right - left
    turn = np.array([[across[0], across[1]], [-across[1], across[0]]]) / float(across @ across)
    return (face - (left + right) / 2) @ turn.T


def _laid(face: Array, rest: Array) -> Array:
    source, target = face[list(ANCHORS)], rest[list(ANCHORS)]
    a, b = source - source.mean(0), target - target.mean(0)
    over = float((a**2).sum())
    cos, sin = float((a * b).sum()) / over, float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / over
    turn = np.array([[cos, -sin], [sin, cos]])
    return (face - source.mean(0)) @ turn.T + target.mean(0)


def learn_table(shapes: Array, points: Array) -> Array:
    """How contours move with each shape, [52, 32, 2], eye distances a unit of the shape.

    Args:
        shapes: [n, 52], exact. points: [n, 68, 2] of heads that hardly turn.
    """
    moved = aligned(points)[:, CONTOURS].reshape(len(points), -1)
    design = np.concatenate([shapes, np.ones((len(shapes), 1))], 1)
    ridge = 0.5 * np.eye(design.shape[1])
    ridge[-1, -1] = 0
    found = np.linalg.solve(design.T @ design + ridge, design.T @ moved)
    return np.asarray(found[:-1].reshape(len(ARKIT_NAMES), len(CONTOURS), 2), np.float64)


def corrected(shapes: Array, points: Array) -> tuple[Array, Array, Array]:
    """
    Args:
        shapes: [n, 52], as tracked. points: [n, 68, 2].

    Returns:
        The corrected shapes [n, 52], 0..1; the gains [52] and offsets [52] that were applied.
    """
    with np.load(TABLE, allow_pickle=False) as stored:
        table = stored["moves"].astype(float)
    gains, offsets = np.ones(len(ARKIT_NAMES)), np.zeros(len(ARKIT_NAMES))
    seen = aligned(points)[:, CONTOURS]
    seen = (seen - np.median(seen, axis=0)).reshape(len(points), -1)
    moves = table.reshape(len(ARKIT_NAMES), -1)
    centred = shapes - np.median(shapes, axis=0)
    unexplained = seen - centred @ moves
    chosen = list(CORRECTED)
    # One unknown a shape: how much more it moves than was tracked. Its normal equations, summed over frames.
    activity = centred[:, chosen]
    normal = (activity.T @ activity) * (moves[chosen] @ moves[chosen].T)
    right = np.einsum("nk,kp,np->k", activity, moves[chosen], unexplained)
    own = np.diag(normal)
    held = np.diag(PULL * own + QUIET * own.mean() + 1e-9)
    gains[chosen] = np.clip(1 + np.linalg.solve(normal + held, right), *GAIN)
    lids = [index for index in chosen if ARKIT_NAMES[index].startswith("eye")]
    gains[lids] = np.maximum(gains[lids], 1.0)  # a closed lid has no contour left that could say how far it is closed
    # A person's rest is the quiet face: what is tracked most of the time is taken off, lids apart.
    rest = np.quantile(shapes, 0.1, axis=0) * gains
    for index in chosen:
        if not ARKIT_NAMES[index].startswith("eye"):
            offsets[index] = -rest[index]
    return np.clip(shapes * gains + offsets, 0, 1), gains, offsets
