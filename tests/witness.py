"""A renderer for tests of what is shown: the poses count, the pictures don't."""

from __future__ import annotations

import numpy as np

from engines.media import Coeffs, Image


class Witness:
    """A renderer that remembers what it was asked for."""

    def __init__(self) -> None:
        self.seen: list[Coeffs] = []

    def render(self, coeffs: Coeffs) -> Image:
        self.seen.append(coeffs)
        return np.full((768, 512), 128, np.uint8)
