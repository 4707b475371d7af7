"""A portrait field as an ONNX graph, written node by node: opset 17, static shapes, weights stored as float16.

Written by hand because layout changes, not arithmetic, are what a frame costs on a CPU, and because the names of the
tensors are the engine's contract. Inputs: ``drive`` [1, 58], ``rot`` [1, 3, 3] and ``origin`` [1, 1, 3] as
``engines.nerf.geometry.place`` gives them, and ``left``, int64 [1], the window's first column in pairs of pixels.
``delta`` and ``found`` are where the engine changes precision; ``plate_luma`` and ``plate_chroma``, cut from their
``_band``, it gives itself. Outputs, uint8: ``y`` [height, width], ``uv`` [2, rows, cols]
and ``rgb`` [height, width, 3] of the window; what lies round it is in ``graph_behind``. Opset 17, for from 20 on
TensorRT silently runs GridSample as nearest.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor

from engines.nerf.color import CHROMA, LUMA
from engines.nerf.field import (
    BODY,
    CHANNELS,
    DENSITY,
    LOW_X,
    LOW_Y,
    MLP_SHARE,
    PAD_X,
    PAD_Y,
    PortraitField,
)
from engines.nerf.geometry import COEFFS, SHELL_STEP, Window

from .builder import ROUND, Builder
from .graph_behind import add_behind, behind_shapes

OPSET = 17


def _planes(g: Builder, model: PortraitField) -> str:
    """The planes that wear the expression: P0 + enlarged basis product + tint."""
    hidden = g.op(
        "Relu", [g.linear("drive", "bend_in", model.bend_in.weight * model.units, model.bend_in.bias)], "bend_relu"
    )
    scaled = model.bend_out.weight * MLP_SHARE, model.bend_out.bias * MLP_SHARE
    bent = g.linear(hidden, "bend_out", *scaled)
    code = g.op("Add", [g.linear("drive", "straight", model.code.weight * model.units, model.code.bias), bent], "code")
    delta = g.op("MatMul", [code, g.const("basis", model.basis)], "delta_flat")
    delta = g.op("Reshape", [delta, g.shape("delta_shape", 3, CHANNELS, LOW_Y, LOW_X)], "delta")
    delta = g.op(
        "Resize",
        [delta, "", g.const("twice", np.array([1, 1, 2, 2], np.float32))],
        "delta_large",
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
    pads = g.shape("delta_pads", 0, 0, PAD_Y, PAD_X, 0, 0, PAD_Y, PAD_X)
    delta = g.op("Pad", [delta, pads], "delta_padded")
    tint = g.linear("drive", "tint_flat", model.tint.weight * model.units, model.tint.bias)
    tint = g.op("Reshape", [tint, g.shape("tint_shape", 3, CHANNELS, 1, 1)], "tint")
    still = g.op("Add", [g.const("planes", model.planes), tint], "tinted")
    return g.op("Add", [still, delta], "posed_planes")


def _depths(g: Builder, model: PortraitField) -> str:
    """Depth of each ray's two samples, cm: [1, 2, rows * cols, 1]."""
    window = model.scene.window
    coarse_y, coarse_x = window.rows // SHELL_STEP, window.cols // SHELL_STEP
    coarse = g.const("rays_coarse", model.coarse.reshape(1, -1, 3))
    turned = g.op("MatMul", [coarse, "rot"], "coarse_turned")
    one, two, three = g.shape("i0", 0), g.shape("i2", 2), g.shape("i3", 3)
    last = g.shape("axis_last", 2)
    across = g.op("Slice", [turned, one, two, last], "coarse_xy")
    along = g.op("Slice", [turned, two, three, last], "coarse_z")
    origin_xy = g.op("Slice", ["origin", one, two, last], "origin_xy")
    origin_z = g.op("Slice", ["origin", two, three, last], "origin_z")
    middle = g.op("Div", [g.op("Neg", [origin_z], "minus_z"), along], "middle")
    crossing = g.op("Add", [g.op("Mul", [across, middle], "run"), origin_xy], "crossing")
    unit = g.const("box_unit", model.select[0, :2].sum(1).view(1, 1, 2))
    grid = g.op("Mul", [crossing, unit], "shell_flat")
    grid = g.op("Reshape", [grid, g.shape("shell_grid_shape", 1, coarse_y, coarse_x, 2)], "shell_grid")
    offset = _sample(g, g.const("shell", model.shell), grid, "shell_offset")
    middle = g.op("Reshape", [middle, g.shape("middle_shape", 1, 1, coarse_y, coarse_x)], "middle_picture")
    depth = g.op("Add", [offset, middle], "depth_coarse")
    # Two small products enlarge it: a Resize of two channels spends ten times as long on layouts.
    tall = g.op("MatMul", [g.const("rays_enlarge_y", model.enlarge_y), depth], "depth_tall")
    depth = g.op("MatMul", [tall, g.const("rays_enlarge_x", model.enlarge_x.T)], "depth")
    return g.op("Reshape", [depth, g.shape("depth_shape", 1, 2, window.rows * window.cols, 1)], "depth_rays")


