"""The shipped avatar's graph on every runtime: batched, in other precisions, and as TensorRT reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

onnx = pytest.importorskip("onnx")
trt = pytest.importorskip("tensorrt_rtx")

from onnx import TensorProto, helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

from engines.nerf.batch import BatchPainter  # noqa: E402
from engines.nerf.engine import load_renderer, picture_parts  # noqa: E402
from engines.nerf.geometry import COEFFS, place  # noqa: E402
from engines.nerf.plans import compile_avatar, graph_for_tensorrt, load_painter  # noqa: E402
from engines.nerf.portrait import Portrait  # noqa: E402
from engines.onnx_batch import batched  # noqa: E402
from engines.onnx_rewrite import needed_nodes  # noqa: E402
from engines.onnx_tensorrt import for_tensorrt  # noqa: E402
from engines.runtime import Graph, Part  # noqa: E402
from engines.runtime_tensorrt import build, parse  # noqa: E402
from tests.unit.test_nerf_geometry import SCENE  # noqa: E402

pytestmark = pytest.mark.train

AVATAR = Path(__file__).parents[2] / "avatars" / "default"
SESSIONS = 3


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return Portrait(AVATAR)


@pytest.fixture(scope="module")
def graph(portrait: Portrait) -> Any:
    return onnx.load(portrait.graph)


@pytest.fixture(scope="module")
def poses() -> NDArray[np.float32]:
    """Of talking faces; the window of each stands elsewhere, and no ray falls on a texel's centre."""
    random = np.random.default_rng(0)
    poses = np.zeros((SESSIONS, COEFFS), np.float32)
    poses[:, :52] = random.uniform(0, 0.6, (SESSIONS, 52))
    poses[:, 52:] = random.uniform(-0.12, 0.12, (SESSIONS, 6))
    poses[:, 55] = -1.5, 0.1, 1.5
    return poses


@pytest.fixture(scope="module")
def alone(portrait: Portrait, poses: NDArray[np.float32]) -> list[dict[str, NDArray[np.uint8]]]:
    """What the graph itself draws of each pose, in f32."""
    whole = Graph(portrait.graph, (Part(portrait.outputs, "f32"),))
    found = (whole.run(portrait.inputs(pose)[0]) for pose in poses)
    return [{name: value.copy() for name, value in one.items()} for one in found]


