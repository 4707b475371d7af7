"""The few calls of the CUDA runtime that an engine needs, by NVIDIA's own bindings; imported where a GPU is used."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from cuda.bindings import runtime  # pyright: ignore[reportAttributeAccessIssue]
from numpy.typing import NDArray

_DEVICE = 0


class CudaError(RuntimeError):
    """A call of the CUDA runtime failed."""


@dataclass(frozen=True)
class Gpu:
    """The first GPU that the driver shows (``CUDA_VISIBLE_DEVICES`` chooses another).

    Attributes:
        capability: of its architecture, as in ``sm89``.
    """

    name: str
    capability: str

    @property
    def slug(self) -> str:
        """For file names."""
        return f"{self.capability}-{re.sub('[^a-z0-9]+', '-', self.name.lower()).strip('-')}"


def checked(result: tuple[Any, ...]) -> Any:
    """What a call returned beside its status: nothing, one value or a tuple.

    Raises:
        CudaError: the status is none of success.
    """
    status, *values = result
    if status != runtime.cudaError_t.cudaSuccess:
        raise CudaError(f"CUDA: {status.name}")
    return values[0] if len(values) == 1 else tuple(values) or None


def find_gpu() -> Gpu:
    """The GPU at hand.

    Raises:
        ValueError: there is none, or no driver for it.
    """
    try:
        if not checked(runtime.cudaGetDeviceCount()):
            raise CudaError("CUDA: no device")
        properties = checked(runtime.cudaGetDeviceProperties(_DEVICE))
    except CudaError as error:
        raise ValueError(f"no NVIDIA GPU can be used here ({error}): look at nvidia-smi") from error
    name = properties.name
    text = name.decode() if isinstance(name, bytes) else str(name)
    return Gpu(text.strip("\0 "), f"sm{properties.major}{properties.minor}")


class Stream:
    """A stream of its own; work on it doesn't wait for that of others."""

    def __init__(self) -> None:
        self.handle = checked(runtime.cudaStreamCreateWithFlags(runtime.cudaStreamNonBlocking))

    def wait(self) -> None:
        checked(runtime.cudaStreamSynchronize(self.handle))

    def close(self) -> None:
        checked(runtime.cudaStreamDestroy(self.handle))


class Buffer:
    """An array on the GPU and its pinned twin in the machine's memory, which the GPU reads and writes without a copy.

    Attributes:
        host: the pinned array.
        device: address on the GPU.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.bytes = int(np.prod(shape)) * dtype.itemsize
        self._pinned = checked(runtime.cudaMallocHost(self.bytes))
        self.device = int(checked(runtime.cudaMalloc(self.bytes)))
        memory = (ctypes.c_uint8 * self.bytes).from_address(int(self._pinned))
        self.host: NDArray[Any] = np.ctypeslib.as_array(memory).view(dtype).reshape(shape)

    def upload(self, stream: Stream) -> None:
        kind = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        checked(runtime.cudaMemcpyAsync(self.device, int(self._pinned), self.bytes, kind, stream.handle))

    def download(self, stream: Stream) -> None:
        kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        checked(runtime.cudaMemcpyAsync(int(self._pinned), self.device, self.bytes, kind, stream.handle))

    def close(self) -> None:
        checked(runtime.cudaFree(self.device))
        checked(runtime.cudaFreeHost(self._pinned))


class Recording:
    """Work that was recorded once from a stream, and is started again by one call (a CUDA graph)."""

    def __init__(self, stream: Stream, enqueue: Any) -> None:
        """Records what ``enqueue()`` puts on ``stream``, without doing it.

        Raises:
            CudaError: the work can't be recorded.
        """
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        checked(runtime.cudaStreamBeginCapture(stream.handle, mode))
        try:
            enqueue()
        finally:
            graph = checked(runtime.cudaStreamEndCapture(stream.handle))
        self._launchable = checked(runtime.cudaGraphInstantiate(graph, 0))
        checked(runtime.cudaGraphDestroy(graph))

    def launch(self, stream: Stream) -> None:
        checked(runtime.cudaGraphLaunch(self._launchable, stream.handle))

    def close(self) -> None:
        checked(runtime.cudaGraphExecDestroy(self._launchable))
