"""Draws several pictures of one avatar by one run of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.media import Coeffs, Image

from .portrait import Portrait


class Runner(Protocol):
    """A loaded graph of any runtime."""

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]: ...


class BatchPainter:
    """Graphs of fixed batch sizes; used from one thread at a time."""

    def __init__(self, portrait: Portrait, graphs: Mapping[int, Runner]) -> None:
        """
        Args:
            graphs: batch size -> the avatar's graph for so many pictures, see ``engines.onnx_batch.batched``.
        """
        self._portrait = portrait
        self._graphs = dict(sorted(graphs.items()))
        self.most = max(graphs)
        """Pictures that ``paint`` draws at a time."""

    def paint(self, batch: Sequence[Coeffs]) -> list[Image]:
        """A picture for each of ``batch``, by the smallest graph that holds it: see ``RenderService``."""
        size = next(size for size in self._graphs if size >= len(batch))
        placed = [self._portrait.inputs(coeffs) for coeffs in batch]
        # Places that nobody asked for draw the last picture once more.
        filled = [inputs for inputs, _ in placed] + [placed[-1][0]] * (size - len(batch))
        found = self._graphs[size].run({name: np.stack([inputs[name] for inputs in filled]) for name in filled[0]})
        return [
            self._portrait.paste({name: found[name][k] for name in self._portrait.outputs}, left)
            for k, (_, left) in enumerate(placed)
        ]
