"""All networks of a voice together, with the constants that they were trained with, and their file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from training.voice_nets import BINS, MELS, Decoder, Melody, Plan, Prosody, Timbre, Vocoder


class Networks(nn.Module):
    """The networks that a bundle holds.

    Attributes:
        mel_mean, mel_sd: float[80], of log mels of the training set; networks see mels normalised by them.
        liveliness: float[80, 80]: see `vary`.
    """

    mel_mean: Tensor
    mel_sd: Tensor
    liveliness: Tensor

    def __init__(self, shape: Tensor | None = None) -> None:
        super().__init__()
        self.plan = Plan()
        self.melody = Melody()
        self.prosody = Prosody()
        self.decoder = Decoder()
        self.vocoder = Vocoder(torch.zeros(MELS + 1, BINS) if shape is None else shape)
        self.timbre = Timbre()
        self.register_buffer("mel_mean", torch.full((MELS,), -5.0))
        self.register_buffer("mel_sd", torch.full((MELS,), 2.0))
        self.register_buffer("liveliness", torch.eye(MELS))

    def normal(self, mel: Tensor) -> Tensor:
        """Log mels float[..., 80] to what the networks see."""
        return (mel - self.mel_mean) / self.mel_sd

    def vary(self, mel: Tensor) -> Tensor:
        """Gives a predicted mel the variance of recorded ones (global variance, Toda and Tokuda 2007)."""
        return mel @ self.liveliness


def save(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
    """Writes tensors and JSON `notes` as one safetensors file, whole or not at all."""
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"notes": json.dumps(notes)})
    part.replace(path)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and notes of a file that `save` wrote.

    Raises:
        ValueError: the file is not one, or a tensor in it is not finite.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            notes = json.loads((file.metadata() or {}).get("notes", "{}"))
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no checkpoint of a voice: {error}") from error
    broken = [name for name, value in tensors.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if broken:
        raise ValueError(f"{path} holds numbers that are not finite in {broken[0]}: train it again")
    return tensors, notes
