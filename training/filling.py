"""Grows masks, and continues pictures to where nothing was seen of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def filled(seen: Tensor, known: Tensor) -> Tensor:
    """``seen`` [3, n, n], continued smoothly to where ``known`` [1, n, n] is 0, from the finest grid that knows it."""
    if known.shape[-1] == 1 or known.min() > 0:
        return seen / known.clamp(min=1e-6)
    coarse = filled(F.avg_pool2d(seen, 2), F.avg_pool2d(known, 2))
    large = F.interpolate(coarse[None], scale_factor=2, mode="bilinear", align_corners=False)[0]
    return torch.where(known > 0, seen / known.clamp(min=1e-6), large)


def grown(mask: Tensor, pixels: int) -> Tensor:
    """The largest value within ``pixels`` to every side: [..., h, w] of 3 or 4 axes."""
    size = 2 * pixels + 1
    return F.max_pool2d(F.max_pool2d(mask, (size, 1), 1, (pixels, 0)), (1, size), 1, (0, pixels))
