"""Draws the person on the CPU: coefficients in, a picture out, through the avatar's exported graph."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.media import Coeffs, Image
from engines.runtime import Graph, Part

from .portrait import BEHIND, TORSO, Portrait

# The basis product is bound by memory, so bf16 halves it; rays and planes need f32; layers and convolutions don't.
CUTS = (Part(("delta",), "bf16"), Part(("found",), "f32"))
PICTURE = "bf16"


def cuts(exact: tuple[str, ...]) -> tuple[Part, ...]:
    """``CUTS``, where the tensors ``exact`` need f32 too: a torso's motion doesn't survive bf16 either."""
    return CUTS[0], Part((*CUTS[1].outputs, *exact), "f32")


def picture_parts(portrait: Portrait) -> tuple[Part, ...]:
    """The graph, cut where precision changes, up to the portrait's ``outputs``."""
    exact = () if portrait.bands else (*BEHIND, *(f"{name}_byte" for name in TORSO))
    return (*cuts(exact), Part(portrait.outputs, PICTURE))


class NerfRenderer:
    """One avatar, ready to be drawn; holds its own requests and is used from one thread at a time."""

    def __init__(self, avatar_dir: Path, threads: int = 1, lanes: int = 1) -> None:
        """Loads ``avatar_dir``; see ``load_renderer``.

        Args:
            lanes: how many of this renderer and its twins may draw at the same time.
        """
        self.portrait = Portrait(avatar_dir)
        self.meta, self.scene = self.portrait.meta, self.portrait.scene
        self._threads = threads
        self._moving = self.meta.torso_top is not None
        given = () if self._moving else BEHIND
        self._yuv = Graph(self.portrait.graph, picture_parts(self.portrait), threads, given, lanes)
        self._left = -1
        self._rgb: Graph | None = None

    def twin(self) -> NerfRenderer:
        """Another renderer of the same loaded avatar, for another thread."""
        twin = copy(self)
        twin._yuv, twin._left, twin._rgb = self._yuv.twin(), -1, None
        return twin

    def render(self, coeffs: NDArray[np.floating]) -> NDArray[np.uint8]:
        """The picture for WebRTC.

        Args:
            coeffs: as ``Portrait.inputs`` takes them.

        Returns:
            uint8[768, 512], planar I420 (BT.601 limited range): 512 rows of Y, then U and V packed into 128 each. A new
            array every time.
        """
        inputs, left = self.portrait.inputs(coeffs)
        if left != self._left and not self._moving:
            pairs = slice(left // 2, left // 2 + self.scene.window.cols)
            inputs |= {name: band[..., pairs] for name, band in self.portrait.bands.items()}
            self._left = left
        return self.portrait.paste(self._yuv.run(inputs), left)

    def paint(self, batch: Sequence[Coeffs]) -> list[Image]:
        """A picture for each of ``batch``, one after the other: see ``RenderService``."""
        return [self.render(coeffs) for coeffs in batch]

    def render_rgb(self, coeffs: NDArray[np.floating]) -> NDArray[np.uint8]:
        """The same picture as uint8[512, 512, 3], sRGB, at full colour resolution; for files and evaluation."""
        if self._rgb is None:
            exact = ("plate_rgb", "torso_rgb_byte") if self._moving else ()
            outputs = ("rgb", "torso_rgb") if self._moving else ("rgb",)
            self._rgb = Graph(self.portrait.graph, (*cuts(exact), Part(outputs, PICTURE)), self._threads)
        inputs, left = self.portrait.inputs(coeffs)
        found = self._rgb.run(inputs)
        out = self.portrait.plate.copy()
        window = self.scene.window
        if self._moving:
            out[self.meta.torso_top :] = found["torso_rgb"]
        out[window.top : window.top + window.height, left : left + window.width] = found["rgb"]
        return out


def load_renderer(avatar_dir: Path, threads: int = 1) -> NerfRenderer:
    """Loads the avatar in ``avatar_dir`` (``face.onnx`` and ``meta.json``) for ``threads`` threads of the CPU.

    Raises:
        ValueError: the folder holds no avatar that this version can draw; the message says what to do.
    """
    return NerfRenderer(Path(avatar_dir), threads)
