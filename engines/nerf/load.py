"""The one place where an avatar becomes something that draws for many sessions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np

from engines.media import COEFFS

from .engine import NerfRenderer
from .portrait import Portrait
from .service import RenderService

REST = np.zeros(COEFFS, np.float32)

Engine = Literal["openvino", "tensorrt"]

ENOUGH_MS = 20.0
"""Time of a picture up to which one thread is enough: half of a frame's 40 ms. The other half is for encoding it, for
the voice, and for moments in which the machine is slower. A processor with AVX-512 takes 13 ms, one with AVX2 40."""

PICTURES = 7
"""Pictures drawn to find that time: enough for a median, within a third of a second."""


def load_service(
    avatar_dir: Path,
    engine: Engine = "openvino",
    threads: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> RenderService:
    """Loads the avatar in ``avatar_dir`` once, for all its sessions.

    Args:
        threads: of the CPU for one picture; so many pictures as the cores then allow are drawn at the same time. None:
            one, or two where a picture takes longer than ``ENOUGH_MS`` on one.
        clock: seconds, for that.

    Raises:
        ValueError: the folder holds no avatar that this version can draw, or what ``engine`` needs is missing; the
            message says what to do.
    """
    if engine == "tensorrt":
        from .plans import load_painter

        painter = load_painter(avatar_dir, Portrait(avatar_dir))
        return RenderService([painter.paint], painter.most)
    cores = len(os.sched_getaffinity(0))
    renderers = _renderers(avatar_dir, threads or 1, cores)
    if threads is None and cores > 1 and _picture_ms(renderers[0], clock) > ENOUGH_MS:
        renderers = _renderers(avatar_dir, 2, cores)
    return RenderService([renderer.paint for renderer in renderers])


def _renderers(avatar_dir: Path, threads: int, cores: int) -> list[NerfRenderer]:
    """As many as ``cores`` carry at the same time."""
    lanes = max(1, cores // threads)
    first = NerfRenderer(avatar_dir, threads, lanes)
    renderers = [first, *(first.twin() for _ in range(lanes - 1))]
    for renderer in renderers:
        renderer.render(REST)  # a first run allocates
    return renderers


def _picture_ms(renderer: NerfRenderer, clock: Callable[[], float]) -> float:
    times: list[float] = []
    for _ in range(PICTURES):
        begun = clock()
        renderer.render(REST)
        times.append(clock() - begun)
    return 1000 * median(times)
