"""The motion model as torch sees it, for training; `engines.motion.model` is its twin at run time."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engines.motion.features import CLASSES, FEATURES, STEPS
from engines.motion.model import FRONT, KERNEL, LIPS, NARROW, WIDTH
from training.motion_linear import Linear

DILATIONS = (1, 1, 2, 2)
"""Of the residual blocks."""
DROPOUT = 0.15
_SHARED, _SHARE = ("jawOpen", "mouthLowerDown", "mouthUpperUp", "mouthFunnel"), 0.3
SHARES = np.array([_SHARE if name in _SHARED else 0.0 for name in LIPS], np.float32)
"""Of the linear model in each shape: as little as follows voices that taught nothing as well as more would."""


class Block(nn.Module):
    """A residual block over pictures; sees no future."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.reach = 2 * dilation
        self.first = nn.Conv1d(WIDTH, NARROW, 3, dilation=dilation)
        self.second = nn.Conv1d(NARROW, WIDTH, 1)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.first(functional.pad(x, (self.reach, 0))))
        return x + self.second(self.drop(inner))


class MotionNet(nn.Module):
    """[batch, T · STEPS, FEATURES] to the lips [batch, T, len(LIPS)] and, in training, the phone's class at every
    picture [batch, T, classes]: a second task that teaches the sound of phones which no tracked face has said."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(FEATURES, FRONT, KERNEL)
        self.front = nn.Conv1d(FRONT, FRONT, KERNEL)
        self.down = nn.Conv1d(FRONT, WIDTH, STEPS, stride=STEPS)
        self.blocks = nn.ModuleList(Block(dilation) for dilation in DILATIONS)
        self.out = nn.Conv1d(WIDTH, len(LIPS), 1)
        self.phone = nn.Conv1d(WIDTH, len(CLASSES), 1)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.pad(x.transpose(1, 2), (KERNEL - 1, 0))
        x = functional.relu(self.enter(x))
        x = x + functional.relu(self.front(functional.pad(x, (KERNEL - 1, 0))))
        x = self.drop(functional.relu(self.down(x)))
        for block in self.blocks:
            x = block(x)
        return self.out(x).transpose(1, 2), self.phone(x).transpose(1, 2)


def arrays(net: MotionNet, spectrum: NDArray[np.float32], linear: Linear) -> dict[str, NDArray[np.float32]]:
    """The weights as `engines.motion.model.shapes` names and lays them out."""
    layers: dict[str, nn.Module] = {"enter": net.enter, "front": net.front, "down": net.down, "out": net.out}
    for index, block in enumerate(net.blocks):
        assert isinstance(block, Block)
        layers |= {f"block{index}.first": block.first, f"block{index}.second": block.second}
    found = {"spectrum": spectrum.astype(np.float32), "dilations": np.array(DILATIONS, np.float32)}
    found |= {"linear.weight": linear.weight, "linear.bias": linear.bias, "linear.share": SHARES.copy()}
    for name, layer in layers.items():
        assert isinstance(layer, nn.Conv1d)
        assert layer.bias is not None
        weight = layer.weight.detach().permute(2, 1, 0)  # taps, inputs, outputs
        found[f"{name}.weight"] = torch.flatten(weight, 0, 1).numpy().astype(np.float32)
        found[f"{name}.bias"] = layer.bias.detach().numpy().astype(np.float32)
    return found
