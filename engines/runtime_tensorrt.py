"""Builds and runs engines of TensorRT, or of TensorRT for RTX, whose Python interfaces are alike.

Both are asked for a strongly typed network: what is float16 stands in the graph (`engines/onnx_tensorrt.py`). TensorRT
builds for the GPU at hand only; TensorRT for RTX builds for a named architecture without one, and finishes on the GPU.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

PACKAGES = ("tensorrt", "tensorrt_rtx")
"""In the order of preference: TensorRT knows all of NVIDIA's GPUs, TensorRT for RTX not those of data centres."""


def find_package(targeted: bool = False) -> ModuleType:
    """The installed one of ``PACKAGES``.

    Args:
        targeted: it must build for a GPU that isn't there.

    Raises:
        ValueError: none is installed.
    """
    for name in PACKAGES[1:] if targeted else PACKAGES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    extra = "tensorrt-rtx" if targeted else "tensorrt"
    raise ValueError(f"TensorRT is not installed: pip install -e '.[{extra}]' in Visavis's folder")


def parse(trt: ModuleType, onnx_bytes: bytes) -> tuple[Any, Any]:
    """Reads a graph, and makes sure that it was understood.

    Returns:
        TensorRT's builder and network.

    Raises:
        ValueError: an operator isn't supported, or a GridSample would pick the nearest texel instead of interpolating,
            as some versions' parsers have it do, silently, from opset 20 on.
    """
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx_bytes):
        errors = "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors))
        raise ValueError(f"{trt.__name__} {trt.__version__} can't read the graph: {errors}")
    for layer in (network.get_layer(i) for i in range(network.num_layers)):
        if layer.type == trt.LayerType.GRID_SAMPLE:
            layer.__class__ = trt.IGridSampleLayer  # the bindings' own way of a downcast
            if layer.interpolation_mode != trt.InterpolationMode.LINEAR:
                raise ValueError(f"{layer.name} was read as {layer.interpolation_mode}: export with opset 17")
    return builder, network


def build(trt: ModuleType, onnx_bytes: bytes, target: str | None) -> bytes:
    """Compiles a graph.

    Args:
        target: architecture to build for, as in ``sm89``; None: the GPU at hand.

    Raises:
        ValueError: the graph can't be read, or not be built for this GPU.
    """
    builder, network = parse(trt, onnx_bytes)
    config = builder.create_builder_config()
    if hasattr(config, "set_compute_capability"):
        config.num_compute_capabilities = 1
        known = trt.ComputeCapability.__members__
        wanted = "CURRENT" if target is None else target.upper()
        if wanted not in known:
            names = ", ".join(name.lower() for name in known if name.startswith("SM"))
            raise ValueError(f"{trt.__name__} {trt.__version__} builds for none but {names}, not for {target}")
        config.set_compute_capability(known[wanted], 0)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ValueError(f"{trt.__name__} {trt.__version__} could not build the engine; what it says stands above")
    return bytes(plan)


class TensorRTGraph:
    """A loaded engine with pinned buffers and a stream of its own; use it from one thread at a time."""

    def __init__(self, trt: ModuleType, plan: bytes) -> None:
        """Loads what ``build`` made, runs it once and records that run, so that later ones are one call.

        Args:
            plan: never from elsewhere than this user's own cache: an engine file is code.

        Raises:
            ValueError: it was built for another GPU or version.
            CudaError: the GPU failed, or has too little memory.
        """
        from engines.cuda import Buffer, Recording, Stream

        self._runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise ValueError("the engine was built for another GPU or version: run visavis compile again")
        self._context = self._engine.create_execution_context()
        self._stream = Stream()
        self._inputs: dict[str, Buffer] = {}
        self._outputs: dict[str, Buffer] = {}
        for name in (self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)):
            kind = np.dtype(trt.nptype(self._engine.get_tensor_dtype(name)))
            buffer = Buffer(tuple(self._engine.get_tensor_shape(name)), kind)
            is_input = self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            (self._inputs if is_input else self._outputs)[name] = buffer
            self._context.set_tensor_address(name, buffer.device)
            buffer.host.fill(0)
        self._enqueue()  # what a first run allocates and compiles can't be recorded
        self._stream.wait()
        self._recording: Recording | None = None
        capturable = getattr(self._context, "is_stream_capturable", None)
        if capturable is None or capturable(int(self._stream.handle)):
            self._recording = Recording(self._stream, self._enqueue)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Runs the graph; one input that is left out keeps the value of the last run.

        Returns:
            The outputs: views that the next run overwrites.
        """
        for name, value in inputs.items():
            np.copyto(self._inputs[name].host, value, casting="same_kind")
        if self._recording is None:
            self._enqueue()
        else:
            self._recording.launch(self._stream)
        self._stream.wait()
        return {name: buffer.host for name, buffer in self._outputs.items()}

    def close(self) -> None:
        """Frees the GPU's memory. It can't be run again, and its outputs not be read."""
        if self._recording is not None:
            self._recording.close()
        for buffer in (*self._inputs.values(), *self._outputs.values()):
            buffer.close()
        self._stream.close()
        self._inputs, self._outputs = {}, {}
        del self._context, self._engine, self._runtime

    def _enqueue(self) -> None:
        """Inputs up, the engine, outputs down: all on the stream, without waiting."""
        for buffer in self._inputs.values():
            buffer.upload(self._stream)
        if not self._context.execute_async_v3(int(self._stream.handle)):
            raise RuntimeError("TensorRT could not start the engine")
        for buffer in self._outputs.values():
            buffer.download(self._stream)
