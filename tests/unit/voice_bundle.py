"""A tiny voice with random weights, in the shape of a real one: for tests of everything around the networks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from engines.tts.features import CONTEXT, PHONES

HIDDEN, LEFT, RIGHT = 4, 7, 5
STYLES = {
    "calm": {"rate": 0.8, "pitch": -0.5, "range": 0.7, "energy": -0.3, "breath": 0.0},
    "cheerful": {"rate": 1.25, "pitch": 1.0, "range": 1.3, "energy": 0.3, "breath": 0.0},
    "whisper": {"rate": 1.0, "pitch": 0.0, "range": 1.0, "energy": 0.0, "breath": 1.0},
}


def write_voice(folder: Path, describe: Callable[[dict[str, Any]], None] = lambda meta: None, poison: str = "") -> Path:
    """Writes the bundle into `folder`.

    Args:
        describe: changes `voice.json`.
        poison: the graph of which one weight becomes not a number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sums: dict[str, str] = {}
    for name, build in (("plan", _plan), ("prosody", _prosody), ("decode", _decode)):
        path = folder / f"{name}.onnx"
        model = build(np.random.default_rng(7))
        if poison == name:
            _spoil(model)
        onnx.save(model, path)
        sums[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    meta: dict[str, Any] = {
        "format": "visavis-voice/1", "name": "tiny", "language": "en", "sample_rate": 24_000, "hop": 240, "n_fft": 960,
        "phones": list(PHONES), "features": list(CONTEXT), "hidden": HIDDEN, "left": LEFT, "right": RIGHT,
        "timbre": [0.0] * 64, "log_f0_mean": 5.2, "log_f0_sd": 0.2, "gain_db": 0.0, "styles": STYLES, "licence": "none",
        "consent": None, "source": "random weights", "figures": {}, "sha256": sums,
    }  # fmt: skip
    describe(meta)
    (folder / "voice.json").write_text(json.dumps(meta), "utf-8")
    return folder


def _spoil(model: onnx.ModelProto) -> None:
    tensor = next(tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT)
    values = numpy_helper.to_array(tensor).copy()
    values.reshape(-1)[-1] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _model(
    nodes: list[NodeProto],
    inputs: dict[str, list[int | str]],
    outputs: dict[str, list[int | str]],
    weights: dict[str, NDArray[Any]],
) -> onnx.ModelProto:
    integers = ("phones", "stress")
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64 if name in integers else TensorProto.FLOAT, shape)
            for name, shape in inputs.items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def _plan(rng: np.random.Generator) -> onnx.ModelProto:
    """Each unit's hidden vector is its embedding; its frames depend on its embedding too, 3 to 13."""
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "phones"], ["rows"]),
        node("Transpose", ["rows"], ["hidden"], perm=[0, 2, 1]),
        node("MatMul", ["rows", "lengths"], ["raw"]),
        node("Squeeze", ["raw", "last"], ["flat"]),
        node("Sigmoid", ["flat"], ["share"]),
        node("Mul", ["share", "ten"], ["most"]),
        node("Add", ["most", "three"], ["duration"]),
    ]
    inputs = {"phones": [1, "n"], "stress": [1, "n"], "context": [1, "n", len(CONTEXT)]}
    return _model(
        nodes,
        {**inputs, "timbre": [1, 64], "inside": [1, "n"]},
        {"hidden": [1, HIDDEN, "n"], "duration": [1, "n"]},
        {
            "table": rng.normal(size=(len(PHONES), HIDDEN)).astype(np.float32),
            "lengths": rng.normal(size=(HIDDEN, 1)).astype(np.float32),
            "last": np.array([-1]), "ten": np.array(10, np.float32), "three": np.array(3, np.float32),
        },
    )  # fmt: skip


def _prosody(rng: np.random.Generator) -> onnx.ModelProto:
    """Pitch from the hidden vectors around each frame; voiced, where it is above the mean."""
    node = helper.make_node
    nodes = [
        node("Conv", ["hidden", "kernel"], ["tracks"], pads=[4, 4]),
        node("Split", ["tracks"], ["a", "b", "c"], axis=1),
        node("Squeeze", ["a", "second"], ["wide"]),
        node("Tanh", ["wide"], ["f0"]),
        node("Squeeze", ["b", "second"], ["logit"]),
        node("Sigmoid", ["logit"], ["voicing"]),
        node("Squeeze", ["c", "second"], ["energy"]),
    ]
    return _model(
        nodes,
        {"hidden": [1, HIDDEN, "t"], "place": [1, 3, "t"], "timbre": [1, 64], "inside": [1, "t"]},
        {name: [1, "t"] for name in ("f0", "voicing", "energy")},
        {"kernel": rng.normal(size=(3, HIDDEN, 9)).astype(np.float32), "second": np.array([1])},
    )


def _decode(rng: np.random.Generator) -> onnx.ModelProto:
    """Filters from `LEFT` frames before to `RIGHT` after, of whatever lies inside the phrase."""
    node = helper.make_node
    rows = ("f0", "voicing", "energy")
    nodes = [
        *(node("Unsqueeze", [name, "second"], [f"{name}_row"]) for name in (*rows, "inside")),
        node("Concat", ["hidden", "place", *(f"{name}_row" for name in rows)], ["all"], axis=1),
        node("Mul", ["all", "inside_row"], ["seen"]),
        node("Conv", ["seen", "reach"], ["around"], pads=[LEFT, RIGHT]),
        node("Tanh", ["around"], ["bent"]),
        node("Conv", ["bent", "spread", "bias"], ["flat"]),
        node("Reshape", ["flat", "shape"], ["filters"]),
    ]
    tracks: dict[str, list[int | str]] = {name: [1, "w"] for name in (*rows, "hertz", "inside")}
    return _model(
        nodes,
        {"hidden": [1, HIDDEN, "w"], "place": [1, 3, "w"], **tracks, "timbre": [1, 64]},
        {"filters": [1, 3, 481, "w"]},
        {
            "reach": rng.normal(0, 0.2, (8, HIDDEN + 6, LEFT + RIGHT + 1)).astype(np.float32),
            "spread": rng.normal(0, 0.3, (3 * 481, 8, 1)).astype(np.float32),
            "bias": np.full(3 * 481, -4, np.float32),
            "second": np.array([1]), "shape": np.array([1, 3, 481, -1]),
        },
    )  # fmt: skip
