"""What all renderers of an avatar share: how coefficients become the graph's inputs, and its outputs a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.avatar_meta import AvatarMeta, read_meta
from engines.runtime import Graph, Part

from .color import to_i420
from .geometry import COEFFS, SIZE, Camera, Scene, Window, place

# What lies behind the window changes only when it moves: so it can be given then, not gathered for every picture.
BEHIND = ("plate_luma", "plate_chroma")
TORSO = ("torso_y", "torso_uv")


class Portrait:
    """One avatar without a renderer; never changes, and any thread may use it.

    Attributes:
        graph: path of its ONNX graph.
        outputs: what of the graph ``paste`` takes.
        plate: uint8[512, 512, 3], the still picture round the window, sRGB.
        bands: what of it may lie behind the window, for ``BEHIND``: float32[1, 4 or 2, rows, 256]; empty where a torso
            moves there.
    """

    def __init__(self, avatar_dir: Path) -> None:
        """Reads the avatar in ``avatar_dir``.

        Raises:
            ValueError: the folder holds no avatar that this version can draw; the message says what to do.
        """
        self.graph = avatar_dir / "face.onnx"
        self.meta = read_meta(avatar_dir)
        moving = self.meta.torso_top is not None
        self.outputs = ("y", "uv", *TORSO) if moving else ("y", "uv")
        self.scene = _scene(self.meta)
        self._low = np.asarray(self.meta.coeffs_low, np.float32)
        self._high = np.asarray(self.meta.coeffs_high, np.float32)
        banded = () if moving else BEHIND
        names = ("plate", *(f"{name}_band" for name in banded))
        still = Graph(self.graph, (Part(names, "f32"),)).run({})
        self.plate = still["plate"].copy()
        self.bands = {name: still[f"{name}_band"].copy() for name in banded}
        self._still = to_i420(self.plate)

    def inputs(self, coeffs: NDArray[np.floating]) -> tuple[dict[str, NDArray[Any]], int]:
        """The graph's inputs for one picture, and the window's first pixel column.

        Args:
            coeffs: [58]: 52 blendshapes 0..1 in the order of ``meta.arkit_names``, yaw, pitch, roll in radians,
                tx, ty, tz in cm. Values are clamped to what the avatar was trained on; one that is not a number is 0.

        Raises:
            ValueError: ``coeffs`` has another shape.
        """
        values = np.asarray(coeffs, np.float32)
        if values.shape != (COEFFS,):
            raise ValueError(f"coeffs is {values.shape}, give ({COEFFS},): 52 blendshapes and 6 of pose")
        at = place(np.clip(np.nan_to_num(values), self._low, self._high), self.scene)
        pair = np.array([at.left // 2], np.int64)
        return {"drive": at.drive, "rot": at.rot, "origin": at.origin, "left": pair}, at.left

    def paste(self, found: Mapping[str, NDArray[np.uint8]], left: int) -> NDArray[np.uint8]:
        """The still picture with the drawn window in it: a new uint8[768, 512], planar I420.

        Args:
            found: ``outputs`` of the graph: ``y``, uint8[height, width], and ``uv``, uint8[2, rows, cols]; where the
                torso moves ``torso_y`` and ``torso_uv`` of the rows from ``meta.torso_top`` on.
            left: as ``inputs`` returns it.
        """
        out = self._still.copy()
        window, top = self.scene.window, self.meta.torso_top
        chroma = out[SIZE:].reshape(2, SIZE // 2, SIZE // 2)
        if top is not None:
            out[top:SIZE], chroma[:, top // 2 :] = (found[name] for name in TORSO)
        out[window.top : window.top + window.height, left : left + window.width] = found["y"]
        first = window.top // 2
        chroma[:, first : first + window.rows, left // 2 : left // 2 + window.cols] = found["uv"]
        return out


def _scene(meta: AvatarMeta) -> Scene:
    camera, window = meta.camera, meta.window
    return Scene(
        Camera(camera.focal, camera.cx, camera.cy, camera.position, camera.pivot),
        Window(window.top, window.height, window.width),
        meta.box_centre,
        meta.box_half,
        meta.head_centre,
    )
