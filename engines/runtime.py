"""Loads one exported graph and runs it on the CPU with OpenVINO.

A graph whose inputs have no fixed shape takes any: the first run with a new one costs some milliseconds more, for
OpenVINO then builds the kernels that it keeps for the next (graphs of fixed shapes would each hold the weights).

A graph may be cut into parts that run one after the other at different precisions. That is not a nicety: where the
processor has bf16 OpenVINO uses it unasked, ray coordinates don't survive its 8 bits (37.6 -> 34.8 dB, no warning),
while convolutions lose nothing by it and take half the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops


@dataclass(frozen=True)
class Part:
    """A stretch of the graph.

    Attributes:
        outputs: names of the tensors at which it ends; later parts begin there.
        precision: ``f32``, or ``bf16`` where the processor computes it (``f32`` elsewhere).
    """

    outputs: tuple[str, ...]
    precision: str


def fast_precision(core: ov.Core) -> str:
    """``bf16`` if this processor has instructions for it, else ``f32``: emulated, it would be the slower one."""
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def weights_are_finite(path: Path) -> bool:
    """Whether every number stored in the graph at `path` is one.

    Raises:
        ValueError: the file is no graph.
    """
    constants = (node for node in _read(ov.Core(), path).get_ops() if node.get_type_name() == "Constant")
    values = (node.data for node in constants)  # pyright: ignore[reportAttributeAccessIssue]
    return all(np.isfinite(value).all() for value in values if value.dtype.kind == "f")


class Graph:
    """A loaded graph with its own infer requests; use it from one thread at a time."""

    def __init__(
        self, path: Path, parts: Sequence[Part], threads: int = 1, given: Sequence[str] = (), lanes: int = 1
    ) -> None:
        """Compiles ``parts`` of the ONNX graph at ``path`` for ``threads`` threads of the CPU.

        Tensors named in ``given`` become inputs of the last part, in place of what the graph computes for them.

        Args:
            lanes: how many of this graph and its twins may run at the same time; weights are held once.

        Raises:
            ValueError: the file is no graph, or lacks a tensor that ``parts`` names.
        """
        core = ov.Core()
        self._compiled: list[tuple[ov.CompiledModel, tuple[str, ...]]] = []
        known: set[str] = set()
        for part in parts:
            begins = {*known, *given} if part is parts[-1] else set(known)
            model = _cut(core, path, begins, part.outputs)
            self._compiled.append((core.compile_model(model, "CPU", _hints(core, part, threads, lanes)), part.outputs))
            known |= set(part.outputs)
        self._connect()

    def twin(self) -> Graph:
        """The same loaded graph with infer requests of its own, for another thread: it costs their tensors only."""
        twin = copy(self)
        twin._connect()
        return twin

    def close(self) -> None:
        """Gives up its requests; the weights go with the last twin. It can't be run again."""
        self._requests, self._inputs, self._compiled = [], [], []

    def _connect(self) -> None:
        """Makes a request for each part, joined by shared tensors."""
        self._requests: list[ov.InferRequest] = []
        self._inputs: list[tuple[ov.InferRequest, str, bool]] = []
        known: dict[str, ov.Tensor] = {}
        for compiled, outputs in self._compiled:
            request = compiled.create_infer_request()
            for port in compiled.inputs:
                name = next(iter(port.get_names()))
                if name in known:
                    request.set_tensor(port, known[name])  # shared, not copied
                else:
                    self._inputs.append((request, name, port.get_partial_shape().is_dynamic))
            if compiled is not self._compiled[-1][0]:
                known |= {name: request.get_output_tensor(i) for i, name in enumerate(outputs)}
            self._requests.append(request)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Runs the graph.

        Args:
            inputs: arrays for the inputs that the parts use, of their types and shapes (any length along an axis that
                the graph leaves open). One that is left out keeps the value of the last run.

        Returns:
            The last part's outputs: views that the next run overwrites.
        """
        for request, name, flexible in self._inputs:
            if name in inputs:
                tensor = request.get_tensor(name)
                if flexible:
                    tensor.shape = inputs[name].shape
                np.copyto(tensor.data, inputs[name])
        for request in self._requests:
            request.infer()
        outputs = self._compiled[-1][1]
        return {name: self._requests[-1].get_output_tensor(i).data for i, name in enumerate(outputs)}


def _hints(core: ov.Core, part: Part, threads: int, lanes: int) -> dict[str, str]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": str(lanes),
        "INFERENCE_NUM_THREADS": str(threads * lanes),
        "INFERENCE_PRECISION_HINT": fast_precision(core) if part.precision == "bf16" else "f32",
        # Several sessions draw in one process: pinned, their threads would share the first core.
        "ENABLE_CPU_PINNING": "NO",
    }


def _read(core: ov.Core, path: Path) -> ov.Model:
    try:
        return core.read_model(path)
    except RuntimeError as error:
        raise ValueError(f"{path} is no graph that OpenVINO reads: export it again") from error


def _cut(core: ov.Core, path: Path, begins: Iterable[str], ends: Sequence[str]) -> ov.Model:
    """The stretch of the graph from the tensors ``begins`` (and its inputs) to ``ends``."""
    model = _read(core, path)
    places = {name: port for node in model.get_ops() for port in node.outputs() for name in port.get_names()}
    absent = [name for name in (*begins, *ends) if name not in places]
    if absent:
        raise ValueError(f"{path} has no tensor {', '.join(absent)}: export it again with this version")
    parameters = list(model.get_parameters())
    for name in begins:
        port = places[name]
        entry = ops.parameter(port.get_shape(), port.get_element_type(), name=f"from_{name}")
        for target in port.get_target_inputs():
            target.replace_source_output(entry.output(0))
        entry.output(0).get_tensor().set_names({name})
        parameters.append(entry)
    sources = [_source(places[name]) for name in ends]
    used = _reached(sources)
    kept = [p for p in parameters if p.get_friendly_name() in used]
    return ov.Model(sources, kept, path.stem)  # pyright: ignore[reportGeneralTypeIssues]


def _source(port: ov.Output) -> ov.Output:
    """The port that feeds a Result, for a tensor's name may belong to either."""
    node = port.get_node()
    return node.input_value(0) if node.get_type_name() == "Result" else port


def _reached(ends: Iterable[ov.Output]) -> set[str]:
    """Friendly names of all nodes that ``ends`` depend on."""
    waiting, seen = [port.get_node() for port in ends], set[str]()
    while waiting:
        node = waiting.pop()
        if node.get_friendly_name() not in seen:
            seen.add(node.get_friendly_name())
            waiting += [value.get_node() for value in node.input_values()]
    return seen
