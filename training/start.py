"""Begins a fit where an exported avatar stands: the weights of its graph, put back into a field."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from engines.avatar_meta import read_meta
from engines.nerf.field import BODY, MLP_SHARE, PortraitField

LAYERS = {"straight": "code", "bend_in": "bend_in", "bend_out": "bend_out", "tint_flat": "tint"}
"""Linear layers: their name in the graph, and in the field; the graph holds their weights turned."""
CONVOLUTIONS = ("entry", *(f"body.{k}" for k in range(BODY)))


def begin_from(model: PortraitField, avatar: Path) -> None:
    """Gives ``model`` the field, the expression and the networks of ``avatar``; its plate stays as it is.

    Planes and shell lie in the head's own space, so another person's are a head to begin with: only the windows and the
    boxes round them differ. Weights come back as the graph stores them, the large ones in float16.

    Raises:
        ValueError: the avatar is missing, or was exported by another version; the message says what to do.
    """
    read_meta(avatar)
    graph = onnx.load(avatar / "face.onnx").graph
    stored = {tensor.name.removesuffix("_half"): numpy_helper.to_array(tensor) for tensor in graph.initializer}
    wanted = dict(model.named_parameters())
    try:
        found = _parameters(stored)
        for name in ("code", "bend_in", "tint"):
            found[f"{name}.weight"] = found[f"{name}.weight"] / model.units.cpu()
        with torch.no_grad():
            for name, value in found.items():
                wanted[name].copy_(value.view(wanted[name].shape))
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{avatar} is of another version of the field ({error}): train without --from") from error


def _parameters(stored: dict[str, NDArray[np.generic]]) -> dict[str, Tensor]:
    """The field's parameters by name, from the graph's constants."""
    values = {name: torch.from_numpy(value.astype(np.float32)) for name, value in stored.items() if value.ndim}
    out = {name: values[name] for name in ("planes", "basis", "shell")}
    for layer, name in LAYERS.items():
        out |= {f"{name}.weight": values[f"{layer}_w"].T, f"{name}.bias": values[f"{layer}_b"]}
    for part in ("weight", "bias"):
        out[f"bend_out.{part}"] = out[f"bend_out.{part}"] / MLP_SHARE
    for layer, name in {"hidden": "hidden", "raw": "out", "rgba": "last"}.items():
        out |= {f"{name}.weight": values[f"{layer}_w"], f"{name}.bias": values[f"{layer}_b"]}
    for name in CONVOLUTIONS:
        layer = name.replace(".", "")
        out |= {f"{name}.weight": values[f"{layer}_w"], f"{name}.bias": values[f"{layer}_b"]}
    return out
