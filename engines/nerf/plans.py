"""An avatar's TensorRT engines: built on this machine, for its GPU, and kept in the user's cache.

An engine file is code that the GPU runs, so none is ever taken from an avatar's folder or from anywhere else.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from engines.runtime_tensorrt import TensorRTGraph, build, find_package

from .batch import BatchPainter
from .portrait import Portrait

SIZES = (1, 4, 8, 16)
"""Pictures at a time: the smallest that holds those who wait is run."""

REWRITING = 1
"""Raised when `onnx_batch` or `onnx_tensorrt` make another graph of the same avatar: older engines are built again."""


def compile_avatar(
    avatar_dir: Path, target: str | None, tell: Callable[[str], None], sizes: Sequence[int] = SIZES
) -> list[Path]:
    """Builds the engines of the avatar in ``avatar_dir``, one for each of ``sizes``; what is there is kept.

    Args:
        target: architecture of a GPU that isn't here, as in ``sm89``; None: the GPU at hand.
        tell: takes a line for each engine.

    Raises:
        ValueError: a package or the GPU is missing, or the avatar's graph can't be built; the message says what to do.
    """
    if target is not None and not re.fullmatch(r"sm\d{2,3}", target):
        raise ValueError(f"{target} names no architecture of a GPU: write it as sm89")
    trt = find_package(targeted=target is not None)
    portrait = Portrait(avatar_dir)
    try:
        folder = _folder(trt, target or _gpu(trt), portrait.meta.sha256)
    except ValueError as error:
        raise ValueError(f"{error}; or say what GPU it shall be for: --for sm89") from error
    paths = [folder / f"batch{size}.engine" for size in sizes]
    for size, path in zip(sizes, paths, strict=True):
        if path.is_file():
            tell(f"{path} is there already")
            continue
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        plan = build(trt, graph_for_tensorrt(portrait, size), target)
        part = path.with_suffix(".part")
        part.write_bytes(plan)
        part.chmod(0o600)
        part.replace(path)
        tell(f"{path}: {len(plan) / 1e6:.1f} MB")
    return paths


def graph_for_tensorrt(portrait: Portrait, size: int) -> bytes:
    """The avatar's ONNX graph, made ready to draw ``size`` pictures at a time by TensorRT: ONNX bytes."""
    import onnx

    from engines.onnx_batch import batched
    from engines.onnx_tensorrt import for_tensorrt

    return for_tensorrt(batched(onnx.load(portrait.graph), portrait.outputs, size)).SerializeToString()


def load_painter(avatar_dir: Path, portrait: Portrait) -> BatchPainter:
    """Loads the engines that ``compile_avatar`` made for the GPU at hand.

    Raises:
        ValueError: a package, the GPU or the engines are missing; the message says what to do.
    """
    trt = find_package()
    folder = _folder(trt, _gpu(trt), portrait.meta.sha256)
    paths = {size: folder / f"batch{size}.engine" for size in SIZES}
    missing = [path for path in paths.values() if not path.is_file()]
    if missing:
        raise ValueError(f"{missing[0]} is not there: run visavis compile {avatar_dir} --engine tensorrt")
    try:
        graphs = {size: TensorRTGraph(trt, _read(path)) for size, path in paths.items()}
    except RuntimeError as error:
        raise ValueError(f"the GPU can't load the avatar ({error}): see with nvidia-smi what else it does") from error
    return BatchPainter(portrait, graphs)


def _folder(trt: ModuleType, gpu: str, digest: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "visavis" / "engines" / f"{trt.__name__}-{trt.__version__}-{gpu}" / f"{digest[:32]}-{REWRITING}"


def _gpu(trt: ModuleType) -> str:
    """What engines for the GPU at hand are kept under: TensorRT for RTX fits a whole architecture."""
    try:
        from engines.cuda import find_gpu
    except ImportError:
        raise ValueError("cuda-bindings is not installed: pip install -e '.[tensorrt]' in Visavis's folder") from None
    gpu = find_gpu()
    return gpu.capability if trt.__name__ == "tensorrt_rtx" else gpu.slug


def _read(path: Path) -> bytes:
    """An engine file, if nobody else can have written it.

    Raises:
        ValueError: somebody could.
    """
    for place in (path, path.parent):
        found = place.stat()
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ValueError(f"{place} can be written by others: delete it, and run visavis compile again")
    return path.read_bytes()
