"""What swims or flickers in a drawn face that should stand still, or only turn.

Where a frame's mouth and eyes are is known in its own pose; where they are at rest, and how a turning head moves what
is drawn, follow from the face's shape, which the landmarks of all frames give by triangulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.nerf.geometry import BLENDSHAPES, SIZE, Scene, rotation

from .capture import Capture, eye_boxes, mouth_box

PRIOR = 1e-3
"""Weight of a face-on plane next to one frame: a head that hardly turns says nothing of depth."""
FACE_DEPTH = 4.0
"""Centimetres from the box's middle to that plane: the box reaches from the hair behind to beyond the nose."""
MOST_FRAMES = 200
"""That a shape is triangulated from: more add nothing."""
CORNERS = np.array([(-7.0, -9.0), (7.0, -9.0), (7.0, 9.0), (-7.0, 9.0)])
"""Centimetres from the face's middle: where the plane of a warp is followed."""

Array = NDArray[np.float64]
Coeffs = NDArray[np.float32]
Marks = NDArray[np.float32]
Picture = NDArray[np.uint8]
Region = NDArray[np.bool_]


@dataclass(frozen=True)
class Shape:
    """A rigid face before its camera: 68 points [68, 3], cm, in the head's own space."""

    scene: Scene
    points: Array

    def seen(self, points: Array, coeffs: Coeffs) -> Array:
        """Pixels [k, 2] of points [k, 3] on a head in the pose of `coeffs`, [58]."""
        camera = self.scene.camera
        turn, moved = _pose(self.scene, coeffs)
        placed = points @ turn.T + moved
        depth = -placed[:, 2:]
        return placed[:, :2] * (1, -1) / depth * camera.focal + (camera.cx, camera.cy)

    def at_rest(self, marks: Marks, coeffs: Coeffs) -> Marks:
        """Landmarks [68, 2] of a frame as they would be with the head at rest; the expression stays."""
        rest = np.zeros_like(coeffs)
        return (marks + self.seen(self.points, rest) - self.seen(self.points, coeffs)).astype(np.float32)

    def warp(self, picture: Picture, of: Coeffs, to: Coeffs) -> NDArray[np.float32]:
        """A picture [512, 512, 3] of a head in the pose `of`, moved to where it is in the pose `to`; -1 beyond it.

        The face is taken for the plane at its mean depth: from frame to frame that errs by a fraction of a pixel.
        """
        middle = self.points.mean(0)
        plane = np.concatenate([middle[:2] + CORNERS, np.full((4, 1), middle[2])], 1)
        values = _perspective(self.seen(plane, to), self.seen(plane, of))
        channels = [
            Image.fromarray(picture[..., channel].astype(np.float32)).transform(
                (SIZE, SIZE), Image.Transform.PERSPECTIVE, values, Image.Resampling.BILINEAR, fillcolor=-1
            )
            for channel in range(3)
        ]
        return np.stack([np.asarray(channel, np.float32) for channel in channels], -1)


def triangulated(capture: Capture) -> Shape:
    """The face's shape: for each landmark the point that all frames see best, by linear least squares (DLT)."""
    known = np.flatnonzero(capture.split != "drop")
    known = known[np.linspace(0, len(known) - 1, min(MOST_FRAMES, len(known))).astype(int)]
    scene, count = capture.scene, len(capture.landmarks[0])
    camera = scene.camera
    pixels = (capture.landmarks[known].astype(float) - (camera.cx, camera.cy)) * (1, -1) / camera.focal
    depth = scene.box_centre[2] + FACE_DEPTH
    away = camera.position[2] - depth
    prior = np.concatenate([pixels.mean(0) * away + camera.position[:2], np.full((count, 1), depth)], 1)
    normal = np.tile(PRIOR * len(known) * np.eye(3), (count, 1, 1))
    right = PRIOR * len(known) * prior
    for index, frame in enumerate(known):
        turn, moved = _pose(scene, capture.coeffs[frame])
        # The point lies on its ray: across + pixel * along = 0, for both of the picture's axes.
        rows = turn[None, :2] + pixels[index][..., None] * turn[2]
        target = -(moved[:2] + pixels[index] * moved[2])
        normal += rows.swapaxes(1, 2) @ rows
        right += (rows.swapaxes(1, 2) @ target[..., None])[..., 0]
    return Shape(scene, np.asarray(np.linalg.solve(normal, right[..., None])[..., 0], np.float64))