def _sample(g: Builder, picture: str, grid: str, name: str) -> str:
    return g.op("GridSample", [picture, grid], name, mode="bilinear", padding_mode="zeros", align_corners=0)


def _features(g: Builder, model: PortraitField) -> str:
    """Rays through the planes, the two-layer field and its compositing: [1, FEATURES, rows, cols]."""
    window = model.scene.window
    rays = window.rows * window.cols
    planes, depth = _planes(g, model), _depths(g, model)
    select = g.const("select", model.select)
    slope = g.op("MatMul", [g.const("rays_fine", model.directions.reshape(1, -1, 3)), _turned(g, select)], "slope_flat")
    slope = g.op("Reshape", [slope, g.shape("slope_shape", 3, 1, rays, 2)], "slope")
    start = g.op("MatMul", ["origin", select], "start_flat")
    start = g.op("Reshape", [start, g.shape("start_shape", 3, 1, 1, 2)], "start")
    grid = g.op("Add", [g.op("Mul", [slope, depth], "reach"), start], "grid_rays")
    grid = g.op("Reshape", [grid, g.shape("grid_shape", 3, 2 * window.rows, window.cols, 2)], "grid")
    found = _sample(g, planes, grid, "found_planes")
    found = g.op("Reshape", [found, g.shape("found_shape", 1, 3 * CHANNELS, 2 * window.rows, window.cols)], "found")
    hidden = g.conv(found, "hidden", model.hidden.weight[:, :, None, None], model.hidden.bias)
    raw = g.conv(g.op("Relu", [hidden], "hidden_relu"), "raw", model.out.weight[:, :, None, None], model.out.bias)
    return _composite(g, raw, window.rows)


def _turned(g: Builder, select: str) -> str:
    return g.op("MatMul", ["rot", select], "turned_select")


def _composite(g: Builder, raw: str, rows: int) -> str:
    """``engines.nerf.field.composite``, unrolled for two samples stacked along the height."""
    axis, ends = g.shape("axis_height", 2), [g.shape(f"height{k}", k * rows) for k in range(3)]
    zero, one = g.shape("channel0", 0), g.shape("channel1", 1)
    channel = g.shape("axis_channel", 1)
    density = g.op("Slice", [raw, zero, one, channel], "density")
    soft = g.op("Softplus", [density], "density_soft")
    gone = g.op("Exp", [g.op("Mul", [soft, g.scalar("minus_half", -DENSITY)], "depth_optical")], "gone")
    gones = [g.op("Slice", [gone, ends[k], ends[k + 1], axis], f"gone{k}") for k in range(2)]
    samples = [g.op("Slice", [raw, ends[k], ends[k + 1], axis], f"sample{k}") for k in range(2)]
    unit = g.scalar("unit", 1)
    near = g.op("Sub", [unit, gones[0]], "weight0")
    far = g.op("Mul", [gones[0], g.op("Sub", [unit, gones[1]], "opaque1")], "weight1")
    seen = [g.op("Mul", [samples[0], near], "seen0"), g.op("Mul", [samples[1], far], "seen1")]
    return g.op("Add", seen, "features")


