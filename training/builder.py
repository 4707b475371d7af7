"""Collects the nodes of an ONNX graph; knows nothing of what it draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

# Below this size float16 saves nothing worth a rounding: biases and selections stay exact.
HALF_FROM = 4096
ROUND = 0.5  # a cast to uint8 cuts off


class Builder:
    """Collects nodes and constants; every method returns the name of a tensor."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def const(self, name: str, value: NDArray[Any] | Tensor) -> str:
        """A constant; large float arrays are stored as float16 and cast when the graph is loaded."""
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        if array.dtype == np.float32 and array.size >= HALF_FROM and not name.startswith("rays"):
            self.constants.append(numpy_helper.from_array(array.astype(np.float16), name + "_half"))
            return self.op("Cast", [name + "_half"], name, to=TensorProto.FLOAT)
        self.constants.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def scalar(self, name: str, value: float) -> str:
        """A constant float32, of no dimension."""
        return self.const(name, np.array(value, np.float32))

    def shape(self, name: str, *sizes: int) -> str:
        """A constant int64 vector."""
        return self.const(name, np.array(sizes, np.int64))

    def op(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """One node with one output."""
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def linear(self, x: str, name: str, weight: Tensor, bias: Tensor) -> str:
        """``x @ weight.T + bias``."""
        product = self.op("MatMul", [x, self.const(name + "_w", weight.detach().T.contiguous())], name + "_product")
        return self.op("Add", [product, self.const(name + "_b", bias)], name)

    def conv(self, x: str, name: str, weight: Tensor | NDArray[Any], bias: Tensor | NDArray[Any]) -> str:
        """A convolution that keeps height and width; weight [out, in, k, k]."""
        size = int(weight.shape[-1])
        inputs = [x, self.const(name + "_w", weight), self.const(name + "_b", bias)]
        return self.op("Conv", inputs, name, kernel_shape=[size, size], pads=[size // 2] * 4)

    def to_bytes(self, x: str, name: str, shape: Sequence[int]) -> str:
        """``x``, clipped to 0..255 and cut off, as the output ``name``."""
        limits = [self.scalar(name + "_low", 0), self.scalar(name + "_high", 255)]
        clipped = self.op("Clip", [x, *limits], name + "_clip")
        flat = self.op("Cast", [clipped], name + "_byte", to=TensorProto.UINT8)
        return self.op("Reshape", [flat, self.shape(name + "_shape", *shape)], name)
