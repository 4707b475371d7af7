"""Writes a voice's bundle: `plan.onnx`, `prosody.onnx`, `decode.onnx`, `timbre.onnx` and `voice.json`.

Weights are stored as float16 and computed with as float32, which halves the bundle and moves a sample by less than
1e-3 of full scale.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from engines.media import SAMPLE_RATE
from engines.tts.features import CONTEXT, HOP, PHONES
from training.voice_nets import HIDDEN, MELODY, MELS, TIMBRE, context
from training.voice_parts import Networks

OPSET = 17
FORMAT = "visavis-voice/1"
SMALLEST = 256
"""Elements: smaller tensors (norms, biases of a channel) stay float32, for they cost nothing."""

STYLES: dict[str, dict[str, float]] = {
    # rate times the speaker's own; pitch in sd of her log F0; range times hers; energy in sd; breath 0..1
    "calm": {"rate": 0.92, "pitch": -0.25, "range": 0.8, "energy": -0.25, "breath": 0.0},
    "cheerful": {"rate": 1.06, "pitch": 0.55, "range": 1.35, "energy": 0.2, "breath": 0.0},
    "serious": {"rate": 0.95, "pitch": -0.45, "range": 0.9, "energy": 0.1, "breath": 0.0},
    "whisper": {"rate": 0.93, "pitch": 0.0, "range": 0.6, "energy": -0.6, "breath": 1.0},
}
"""Prosody of a style against plain reading: directions and sizes of the acoustic correlates of emotional speech
(Scherer 2003, Speech Communication 40, table 2: joy faster, higher, wider; calm and sadness slower, lower, narrower),
within what the speaker's own recordings cover (about ±1 sd), for beyond it the networks guess."""


class _Plan(nn.Module):
    def __init__(self, parts: Networks) -> None:
        super().__init__()
        self.net = parts.plan
        self.parts = nn.ModuleDict({"melody": parts.melody})

    def forward(
        self, phones: Tensor, stress: Tensor, context: Tensor, timbre: Tensor, inside: Tensor
    ) -> tuple[Tensor, Tensor]:
        edge = inside.unsqueeze(-1)
        hidden, length = self.net(phones, stress, context, timbre, edge)
        hidden = torch.cat([hidden, self.parts["melody"](phones, stress, context, edge)], -1)
        return hidden.transpose(1, 2), torch.exp(length.clamp(0.0, 5.0)) - 1.0