def yuv_weights(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Folds BT.601's matrix into a convolution that makes the RGB and alpha of 2 x 2 blocks.

    Args:
        weight: [16, in, k, k] and bias [16]: four pixels' red, green, blue, alpha (before the sigmoid).

    Returns:
        weight [10, in, k, k] and bias [10]: four pixels' Y, then U and V of their mean, then four alphas; Y, U and V in
        8-bit levels above those of black.
    """
    mix = np.zeros((6, 12), np.float32)
    for colour in range(3):
        for pixel in range(4):
            mix[pixel, 4 * colour + pixel] = LUMA[1 + colour]
            mix[4:, 4 * colour + pixel] = CHROMA[:, 1 + colour] / 4
    kernel = np.concatenate([np.einsum("oi,icyx->ocyx", mix, weight[:12]), weight[12:]])
    return kernel.astype(np.float32), np.concatenate([mix @ bias[:12], bias[12:]]).astype(np.float32)


def _layer(model: PortraitField, name: str) -> tuple[Tensor, Tensor]:
    return model.get_parameter(f"{name}.weight"), model.get_parameter(f"{name}.bias")


def _inside(g: Builder, x: str, name: str) -> str:
    """``x`` within the window, none on its rim."""
    return g.op("Mul", [x, "inside"], f"{name}_inside")


def _clear(g: Builder, alpha: str, name: str) -> str:
    """How much of the plate is seen: all of it on the rim."""
    alpha = _inside(g, g.op("Sigmoid", [alpha], f"{name}_alpha"), name)
    return g.op("Sub", ["unit", alpha], name)


def _yuv(g: Builder, model: PortraitField, x: str) -> None:
    """The last convolution as Y, U and V over the plate: outputs ``y`` and ``uv``."""
    window = model.scene.window
    weight, bias = (p.detach().cpu().numpy() for p in _layer(model, "last"))
    out = g.conv(x, "yuva", *yuv_weights(weight, bias))
    channel = g.shape("axis_channel_colour", 1)
    cut = [g.shape(f"cut{k}", k) for k in (0, 4, 6, 10)]
    luma, chroma, alpha = (g.op("Slice", [out, cut[k], cut[k + 1], channel], f"part{k}") for k in range(3))
    clear = _clear(g, alpha, "clear4")
    luma = g.op("Add", [_inside(g, luma, "luma"), g.op("Mul", [clear, "plate_luma"], "luma_behind")], "luma_sum")
    luma = g.op("Add", [luma, g.scalar("luma_level", LUMA[0] + ROUND)], "luma4")
    mean = g.op("ReduceMean", [clear], "clear_mean", axes=[1], keepdims=1)
    behind = g.op("Mul", [mean, "plate_chroma"], "chroma_behind")
    chroma = g.op("Add", [_inside(g, chroma, "chroma"), behind], "chroma_sum")
    chroma = g.op("Add", [chroma, g.scalar("chroma_level", CHROMA[0, 0] + ROUND)], "chroma2")
    g.to_bytes(
        g.op("DepthToSpace", [luma], "luma_picture", blocksize=2, mode="CRD"), "y", (window.height, window.width)
    )
    g.to_bytes(chroma, "uv", (2, window.rows, window.cols))


def _rgb(g: Builder, model: PortraitField, x: str) -> None:
    """The last convolution as RGB over the plate: output ``rgb``."""
    window = model.scene.window
    out = g.conv(x, "rgba", *_layer(model, "last"))
    channel, cut = g.shape("axis_channel_rgb", 1), [g.shape(f"rgb_cut{k}", k) for k in (0, 12, 16)]
    colour = g.op("Slice", [out, cut[0], cut[1], channel], "colour12")
    alpha = g.op("Slice", [out, cut[1], cut[2], channel], "alpha12")
    clear = _clear(g, alpha, "clear_rgb")
    clear = g.op("DepthToSpace", [clear], "clear_picture", blocksize=2, mode="CRD")
    colour = _inside(g, colour, "colour")
    colour = g.op("DepthToSpace", [colour], "colour_picture", blocksize=2, mode="CRD")
    whole = g.op("Add", [colour, g.op("Mul", [clear, "plate_rgb"], "rgb_behind")], "rgb_unit")
    levels = g.op("Mul", [whole, g.scalar("levels", 255)], "rgb_levels")
    levels = g.op("Add", [levels, g.scalar("half", ROUND)], "rgb_shifted")
    g.to_bytes(g.op("Transpose", [levels], "rgb_last", perm=[0, 2, 3, 1]), "rgb", (window.height, window.width, 3))


def _shapes(window: Window) -> dict[str, list[int]]:
    """Of the outputs that show the window."""
    return {
        "y": [window.height, window.width],
        "uv": [2, window.rows, window.cols],
        "rgb": [window.height, window.width, 3],
    }


def build(model: PortraitField) -> onnx.ModelProto:
    """The whole graph of a trained field, checked."""
    g = Builder()
    x = _features(g, model)
    x = g.op("Relu", [g.conv(x, "entry", *_layer(model, "entry"))], "entry_relu")
    for k in range(BODY):
        grown = g.op("Relu", [g.conv(x, f"body{k}", *_layer(model, f"body.{k}"))], f"body{k}_relu")
        x = g.op("Add", [x, grown], f"body{k}_sum")
    g.const("inside", model.inside[None])
    add_behind(g, model)
    _yuv(g, model, x)
    _rgb(g, model, x)
    floats = {"drive": [1, COEFFS], "rot": [1, 3, 3], "origin": [1, 1, 3]}
    pictures = _shapes(model.scene.window) | behind_shapes(model)
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in floats.items()]
    inputs.append(helper.make_tensor_value_info("left", TensorProto.INT64, [1]))
    outputs = [helper.make_tensor_value_info(n, TensorProto.UINT8, s) for n, s in pictures.items()]
    graph = helper.make_graph(g.nodes, "portrait_field", inputs, outputs, g.constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made
