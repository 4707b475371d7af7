"""The linear part of the motion model: ridge regression of the mouth on a quarter of a second of sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.motion.features import HEARD, STEPS
from engines.motion.model import LIPS, POOLED
from training.motion_set import Example

RIDGE = 0.03
"""Of the inputs' variance."""
WEAK = 2.0
"""Of a frame whose mouth is the teacher's, next to one of a tracked face: a voice more is worth as much as his, and
there is less of it."""


@dataclass(frozen=True)
class Linear:
    """weight: float32[POOLED · HEARD, len(LIPS)]. bias: float32[len(LIPS)]."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    @staticmethod
    def none() -> Linear:
        """Whose mouth never opens."""
        return Linear(np.zeros((POOLED * HEARD, len(LIPS)), np.float32), np.zeros(len(LIPS), np.float32))


def pooled(heard: NDArray) -> NDArray[np.float32]:
    """[T · STEPS, HEARD] to [T, POOLED · HEARD]: each block's mean and those of the blocks before it, oldest first."""
    means = heard.astype(np.float32).reshape(-1, STEPS, HEARD).mean(1)
    padded = np.pad(means, ((POOLED - 1, 0), (0, 0)))
    return np.concatenate([padded[k : k + len(means)] for k in range(POOLED)], axis=1)


def fit_linear(examples: Sequence[Example]) -> Linear:
    """From undisturbed speech: what is disturbed teaches a linear model to trust nothing."""
    known = [one.known > 0 for one in examples]
    inputs = np.concatenate([pooled(one.heard)[mask] for one, mask in zip(examples, known, strict=True)])
    lips = np.concatenate([one.lips[mask].astype(np.float32) for one, mask in zip(examples, known, strict=True)])
    counts = np.concatenate(
        [np.full(mask.sum(), WEAK if one.weak else 1.0) for one, mask in zip(examples, known, strict=True)]
    )
    share = (counts / counts.sum()).astype(np.float32)[:, None]
    mean, rest = (share * inputs).sum(0), (share * lips).sum(0)
    spread = np.sqrt((share * np.square(inputs - mean)).sum(0)) + 1e-3
    scaled = (inputs - mean) / spread
    normal = (share * scaled).T @ scaled + RIDGE * np.eye(scaled.shape[1], dtype=np.float32)
    weight = np.linalg.solve(normal, (share * scaled).T @ (lips - rest)) / spread[:, None]
    return Linear(weight.astype(np.float32), (rest - mean @ weight).astype(np.float32))
