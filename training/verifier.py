"""Whether two recordings are of the same voice: an exported network of our own, apart from the voice's (see
``verifier_fit``). Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from training.verifier_features import RATE, Features, features
from training.voice_signal import Samples, resampled

PATH = Path(__file__).parent / "data" / "verifier.onnx"

Embedding = NDArray[np.float32]


class Verifier:
    """Embeds recordings as unit vectors: the cosine of two is their similarity."""

    def __init__(self, path: Path = PATH) -> None:
        """
        Raises:
            ValueError: the file is no verifier.
        """
        core = ov.Core()
        try:
            model = core.read_model(path)
        except RuntimeError as error:
            raise ValueError(f"{path} is no graph that OpenVINO reads: train the verifier again") from error
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": "1", "INFERENCE_PRECISION_HINT": "f32"}
        self._request = core.compile_model(model, "CPU", hints).create_infer_request()
        self.notes = _notes(model)

    def embed_features(self, mel: Features) -> Embedding:
        """float32[64] of float32[frames, 40] (``features``)."""
        return self._request.infer({"mel": mel[None]})["embedding"][0].copy()

    def embed(self, samples: Samples, rate: int) -> Embedding:
        """float32[64] of float32[n].

        Raises:
            ValueError: less than 0.3 s of it is speech.
        """
        return self.embed_features(features(resampled(samples, rate, RATE)))


def _notes(model: ov.Model) -> dict[str, float]:
    """What ``verifier_fit`` measured: ``eer``, ``trials`` and more."""
    place = ["framework", "verifier"]  # where OpenVINO keeps an ONNX file's own metadata
    return json.loads(model.get_rt_info(place).value) if model.has_rt_info(place) else {}


def centre(embeddings: Iterable[Embedding]) -> Embedding:
    """The unit vector amid several: a voice enrolled by some of its clips."""
    mean = np.mean(list(embeddings), axis=0)
    return mean / np.linalg.norm(mean)


def equal_error_rate(same: NDArray[np.float64], different: NDArray[np.float64]) -> float:
    """The share of wrong verdicts at the threshold where as many of ``same`` are refused as of ``different`` are
    accepted, 0..1."""
    thresholds = np.sort(np.concatenate([same, different]))
    refused = np.searchsorted(np.sort(same), thresholds, side="left") / len(same)
    accepted = 1 - np.searchsorted(np.sort(different), thresholds, side="left") / len(different)
    nearest = int(np.argmin(np.abs(refused - accepted)))
    return float((refused[nearest] + accepted[nearest]) / 2)
