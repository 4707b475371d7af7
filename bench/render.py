"""How long one picture takes, on the avatar's own graph and random talking motion."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from engines.nerf.engine import load_renderer
from engines.nerf.geometry import BLENDSHAPES, SIZE

WARM_UP, PICTURES = 10, 200  # 8 s of video: long enough for a p95


def measure(avatar: Path, threads: int) -> dict[str, Any]:
    """Times ``NerfRenderer.render``, from coefficients to I420, one picture after the other.

    Returns:
        ``fps`` (1000 / p50), ``ms_per_frame_p50``, ``ms_per_frame_p95``, ``threads``, ``engine``, ``size``.

    Raises:
        ValueError: ``avatar`` is no avatar, or ``threads`` is below 1.
    """
    if threads < 1:
        raise ValueError(f"threads is {threads}: give at least 1")
    renderer = load_renderer(Path(avatar), threads)
    random = np.random.default_rng(0)
    took = []
    coeffs = np.zeros(BLENDSHAPES + 6, np.float32)
    for _ in range(WARM_UP + PICTURES):
        coeffs[:BLENDSHAPES] = random.uniform(0, 0.5, BLENDSHAPES)
        coeffs[BLENDSHAPES:] = random.uniform(-0.1, 0.1, 6)
        began = time.perf_counter()
        renderer.render(coeffs)
        took.append(1000 * (time.perf_counter() - began))
    middle, late = np.percentile(took[WARM_UP:], [50, 95])
    return {
        "fps": round(1000 / float(middle), 1),
        "ms_per_frame_p50": round(float(middle), 2),
        "ms_per_frame_p95": round(float(late), 2),
        "threads": threads,
        "engine": "openvino",
        "size": SIZE,
    }