def stacked(portrait: Portrait, poses: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    inputs = [portrait.inputs(pose)[0] for pose in poses]
    return {name: np.stack([one[name] for one in inputs]) for name in inputs[0]}


def differences(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Levels of 255, of all outputs."""
    return np.concatenate([np.abs(one[name].astype(int) - other[name]).ravel() for name in other])


def test_a_batch_draws_for_each_session_what_it_would_draw_alone(
    portrait: Portrait,
    graph: Any,
    poses: NDArray[np.float32],
    alone: list[dict[str, NDArray[np.uint8]]],
    tmp_path: Path,
) -> None:
    onnx.save(batched(graph, portrait.outputs, SESSIONS), tmp_path / "face.onnx")
    runner = Graph(tmp_path / "face.onnx", (Part(portrait.outputs, "f32"),))
    found = runner.run(stacked(portrait, poses))
    for k, want in enumerate(alone):
        difference = differences({name: value[k] for name, value in found.items()}, want)
        assert difference.max() <= 1  # sums in another order, where a level is about to change
        assert (difference > 0).mean() < 1e-3


def test_a_batch_that_is_not_full_draws_for_those_who_wait(
    portrait: Portrait, graph: Any, poses: NDArray[np.float32], tmp_path: Path
) -> None:
    onnx.save(batched(graph, portrait.outputs, SESSIONS), tmp_path / "face.onnx")
    painter = BatchPainter(portrait, {SESSIONS: Graph(tmp_path / "face.onnx", picture_parts(portrait))})
    renderer = load_renderer(AVATAR)
    images = painter.paint(list(poses[:2]))
    assert len(images) == 2
    for image, pose in zip(images, poses, strict=False):
        assert np.abs(image.astype(int) - renderer.render(pose)).max() <= 1


def test_sessions_whose_torso_moves_are_batched_and_read_too(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from engines.nerf.field import PortraitField
    from engines.nerf.torso import Torso
    from training.graph import build as export

    torch.manual_seed(0)
    torso = Torso(400)
    torso.plate.uniform_()
    torso.follow.normal_(0, 0.02)
    field = PortraitField(SCENE, torso)
    field.plate.uniform_()
    one, outputs = export(field), ("y", "uv", "torso_y", "torso_uv")
    several = batched(one, outputs, 2)
    for name, model in (("one", one), ("several", several)):
        onnx.save(model, tmp_path / f"{name}.onnx")
    placed = []
    for shift in (-1, 1):
        coeffs = np.zeros(COEFFS, np.float32)
        coeffs[52:] = 0.1, 0.05, -0.03, shift, 0.3, -0.7
        at = place(coeffs, SCENE)
        placed.append({"drive": at.drive, "rot": at.rot, "origin": at.origin, "left": np.array([at.left // 2])})
    alone, together = (Graph(tmp_path / f"{name}.onnx", (Part(outputs, "f32"),)) for name in ("one", "several"))
    found = together.run({name: np.stack([inputs[name] for inputs in placed]) for name in placed[0]})
    for k, inputs in enumerate(placed):
        assert differences({name: value[k] for name, value in found.items()}, alone.run(inputs)).max() <= 1
    parse(trt, for_tensorrt(several).SerializeToString())


def test_what_cannot_be_batched_is_named() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])
    node = helper.make_node("CumSum", ["x", "axis"], ["y"], name="running")
    axis = onnx.numpy_helper.from_array(np.array(0, np.int64), "axis")
    made = helper.make_model(
        helper.make_graph([node], "sum", [x], [y], [axis]), opset_imports=[helper.make_opsetid("", 17)]
    )
    with pytest.raises(ValueError, match=r"running \(CumSum\)"):
        batched(made, ("y",), 2)


def test_tensorrt_reads_the_default_avatar_as_it_is_meant(portrait: Portrait, graph: Any) -> None:
    for size in (1, 4):
        _, network = parse(trt, graph_for_tensorrt(portrait, size))
        layers = [network.get_layer(i) for i in range(network.num_layers)]
        samples = [layer for layer in layers if layer.type == trt.LayerType.GRID_SAMPLE]
        needed = needed_nodes(graph.graph, portrait.outputs)
        assert len(samples) == sum(node.op_type == "GridSample" for node in needed)
        for layer in samples:
            layer.__class__ = trt.IGridSampleLayer
            assert layer.interpolation_mode == trt.InterpolationMode.LINEAR
            assert (layer.sample_mode, layer.align_corners) == (trt.SampleMode.FILL, False)
            assert {layer.get_input(k).dtype for k in range(2)} == {trt.float32}
        convolutions = [layer for layer in layers if layer.type == trt.LayerType.CONVOLUTION]
        assert convolutions
        assert {layer.get_output(0).dtype for layer in convolutions} == {trt.float16}
        window = portrait.scene.window
        inputs = {t.name: tuple(t.shape) for t in (network.get_input(i) for i in range(network.num_inputs))}
        outputs = {t.name: (tuple(t.shape), t.dtype) for t in map(network.get_output, range(network.num_outputs))}
        assert inputs == {
            "drive": (size, 1, 58), "rot": (size, 1, 3, 3), "origin": (size, 1, 1, 3), "left": (size, 1),
        }  # fmt: skip
        assert outputs["y"] == ((size, window.height, window.width), trt.uint8)
        assert outputs["uv"] == ((size, 2, window.rows, window.cols), trt.uint8)
        assert set(outputs) == set(portrait.outputs)


def test_the_default_avatar_compiles_without_a_gpu_into_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told: list[str] = []
    paths = compile_avatar(AVATAR, "sm89", told.append, sizes=(1, 4))
    assert [path.name for path in paths] == ["batch1.engine", "batch4.engine"]
    engine = paths[0]
    assert engine.is_relative_to(tmp_path / "visavis" / "engines" / f"tensorrt_rtx-{trt.__version__}-sm89")
    assert engine.stat().st_size > 1e6
    assert not engine.stat().st_mode & 0o077
    made = engine.stat().st_mtime_ns
    compile_avatar(AVATAR, "sm89", told.append, sizes=(1,))
    assert engine.stat().st_mtime_ns == made
    assert told[-1] == f"{engine} is there already"


def test_an_architecture_that_the_package_does_not_know_is_refused(portrait: Portrait) -> None:
    with pytest.raises(ValueError, match="sm89, sm120"):
        build(trt, graph_for_tensorrt(portrait, 1), "sm90")


def test_a_sampling_of_the_nearest_is_refused() -> None:
    """As some versions of TensorRT read GridSample from opset 20 on, without a word."""
    sizes = {"picture": [1, 1, 4, 4], "grid": [1, 2, 2, 2], "found": [1, 1, 2, 2]}
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in sizes.items()}
    node = helper.make_node("GridSample", ["picture", "grid"], ["found"], mode="nearest", name="sampling")
    made = helper.make_graph([node], "nearest", [values["picture"], values["grid"]], [values["found"]])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ValueError, match=r"sampling was read as InterpolationMode\.NEAREST"):
        parse(trt, model.SerializeToString())


def test_float16_in_the_graph_changes_no_more_than_a_level(
    portrait: Portrait, poses: NDArray[np.float32], alone: list[dict[str, NDArray[np.uint8]]], tmp_path: Path
) -> None:
    """Of the weights: OpenVINO's sums stay in float32."""
    (tmp_path / "face.onnx").write_bytes(graph_for_tensorrt(portrait, SESSIONS))
    found = Graph(tmp_path / "face.onnx", (Part(portrait.outputs, "f32"),)).run(stacked(portrait, poses))
    for k, want in enumerate(alone):
        assert differences({name: value[k] for name, value in found.items()}, want).max() <= 1


def bfloat16_tail(graph: Any, outputs: tuple[str, ...]) -> Any:
    """The graph from ``found`` on, with every weight and every result rounded to bfloat16, as in the last part."""
    given = {"found", "plate_luma", "plate_chroma"}
    known = {value.name: value for value in onnx.shape_inference.infer_shapes(graph).graph.value_info}
    cut = onnx.GraphProto()
    cut.CopyFrom(graph.graph)
    kept = [node for node in cut.node if node.output[0] not in given]
    del cut.node[:]
    cut.node.extend(kept)
    nodes: list[Any] = []
    for node in needed_nodes(cut, outputs):
        result = node.output[0]
        kind = known[result].type.tensor_type.elem_type if result in known else TensorProto.UINT8
        nodes.append(node)
        if kind == TensorProto.FLOAT:
            node.output[0] = f"{result}_exact"
            nodes.append(helper.make_node("Cast", [f"{result}_exact"], [f"{result}_bf16"], to=TensorProto.BFLOAT16))
            nodes.append(helper.make_node("Cast", [f"{result}_bf16"], [result], to=TensorProto.FLOAT))
    ends = [value for value in cut.output if value.name in outputs]
    made = helper.make_graph(nodes, "tail", [known[name] for name in sorted(given)], ends, cut.initializer)
    return helper.make_model(made, opset_imports=graph.opset_import, ir_version=graph.ir_version)


def test_a_processor_without_bfloat16_draws_the_same_picture(
    portrait: Portrait, graph: Any, poses: NDArray[np.float32], alone: list[dict[str, NDArray[np.uint8]]]
) -> None:
    """Where a processor has bfloat16 the last part uses it: at worst every result is rounded, as here."""
    given = ("found", "plate_luma", "plate_chroma")
    before = Graph(portrait.graph, (Part(given, "f32"),)).run(portrait.inputs(poses[0])[0])
    tail = ReferenceEvaluator(bfloat16_tail(graph, ("y", "uv")))
    values = tail.run(None, dict(before))
    rounded = {str(name): np.asarray(value) for name, value in zip(tail.output_names, values, strict=True)}
    difference = differences(alone[0], rounded)
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99.9) <= 3


def test_features_are_what_torch_finds_between_texels(tmp_path: Path) -> None:
    """Sampling and compositing alone, where a byte hides nothing: random planes differ from texel to texel."""
    torch = pytest.importorskip("torch")
    from engines.nerf.field import PortraitField, composite
    from training.graph import build as export

    torch.manual_seed(0)
    field = PortraitField(SCENE)
    onnx.save(export(field), tmp_path / "face.onnx")
    with torch.no_grad():  # the file holds planes and basis in float16
        for tensor in (field.planes, field.basis):
            tensor.copy_(tensor.half().float())
    coeffs = np.random.default_rng(0).uniform(-0.1, 0.1, COEFFS).astype(np.float32)
    at = place(coeffs, SCENE)
    drive, rot, origin = (torch.from_numpy(array) for array in (at.drive, at.rot, at.origin))
    with torch.no_grad():
        planes, _ = field.posed_planes(drive)
        raw = field.query(planes, rot, origin, field.directions, field.shell_depths(rot, origin))
        want, _ = composite(raw)
    inputs = {"drive": at.drive, "rot": at.rot, "origin": at.origin}
    found = Graph(tmp_path / "face.onnx", (Part(("features",), "f32"),)).run(inputs)["features"][0]
    assert float(want.std()) > 1e-3
    np.testing.assert_allclose(found, want.numpy(), atol=2e-4 * float(want.abs().max()))


def test_serving_without_engines_says_what_to_do(portrait: Portrait) -> None:
    with pytest.raises(ValueError, match=r"nvidia-smi|visavis compile"):
        load_painter(AVATAR, portrait)