def _pose(scene: Scene, coeffs: Coeffs) -> tuple[Array, Array]:
    """The head's rotation [3, 3], and what is added to a turned point [3] to have it from the camera."""
    pivot = np.asarray(scene.camera.pivot)
    turn = rotation(*(float(angle) for angle in coeffs[BLENDSHAPES : BLENDSHAPES + 3])).astype(float)
    return turn, pivot - turn @ pivot + coeffs[BLENDSHAPES + 3 :].astype(float) - np.asarray(scene.camera.position)


def _perspective(output: Array, source: Array) -> tuple[float, ...]:
    """The eight values of the homography that takes points [4, 2] of the output to those of the source."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(output.tolist(), source.tolist(), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return tuple(np.linalg.solve(np.array(rows), source.reshape(-1)).tolist())


def still(shape: tuple[int, int], *marks: Marks) -> Region:
    """Where neither mouth nor eyes of any of the `marks` [68, 2] are: bool of that shape."""
    region = np.ones(shape, np.bool_)
    for face in marks:
        for x0, y0, x1, y1 in (mouth_box(face), *eye_boxes(face)):
            region[y0:y1, x0:x1] = False
    return region


@dataclass
class Restless:
    """Mean difference of consecutive frames, of 255, with the head at rest: outside mouth and eyes, over the frame."""

    total: float = 0.0
    pairs: int = 0
    _last: tuple[Picture, Marks] | None = None

    def add(self, drawn: Picture, marks: Marks) -> None:
        """Takes the next frame, drawn at rest, and its landmarks there."""
        if self._last is not None:
            before, around = self._last
            region = still(drawn.shape[:2], marks, around)
            self.total += float(np.abs(drawn.astype(np.int16) - before)[region].mean())
            self.pairs += 1
        self._last = drawn, marks

    def cut(self) -> None:
        """The next frame doesn't follow the last one."""
        self._last = None

    def mean(self) -> float | None:
        """None where there is no pair of frames."""
        return self.total / self.pairs if self.pairs else None


@dataclass
class Swimming:
    """The same of a head that moves: in the head, after its known pose has been taken off the later frame."""

    shape: Shape
    total: float = 0.0
    pairs: int = 0
    _last: tuple[Picture, Region, Marks, Coeffs] | None = None

    def add(self, picture: Picture, head: Region, marks: Marks, coeffs: Coeffs) -> None:
        """Takes the next frame, where the head is in it, its landmarks and its coefficients."""
        if self._last is not None:
            before, region, around, pose = self._last
            back = self.shape.warp(picture, of=coeffs, to=pose)
            region = region & still(head.shape, around, marks) & (back >= 0).all(-1)
            self.total += float(np.abs(back - before)[region].mean()) if region.any() else 0.0
            self.pairs += 1
        self._last = picture, head, marks, coeffs

    def cut(self) -> None:
        """The next frame doesn't follow the last one."""
        self._last = None

    def mean(self) -> float | None:
        """None where there is no pair of frames."""
        return self.total / self.pairs if self.pairs else None


class Unrest:
    """All three measures of one clip."""

    def __init__(self, shape: Shape) -> None:
        """
        Args:
            shape: of the clip's face.
        """
        self._shape = shape
        self._restless, self._drawn, self._true = Restless(), Swimming(shape), Swimming(shape)
        self._index = -1

    def add(
        self,
        index: int,
        at_rest: Picture,
        pair: tuple[Picture, Picture],
        head: Region,
        marks: Marks,
        coeffs: Coeffs,
    ) -> None:
        """Takes the next frame: drawn at rest, then drawn and true in its own pose."""
        if index != self._index + 1:  # what tracking dropped lies between
            for measure in (self._restless, self._drawn, self._true):
                measure.cut()
        self._index = index
        self._restless.add(at_rest, self._shape.at_rest(marks, coeffs))
        for measure, picture in zip((self._drawn, self._true), pair, strict=True):
            measure.add(picture, head, marks, coeffs)

    def figures(self) -> dict[str, float | None]:
        """By their names in an evaluation."""
        return {
            "flicker": self._restless.mean(),
            "flicker_warped": self._drawn.mean(),
            "flicker_warped_truth": self._true.mean(),
        }
