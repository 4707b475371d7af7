"""Where the camera looks and how a coefficient vector poses the head: numpy only, shared by training and serving.

Axes are the capture's: centimetres, right-handed, +x to the image's right, +y up, the camera at ``camera`` looking
along -z. A point ``p`` of the head moves to ``R (p - pivot) + pivot + t`` with ``R = Ry(yaw) Rx(pitch) Rz(roll)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 512  # pixels a side of the picture
RIM = 2  # rays along the window's border that show the plate alone, so that it has no seam
WINDOW_STEP = 8  # pixels: the window moves by whole steps of the coarse rays
SHELL_STEP = 4  # the depth shell is smooth: it is looked up for every fourth ray and enlarged
BLENDSHAPES = 52
COEFFS = BLENDSHAPES + 6

# Poses are given to the networks in units of the widest that the capture holds: 15, 10 and 8 degrees, then cm.
POSE_UNIT = np.array([np.pi / 12, np.pi / 18, np.pi / 22.5, 2.0, 1.2, 2.5], np.float32)

Array = NDArray[np.float32]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """A pinhole: focal length and centre in pixels, position and the head's pivot in cm."""

    focal: float
    cx: float
    cy: float
    position: Vector
    pivot: Vector


@dataclass(frozen=True)
class Window:
    """The part of the picture that is drawn, pixels; it follows the head sideways. Height and width are divisible by 8.

    A width of 320 would make a channel of features a whole number of 4 KiB: all channels would fall into the same lines
    of the processor's cache, and turning them into its convolutions' layout take four times as long.
    """

    top: int
    height: int
    width: int

    @property
    def rows(self) -> int:
        """Rays: one every second pixel, for the upsampler doubles, it needn't quadruple."""
        return self.height // 2

    @property
    def cols(self) -> int:
        return self.width // 2


@dataclass(frozen=True)
class Scene:
    """Where one person sits before the camera.

    Attributes:
        box_centre, box_half: the field's box in the head's own space, cm; expression lives in its inner two thirds. Its
            centre also fixes the mid-plane at which the shell is looked up.
        head_centre: cm: the window is centred on it.
    """

    camera: Camera
    window: Window
    box_centre: Vector
    box_half: Vector
    head_centre: Vector


def rotation(yaw: float, pitch: float, roll: float) -> Array:
    """``Ry(yaw) Rx(pitch) Rz(roll)`` as float32[3, 3]; radians."""
    cy, sy, cx, sx = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    cz, sz = np.cos(roll), np.sin(roll)
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (ry @ rx @ rz).astype(np.float32)


def ray_directions(scene: Scene, step: int) -> Array:
    """Directions of the rays through the centres of ``step`` x ``step`` pixel blocks, for a window at the left edge.

    Returns:
        float32[height // step, width // step, 3], rows from the top; z is -1: parameter = depth, cm.
    """
    camera, window = scene.camera, scene.window
    x = (np.arange(window.width // step) * step + step / 2 - camera.cx) / camera.focal
    y = -(window.top + np.arange(window.height // step) * step + step / 2 - camera.cy) / camera.focal
    out = np.empty((len(y), len(x), 3), np.float32)
    out[..., 0], out[..., 1], out[..., 2] = x[None, :], y[:, None], -1.0
    return out


@dataclass(frozen=True)
class Placed:
    """What the graph needs to know of one coefficient vector.

    Attributes:
        drive: float32[1, 58]: blendshapes 0..1, then the pose in ``POSE_UNIT``.
        rot: float32[1, 3, 3]: a ray's direction, as a row, times it is in the head's space. It holds the window's shift
            too: as z is -1, a shear by z moves every ray sideways alike.
        origin: float32[1, 1, 3]: the camera in the head's space, cm from the box's centre.
        left: first pixel column of the window, a multiple of ``WINDOW_STEP``.
    """

    drive: Array
    rot: Array
    origin: Array
    left: int


def place(coeffs: Array, scene: Scene) -> Placed:
    """Poses the head.

    Args:
        coeffs: float32[58]: 52 blendshapes 0..1, yaw, pitch, roll in radians, tx, ty, tz in cm.
    """
    camera, width = scene.camera, scene.window.width
    yaw, pitch, roll = (float(a) for a in coeffs[BLENDSHAPES : BLENDSHAPES + 3])
    rot = rotation(yaw, pitch, roll)
    pivot = np.asarray(camera.pivot, np.float32)
    position = np.asarray(camera.position, np.float32)
    seen = position - pivot - coeffs[BLENDSHAPES + 3 :]
    origin = seen @ rot + pivot - np.asarray(scene.box_centre, np.float32)

    centre = rot @ (np.asarray(scene.head_centre, np.float32) - pivot) + pivot + coeffs[BLENDSHAPES + 3 :]
    middle = camera.cx + camera.focal * centre[0] / (position[2] - centre[2])
    left = round((middle - width / 2) / WINDOW_STEP) * WINDOW_STEP
    left = min(max(left, 0), SIZE - width)
    shear = np.eye(3, dtype=np.float32)
    shear[2, 0] = -left / camera.focal

    drive = np.concatenate([coeffs[:BLENDSHAPES], coeffs[BLENDSHAPES:] / POSE_UNIT])
    return Placed(drive[None].astype(np.float32), (shear @ rot)[None], origin[None, None].astype(np.float32), left)
