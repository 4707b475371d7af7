"""Makes of an ONNX graph that draws one picture one that draws several, each from inputs of its own.

The graph's axes are all taken: its first one is 1 for features and 3 for planes. So every tensor that depends on an
input gets a further axis in front, and operators that know four axes only (Conv, GridSample and their like) see it
folded into their first one, where each treats every entry alike. Weights keep their one copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import helper, shape_inference

from .onnx_rewrite import Rewriter, constants_of, needed_nodes, set_attribute, shapes_of

_UNARY = frozenset({
    "Abs", "Cast", "Clip", "Cos", "Erf", "Exp", "Floor", "Identity", "LeakyRelu", "Log", "Neg", "Reciprocal", "Relu",
    "Sigmoid", "Sin", "Softplus", "Sqrt", "Tanh",
})  # fmt: skip
_ELEMENTWISE = frozenset({"Add", "Div", "Equal", "Greater", "Less", "Max", "Min", "Mul", "Pow", "Sub", "Where"})
_RESHAPES = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze"})
_PER_ENTRY = frozenset({"Conv", "ConvTranspose", "DepthToSpace", "SpaceToDepth", "Resize", "Pad"})


def batched(model: onnx.ModelProto, outputs: Sequence[str], size: int) -> onnx.ModelProto:
    """The part of ``model`` that makes ``outputs``, for ``size`` sets of inputs at once.

    Args:
        model: of static shapes, opset 17 or 18.
        outputs: names of tensors that depend on inputs.

    Returns:
        A checked model whose inputs and outputs have one more axis in front, of ``size``.

    Raises:
        ValueError: an operator that depends on an input is none of those that portraits are made of.
    """
    return _Batcher(shape_inference.infer_shapes(model, strict_mode=True), size).run(outputs)


class _Batcher(Rewriter):
    """Copies the nodes one by one; ``_spread`` and ``_folded`` name each batched tensor's two layouts."""

    def __init__(self, model: onnx.ModelProto, size: int) -> None:
        super().__init__()
        self._model, self._size = model, size
        self._shapes = shapes_of(model.graph)
        self._constants = constants_of(model.graph)
        self._spread: dict[str, str] = {}
        self._folded: dict[str, str] = {}
        self._helping: set[str] = set()
        """Tensors made on the way, which another node may need too."""
        self._rules: dict[str, Callable[[onnx.NodeProto], None]] = {
            "Concat": self._concat, "Gather": self._gather, "GridSample": self._grid_sample, "MatMul": self._matmul,
            "ReduceMax": self._reduce, "ReduceMean": self._reduce, "ReduceSum": self._reduce, "Slice": self._slice,
            "Transpose": self._transpose,
        }  # fmt: skip
        self._rules |= dict.fromkeys(_UNARY, self._unary) | dict.fromkeys(_ELEMENTWISE, self._elementwise)
        self._rules |= dict.fromkeys(_RESHAPES, self._reshape) | dict.fromkeys(_PER_ENTRY, self._per_entry)

    def run(self, outputs: Sequence[str]) -> onnx.ModelProto:
        graph = self._model.graph
        nodes = needed_nodes(graph, outputs)
        used = {name for node in nodes for name in node.input}
        inputs = [value for value in graph.input if value.name in used]
        self._spread = {value.name: value.name for value in inputs}
        for node in nodes:
            if not any(self._depends(name) for name in node.input):
                self.nodes.append(node)
            elif node.op_type in self._rules and len(node.output) == 1:
                self._rules[node.op_type](node)
            else:
                raise ValueError(f"{node.name} ({node.op_type}) can't be drawn for several sessions at once")
        still = [name for name in outputs if not self._depends(name)]
        if still:
            raise ValueError(f"{', '.join(still)} depends on no input: there is nothing to draw several of")
        ends = [self._named(name) for name in outputs]
        stored = [tensor for tensor in graph.initializer if tensor.name in used]
        wide = [self._widened(value, value.name) for value in inputs]
        kinds = {value.name: value for value in graph.output}
        found = [self._widened(kinds[name], end) for name, end in zip(outputs, ends, strict=True)]
        made = helper.make_graph(self.nodes, f"{graph.name}_{self._size}", wide, found, [*stored, *self.constants])
        result = helper.make_model(made, opset_imports=self._model.opset_import, ir_version=self._model.ir_version)
        onnx.checker.check_model(result, full_check=True)
        return result

    def _widened(self, value: onnx.ValueInfoProto, name: str) -> onnx.ValueInfoProto:
        kind = value.type.tensor_type.elem_type
        return helper.make_tensor_value_info(name, kind, [self._size, *self._shapes[value.name]])

    def _named(self, name: str) -> str:
        """The output ``name`` with its further axis; the node that makes it so takes over the name."""
        spread = self.spread(name)
        if spread != name:
            for node in self.nodes:
                for at, held in enumerate(node.input):
                    node.input[at] = f"{name}_one" if held == name else held
                for at, held in enumerate(node.output):
                    node.output[at] = {name: f"{name}_one", spread: name}.get(held, held)
        return name

    def _depends(self, name: str) -> bool:
        return name in self._spread or name in self._folded

    def spread(self, name: str) -> str:
        """The batched tensor ``name`` as [size, *shape]."""
        if name not in self._spread:
            shape = (self._size, *self._shapes[name])
            self._spread[name] = self.reshape(self._folded[name], shape, f"{name}_spread")
        return self._spread[name]

    def folded(self, name: str) -> str:
        """The batched tensor ``name`` as [size * shape[0], *shape[1:]]."""
        if name not in self._folded:
            first, *rest = self._shapes[name]
            self._folded[name] = self.reshape(self._spread[name], (self._size * first, *rest), f"{name}_folded")
        return self._folded[name]

    def _keep(self, node: onnx.NodeProto, inputs: Sequence[str], *, folded: bool) -> None:
        """``node`` with other inputs; its output is in one of the layouts."""
        self.copy(node, inputs)
        (self._folded if folded else self._spread)[node.output[0]] = node.output[0]

    def _wide(self, name: str, rank: int) -> str:
        """A spread operand that broadcasts as one of ``rank`` axes does."""
        if not self._depends(name):
            return name
        shape = self._shapes[name]
        if len(shape) == rank:
            return self.spread(name)
        wide = f"{name}_rank{rank}"
        if wide not in self._helping:
            ones = (1,) * (rank - len(shape))
            self._helping.add(self.reshape(self.spread(name), (self._size, *ones, *shape), wide))
        return wide

    def _folds(self, node: onnx.NodeProto) -> bool:
        """Whether the operands broadcast in their folded layout as well, and one of them has it already."""
        out = self._shapes[node.output[0]]
        ready = False
        for name in filter(None, node.input):
            shape = self._shapes[name]
            if self._depends(name):
                if len(shape) != len(out) or not shape or shape[0] != out[0]:
                    return False
                ready = ready or name in self._folded
            elif len(shape) == len(out) and shape and shape[0] != 1:
                return False
        return ready

    def _unary(self, node: onnx.NodeProto) -> None:
        first, *rest = node.input
        folded = first in self._folded
        self._keep(node, [(self._folded if folded else self._spread)[first], *rest], folded=folded)

    def _elementwise(self, node: onnx.NodeProto) -> None:
        if self._folds(node):
            inputs = [self.folded(name) if self._depends(name) else name for name in node.input]
            self._keep(node, inputs, folded=True)
            return
        rank = len(self._shapes[node.output[0]])
        self._keep(node, [self._wide(name, rank) for name in node.input], folded=False)

    def _reshape(self, node: onnx.NodeProto) -> None:
        out = node.output[0]
        source = self._spread.get(node.input[0]) or self._folded[node.input[0]]
        shape = self._shapes[out]
        # Whatever enters, the folded layout is what most operators take.
        target = (self._size * shape[0], *shape[1:]) if len(shape) == 4 else (self._size, *shape)
        self.reshape(source, target, out)
        (self._folded if len(shape) == 4 else self._spread)[out] = out

    def _per_entry(self, node: onnx.NodeProto) -> None:
        """Operators that treat each entry of the first axis alike."""
        first, *rest = node.input
        if any(self._depends(name) for name in rest):
            raise ValueError(f"{node.name} ({node.op_type}) takes what differs from session to session for a constant")
        scales = node.op_type != "Resize" or (len(node.input) == 3 and self._value(node.input[2])[0] == 1)
        pads = node.op_type != "Pad" or not self._value(node.input[1])[:: len(self._shapes[first])].any()
        if not (scales and pads):
            raise ValueError(f"{node.name} ({node.op_type}) changes the first axis: it can't be batched")
        self._keep(node, [self.folded(first), *rest], folded=True)

    def _matmul(self, node: onnx.NodeProto) -> None:
        left, right = node.input
        one, other = self._shapes[left], self._shapes[right]
        # Rows of a matrix, or entries of a stack: both stay independent when the batch is folded into them.
        if self._depends(left) and not self._depends(right) and len(other) == 2:
            self._keep(node, [self.folded(left), right], folded=True)
        elif self._depends(right) and not self._depends(left) and len(one) == 2 and len(other) > 2:
            self._keep(node, [left, self.folded(right)], folded=True)
        else:
            rank = max(len(one), len(other))
            self._keep(node, [self._wide(left, rank), self._wide(right, rank)], folded=False)

    def _slice(self, node: onnx.NodeProto) -> None:
        source, starts, ends, *rest = node.input
        rank = len(self._shapes[source])
        axes = [int(a) % rank for a in (self._value(rest[0]) if rest else range(len(self._value(starts))))]
        folded = source in self._folded and 0 not in axes
        moved = axes if folded else [axis + 1 for axis in axes]
        where = self.integers(moved, f"{node.output[0]}_axes")
        value = self.folded(source) if folded else self.spread(source)
        self._keep(node, [value, starts, ends, where, *rest[1:]], folded=folded)

    def _reduce(self, node: onnx.NodeProto) -> None:
        source, *given = node.input
        rank = len(self._shapes[source])
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        axes = [int(a) % rank for a in (self._value(given[0]) if given else attributes.get("axes", range(rank)))]
        folded = source in self._folded and 0 not in axes
        moved = axes if folded else [axis + 1 for axis in axes]
        value = self.folded(source) if folded else self.spread(source)
        if given:
            self._keep(node, [value, self.integers(moved, f"{node.output[0]}_axes")], folded=folded)
        else:
            set_attribute(node, "axes", moved)
            self._keep(node, [value], folded=folded)

    def _transpose(self, node: onnx.NodeProto) -> None:
        rank = len(self._shapes[node.input[0]])
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        order = attributes.get("perm", range(rank)[::-1])
        set_attribute(node, "perm", [0, *(axis + 1 for axis in order)])
        self._keep(node, [self.spread(node.input[0])], folded=False)

    def _concat(self, node: onnx.NodeProto) -> None:
        out = node.output[0]
        axis = next(a.i for a in node.attribute if a.name == "axis") % len(self._shapes[out])
        set_attribute(node, "axis", axis + 1)
        self._keep(node, [self._repeated(name) for name in node.input], folded=False)

    def _repeated(self, name: str) -> str:
        """``name`` spread, a constant too."""
        if self._depends(name):
            return self.spread(name)
        times = f"{name}_times"
        if times not in self._helping:
            shape = self.integers((self._size, *self._shapes[name]), f"{times}_shape")
            self._helping.add(self.add("Expand", [name, shape], times))
        return times

    def _gather(self, node: onnx.NodeProto) -> None:
        data, indices = node.input
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0) % len(self._shapes[data])
        if self._depends(data) and not self._depends(indices):
            set_attribute(node, "axis", axis + 1)
            self._keep(node, [self.spread(data), indices], folded=False)
        elif self._depends(data):
            self._gather_apart(node, axis)
        else:
            out = node.output[0]
            taken = self.copy(node, [data, self.spread(indices)], f"{out}_gathered")
            rank = len(self._shapes[out]) + 1
            order = [axis, *(a for a in range(rank) if a != axis)]
            self._spread[out] = self.add("Transpose", [taken], out, perm=order)

    def _gather_apart(self, node: onnx.NodeProto, axis: int) -> None:
        """Each session's own places (a vector of them) in its own data."""
        data, indices = node.input
        out = node.output[0]
        shape = self._shapes[out]
        places = self._shapes[indices]
        if len(places) != 1:
            raise ValueError(f"{node.name} gathers at more than a vector of places: it can't be batched")
        wide = (self._size, *(places[0] if a == axis else 1 for a in range(len(shape))))
        spread = self.reshape(self.spread(indices), wide, f"{out}_places")
        sizes = self.integers((self._size, *shape), f"{out}_places_sizes_all")
        everywhere = self.add("Expand", [spread, sizes], f"{out}_places_all")
        self._spread[out] = self.add("GatherElements", [self.spread(data), everywhere], out, axis=axis + 1)

    def _grid_sample(self, node: onnx.NodeProto) -> None:
        picture, grid = node.input
        if self._depends(picture):
            points = self.folded(grid) if self._depends(grid) else self._repeated_folded(grid)
            self._keep(node, [self.folded(picture), points], folded=True)
            return
        # One picture for all: their grids are stacked along the height, so that it isn't copied.
        out = node.output[0]
        first, height, width, _ = self._shapes[grid]
        turned = self.add("Transpose", [self.spread(grid)], f"{out}_turned", perm=[1, 0, 2, 3, 4])
        tall = self.reshape(turned, (first, self._size * height, width, 2), f"{out}_tall")
        found = self.copy(node, [picture, tall], f"{out}_found")
        channels = self._shapes[picture][1]
        parts = self.reshape(found, (first, channels, self._size, height, width), f"{out}_parts")
        self._spread[out] = self.add("Transpose", [parts], out, perm=[2, 0, 1, 3, 4])

    def _repeated_folded(self, name: str) -> str:
        first, *rest = self._shapes[name]
        return self.reshape(self._repeated(name), (self._size * first, *rest), f"{name}_times_folded")

    def _value(self, name: str) -> np.ndarray:
        if name not in self._constants:
            raise ValueError(f"{name} must be a constant of the graph: export the avatar again")
        return self._constants[name]
