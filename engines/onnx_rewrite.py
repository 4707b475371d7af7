"""What rewriting an ONNX graph takes: its shapes and constants, and a list of nodes to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

Shape = tuple[int, ...]


def shapes_of(graph: onnx.GraphProto) -> dict[str, Shape]:
    """Name -> shape of every tensor, after shape inference.

    Raises:
        ValueError: a shape is not known.
    """
    found = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        sizes = [d.dim_value if d.HasField("dim_value") else -1 for d in value.type.tensor_type.shape.dim]
        if -1 in sizes:
            raise ValueError(f"{value.name} has no fixed shape: export the avatar again")
        found[value.name] = tuple(sizes)
    return found


def constants_of(graph: onnx.GraphProto) -> dict[str, NDArray[Any]]:
    """The stored int64 vectors: shapes, axes, places."""
    stored = {t.name: numpy_helper.to_array(t) for t in graph.initializer if len(t.dims) <= 1}
    return stored


def needed_nodes(graph: onnx.GraphProto, outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """Copies of the nodes that ``outputs`` depend on, in order."""
    wanted, kept = set(outputs), list[onnx.NodeProto]()
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            kept.append(copy)
    return kept[::-1]


def fold_constants(model: onnx.ModelProto) -> None:
    """Computes, in place, all that depends on no input, and drops what then nobody takes."""
    graph = model.graph
    moving = {value.name for value in graph.input}
    still: list[onnx.NodeProto] = []
    alive: list[onnx.NodeProto] = []
    for node in graph.node:
        depends = any(name in moving for name in node.input)
        moving |= set(node.output) if depends else set()
        (alive if depends else still).append(node)
    wanted = {name for node in alive for name in node.input}
    made = [name for node in still for name in node.output if name in wanted]
    if made:
        ends = [helper.make_empty_tensor_value_info(name) for name in made]
        part = helper.make_graph(still, "constants", [], ends, graph.initializer)
        whole = helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
        values = ReferenceEvaluator(whole).run(None, {})
        stored = [numpy_helper.from_array(np.ascontiguousarray(v), n) for n, v in zip(made, values, strict=True)]
        graph.initializer.extend(stored)
    kept = [tensor for tensor in graph.initializer if tensor.name in wanted]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(alive)
    graph.initializer.extend(kept)


class Rewriter:
    """Collects nodes and constants; methods return the name of the tensor that they add."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """One node with one output, both called ``name``."""
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def copy(self, node: onnx.NodeProto, inputs: Sequence[str], name: str | None = None) -> str:
        """``node`` with other inputs, and another output if ``name`` is given."""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = inputs
        if name is not None:
            copy.output[0] = name
        self.nodes.append(copy)
        return copy.output[0]

    def integers(self, values: Sequence[int], name: str) -> str:
        """A constant int64 vector."""
        self.constants.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def reshape(self, source: str, shape: Shape, name: str) -> str:
        return self.add("Reshape", [source, self.integers(shape, f"{name}_sizes")], name)


def set_attribute(node: onnx.NodeProto, name: str, value: Any) -> None:
    """Gives ``node`` the attribute, in place of the one that it may have."""
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
