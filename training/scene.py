"""Where a tracked person's head is: the part of the picture that moves, and the field's box round it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.nerf.geometry import SIZE, Scene, Window

from .head_pose import RigidTrack
from .matte import HAIR, SKIN

MARGIN = 10
"""Pixels round the head's silhouette: GrabCut's edge, and the rim that shows the plate."""
NECK = 0.22
"""Of the face's height, under the chin: as far down as the neck follows the head."""
DEPTH = (-9.0, 14.0)
"""Centimetres from between the temples to the back of the hair that is seen, and to beyond the nose's tip."""
CACHE = 1024
"""Rays at whose multiples a channel's size in memory is a whole number of 4 KiB: see `Window`."""
CHIN_DROP = 3.0
"""Centimetres by which an open jaw lowers the chin: it stays within the box's inner two thirds."""
CHIN, TEMPLES = 152, (234, 454)


@dataclass
class Extent:
    """How far the head reached over the clip, pixels."""

    top: int = SIZE
    bottom: int = 0
    reach: int = 0
    """The farthest that the silhouette went sideways from between the temples."""

    def add(self, mask: NDArray[np.uint8], marks: NDArray[np.floating]) -> None:
        """Takes one frame's mask, uint8[512, 512], and landmarks, [478, 2] in pixels."""
        rows, cols = np.nonzero((mask == SKIN) | (mask >= HAIR))
        face = float(np.ptp(marks[:, 1]))
        end = int(marks[CHIN, 1] + NECK * face)
        centre = float(marks[TEMPLES, 0].mean())
        kept = rows <= end
        if kept.any():
            self.top = min(self.top, int(rows[kept].min()))
            self.reach = max(self.reach, int(np.abs(cols[kept] - centre).max()))
        self.bottom = max(self.bottom, end)


def scene(rigid: RigidTrack, extent: Extent) -> Scene:
    """The window and the box of a clip."""
    top = max(0, extent.top - MARGIN) // 8 * 8
    height = min(-(-(extent.bottom + MARGIN - top) // 8) * 8, SIZE - top)
    width = min(-(-2 * (extent.reach + MARGIN) // 8) * 8, SIZE)
    if (height // 2) * (width // 2) % CACHE == 0:
        width = width + 8 if width < SIZE else width - 8
    camera = rigid.camera
    cm = camera.position[2] / camera.focal
    high = (camera.cy - top) * cm + camera.position[1]
    low = (camera.cy - top - height) * cm + camera.position[1]
    middle = (high + low) / 2
    chin = float(rigid.shape[CHIN, 1]) - CHIN_DROP
    half_y = max(1.04 * (high - low) / 2, 1.5 * (middle - chin))
    front = float(rigid.shape[:, 2].max())
    depth = DEPTH[0], max(DEPTH[1], front + 2)
    half = (1.1 * width / 2 * cm, half_y, (depth[1] - depth[0]) / 2)
    return Scene(camera, Window(top, height, width), (0.0, middle, sum(depth) / 2), half, (0.0, middle, 0.0))
