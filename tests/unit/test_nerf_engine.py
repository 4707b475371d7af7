"""The renderer on the shipped avatar: what goes in, what comes out, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.render import measure
from engines.avatar_meta import read_meta
from engines.media import ARKIT_NAMES
from engines.nerf.color import to_i420
from engines.nerf.engine import NerfRenderer, load_renderer
from engines.nerf.geometry import COEFFS, RIM, WINDOW_STEP, place

pytestmark = pytest.mark.unit

AVATAR = Path(__file__).parents[2] / "avatars" / "default"
REST = np.zeros(COEFFS, np.float32)


@pytest.fixture(scope="module")
def renderer() -> NerfRenderer:
    return load_renderer(AVATAR)


def test_a_picture_is_i420_and_the_callers_own(renderer: NerfRenderer) -> None:
    first = renderer.render(REST)
    kept = first.copy()
    spoken = REST.copy()
    spoken[ARKIT_NAMES.index("jawOpen")] = 0.5
    second = renderer.render(spoken)
    assert first.shape == (768, 512)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, kept)
    moved = np.abs(first[:512].astype(int) - second[:512]) > 40
    rows, cols = np.nonzero(moved)
    assert 250 < rows.mean() < 340  # the mouth
    assert 200 < cols.mean() < 312


def test_the_same_coefficients_give_the_same_picture(renderer: NerfRenderer) -> None:
    first = renderer.render(REST)
    renderer.render(np.full(COEFFS, 0.3, np.float32))
    np.testing.assert_array_equal(renderer.render(REST), first)


def test_the_two_outputs_show_one_picture(renderer: NerfRenderer) -> None:
    turned = REST.copy()
    turned[52:] = 0.15, -0.1, 0.05, 1.0, -0.5, 1.0
    ours, want = renderer.render(turned).astype(int), to_i420(renderer.render_rgb(turned)).astype(int)
    difference = np.abs(ours - want)
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99.9) <= 3


def test_the_windows_rim_is_the_still_picture(renderer: NerfRenderer) -> None:
    """So its border can't be seen, nor flicker when it moves."""
    right = REST.copy()
    right[55] = 2.0
    here, there = (renderer.render_rgb(coeffs).astype(int) for coeffs in (REST, right))
    lefts = [place(coeffs, renderer.scene).left for coeffs in (REST, right)]
    assert lefts[1] >= lefts[0] + 2 * RIM
    for rim in (
        np.s_[28 : 28 + 2 * RIM],
        np.s_[412 - 2 * RIM : 412],
        np.s_[:, lefts[0] : lefts[0] + 2 * RIM],
    ):
        assert np.abs(here[rim] - there[rim]).max() <= 1


def test_nothing_jumps_when_the_window_does(renderer: NerfRenderer) -> None:
    before, after = REST.copy(), REST.copy()
    lefts = []
    for step in range(200):
        before, after = after, REST.copy()
        after[55] = 0.005 * step
        lefts.append(place(after, renderer.scene).left)
        if lefts[-1] != lefts[0]:
            break
    assert lefts[-1] == lefts[0] + WINDOW_STEP
    jump = np.abs(renderer.render(before).astype(int) - renderer.render(after))
    assert np.percentile(jump, 99.9) <= 6  # 0.005 cm is a twentieth of a pixel


def test_unseen_values_are_clamped_to_what_was_trained(renderer: NerfRenderer) -> None:
    wild = np.full(COEFFS, 1e9, np.float32)
    wild[:52] = -5
    wild[52] = np.nan
    edge = np.array(renderer.meta.coeffs_high, np.float32)
    edge[:52] = renderer.meta.coeffs_low[:52]
    edge[52] = 0
    np.testing.assert_array_equal(renderer.render(wild), renderer.render(edge))


def test_a_vector_of_another_length_is_refused(renderer: NerfRenderer) -> None:
    with pytest.raises(ValueError, match=r"give \(58,\)"):
        renderer.render(np.zeros(52, np.float32))


def test_she_speaks_the_projects_arkit_and_says_that_she_is_generated() -> None:
    meta = read_meta(AVATAR)
    assert tuple(meta.arkit_names) == tuple(ARKIT_NAMES)
    assert meta.ai_generated is True
    assert (meta.size, meta.fps) == ((512, 512), 25)
    assert "synthetic" in (meta.consent or "")
    assert not meta.local_test


def test_an_avatar_is_small_and_holds_no_code() -> None:
    files = [path for path in AVATAR.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 12e6
    assert {path.suffix for path in files} <= {".onnx", ".json", ".png", ".md", ""}


def copied(folder: Path) -> Path:
    for name in ("face.onnx", "meta.json"):
        shutil.copy(AVATAR / name, folder / name)
    return folder


def test_a_graph_that_is_not_the_exported_one_is_refused(tmp_path: Path) -> None:
    with (copied(tmp_path) / "face.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="not the graph"):
        load_renderer(tmp_path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    meta = json.loads((copied(tmp_path) / "meta.json").read_text())
    (tmp_path / "meta.json").write_text(json.dumps(meta | {"format": 99}))
    with pytest.raises(ValueError, match="format 2"):
        load_renderer(tmp_path)


def test_a_folder_without_an_avatar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"meta\.json is missing"):
        load_renderer(tmp_path)


def test_the_bench_refuses_no_threads() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        measure(AVATAR, 0)
