"""Draws the person: coefficients in, a picture out, through the avatar's exported graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.avatar_meta import AvatarMeta, read_meta
from engines.runtime import Graph, Part

from .color import to_i420
from .geometry import COEFFS, SIZE, Camera, Scene, Window, place

# The basis product is bound by memory, so bf16 halves it; rays and planes need f32; layers and convolutions don't.
CUTS = (Part(("delta",), "bf16"), Part(("found",), "f32"))
PICTURE = "bf16"
# What lies behind the window changes only when it moves: so it is given then, not gathered for every picture.
BEHIND = ("plate_luma", "plate_chroma")


class NerfRenderer:
    """One avatar, ready to be drawn; holds its own requests and is used from one thread at a time."""

    def __init__(self, avatar_dir: Path, threads: int = 1) -> None:
        """Loads ``avatar_dir``; see ``load_renderer``."""
        self._graph_path = avatar_dir / "face.onnx"
        self.meta = read_meta(avatar_dir)
        self.scene = _scene(self.meta)
        self._low = np.asarray(self.meta.coeffs_low, np.float32)
        self._high = np.asarray(self.meta.coeffs_high, np.float32)
        self._threads = threads
        still = Graph(self._graph_path, (Part(("plate", "plate_luma_band", "plate_chroma_band"), "f32"),)).run({})
        self._plate = still["plate"].copy()
        self._still = to_i420(self._plate)
        self._bands = {name: still[f"{name}_band"].copy() for name in BEHIND}
        self._yuv = Graph(self._graph_path, (*CUTS, Part(("y", "uv"), PICTURE)), threads, BEHIND)
        self._left = -1
        self._rgb: Graph | None = None

    def render(self, coeffs: NDArray[np.floating]) -> NDArray[np.uint8]:
        """The picture for WebRTC.

        Args:
            coeffs: [58]: 52 blendshapes 0..1 in the order of ``meta.arkit_names``, yaw, pitch, roll in radians,
                tx, ty, tz in cm. Values are clamped to what the avatar was trained on; one that is not a number is 0.

        Returns:
            uint8[768, 512], planar I420 (BT.601 limited range): 512 rows of Y, then U and V packed into 128 each. A new
            array every time.
        """
        inputs, left = self._inputs(coeffs)
        if left != self._left:
            pairs = slice(left // 2, left // 2 + self.scene.window.cols)
            inputs |= {name: band[..., pairs] for name, band in self._bands.items()}
            self._left = left
        found = self._yuv.run(inputs)
        out = self._still.copy()
        window = self.scene.window
        out[window.top : window.top + window.height, left : left + window.width] = found["y"]
        chroma = out[SIZE:].reshape(2, SIZE // 2, SIZE // 2)
        first = window.top // 2
        chroma[:, first : first + window.rows, left // 2 : left // 2 + window.cols] = found["uv"]
        return out

    def render_rgb(self, coeffs: NDArray[np.floating]) -> NDArray[np.uint8]:
        """The same picture as uint8[512, 512, 3], sRGB, at full colour resolution; for files and evaluation."""
        if self._rgb is None:
            self._rgb = Graph(self._graph_path, (*CUTS, Part(("rgb",), PICTURE)), self._threads)
        inputs, left = self._inputs(coeffs)
        out = self._plate.copy()
        window = self.scene.window
        out[window.top : window.top + window.height, left : left + window.width] = self._rgb.run(inputs)["rgb"]
        return out

    def _inputs(self, coeffs: NDArray[np.floating]) -> tuple[dict[str, NDArray[Any]], int]:
        values = np.asarray(coeffs, np.float32)
        if values.shape != (COEFFS,):
            raise ValueError(f"coeffs is {values.shape}, give ({COEFFS},): 52 blendshapes and 6 of pose")
        values = np.clip(np.nan_to_num(values), self._low, self._high)
        at = place(values, self.scene)
        pair = np.array([at.left // 2], np.int64)
        return {"drive": at.drive, "rot": at.rot, "origin": at.origin, "left": pair}, at.left


def _scene(meta: AvatarMeta) -> Scene:
    camera, window = meta.camera, meta.window
    return Scene(
        Camera(camera.focal, camera.cx, camera.cy, camera.position, camera.pivot),
        Window(window.top, window.height, window.width),
        meta.box_centre,
        meta.box_half,
        meta.head_centre,
    )


def load_renderer(avatar_dir: Path, threads: int = 1) -> NerfRenderer:
    """Loads the avatar in ``avatar_dir`` (``face.onnx`` and ``meta.json``) for ``threads`` threads of the CPU.

    Raises:
        ValueError: the folder holds no avatar that this version can draw; the message says what to do.
    """
    return NerfRenderer(Path(avatar_dir), threads)
