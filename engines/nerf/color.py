"""BT.601 limited range, the YUV that WebRTC's codecs expect, and the planar I420 layout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Offset, then what full red, green and blue (0..1) add: ITU-R BT.601, 8 bits, Y 16-235, U and V 16-240.
LUMA = np.array([16.0, 65.481, 128.553, 24.966], np.float32)
CHROMA = np.array([[128.0, -37.797, -74.203, 112.0], [128.0, 112.0, -93.786, -18.214]], np.float32)


def to_i420(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Converts a picture; chroma is the mean of each 2 x 2 block.

    Args:
        rgb: uint8[h, w, 3], sRGB; h a multiple of 4, w of 2.

    Returns:
        uint8[3 h / 2, w]: the Y plane, then U and V, each h/2 x w/2, packed into rows of w.
    """
    height, width = rgb.shape[:2]
    unit = rgb.astype(np.float32) / 255
    luma = unit @ LUMA[1:] + LUMA[0]
    small = unit.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    chroma = np.moveaxis(small @ CHROMA[:, 1:].T + CHROMA[:, 0], 2, 0)
    planes = np.concatenate([luma.reshape(-1, width), chroma.reshape(-1, width)])
    return np.clip(planes + 0.5, 0, 255).astype(np.uint8)
