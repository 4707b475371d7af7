"""What lies behind the head, as a part of the graph: the still plate, and before it a torso that moves.

``plate``, uint8 [512, 512, 3], is the still picture. What of it lies behind the window, as RGB, Y and UV, is folded
into constants when the graph is loaded. Where the torso moves its strip, from row ``top`` down, depends on ``drive``,
and is an output of its own: ``torso_y`` [512 - top, 512], ``torso_uv`` [2, (512 - top) / 2, 256] and ``torso_rgb``
[512 - top, 512, 3].
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from onnx import TensorProto
from torch import Tensor

from engines.nerf.color import CHROMA, LUMA
from engines.nerf.field import PortraitField
from engines.nerf.geometry import BLENDSHAPES, COEFFS, SIZE
from engines.nerf.torso import BLEED, Torso, grid_units, strip_points

from .builder import ROUND, Builder


def behind_shapes(model: PortraitField) -> dict[str, list[int]]:
    """Of the outputs that show what lies behind."""
    if model.torso is None:
        return {"plate": [SIZE, SIZE, 3]}
    return {"plate": [SIZE, SIZE, 3]} | _strip_shapes(model.torso)


def _strip_shapes(torso: Torso) -> dict[str, list[int]]:
    height = SIZE - torso.top
    return {"torso_y": [height, SIZE], "torso_uv": [2, height // 2, SIZE // 2], "torso_rgb": [height, SIZE, 3]}


def add_behind(g: Builder, model: PortraitField) -> None:
    """Makes ``plate_rgb``, ``plate_luma`` and ``plate_chroma``: what lies behind the window, cut at its column."""
    window = model.scene.window
    picture = np.clip(model.plate.detach().cpu().numpy() * 255 + 0.5, 0, 255).astype(np.uint8)
    stored = g.const("plate_stored", picture.transpose(1, 2, 0))
    g.op("Identity", [stored], "plate")
    whole = g.op("Cast", [stored], "plate_float", to=TensorProto.FLOAT)
    whole = g.op("Transpose", [whole], "plate_chw", perm=[2, 0, 1])
    whole = g.op("Div", [whole, g.scalar("full", 255)], "plate_unit")
    whole = g.op("Unsqueeze", [whole, g.shape("axis_first", 0)], "plate_still")
    luma, chroma = _luma(g, whole), _chroma(g, whole)
    if model.torso is not None:
        whole, luma, chroma = _before(g, model.torso, whole, luma, chroma)
    bottom = window.top + window.height
    whole = _rows(g, whole, "plate_rgb_band", window.top, bottom)
    luma = g.op("SpaceToDepth", [_rows(g, luma, "luma_band", window.top, bottom)], "plate_luma_band", blocksize=2)
    chroma = _rows(g, chroma, "plate_chroma_band", window.top // 2, bottom // 2)
    # Gather, for a Slice from a place that is only known at run time would make the shapes dynamic.
    pairs = g.op("Add", ["left", g.const("pair_columns", np.arange(window.cols))], "pairs")
    g.op("Gather", [luma, pairs], "plate_luma", axis=3)
    g.op("Gather", [chroma, pairs], "plate_chroma", axis=3)
    pixel = g.op("Add", ["left", "left"], "left_pixel")
    single = g.op("Add", [pixel, g.const("columns", np.arange(window.width))], "singles")
    g.op("Gather", [whole, single], "plate_rgb", axis=3)


def _rows(g: Builder, x: str, name: str, first: int, last: int) -> str:
    ends = g.shape(f"{name}_first", first), g.shape(f"{name}_last", last)
    return g.op("Slice", [x, *ends, g.shape(f"{name}_axis", 2)], name)


def _luma(g: Builder, rgb: str) -> str:
    """Y, in levels above black, of a picture [1, 3, h, w]: [1, 1, h, w]."""
    luma = g.op("Mul", [rgb, g.const("luma_mix", LUMA[1:].reshape(1, 3, 1, 1))], "plate_luma_parts")
    return g.op("ReduceSum", [luma, g.shape("axis_colour", 1)], "plate_luma_whole", keepdims=1)


def _chroma(g: Builder, rgb: str) -> str:
    """U and V, in levels above none, of a picture [1, 3, h, w], at half its size: [1, 2, h / 2, w / 2]."""
    small = g.op("Reshape", [rgb, g.shape("block_shape", 3, SIZE // 2, 2, SIZE // 2, 2)], "plate_blocks")
    small = g.op("ReduceMean", [small], "plate_small", axes=[2, 4], keepdims=0)
    chroma = g.op("Mul", [small, g.const("chroma_mix", CHROMA[:, 1:].reshape(1, 2, 3, 1, 1))], "plate_chroma_parts")
    return g.op("ReduceSum", [chroma, g.shape("axis_colours", 2)], "plate_chroma_whole", keepdims=0)


def _matrix(g: Builder, torso: Torso) -> str:
    """From (x, y, 1) of the strip to the plate's grid: [3, 2]."""
    units = grid_units(torso.top, BLEED).repeat(3)
    weight = torch.zeros(COEFFS, 6)
    weight[BLENDSHAPES:] = torso.follow.cpu() * units
    flat = g.linear("drive", "torso_motion", weight.T, (torso.rest.cpu() + torch.eye(3, 2).flatten()) * units)
    return g.op("Reshape", [flat, g.shape("torso_matrix_shape", 3, 2)], "torso_matrix")


