"""silero-vad 6.2 on OpenVINO (https://github.com/snakers4/silero-vad, MIT), without its torch requirement."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from engines import VADStream
from engines.media import MIC_RATE, Pcm

WINDOW = 512
"""Samples a step takes (32 ms): what the model was trained on at 16 kHz."""

CONTEXT = 64
"""Samples of the window before, which the model wants in front (`context_size` of silero_vad/utils_vad.py)."""

STATE = (2, 1, 128)
"""Shape of the recurrent state (`reset_states` there)."""


class SileroVAD:
    """Implements `engines.VAD`. One compiled graph serves every stream."""

    def __init__(self) -> None:
        """
        Raises:
            FileNotFoundError: the model is not installed.
        """
        self._model = ov.Core().compile_model(
            _model_path(),
            "CPU",
            {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"},
        )

    def stream(self) -> VADStream:
        return SileroStream(self._model.create_infer_request())


class SileroStream:
    """One microphone; steps it from one thread at a time."""

    def __init__(self, request: ov.InferRequest) -> None:
        self._request = request
        self._input: NDArray[np.float32] = np.zeros((1, CONTEXT + WINDOW), np.float32)
        self._state: NDArray[np.float32] = np.zeros(STATE, np.float32)

    def step(self, pcm: Pcm) -> float:
        """The probability that the window is speech.

        Args:
            pcm: int16[512] at 16 kHz, next after the last.

        Raises:
            ValueError: another length.
        """
        if pcm.shape != (WINDOW,):
            raise ValueError(f"a window has {WINDOW} samples at {MIC_RATE} Hz, this one has shape {pcm.shape}")
        self._input[0, :CONTEXT] = self._input[0, WINDOW:]
        np.divide(pcm, 32768.0, out=self._input[0, CONTEXT:], dtype=np.float32)
        result = self._request.infer({"input": self._input, "state": self._state})
        self._state = np.array(result["stateN"])
        return float(result["output"][0, 0])

    def reset(self) -> None:
        """Begin another microphone."""
        self._input[:] = 0.0
        self._state[:] = 0.0


def _model_path() -> Path:
    # Looking the package up does not run it; importing it would import torch.
    package = find_spec("silero_vad")
    if package is not None and package.origin is not None:
        path = Path(package.origin).parent / "data" / "silero_vad_openvino_16k.onnx"
        if path.is_file():
            return path
    raise FileNotFoundError(
        "silero-vad's model is not installed; `make setup` installs it (silero-vad 6.2 without torch)"
    )
