"""TensorRT without a GPU: what is said where it is missing, whom engine files are taken from, and how a run goes."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.nerf import plans
from engines.nerf.batch import BatchPainter
from engines.nerf.portrait import Portrait
from engines.runtime_tensorrt import TensorRTGraph, find_package
from tests.unit.test_cli import visavis

pytestmark = pytest.mark.unit

AVATAR = Path(__file__).parents[2] / "avatars" / "default"
BUILT_FOR = "tensorrt_rtx-1.7-sm89"


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The packages that can be imported: none, until a test puts some here."""
    found: dict[str, ModuleType] = {}

    def load(name: str) -> ModuleType:
        if name in found:
            return found[name]
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", load)
    return found


def package(name: str) -> Any:
    made: Any = ModuleType(name)
    made.__version__ = "1.7"
    return made


@pytest.mark.parametrize(("targeted", "extra"), [(False, "tensorrt"), (True, "tensorrt-rtx")])
def test_a_missing_package_names_the_extra_that_brings_it(
    packages: dict[str, ModuleType], targeted: bool, extra: str
) -> None:
    with pytest.raises(ValueError, match=rf"\.\[{extra}\]"):
        find_package(targeted)


def test_the_package_that_knows_all_gpus_is_preferred_but_builds_for_none_elsewhere(
    packages: dict[str, ModuleType],
) -> None:
    packages |= {name: package(name) for name in ("tensorrt", "tensorrt_rtx")}
    assert find_package().__name__ == "tensorrt"
    assert find_package(targeted=True).__name__ == "tensorrt_rtx"


