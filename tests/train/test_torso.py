"""A torso that moves: drawn where its motion puts it, measured from pictures, and the same in the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import torch.nn.functional as F  # noqa: E402

from engines.nerf.engine import cuts  # noqa: E402
from engines.nerf.field import SOFT, PortraitField, inside_window  # noqa: E402
from engines.nerf.geometry import COEFFS, RIM, SIZE, place  # noqa: E402
from engines.nerf.torso import BLEED, REACH, Torso  # noqa: E402
from engines.runtime import Graph, Part  # noqa: E402
from tests.unit.test_nerf_geometry import SCENE, WINDOW  # noqa: E402
from training import torso as measured  # noqa: E402
from training.graph import build  # noqa: E402

pytestmark = pytest.mark.train
torch.set_num_threads(1)

TOP = 352
MIDDLE = slice(BLEED, -BLEED)


def smooth_torso(seed: int) -> Any:
    """Clothes of soft blotches whose alpha falls off to the sides and upwards."""
    torch.manual_seed(seed)
    torso = Torso(TOP)
    height, width = torso.plate.shape[2:]
    blotches = F.interpolate(torch.rand(1, 3, 17, 40), size=(height, width), mode="bicubic").clamp(0, 1)
    down, across = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    alpha = torch.sigmoid((down - BLEED - 30) / 3) * torch.sigmoid((190 - (across - width / 2).abs()) / 3)
    torso.plate[0] = torch.cat([blotches[0] * alpha, alpha[None]])
    return torso


def test_at_rest_the_plates_middle_lies_before_the_backdrop() -> None:
    torso = smooth_torso(0)
    backdrop = torch.rand(3, SIZE, SIZE)
    drawn = torso.over(backdrop, torch.zeros(3, 2))
    plate = torso.plate[0, :, MIDDLE, MIDDLE]
    torch.testing.assert_close(drawn[:, :TOP], backdrop[:, :TOP])
    torch.testing.assert_close(drawn[:, TOP:], plate[:3] + (1 - plate[3:]) * backdrop[:, TOP:], atol=1e-4, rtol=0)


def test_a_step_aside_moves_it_by_whole_pixels() -> None:
    torso = smooth_torso(0)
    torso.follow[3, 4] = -7 / REACH  # (x, y, 1) times [3, 2]: entry 4 is the shift in x
    drive = torch.zeros(1, COEFFS)
    drive[0, 55] = 1  # tx
    none = torch.zeros(3, SIZE, SIZE)
    moved, still = torso.over(none, torso.motion(drive)), torso.over(none, torch.zeros(3, 2))
    torch.testing.assert_close(moved[:, TOP:, 7:], still[:, TOP:, :-7], atol=1e-4, rtol=0)


def test_the_motion_of_pictures_is_found_and_follows_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    torso = smooth_torso(1)
    frames = 8
    poses = torch.eye(6).repeat(2, 1)[:frames] * torch.tensor([1.0] * 6 + [-1.0] * 2)[:, None]
    follow = torch.zeros(6, 6)
    follow[3, 4], follow[4, 5], follow[2, 1], follow[2, 2] = 9 / REACH, 5 / REACH, 0.02, -0.02
    motions = (poses @ follow).view(frames, 3, 2)
    alpha = Torso(TOP)
    alpha.plate[:] = torso.plate[:, 3:]
    shots = []
    for motion in motions:
        seen = alpha.over(torch.zeros(3, SIZE, SIZE), motion)[:1, TOP:]
        picture = torso.over(torch.full((3, SIZE, SIZE), 0.3), motion)[:, TOP:]
        shots.append(torch.cat([picture, (seen > 0.5).float(), torch.ones_like(seen)]))
    monkeypatch.setattr(measured, "layers", lambda _, index, __: shots[index])
    found = measured.aligned(cast(Any, None), np.arange(frames), poses, TOP)
    # A frame is the measure, so motions are known up to one that all share.
    apart = (found - found.mean(0)) - (motions - motions.mean(0))
    assert (apart[:, 2].abs() * REACH).max() < 0.7  # pixels
    learned, rest = measured.followed(poses, found)
    assert learned[3, 4] * REACH == pytest.approx(9, abs=1.5)
    assert rest.isfinite().all()


def test_the_windows_lower_edge_fades_before_a_torso_that_moves() -> None:
    hard, soft = inside_window(SCENE, soft=False), inside_window(SCENE, soft=True)
    torch.testing.assert_close(soft[:, : -RIM - SOFT], hard[:, : -RIM - SOFT])
    column = soft[0, -RIM - SOFT - 1 : -RIM + 1, WINDOW.cols // 2]
    assert (column.diff() < 0).all()
    assert (column[0], column[-1]) == (1, 0)


def test_the_graph_moves_the_torso_as_torch_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torso = smooth_torso(2)
    torso.follow.normal_(0, 0.03)
    torso.rest.normal_(0, 0.01)
    field = PortraitField(SCENE, torso)
    field.plate.copy_(F.interpolate(torch.rand(1, 3, 32, 32), size=(SIZE, SIZE), mode="bicubic")[0].clamp(0, 1))
    onnx.save(build(field), tmp_path / "face.onnx")
    coeffs = np.zeros(COEFFS, np.float32)
    coeffs[52:] = 0.17, -0.08, 0.1, -1.3, 0.4, 1.1
    at = place(coeffs, SCENE)
    drive, rot, origin = (torch.from_numpy(a) for a in (at.drive, at.rot, at.origin))
    with torch.no_grad():
        whole = torso.over(field.plate, torso.motion(drive))
        want, _ = field(drive, rot, origin, field.behind(drive, at.left))
    parts = (*cuts(("plate_rgb", "torso_rgb_byte")), Part(("rgb", "torso_rgb", "torso_y", "torso_uv"), "f32"))
    inputs = {"drive": at.drive, "rot": at.rot, "origin": at.origin, "left": np.array([at.left // 2])}
    found = Graph(tmp_path / "face.onnx", parts).run(inputs)
    below = 255 * whole[:, TOP:].clamp(0, 1).permute(1, 2, 0).numpy()
    assert np.abs(found["torso_rgb"] - below).mean() < 0.5
    assert np.abs(found["rgb"] - 255 * want.clamp(0, 1).permute(1, 2, 0).numpy()).mean() < 0.6
    luma = below @ (65.481, 128.553, 24.966) / 255 + 16
    assert np.abs(found["torso_y"] - luma).mean() < 0.5
    blue = below.reshape(-1, 2, SIZE // 2, 2, 3).mean((1, 3)) @ (-37.797, -74.203, 112.0) / 255 + 128
    assert np.abs(found["torso_uv"][0] - blue).mean() < 1
