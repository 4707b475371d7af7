"""A picture of how far a training is: the mel of a recording, and below it the one predicted for the same words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.voice_report import coloured

BAND = 2
"""Pixels of a mel band; a frame (10 ms) is one."""

GAP = 4
"""Pixels between the two."""


def write_preview(path: Path, recorded: NDArray[np.floating], predicted: NDArray[np.floating]) -> None:
    """Writes both log mels [T, bands] as one PNG, dark to bright over the recorded one's range; an older one is
    replaced.

    Raises:
        OSError: it can't be written.
    """
    low, high = float(recorded.min()), float(recorded.max())
    height = BAND * recorded.shape[1]
    page = Image.new("RGB", (len(recorded), 2 * height + GAP), "white")
    for top, mel in ((0, recorded), (height + GAP, predicted)):
        page.paste(coloured((mel - low) / max(high - low, 1e-6), height).convert("RGB"), (0, top))
    page.save(path)