class _Prosody(nn.Module):
    def __init__(self, parts: Networks) -> None:
        super().__init__()
        self.net = parts.prosody

    def forward(self, hidden: Tensor, place: Tensor, timbre: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        melody = hidden.transpose(1, 2)[..., HIDDEN:]
        f0, voicing, energy = self.net(melody, place.transpose(1, 2), timbre, inside.unsqueeze(-1))
        return f0, voicing.sigmoid(), energy


class _Decode(nn.Module):
    def __init__(self, parts: Networks) -> None:
        super().__init__()
        self.parts = parts

    def forward(
        self, hidden: Tensor, place: Tensor, f0: Tensor, hertz: Tensor, voicing: Tensor, energy: Tensor, timbre: Tensor,
        inside: Tensor,
    ) -> Tensor:  # fmt: skip
        edge = inside.unsqueeze(-1)
        prosody = torch.stack([f0, voicing, energy], -1)
        mel = self.parts.decoder(hidden.transpose(1, 2)[..., :HIDDEN], place.transpose(1, 2), prosody, timbre, edge)
        return self.parts.vocoder(self.parts.vary(mel), hertz, voicing, edge).permute(0, 2, 3, 1)


class _Timbre(nn.Module):
    def __init__(self, parts: Networks) -> None:
        super().__init__()
        self.parts = parts

    def forward(self, mel: Tensor) -> Tensor:
        normal = self.parts.normal(mel.transpose(1, 2))
        return self.parts.timbre(normal, torch.ones_like(normal[..., :1]))


def graphs(parts: Networks) -> dict[str, tuple[nn.Module, dict[str, Tensor], tuple[str, ...]]]:
    """Each graph's module, example inputs by name, and output names."""
    units, frames = 12, 64
    timbre = torch.zeros(1, TIMBRE)
    row = torch.zeros(1, frames)
    hidden, place, inside = torch.zeros(1, HIDDEN + MELODY, frames), torch.zeros(1, 3, frames), torch.ones(1, frames)
    codes = torch.zeros(1, units, dtype=torch.int64)
    words = {"context": torch.zeros(1, units, len(CONTEXT)), "timbre": timbre, "inside": torch.ones(1, units)}
    tracks = {"f0": row, "hertz": row + 160, "voicing": row, "energy": row, "timbre": timbre, "inside": inside}
    return {
        "plan": (_Plan(parts), {"phones": codes, "stress": codes, **words}, ("hidden", "duration")),
        "prosody": (
            _Prosody(parts),
            {"hidden": hidden, "place": place, "timbre": timbre, "inside": inside},
            ("f0", "voicing", "energy"),
        ),
        "decode": (_Decode(parts), {"hidden": hidden, "place": place, **tracks}, ("filters",)),
        "timbre": (_Timbre(parts), {"mel": torch.zeros(1, MELS, frames)}, ("timbre",)),
    }


def export(parts: Networks, folder: Path, voice: Mapping[str, Any]) -> None:
    """Writes the bundle.

    Args:
        parts: the trained networks.
        folder: made if it is not there; a bundle in it is replaced.
        voice: what `voice.json` says of the speaker: name, timbre, log_f0_mean, log_f0_sd, gain_db, licence, consent,
            source and the like.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = parts.float().cpu().eval()
    sums: dict[str, str] = {}
    for name, (module, inputs, outputs) in graphs(parts).items():
        path = folder / f"{name}.onnx"
        _write(module, inputs, outputs, path)
        sums[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    left, right = context()
    described = {
        "format": FORMAT, "language": "en", "sample_rate": SAMPLE_RATE, "hop": HOP, "n_fft": 960,
        "phones": list(PHONES), "features": list(CONTEXT), "hidden": HIDDEN + MELODY, "left": left, "right": right,
        "styles": STYLES, **voice, "sha256": sums,
    }  # fmt: skip
    (folder / "voice.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def read_bundle(folder: Path) -> tuple[Networks, dict[str, Any]]:
    """A bundle's networks, to train them on, and its `voice.json`.

    Raises:
        ValueError: a file is missing or is not one that `export` wrote.
    """
    found: dict[str, Tensor] = {}
    try:
        voice = json.loads((folder / "voice.json").read_text(encoding="utf-8"))
        for name in voice["sha256"]:
            part = name.removesuffix(".onnx")
            for tensor in onnx.load(folder / name).graph.initializer:
                key = tensor.name.removesuffix("_half")
                key = f"{part}.{key.removeprefix('net.')}" if key.startswith("net.") else key.removeprefix("parts.")
                found[key] = torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
        parts = Networks()
        parts.load_state_dict(found)
    except (OSError, KeyError, ValueError, RuntimeError, DecodeError) as error:
        raise ValueError(f"{folder} is no voice to start from: {error}") from error
    return parts, voice


def _write(module: nn.Module, inputs: dict[str, Tensor], outputs: Sequence[str], path: Path) -> None:
    axes = {name: {value.ndim - 1: "length"} for name, value in inputs.items() if name != "timbre"}
    if "context" in inputs:
        axes["context"] = {1: "length"}
    if "timbre" not in outputs:
        axes |= {name: {(2 if name == "hidden" else 3 if name == "filters" else 1): "length"} for name in outputs}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the legacy exporter announces its successor, whose graphs OpenVINO reads worse
        torch.onnx.export(
            module, tuple(inputs.values()), str(path), input_names=list(inputs), output_names=list(outputs),
            dynamic_axes=axes, opset_version=OPSET, dynamo=False, do_constant_folding=False,
        )  # fmt: skip
    model = onnx.load(path)
    _halve(model)
    onnx.save(model, path)


def _halve(model: onnx.ModelProto) -> None:
    """Stores the large float tensors as float16, each followed by a cast that the runtime folds away."""
    graph = model.graph
    casts: list[onnx.NodeProto] = []
    for tensor in graph.initializer:
        values: NDArray[Any] = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALLEST:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    kept = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *kept])
