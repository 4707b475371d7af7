"""What a capture folder must be, and what is said when it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES
from training.capture import box, load

pytestmark = pytest.mark.train


Arrays = dict[str, NDArray[Any] | None]


def write(folder: Path, changed: Arrays | None = None) -> Path:
    """Writes a ``capture.npz`` of two frames; a change to None leaves the array out."""
    frames = 2
    arrays: Arrays = {
        "arkit": np.zeros((frames, 52), np.float32),
        "arkit_names": np.array(ARKIT_NAMES),
        "split": np.array(["train"] * frames),
        "angles": np.full((frames, 3), 90, np.float32),
        "translation": np.ones((frames, 3), np.float32),
        "landmarks": np.zeros((frames, 68, 2), np.float32),
        "pivot": np.zeros(3, np.float32),
        "focal_px": np.array(1200.0),
        "cx": np.array(256.0),
        "cy": np.array(256.0),
        "camera": np.array([0, 0, 100], np.float32),
    }
    arrays |= changed or {}
    kept = {key: value for key, value in arrays.items() if value is not None}
    np.savez(folder / "capture.npz", allow_pickle=False, **kept)
    return folder


def test_angles_become_radians_after_the_blendshapes(tmp_path: Path) -> None:
    capture = load(write(tmp_path))
    np.testing.assert_allclose(capture.coeffs[0, 52:], [np.pi / 2] * 3 + [1, 1, 1], rtol=1e-6)
    assert capture.scene.camera.position == (0, 0, 100)
    assert capture.scene.window.height == 384  # where a capture does not say where its head is
    assert list(capture.indices("train")) == [0, 1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"angles": None}, "lacks angles: write the capture again"),
        ({"arkit": np.zeros((2, 51), np.float32)}, r"arkit is \(2, 51\), write it as \(2, 52\)"),
        ({"arkit": np.full((2, 52), np.nan, np.float32)}, "arkit is not finite everywhere, leave those frames out"),
        ({"arkit_names": np.array(ARKIT_NAMES[::-1])}, "not in the order of ARKIT_NAMES"),
        ({"arkit": np.zeros((0, 52), np.float32)}, "no frames: capture some first"),
    ],
)
def test_a_broken_capture_says_what_to_do(tmp_path: Path, changed: Arrays, said: str) -> None:
    write(tmp_path, changed)
    with pytest.raises(ValueError, match=said):
        load(tmp_path)


def test_a_missing_folder_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"give the folder that holds capture\.npz"):
        load(tmp_path / "nowhere")


def test_junk_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "capture.npz").write_bytes(b"PK\x03\x04 junk")
    with pytest.raises(ValueError, match="can't be read"):
        load(tmp_path)


def test_a_missing_frame_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"00001\.jpg is missing"):
        load(write(tmp_path)).frame(1)


def test_a_box_grows_on_every_side_and_stays_in_the_picture() -> None:
    assert box(np.array([[10, 20], [20, 60]], np.float32), 0.5) == (5, 0, 25, 80)
    assert box(np.array([[500, 20], [511, 60]], np.float32), 0.5) == (494, 0, 512, 80)
