"""One utterance picture by picture, for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from engines.media import SAMPLES_PER_FRAME, Coeffs, TimedPhone
from engines.motion.compose import compose
from training.motion_rendered import Mouths

_BOX = (150, 210, 370, 400)
"""Of a picture of 512: the mouth and what is round it."""
_COLUMNS = 10


def write_sheet(path: Path, mouths: Mouths, faces: Coeffs, phones: Sequence[TimedPhone]) -> None:
    """Every frame's mouth in rows, each with the phone that sounds in its middle.

    Raises:
        OSError: it can't be written.
    """
    left, top, right, bottom = _BOX
    wide, high = right - left, bottom - top
    rows = -(-len(faces) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * wide, rows * high))
    draw = ImageDraw.Draw(sheet)
    rest = np.zeros(faces.shape[1], np.float32)
    for index, face in enumerate(faces):
        at = (index % _COLUMNS * wide, index // _COLUMNS * high)
        sheet.paste(Image.fromarray(mouths.picture(compose(rest, face))).crop(_BOX), at)
        draw.text((at[0] + 6, at[1] + 4), f"{index} {_sounding(phones, index)}", fill=(255, 255, 0))
    sheet.save(path)


def _sounding(phones: Sequence[TimedPhone], frame: int) -> str:
    middle = (frame + 0.5) * SAMPLES_PER_FRAME
    return next((phone.symbol for phone in phones if phone.start <= middle < phone.end), "")
