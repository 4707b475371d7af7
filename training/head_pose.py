"""A rigid head through a whole clip: bundle adjustment of one shape, one focal length and a pose a frame.

Triggs et al., *Bundle Adjustment: A Modern Synthesis* (2000), with the landmarks that speech leaves in place. Poses and
shape are solved in turn by Gauss-Newton, the camera's distance by a search over a few plausible ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.nerf.geometry import Camera, rotation

STABLE = (
    10, 338, 297, 332, 284, 109, 67, 103, 54, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 327, 129, 358,
    48, 278, 133, 362, 33, 263, 127, 356, 234, 454, 93, 323, 227, 447, 116, 345,
)  # fmt: skip
"""Mediapipe's landmarks on forehead, nose, eye corners and temples, which neither speech nor a smile moves much."""

FACE_WIDTH = 15.3
"""Centimetres between landmarks 234 and 454 in mediapipe's canonical face: sets the scale, which no camera sees."""
DISTANCES = (100.0, 60.0, 40.0)
"""Centimetres from which people are filmed, the usual one first: a camera's across a desk, a laptop's, a phone's."""
NEARER = 0.9
"""A nearer camera must explain the clip with so much less error: the tracker itself takes every camera for a near one,
and a face that hardly turns tells little."""
ROUNDS = 12
"""By then shape and poses move by less than a thousandth of a pixel."""
HUBER_PX = 1.5
"""Residuals beyond (about three times the tracker's noise at 512) count linearly: a hand, or a lost landmark."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RigidTrack:
    """The head of a clip of n frames."""

    camera: Camera
    shape: Array
    """[478, 3]: the mean face, cm, with the head's origin between the temples."""
    angles: Array
    """[n, 3]: yaw, pitch, roll, radians."""
    shift: Array
    """[n, 3]: tx, ty, tz, cm."""
    error_px: Array
    """[n]: root mean square reprojection error of the stable landmarks."""


def solve(marks: Array, rough: Array, size: tuple[int, int], pivot: tuple[float, float, float]) -> RigidTrack:
    """
    Args:
        marks: [n, 478, 3]: tracked landmarks, pixels; z as mediapipe gives it.
        rough: [n, 3, 3]: the tracker's rotations, a start.
        size: width and height of the pictures.
        pivot: of the head, cm, about which poses turn it.
    """
    shape = _mean_face(marks, rough)
    best: tuple[float, RigidTrack] | None = None
    for distance in DISTANCES:
        found = _adjust(marks[..., :2], shape.copy(), rough, size, distance, pivot)
        cost = float(np.median(found.error_px))
        if best is None or cost < NEARER * best[0]:
            best = cost, found
    assert best is not None
    return best[1]


def _mean_face(marks: Array, rough: Array) -> Array:
    """The clip's faces, turned to the front, averaged and scaled to centimetres."""
    turned = marks * (1, -1, -1)
    turned = turned - turned[:, STABLE].mean(1, keepdims=True)
    front = np.einsum("nji,nkj->nki", rough, turned)
    widths = np.linalg.norm(front[:, 454] - front[:, 234], axis=-1)
    face = np.median(front / widths[:, None, None], axis=0) * FACE_WIDTH
    return face - (face[234] + face[454]) / 2


