"""Shoulders that follow the head: one picture of them, moved as a whole, over the backdrop.

A torso is cloth on something rigid, seen from afar: shift, lean and scale, an affine motion of its picture, are what
shows of it. The motion is linear in the head's pose. Only training imports this module; the graph repeats it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .geometry import BLENDSHAPES, SIZE

BLEED = 48  # pixels of the plate beyond the strip, on every side: they come in when the torso moves
REACH = SIZE / 2  # pixels: the unit of coordinates, in which a motion's entries are of one order
POSE, AFFINE = 6, 6


def strip_points(top: int, step: int = 1, bleed: int = 0) -> Tensor:
    """(x, y, 1) of the middles of ``step`` x ``step`` pixels: [rows, cols, 3], in ``REACH`` from the strip's centre.

    Args:
        bleed: pixels to go beyond the strip on every side.
    """
    height, width = SIZE - top + 2 * bleed, SIZE + 2 * bleed
    y = (torch.arange(height // step) + 0.5) * step - height / 2
    x = (torch.arange(width // step) + 0.5) * step - width / 2
    down, across = torch.meshgrid(y / REACH, x / REACH, indexing="ij")
    return torch.stack([across, down, torch.ones_like(down)], -1)


def grid_units(top: int, bleed: int) -> Tensor:
    """Factors [2] from ``REACH`` to the -1..1 of a picture of the strip that goes ``bleed`` pixels beyond it."""
    return torch.tensor([2 * REACH / (SIZE + 2 * bleed), 2 * REACH / (SIZE - top + 2 * bleed)])


class Torso(nn.Module):
    """What lies below the head, from row ``top`` to the picture's lower edge."""

    plate: Tensor
    follow: Tensor
    rest: Tensor

    def __init__(self, top: int) -> None:
        super().__init__()
        self.top = top
        # Premultiplied red, green, blue and alpha, 0..1. Like the motion it is measured, not learned.
        self.register_buffer("plate", torch.zeros(1, 4, SIZE - top + 2 * BLEED, SIZE + 2 * BLEED))
        self.register_buffer("follow", torch.zeros(POSE, AFFINE))
        self.register_buffer("rest", torch.zeros(AFFINE))

    def motion(self, drive: Tensor) -> Tensor:
        """[3, 2]: (x, y, 1) of a pixel times it is how far away in the plate it is found, for ``drive`` [1, 58]."""
        return (drive[0, BLENDSHAPES:] @ self.follow + self.rest).view(3, 2)

    def over(self, backdrop: Tensor, motion: Tensor) -> Tensor:
        """The picture [3, SIZE, SIZE] of the torso, moved by ``motion`` [3, 2], before ``backdrop``."""
        matrix = (torch.eye(3, 2, device=motion.device) + motion) * grid_units(self.top, BLEED).to(motion)
        grid = strip_points(self.top).to(motion) @ matrix
        drawn = F.grid_sample(self.plate, grid[None], mode="bilinear", padding_mode="zeros", align_corners=False)[0]
        below = drawn[:3] + (1 - drawn[3:]) * backdrop[:, self.top :]
        return torch.cat([backdrop[:, : self.top], below], 1)
