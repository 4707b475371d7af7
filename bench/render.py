"""How long one picture takes, on the avatar's own graph and random talking motion."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from engines.media import Coeffs
from engines.nerf.batch import BatchPainter
from engines.nerf.engine import load_renderer, picture_parts
from engines.nerf.geometry import BLENDSHAPES, SIZE
from engines.nerf.load import Engine
from engines.nerf.portrait import Portrait
from engines.nerf.service import Paint
from engines.runtime import Graph

WARM_UP, PICTURES = 10, 200  # 8 s of video: long enough for a p95


def measure(avatar: Path, threads: int, engine: Engine = "openvino", batch: int = 1) -> dict[str, Any]:
    """Times painting, from coefficients to I420, one batch after the other.

    Args:
        threads: of the CPU; a GPU doesn't use them.
        batch: pictures drawn together, each with a pose and an expression of its own.

    Returns:
        ``fps`` (1000 / p50), ``ms_per_frame_p50``, ``ms_per_frame_p95`` (a batch's time, shared out), ``threads``,
        ``engine``, ``batch``, ``size``.

    Raises:
        ValueError: ``avatar`` is no avatar, ``threads`` or ``batch`` is below 1, or what ``engine`` needs is missing.
    """
    if min(threads, batch) < 1:
        raise ValueError(f"threads is {threads} and batch {batch}: give at least 1")
    paint = _painter(Path(avatar), threads, engine, batch)
    random = np.random.default_rng(0)
    took: list[float] = []
    for _ in range(WARM_UP + max(PICTURES // batch, WARM_UP)):
        poses = [_pose(random) for _ in range(batch)]
        began = time.perf_counter()
        paint(poses)
        took.append(1000 * (time.perf_counter() - began) / batch)
    middle, late = np.percentile(took[WARM_UP:], [50, 95])
    return {
        "fps": round(1000 / float(middle), 1),
        "ms_per_frame_p50": round(float(middle), 2),
        "ms_per_frame_p95": round(float(late), 2),
        "threads": threads,
        "engine": engine,
        "batch": batch,
        "size": SIZE,
    }


def _pose(random: np.random.Generator) -> Coeffs:
    coeffs = np.zeros(BLENDSHAPES + 6, np.float32)
    coeffs[:BLENDSHAPES] = random.uniform(0, 0.5, BLENDSHAPES)
    coeffs[BLENDSHAPES:] = random.uniform(-0.1, 0.1, 6)
    return coeffs


def _painter(avatar: Path, threads: int, engine: Engine, batch: int) -> Paint:
    if engine == "tensorrt":
        from engines.nerf.plans import load_painter

        painter = load_painter(avatar, Portrait(avatar))
        if batch > painter.most:
            raise ValueError(f"batch is {batch}: an engine draws at most {painter.most} pictures at a time")
        return painter.paint
    return load_renderer(avatar, threads).paint if batch == 1 else _batched_on_the_cpu(avatar, threads, batch)


def _batched_on_the_cpu(avatar: Path, threads: int, batch: int) -> Paint:
    """What serving doesn't do, as it gains nothing (docs/engines.md), so that this can be seen."""
    import onnx

    from engines.onnx_batch import batched

    portrait = Portrait(avatar)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "face.onnx"
        onnx.save(batched(onnx.load(portrait.graph), portrait.outputs, batch), path)
        graph = Graph(path, picture_parts(portrait), threads)
    return BatchPainter(portrait, {batch: graph}).paint
