"""Readies an ONNX graph for TensorRT, which takes types as they stand (strongly typed networks).

Convolutions are nearly all of the arithmetic, and the expression's basis nearly all of the memory: both lose nothing
visible by float16, which is written into the graph as casts. Rays, sampling and compositing stay in float32, for a
ray's coordinate doesn't survive 11 bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .onnx_rewrite import Rewriter, fold_constants

_BETWEEN = frozenset({"Add", "Relu"})
"""Operators between two convolutions that stay in float16 with them, where all that they take is so."""


def for_tensorrt(model: onnx.ModelProto) -> onnx.ModelProto:
    """``model`` with float16 where it does no harm, its constants computed; inputs and outputs keep types and names.

    Raises:
        ValueError: a convolution's weights are no constants.
    """
    made = _Halver(model.graph).run()
    nodes = _bytes_last(made.nodes, {value.name for value in model.graph.output})
    graph = helper.make_graph(
        nodes, model.graph.name, model.graph.input, model.graph.output, [*model.graph.initializer, *made.constants]
    )
    result = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    fold_constants(result)
    onnx.checker.check_model(result, full_check=True)
    return result


class _Halver(Rewriter):
    def __init__(self, graph: onnx.GraphProto) -> None:
        super().__init__()
        self._graph = graph
        self._stored = {tensor.name: tensor for tensor in graph.initializer}
        self._casts = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
        self._half: dict[str, str] = {}
        self._only_half: set[str] = set()

    def run(self) -> _Halver:
        for node in self._graph.node:
            if node.op_type == "Conv":
                picture, *weights = node.input
                self._halved(node, [self._as_half(picture), *(self._weight(name) for name in weights)])
            elif node.op_type == "MatMul" and self._is_half(node.input[1]):
                self._halved(node, [self._as_half(node.input[0]), self._weight(node.input[1])])
            elif node.op_type in _BETWEEN and all(name in self._half for name in node.input):
                self._halved(node, [self._half[name] for name in node.input])
            else:
                for name in node.input:
                    self._as_float(name)
                self.nodes.append(node)
        for value in self._graph.output:
            self._as_float(value.name)
        return self

    def _halved(self, node: onnx.NodeProto, inputs: list[str]) -> None:
        out = node.output[0]
        self._half[out] = self.copy(node, inputs, f"{out}_f16")
        self._only_half.add(out)

    def _as_half(self, name: str) -> str:
        if name not in self._half:
            self._half[name] = self.add("Cast", [name], f"{name}_f16", to=TensorProto.FLOAT16)
        return self._half[name]

    def _as_float(self, name: str) -> None:
        """Has ``name`` exist in float32: an operator of full precision takes it."""
        if name in self._only_half:
            self.add("Cast", [self._half[name]], name, to=TensorProto.FLOAT)
            self._only_half.remove(name)

    def _is_half(self, name: str) -> bool:
        """Whether ``name`` is a constant that the avatar's file stores in float16."""
        stored = self._stored.get(self._casts.get(name, ""))
        return stored is not None and stored.data_type == TensorProto.FLOAT16

    def _weight(self, name: str) -> str:
        stored = self._stored.get(self._casts.get(name, name))
        if stored is None:
            raise ValueError(f"{name}, the weights of a convolution, is no constant: export the avatar again")
        half = f"{name}_f16"
        if half not in {tensor.name for tensor in self.constants}:
            values = numpy_helper.to_array(stored).astype(np.float16)
            self.constants.append(numpy_helper.from_array(values, half))
        return half


def _bytes_last(nodes: Sequence[onnx.NodeProto], outputs: set[str]) -> list[onnx.NodeProto]:
    """Has the cast to bytes make the output itself: TensorRT holds none between its layers."""
    cast = {node.output[0]: node for node in nodes if node.op_type == "Cast" and _target(node) == TensorProto.UINT8}
    out: list[onnx.NodeProto] = []
    for node in nodes:
        if node.op_type == "Reshape" and node.output[0] in outputs and node.input[0] in cast:
            bytes_made = cast[node.input[0]]
            last = onnx.NodeProto()
            last.CopyFrom(bytes_made)
            last.input[0], last.output[0] = f"{node.output[0]}_levels", node.output[0]
            node.input[0], node.output[0] = bytes_made.input[0], last.input[0]
            out += [node, last]
            out = [kept for kept in out if kept is not bytes_made]
        else:
            out.append(node)
    return out


def _target(cast: onnx.NodeProto) -> int:
    return next(a.i for a in cast.attribute if a.name == "to")
