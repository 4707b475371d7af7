"""A person's own way of moving the mouth, fitted from their video: amplitude, rest, asymmetry, and a codebook.

A codebook keeps a mouth that was learned from somebody else within what this person's mouth does: each frame is drawn
towards the mixture of its nearest shapes there that resembles it most (GeneFace++, Ye et al. 2023, arXiv 2305.00787,
"landmark locally linear embedding": 10 neighbours, a share of 0.2 to 0.25, then the 3 % to 97 % range).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, COEFFS, Coeffs
from engines.motion.model import LIPS, Lips

NEIGHBOURS, SHARE = 10, 0.25
_ARRAYS = ("gain", "low", "high", "balance", "share", "codebook")
_RIDGE = 1e-3
"""Next to the neighbours' mean squared distance: alike ones share the weight."""
MOST_CODES = 512
"""Mouths in a codebook: more than a minute of speech has that differ."""
FILE = "style.npz"
"""In an avatar's folder."""


@dataclass(frozen=True)
class Style:
    """
    Attributes:
        gain: float32[14], of each shape of `LIPS`. low, high: float32[14], its range.
        balance: float32[14], -1..1: how much more of it the left side has (right: less).
        share: float32[14], 0..1: how far each follows the codebook; 0 where the video tells nothing of it.
        codebook: float32[n, 14], n >= `NEIGHBOURS`: mouths that the person made.
    """

    gain: Lips
    low: Lips
    high: Lips
    balance: Lips
    share: Lips
    codebook: NDArray[np.float32]

    def of(self, lips: Lips) -> Lips:
        """The mouth as this person would make it, float32[14]."""
        own = lips * self.gain
        away = (self.codebook - own) * (self.share > 0)
        distance = np.square(away).sum(1)
        nearest = np.argpartition(distance, NEIGHBOURS - 1)[:NEIGHBOURS]
        away = away[nearest]
        gram = away @ away.T
        gram[np.diag_indices(NEIGHBOURS)] += _RIDGE * np.trace(gram) / NEIGHBOURS + 1e-6
        weights = np.linalg.solve(gram, np.ones(NEIGHBOURS, np.float32))
        weights /= weights.sum()
        mixed = own + self.share * (weights.astype(np.float32) @ away)
        return np.clip(mixed, self.low, self.high).astype(np.float32)

    def expand(self, lips: Lips) -> Coeffs:
        """float32[14] to float32[58], each side with its share."""
        left, right = lips * (1 + self.balance), lips * (1 - self.balance)
        return np.clip(left @ _LEFT + right @ _RIGHT + lips @ _BOTH, 0, 1).astype(np.float32)


def load_style(folder: Path) -> Style | None:
    """The style in an avatar's folder; None where there is none.

    Raises:
        ValueError: the file there holds no style; the message says what to do.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            values = {name: stored[name].astype(np.float32) for name in _ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path} holds no style ({error}): fit it again, or remove the file") from error
    codes = values["codebook"]
    fits = all(values[name].shape == (len(LIPS),) for name in _ARRAYS[:-1])
    if not fits or codes.ndim != 2 or codes.shape[1] != len(LIPS) or not NEIGHBOURS <= len(codes) <= MOST_CODES:
        raise ValueError(f"{path} was written by another version: fit the style again, or remove the file")
    if not all(np.isfinite(value).all() for value in values.values()):
        raise ValueError(f"{path} has numbers that are none: fit the style again, or remove the file")
    return Style(**values)


def save_style(style: Style, folder: Path) -> None:
    """Into an avatar's folder."""
    with (folder / FILE).open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: getattr(style, name) for name in _ARRAYS})


def _sides(suffix: str) -> NDArray[np.float32]:
    """[14, 58]: where each shape goes among the names that end so, or on neither side for an empty suffix."""
    spread = np.zeros((len(LIPS), COEFFS), np.float32)
    for row, stem in enumerate(LIPS):
        for column, name in enumerate(ARKIT_NAMES):
            sided = name.endswith(("Left", "Right"))
            if name.startswith(stem) and (name.endswith(suffix) if suffix else not sided):
                spread[row, column] = 1.0
    return spread


_LEFT, _RIGHT, _BOTH = _sides("Left"), _sides("Right"), _sides("")
