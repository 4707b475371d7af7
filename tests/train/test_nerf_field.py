"""The field in torch and its exported graph: compositing by hand, parity, and what the graph may not hold."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from engines.nerf.engine import CUTS  # noqa: E402
from engines.nerf.field import DENSITY, FEATURES, PortraitField, composite, enlarging  # noqa: E402
from engines.nerf.geometry import COEFFS, SIZE, place  # noqa: E402
from engines.runtime import Graph, Part  # noqa: E402
from tests.unit.test_nerf_geometry import SCENE, WINDOW  # noqa: E402
from training.graph import build, yuv_weights  # noqa: E402

pytestmark = pytest.mark.train
torch.set_num_threads(1)  # small tensors: on busy cores threads only wait for each other


def inverse_softplus(value: float) -> float:
    return math.log(math.expm1(value))


def test_a_ray_of_two_samples_composites_as_by_hand() -> None:
    raw = torch.zeros(2, FEATURES, 1, 1)
    raw[:, 1, 0, 0] = torch.tensor([10.0, 100.0])
    # Optical depth is DENSITY * softplus: these let through a half, then a quarter.
    raw[0, 0], raw[1, 0] = (inverse_softplus(math.log(n) / DENSITY) for n in (2, 4))
    seen, weights = composite(raw)
    assert [w.item() for w in weights] == pytest.approx([0.5, 0.5 * 0.75])
    assert seen[1].item() == pytest.approx(0.5 * 10 + 0.375 * 100)


def test_an_opaque_sample_hides_what_is_behind_it() -> None:
    raw = torch.full((3, FEATURES, 1, 1), 50.0)
    _, weights = composite(raw)
    assert [w.item() for w in weights] == pytest.approx([1, 0, 0], abs=1e-6)


def test_enlarging_is_the_bilinear_one() -> None:
    small = torch.rand(1, 2, 5, 7)
    want = torch.nn.functional.interpolate(small, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarging(5, 20) @ small @ enlarging(7, 28).T, want)


def test_a_layer_folded_to_yuv_makes_the_yuv_of_its_rgb() -> None:
    weight, bias = np.random.default_rng(0).normal(size=(16, 3, 1, 1)).astype(np.float32), np.full(16, 0.1, np.float32)
    x = np.array([0.2, -0.1, 0.4], np.float32)
    rgba = weight[:, :, 0, 0] @ x + bias
    red, green, blue = rgba[:12].reshape(3, 4)
    folded, shift = yuv_weights(weight, bias)
    out = folded[:, :, 0, 0] @ x + shift
    np.testing.assert_allclose(out[:4], 65.481 * red + 128.553 * green + 24.966 * blue, rtol=1e-5)
    np.testing.assert_allclose(out[4], (-37.797 * red - 74.203 * green + 112 * blue).mean(), rtol=1e-5)
    np.testing.assert_allclose(out[6:], rgba[12:], rtol=1e-5)


@pytest.fixture(scope="module")
def field() -> PortraitField:
    torch.manual_seed(0)
    made = PortraitField(SCENE)
    with torch.no_grad():
        made.plate.copy_(torch.rand(3, SIZE, SIZE))
        made.tint.weight.normal_(0, 0.1)
        made.units.uniform_(1, 3)
        made.shell.add_(0.3 * torch.randn_like(made.shell))
    return made


@pytest.fixture(scope="module")
def graph(field: PortraitField, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("field") / "face.onnx"
    onnx.save(build(field), path)
    return path


def test_the_graph_is_fit_for_every_engine(graph: Path) -> None:
    model = onnx.load(graph)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    samples = [node for node in model.graph.node if node.op_type == "GridSample"]
    assert len(samples) == 2
    for node in samples:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        assert attributes == {"mode": b"bilinear", "padding_mode": b"zeros", "align_corners": 0}
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"CumSum", "NonZero", "Where", "Loop", "If", "ScatterND"}
    for value in (*model.graph.input, *model.graph.output):
        assert all(d.HasField("dim_value") for d in value.type.tensor_type.shape.dim)
    assert graph.stat().st_size < 12e6


@pytest.mark.parametrize("left_over", [0.0, 1.3])
def test_the_graph_draws_what_torch_draws(field: PortraitField, graph: Path, left_over: float) -> None:
    random = np.random.default_rng(1)
    coeffs = np.zeros(COEFFS, np.float32)
    coeffs[:52] = random.uniform(0, 1, 52)
    coeffs[52:] = 0.17, -0.08, 0.1, left_over, 0.4, 1.1
    at = place(coeffs, SCENE)
    with torch.no_grad():
        drive, rot, origin = (torch.from_numpy(a) for a in (at.drive, at.rot, at.origin))
        want, _ = field(drive, rot, origin, field.behind(drive, at.left))
    want = (want.clamp(0, 1) * 255).permute(1, 2, 0).numpy()
    runner = Graph(graph, (*CUTS, Part(("rgb",), "f32")))
    inputs = {"drive": at.drive, "rot": at.rot, "origin": at.origin, "left": np.array([at.left // 2])}
    got = runner.run(inputs)["rgb"]
    assert got.shape == (WINDOW.height, WINDOW.width, 3)
    assert np.abs(got - want).mean() < 0.6  # half a level is the rounding to bytes
    plate = Graph(graph, (Part(("plate",), "f32"),)).run({})["plate"]
    assert np.abs(plate[WINDOW.top] - 255 * field.plate[:, WINDOW.top].detach().T.numpy()).max() <= 0.51
