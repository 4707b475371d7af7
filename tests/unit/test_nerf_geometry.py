"""Rays, poses and colours of the renderer, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engines.nerf.color import to_i420
from engines.nerf.geometry import (
    COEFFS,
    POSE_UNIT,
    WINDOW_STEP,
    Camera,
    Scene,
    Window,
    place,
    ray_directions,
    rotation,
)

pytestmark = pytest.mark.unit

CAMERA = Camera(1200.0, 256.0, 256.0, (0.0, -1.0, 100.0), (0.0, -6.5, 1.0))
WINDOW = Window(28, 384, 312)
SCENE = Scene(CAMERA, WINDOW, (0.0, -1.0, 5.0), (13.5, 17.25, 13.5), (0.0, -3.0, -0.5))


def test_a_quarter_turn_of_yaw_takes_her_nose_to_the_images_right() -> None:
    np.testing.assert_allclose(rotation(np.pi / 2, 0, 0) @ [0, 0, 1], [1, 0, 0], atol=1e-6)


def test_pitch_is_applied_before_yaw() -> None:
    # Up, pitched forward by 90 degrees, points at the viewer; the yaw then takes it to the right.
    np.testing.assert_allclose(rotation(np.pi / 2, np.pi / 2, 0) @ [0, 1, 0], [1, 0, 0], atol=1e-6)


def test_the_ray_through_a_pixel_meets_the_point_that_projects_there() -> None:
    coeffs = np.zeros(COEFFS, np.float32)
    coeffs[52:] = 0.2, -0.1, 0.05, 1.5, -0.7, 2.0
    at = place(coeffs, SCENE)
    fine = ray_directions(SCENE, 2)
    row, col, depth = 70, 90, 93.0
    in_head = at.origin[0, 0] + depth * (fine[row, col] @ at.rot[0]) + SCENE.box_centre

    moved = rotation(0.2, -0.1, 0.05) @ (in_head - CAMERA.pivot) + CAMERA.pivot + coeffs[55:]
    x, y, z = moved - CAMERA.position
    assert -z == pytest.approx(depth, abs=1e-3)
    assert 256 + 1200 * x / -z == pytest.approx(at.left + 2 * col + 1, abs=1e-2)
    assert 256 - 1200 * y / -z == pytest.approx(WINDOW.top + 2 * row + 1, abs=1e-2)


def test_the_window_follows_the_head_in_whole_steps_and_stays_in_the_picture() -> None:
    lefts = []
    for sideways in (-40, -2, 0, 2, 40):
        coeffs = np.zeros(COEFFS, np.float32)
        coeffs[55] = sideways
        lefts.append(place(coeffs, SCENE).left)
    assert lefts == sorted(lefts)
    assert lefts[0] == 0
    assert lefts[2] == 96
    assert lefts[-1] == 512 - WINDOW.width
    assert all(left % WINDOW_STEP == 0 for left in lefts)


def test_the_pose_is_given_in_units_of_the_widest() -> None:
    coeffs = np.zeros(COEFFS, np.float32)
    coeffs[52:] = POSE_UNIT
    np.testing.assert_allclose(place(coeffs, SCENE).drive[0, 52:], 1)


def test_rays_cover_the_window() -> None:
    assert ray_directions(SCENE, 2).shape == (192, 156, 3)
    assert ray_directions(SCENE, 8).shape == (48, 39, 3)


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (81, 90, 240)),
        ((0, 0, 255), (41, 240, 110)),
    ],
)
def test_primaries_have_the_levels_of_bt601(rgb: tuple[int, int, int], yuv: tuple[int, int, int]) -> None:
    picture = np.full((4, 4, 3), rgb, np.uint8)
    planes = to_i420(picture)
    assert planes.shape == (6, 4)
    assert (planes[:4] == yuv[0]).all()
    assert (planes[4] == yuv[1]).all()
    assert (planes[5] == yuv[2]).all()


def test_i420_is_what_ffmpeg_takes_it_for() -> None:
    av = pytest.importorskip("av")
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:8, :8], picture[8:, 8:] = (200, 40, 90), (30, 160, 220)
    frame = av.VideoFrame.from_ndarray(to_i420(picture), format="yuv420p")
    back = frame.to_ndarray(format="rgb24").astype(int)
    assert np.abs(back[2:6, 2:6] - picture[2:6, 2:6]).max() <= 4
    assert np.abs(back[10:14, 10:14] - picture[10:14, 10:14]).max() <= 4
