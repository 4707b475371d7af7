"""Where a fit that is under way is kept: checkpoints to go on from, and what it looks like by now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from engines.nerf.field import PortraitField

from .frames import Frames

PREVIEWS = 4


def workshop(output: Path) -> Path:
    """The folder beside the avatar where checkpoints and previews lie; it keeps itself out of git."""
    folder = output.with_name(output.name + ".fit")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder


@dataclass
class Progressed:
    """Where a fit stands: its stage, steps within it and seconds trained in all."""

    stage: str
    step: int = 0
    seconds: float = 0.0


def save(folder: Path, networks: dict[str, torch.nn.Module], adam: torch.optim.Adam, at: Progressed) -> None:
    """Writes the checkpoint; the JSON goes last, so a fit that is killed between leaves a whole older pair or none."""
    tensors = {
        f"{kind}.{name}": value.detach().clone()
        for kind, network in networks.items()
        for name, value in network.state_dict().items()
    }
    for number, state in adam.state_dict()["state"].items():
        tensors |= {f"adam.{number}.{name}": value for name, value in state.items()}
    save_file(tensors, folder / "fit.safetensors.part")
    (folder / "fit.safetensors.part").replace(folder / "fit.safetensors")
    (folder / "fit.json").write_text(json.dumps(vars(at)))


def restore(folder: Path, networks: dict[str, torch.nn.Module], adam: torch.optim.Adam) -> Progressed:
    """Loads what ``save`` wrote into ``networks`` and ``adam``.

    Raises:
        ValueError: there is nothing to go on from, or it belongs to another network.
    """
    stored: dict[int, dict[str, Tensor]] = {}
    try:
        at = Progressed(**json.loads((folder / "fit.json").read_text()))
        tensors = load_file(folder / "fit.safetensors")
        for kind, network in networks.items():
            begin = f"{kind}."
            network.load_state_dict({k.removeprefix(begin): v for k, v in tensors.items() if k.startswith(begin)})
    except (OSError, TypeError, RuntimeError, json.JSONDecodeError) as error:
        raise ValueError(f"{folder} holds no fit to go on from: train without --resume") from error
    for key, value in tensors.items():
        if key.startswith("adam."):
            _, number, name = key.split(".")
            stored.setdefault(int(number), {})[name] = value
    adam.load_state_dict({"state": stored, "param_groups": adam.state_dict()["param_groups"]})
    return at


def preview(model: PortraitField, frames: Frames, path: Path) -> None:
    """A few training poses as the model draws them, side by side, as a PNG."""
    chosen = np.linspace(0, len(frames.drive) - 1, PREVIEWS).astype(int)
    with torch.no_grad():
        drawn = [
            model(frames.drive[i], frames.rot[i], frames.origin[i], model.behind(frames.drive[i], frames.left[i]))[0]
            for i in chosen
        ]
    wide = torch.cat(drawn, 2).clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    Image.fromarray((wide * 255 + 0.5).astype(np.uint8)).save(path)