def _adjust(
    marks: Array, shape: Array, rough: Array, size: tuple[int, int], distance: float, pivot: tuple[float, float, float]
) -> RigidTrack:
    width, height = size
    spread = np.linalg.norm(marks[:, 454] - marks[:, 234], axis=-1).max()
    focal = float(spread / FACE_WIDTH * distance)
    camera = Camera(focal, width / 2, height / 2, (0.0, 0.0, distance), pivot)
    poses = np.zeros((len(marks), 6))
    poses[:, :3] = [_angles(turn) for turn in rough]
    centre = np.asarray(pivot)
    target = marks[:, STABLE]
    middle = target.mean(1) - (width / 2, height / 2)
    poses[:, 3:5] = middle * (1, -1) / focal * distance - shape[list(STABLE)].mean(0)[:2]
    stable = shape[list(STABLE)]
    for turn in range(ROUNDS):
        poses = _fit_poses(stable, target, poses, camera)
        if turn > 1:
            stable = _fit_shape(stable, target, poses, camera)
    # What was learned of the stable landmarks moves the others along.
    shape = shape + (stable - shape[list(STABLE)]).mean(0)
    shape[list(STABLE)] = stable
    error = np.sqrt(((_project(stable, poses, camera) - target) ** 2).sum(-1).mean(-1))
    # The rest pose is the clip's median: so that translations are small, and zeros a neutral pose.
    rest = np.median(poses[:, 3:], axis=0)
    moved = Camera(
        focal, width / 2, height / 2, (float(-rest[0]), float(-rest[1]), distance - float(rest[2])), tuple(centre)
    )
    return RigidTrack(moved, shape, poses[:, :3], poses[:, 3:] - rest, error)


def _angles(turn: Array) -> tuple[float, float, float]:
    """Yaw, pitch and roll of `Ry(yaw) Rx(pitch) Rz(roll)`."""
    return (
        float(np.arctan2(turn[0, 2], turn[2, 2])),
        float(np.arcsin(np.clip(-turn[1, 2], -1, 1))),
        float(np.arctan2(turn[1, 0], turn[1, 1])),
    )


def _project(points: Array, poses: Array, camera: Camera) -> Array:
    """Pixels [n, k, 2] of points [k, 3] in each pose [n, 6]."""
    pivot = np.asarray(camera.pivot)
    turns = np.stack([rotation(*pose[:3]) for pose in poses]).astype(float)
    moved = np.einsum("nij,kj->nki", turns, points - pivot) + pivot + poses[:, None, 3:]
    depth = camera.position[2] - moved[..., 2]
    u = camera.cx + camera.focal * (moved[..., 0] - camera.position[0]) / depth
    v = camera.cy - camera.focal * (moved[..., 1] - camera.position[1]) / depth
    return np.stack([u, v], -1)


def _weights(residual: Array) -> Array:
    length = np.linalg.norm(residual, axis=-1)
    return np.where(length > HUBER_PX, HUBER_PX / np.maximum(length, 1e-9), 1.0)


def _fit_poses(points: Array, target: Array, poses: Array, camera: Camera) -> Array:
    """One Gauss-Newton step of every frame's pose."""
    seen = _project(points, poses, camera)
    residual = target - seen
    slopes = np.empty((*seen.shape, 6))
    for k in range(6):
        step = np.zeros(6)
        step[k] = 1e-4
        slopes[..., k] = (_project(points, poses + step, camera) - seen) / 1e-4
    weight = _weights(residual)[..., None, None]
    normal = (slopes.swapaxes(-1, -2) @ (slopes * weight)).sum(1) + 1e-6 * np.eye(6)
    right = (slopes.swapaxes(-1, -2) @ (residual[..., None] * weight)).sum(1)
    return poses + np.linalg.solve(normal, right)[..., 0]


def _fit_shape(points: Array, target: Array, poses: Array, camera: Camera) -> Array:
    """One Gauss-Newton step of every point, damped towards where it is: depth is seen only as far as the head turns."""
    seen = _project(points, poses, camera)
    residual = target - seen
    slopes = np.empty((*seen.shape, 3))
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-3
        slopes[..., k] = (_project(points + step, poses, camera) - seen) / 1e-3
    weight = _weights(residual)[..., None, None]
    normal = (slopes.swapaxes(-1, -2) @ (slopes * weight)).sum(0)
    right = (slopes.swapaxes(-1, -2) @ (residual[..., None] * weight)).sum(0)
    damping = 0.02 * np.trace(normal, axis1=-2, axis2=-1)[:, None, None] * np.eye(3)
    return points + np.linalg.solve(normal + damping, right)[..., 0]
