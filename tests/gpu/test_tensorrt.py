"""The default avatar on an NVIDIA GPU, against the CPU: run by `make gpu` on a machine that has one.

Engines are built into a folder of the test's own; TensorRT takes some minutes for that, TensorRT for RTX seconds.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx")
pytest.importorskip("cuda.bindings")

from engines.cuda import find_gpu
from engines.media import COEFFS, Image
from engines.nerf.batch import BatchPainter
from engines.nerf.engine import load_renderer
from engines.nerf.plans import SIZES, compile_avatar, load_painter
from engines.nerf.portrait import Portrait
from engines.nerf.service import RenderService
from engines.runtime_tensorrt import find_package

pytestmark = pytest.mark.gpu

AVATAR = Path(__file__).parents[2] / "avatars" / "default"


@pytest.fixture(scope="module", autouse=True)
def _gpu() -> None:
    try:
        find_gpu()
        find_package()
    except ValueError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> BatchPainter:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        compile_avatar(AVATAR, None, print)
        return load_painter(AVATAR, Portrait(AVATAR))


def poses(count: int) -> NDArray[np.float32]:
    """Random, so that rays fall between texels."""
    random = np.random.default_rng(count)
    made = np.zeros((count, COEFFS), np.float32)
    made[:, :52] = random.uniform(0, 0.6, (count, 52))
    made[:, 52:] = random.uniform(-0.12, 0.12, (count, 6))
    made[:, 55] = np.linspace(-1.5, 1.5, count)
    return made


def compare(image: Image, want: Image) -> None:
    """Within what float16 convolutions may change: nearest sampling would be off by tens of levels."""
    difference = np.abs(image.astype(int) - want)
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99.9) <= 3


@pytest.mark.parametrize("count", [1, 3, *SIZES[1:]])
def test_the_gpu_draws_what_the_cpu_draws(painter: BatchPainter, count: int) -> None:
    cpu = load_renderer(AVATAR)
    given = poses(count)
    for image, pose in zip(painter.paint(list(given)), given, strict=True):
        compare(image, cpu.render(pose))


def test_a_recorded_run_takes_new_inputs(painter: BatchPainter) -> None:
    one, other = poses(2)
    first = painter.paint([one])[0]
    assert np.abs(painter.paint([other])[0].astype(int) - first).max() > 20
    np.testing.assert_array_equal(painter.paint([one])[0], first)


def test_sessions_draw_their_own_faces_through_one_engine(painter: BatchPainter) -> None:
    service, given = RenderService([painter.paint], painter.most), poses(6)
    want = [painter.paint([pose])[0] for pose in given]
    found: dict[int, Image] = {}

    def draw(number: int) -> None:
        for _ in range(20):
            found[number] = service.render(given[number])

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(len(given))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for number, image in found.items():
        compare(image, want[number])
    assert len(found) == len(given)
