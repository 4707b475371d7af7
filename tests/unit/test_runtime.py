"""The graph runner: cut where the precision changes, the parts give what the whole gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from engines.runtime import Graph, Part

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def graph_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``out = (a + 1) * 2 + b`` with ``middle = a + 1``, and a constant ``still``."""
    a, b = ops.parameter([1, 4], np.float32, name="a"), ops.parameter([1, 4], np.float32, name="b")
    middle = ops.add(a, np.float32(1))
    out = ops.add(ops.multiply(middle, np.float32(2)), b)
    still = ops.constant(np.arange(3, dtype=np.uint8))
    for node, name in ((a, "a"), (b, "b"), (middle, "middle"), (out, "out"), (still, "still")):
        node.output(0).get_tensor().set_names({name})
    path = tmp_path_factory.mktemp("graph") / "small.xml"
    model = ov.Model([out, still], [a, b], "small")  # pyright: ignore[reportGeneralTypeIssues]
    ov.save_model(model, path, compress_to_fp16=False)
    return path


INPUTS = {"a": np.array([[1, 2, 3, 4]], np.float32), "b": np.array([[10, 20, 30, 40]], np.float32)}


@pytest.mark.parametrize(
    "parts",
    [
        (Part(("out",), "f32"),),
        (Part(("middle",), "f32"), Part(("out",), "f32")),
        (Part(("middle",), "bf16"), Part(("out",), "bf16")),
    ],
)
def test_parts_give_what_the_whole_gives(graph_path: Path, parts: tuple[Part, ...]) -> None:
    graph = Graph(graph_path, parts)
    for _ in range(2):
        np.testing.assert_allclose(graph.run(INPUTS)["out"], [[14, 26, 38, 50]])


def test_a_part_asks_only_for_the_inputs_that_it_uses(graph_path: Path) -> None:
    middle, still = (Graph(graph_path, (Part((name,), "f32"),)) for name in ("middle", "still"))
    np.testing.assert_allclose(middle.run({"a": INPUTS["a"]})["middle"], [[2, 3, 4, 5]])
    np.testing.assert_array_equal(still.run({})["still"], [0, 1, 2])


def test_a_tensor_can_be_given_and_an_input_left_out_keeps_its_value(graph_path: Path) -> None:
    graph = Graph(graph_path, (Part(("out",), "f32"),), given=("middle",))
    np.testing.assert_allclose(graph.run({"middle": INPUTS["a"], "b": INPUTS["b"]})["out"], [[12, 24, 36, 48]])
    np.testing.assert_allclose(graph.run({"middle": 2 * INPUTS["a"]})["out"], [[14, 28, 42, 56]])


def test_a_tensor_that_is_not_there_is_named(graph_path: Path) -> None:
    with pytest.raises(ValueError, match="no tensor nowhere"):
        Graph(graph_path, (Part(("nowhere",), "f32"),))


def test_a_file_that_is_no_graph_is_said_to_be_none(tmp_path: Path) -> None:
    junk = tmp_path / "face.onnx"
    junk.write_bytes(b"not a graph")
    with pytest.raises(ValueError, match="no graph that OpenVINO reads"):
        Graph(junk, (Part(("out",), "f32"),))


def test_an_open_axis_takes_any_length(tmp_path: Path) -> None:
    a = ops.parameter([1, -1], np.float32, name="a")
    out = ops.multiply(a, np.float32(2))
    for node, name in ((a, "a"), (out, "out")):
        node.output(0).get_tensor().set_names({name})
    path = tmp_path / "open.xml"
    ov.save_model(ov.Model([out], [a], "open"), path)  # pyright: ignore[reportGeneralTypeIssues]
    graph = Graph(path, (Part(("out",), "f32"),))
    for length in (3, 5, 3):
        np.testing.assert_allclose(graph.run({"a": np.ones((1, length), np.float32)})["out"], np.full((1, length), 2.0))
