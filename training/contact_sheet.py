"""Many pictures on one, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_CROP = (96, 72, 416, 392)
"""The head in 512×512, with room to turn."""
_TILE = 256
_QUALITY = 85
"""Of a JPEG: skin without blocks, at some 7 kB a picture."""
_LINE = 18
"""Height of the words under a tile, pixels."""


def contact_sheet(pictures: Sequence[tuple[str, NDArray[np.uint8]]], columns: int, path: Path) -> None:
    """Write `pictures` in rows, each with its words below, as a PNG or, by the name that `path` has, a JPEG.

    Args:
        pictures: words and uint8[512, 512, 3], sRGB.

    Raises:
        ValueError: there are none.
        OSError: `path` can't be written.
    """
    if not pictures:
        raise ValueError("a contact sheet needs pictures")
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * _TILE, rows * (_TILE + _LINE)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (words, picture) in enumerate(pictures):
        x, y = index % columns * _TILE, index // columns * (_TILE + _LINE)
        sheet.paste(Image.fromarray(picture).crop(_CROP).resize((_TILE, _TILE), Image.Resampling.LANCZOS), (x, y))
        draw.text((x + 4, y + _TILE + 3), words, fill="black")
    sheet.save(path, quality=_QUALITY)
