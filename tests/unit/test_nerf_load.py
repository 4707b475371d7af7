"""How many threads draw a picture, where nobody says it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from engines.media import Coeffs, Image
from engines.nerf import load

pytestmark = pytest.mark.unit


class Machine:
    """Counts time in pictures: one takes ``alone_ms`` on one thread, and half of it on two."""

    def __init__(self, alone_ms: float, cores: int, patch: pytest.MonkeyPatch) -> None:
        self.alone_ms = alone_ms
        self.now = 0.0
        self.loaded: list[tuple[int, int]] = []
        machine = self

        class Renderer:
            def __init__(self, folder: Path, threads: int, lanes: int) -> None:
                self._threads = threads
                machine.loaded.append((threads, lanes))

            def twin(self) -> Renderer:
                return self

            def render(self, coeffs: Coeffs) -> Image:
                machine.now += machine.alone_ms / self._threads / 1000
                return np.zeros((768, 512), np.uint8)

            def paint(self, batch: list[Coeffs]) -> list[Image]:
                return [self.render(coeffs) for coeffs in batch]

        patch.setattr(load, "NerfRenderer", Renderer)
        patch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))

    def load(self, threads: int | None) -> list[tuple[int, int]]:
        """Threads a picture and pictures at a time, of each renderer that was loaded."""
        load.load_service(Path("person"), "openvino", threads, lambda: self.now)
        return self.loaded


@pytest.mark.parametrize(
    ("alone_ms", "cores", "threads", "loaded"),
    [
        (13, 2, None, [(1, 2)]),
        (35, 2, None, [(1, 2), (2, 1)]),
        (35, 8, None, [(1, 8), (2, 4)]),
        (35, 1, None, [(1, 1)]),
        (35, 2, 1, [(1, 2)]),
        (13, 4, 4, [(4, 1)]),
    ],
)
def test_a_slow_processor_draws_with_two_threads(
    alone_ms: float,
    cores: int,
    threads: int | None,
    loaded: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Machine(alone_ms, cores, monkeypatch).load(threads) == loaded