def test_compiling_without_a_package_exits_with_what_to_do(
    packages: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert visavis(monkeypatch, "compile", str(AVATAR), "--engine", "tensorrt") == 2
    assert "pip install -e '.[tensorrt]'" in capsys.readouterr().err


def test_compiling_without_a_gpu_exits_with_what_to_do(
    packages: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_gpu(_: ModuleType) -> str:
        raise ValueError("no NVIDIA GPU can be used here")

    packages["tensorrt_rtx"] = package("tensorrt_rtx")
    monkeypatch.setattr(plans, "_gpu", no_gpu)
    assert visavis(monkeypatch, "compile", str(AVATAR), "--engine", "tensorrt") == 2
    assert "--for sm89" in capsys.readouterr().err


def test_a_target_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert visavis(monkeypatch, "compile", str(AVATAR), "--engine", "tensorrt", "--for", "../sm89") == 2
    assert "write it as sm89" in capsys.readouterr().err


@pytest.fixture
def cache(packages: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user's cache beside a GPU, empty."""
    packages["tensorrt_rtx"] = package("tensorrt_rtx")
    monkeypatch.setattr(plans, "_gpu", lambda _: "sm89")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "visavis" / "engines" / BUILT_FOR


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return Portrait(AVATAR)


def fill(cache: Path, portrait: Portrait) -> list[Path]:
    folder = cache / f"{portrait.meta.sha256[:32]}-{plans.REWRITING}"
    folder.mkdir(parents=True, mode=0o700)
    paths = [folder / f"batch{size}.engine" for size in plans.SIZES]
    for path in paths:
        path.write_bytes(b"engine")
        path.chmod(0o600)
    return paths


def test_engines_are_loaded_from_the_cache_and_nowhere_else(
    cache: Path, portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[bytes] = []
    monkeypatch.setattr(plans, "TensorRTGraph", lambda _, plan: loaded.append(plan))
    with pytest.raises(ValueError, match="run visavis compile"):
        plans.load_painter(AVATAR, portrait)
    fill(cache, portrait)
    painter = plans.load_painter(AVATAR, portrait)
    assert isinstance(painter, BatchPainter)
    assert (painter.most, loaded) == (16, [b"engine"] * 4)


@pytest.mark.parametrize("whose", ["file", "folder"])
def test_an_engine_that_others_may_have_written_is_not_loaded(cache: Path, portrait: Portrait, whose: str) -> None:
    path = fill(cache, portrait)[0]
    (path if whose == "file" else path.parent).chmod(0o722)
    with pytest.raises(ValueError, match="can be written by others"):
        plans.load_painter(AVATAR, portrait)


def test_a_gpu_that_fails_while_loading_is_told_as_a_mistake_of_the_set_up(
    cache: Path, portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: ModuleType, plan: bytes) -> None:
        raise RuntimeError("CUDA: cudaErrorMemoryAllocation")

    fill(cache, portrait)
    monkeypatch.setattr(plans, "TensorRTGraph", full)
    with pytest.raises(ValueError, match=r"cudaErrorMemoryAllocation.*nvidia-smi"):
        plans.load_painter(AVATAR, portrait)


class Gpu:
    """Counts what it is asked for, and doubles what it is given."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.buffers: list[Any] = []

    def module(self) -> ModuleType:
        gpu = self

        class Stream:
            handle = 7

            def wait(self) -> None:
                gpu.log.append("wait")

            def close(self) -> None:
                gpu.log.append("close stream")

        class Buffer:
            def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
                self.host, self.device = np.ones(shape, dtype), len(gpu.buffers)
                gpu.buffers.append(self)

            def upload(self, stream: Stream) -> None:
                gpu.log.append("upload")

            def download(self, stream: Stream) -> None:
                gpu.log.append("download")

            def close(self) -> None:
                gpu.log.append("close buffer")

        class Recording:
            def __init__(self, stream: Stream, enqueue: Any) -> None:
                self._enqueue = enqueue
                gpu.log.append("record")

            def launch(self, stream: Stream) -> None:
                gpu.log.append("launch")
                self._enqueue()

            def close(self) -> None:
                gpu.log.append("close recording")

        made: Any = ModuleType("engines.cuda")
        made.Stream, made.Buffer, made.Recording = Stream, Buffer, Recording
        return made

    def package(self, *, capturable: bool) -> Any:
        tensors = {"x": (np.float32, "INPUT"), "y": (np.float32, "OUTPUT")}

        def execute(handle: int) -> bool:
            self.log.append("execute")
            self.buffers[1].host[:] = 2 * self.buffers[0].host
            return True

        context = SimpleNamespace(
            set_tensor_address=lambda name, address: self.log.append(f"{name} at {address}"),
            execute_async_v3=execute,
            is_stream_capturable=lambda handle: capturable,
        )
        engine = SimpleNamespace(
            num_io_tensors=2,
            get_tensor_name=lambda i: list(tensors)[i],
            get_tensor_dtype=lambda name: tensors[name][0],
            get_tensor_shape=lambda name: (2, 3),
            get_tensor_mode=lambda name: tensors[name][1],
            create_execution_context=lambda: context,
        )
        logger: Any = lambda severity: None  # noqa: E731
        logger.ERROR = 0
        return SimpleNamespace(
            Logger=logger,
            Runtime=lambda log: SimpleNamespace(deserialize_cuda_engine=lambda plan: engine if plan else None),
            TensorIOMode=SimpleNamespace(INPUT="INPUT"),
            nptype=lambda kind: kind,
        )


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    made = Gpu()
    monkeypatch.setitem(sys.modules, "engines.cuda", made.module())
    return made


@pytest.mark.parametrize("capturable", [True, False])
def test_a_graph_warms_up_records_itself_where_it_can_and_runs(gpu: Gpu, capturable: bool) -> None:
    graph = TensorRTGraph(gpu.package(capturable=capturable), b"engine")
    warm = ["x at 0", "y at 1", "upload", "execute", "download", "wait"]
    assert gpu.log == [*warm, *(["record"] if capturable else [])]
    gpu.log.clear()
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(graph.run({"x": x})["y"], 2 * x)
    np.testing.assert_array_equal(graph.run({})["y"], 2 * x)
    once = [*(["launch"] if capturable else []), "upload", "execute", "download", "wait"]
    assert gpu.log == once * 2
    gpu.log.clear()
    graph.close()
    assert sorted(gpu.log)[:2] == ["close buffer"] * 2
    assert "close stream" in gpu.log


def test_an_engine_of_another_version_is_refused(gpu: Gpu) -> None:
    with pytest.raises(ValueError, match="run visavis compile again"):
        TensorRTGraph(gpu.package(capturable=True), b"")
