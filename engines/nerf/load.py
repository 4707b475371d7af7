"""The one place where an avatar becomes something that draws for many sessions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np

from engines.media import COEFFS

from .engine import NerfRenderer
from .portrait import Portrait
from .service import RenderService

Engine = Literal["openvino", "tensorrt"]


def load_service(avatar_dir: Path, engine: Engine = "openvino", threads: int = 1) -> RenderService:
    """Loads the avatar in ``avatar_dir`` once, for all its sessions.

    Args:
        threads: of the CPU for one picture; so many pictures as the cores then allow are drawn at the same time.

    Raises:
        ValueError: the folder holds no avatar that this version can draw, or what ``engine`` needs is missing; the
            message says what to do.
    """
    if engine == "tensorrt":
        from .plans import load_painter

        painter = load_painter(avatar_dir, Portrait(avatar_dir))
        return RenderService([painter.paint], painter.most)
    lanes = max(1, len(os.sched_getaffinity(0)) // threads)
    first = NerfRenderer(avatar_dir, threads, lanes)
    renderers = [first, *(first.twin() for _ in range(lanes - 1))]
    for renderer in renderers:
        renderer.render(np.zeros(COEFFS, np.float32))  # a first run allocates
    return RenderService([renderer.paint for renderer in renderers])