def _grid(g: Builder, name: str, points: Tensor) -> str:
    """Where in the plate the strip's ``points`` [rows, cols, 3] are found: what x and what y add, summed."""
    rows, cols = points.shape[:2]
    x = torch.cat([points[:1, :, :1], torch.zeros(1, cols, 2)], 2)
    y = torch.cat([torch.zeros(rows, 1, 1), points[:, :1, 1:]], 2)
    across = g.op("MatMul", [g.const(f"rays_{name}_x", x[None]), "torso_matrix"], f"{name}_across")
    down = g.op("MatMul", [g.const(f"rays_{name}_y", y[None]), "torso_matrix"], f"{name}_down")
    return g.op("Add", [across, down], name)


def _before(g: Builder, torso: Torso, rgb: str, luma: str, chroma: str) -> tuple[str, str, str]:
    """The torso, under its motion, before the whole still pictures; makes its outputs too."""
    _matrix(g, torso)
    plate = torso.plate.cpu()
    mix = torch.from_numpy(np.stack([LUMA[1:], *CHROMA[:, 1:]]))
    yuv = torch.einsum("oc,nchw->nohw", mix, plate[:, :3])
    fine = _grid(g, "torso_grid", strip_points(torso.top))
    coarse = _grid(g, "torso_grid_half", strip_points(torso.top, 2))
    small = F.avg_pool2d(torch.cat([yuv[:, 1:], plate[:, 3:]], 1), 2)
    whole_rgb, below_rgb = _over(g, "torso_rgb", rgb, plate, fine)
    whole_y, below_y = _over(g, "torso_y", luma, torch.cat([yuv[:, :1], plate[:, 3:]], 1), fine)
    whole_uv, below_uv = _over(g, "torso_uv", chroma, small, coarse)
    below_rgb = g.op("Mul", [below_rgb, g.scalar("torso_full", 255)], "torso_rgb_levels")
    levels = {"torso_y": (below_y, LUMA[0]), "torso_uv": (below_uv, CHROMA[0, 0]), "torso_rgb": (below_rgb, 0.0)}
    shapes = _strip_shapes(torso)
    for name, (below, level) in levels.items():
        below = g.op("Add", [below, g.scalar(f"{name}_level", level + ROUND)], f"{name}_shifted")
        if name == "torso_rgb":
            below = g.op("Transpose", [below], "torso_rgb_last", perm=[0, 2, 3, 1])
        g.to_bytes(below, name, shapes[name])
    return whole_rgb, whole_y, whole_uv


def _over(g: Builder, name: str, still: str, plate: Tensor, grid: str) -> tuple[str, str]:
    """The torso of ``plate`` (colours, then alpha) before ``still``: whole, and of that the strip alone."""
    inputs = [g.const(f"{name}_plate", plate), grid]
    moved = g.op("GridSample", inputs, f"{name}_moved", mode="bilinear", padding_mode="zeros", align_corners=0)
    size = SIZE // 2 if name == "torso_uv" else SIZE
    top = size - (plate.shape[2] - 2 * BLEED * size // SIZE)
    ends = [g.shape(f"{name}_cut{k}", k) for k in (0, plate.shape[1] - 1, plate.shape[1])]
    axis = g.shape(f"{name}_channel", 1)
    colour = g.op("Slice", [moved, ends[0], ends[1], axis], f"{name}_colour")
    alpha = g.op("Slice", [moved, ends[1], ends[2], axis], f"{name}_alpha")
    clear = g.op("Sub", ["unit", alpha], f"{name}_clear")
    seen = g.op("Mul", [clear, _rows(g, still, f"{name}_still", top, size)], f"{name}_seen")
    below = g.op("Add", [colour, seen], f"{name}_below")
    return g.op("Concat", [_rows(g, still, f"{name}_above", 0, top), below], f"{name}_whole", axis=2), below
