"""The still picture behind the head: measured where it lies open, continued where it never does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.frames import MOST_UNITS, USUAL, drive_units, measured_plate  # noqa: E402

pytestmark = pytest.mark.train

FRAMES, SIDE = 10, 16


def plate(covered: np.ndarray, skin: np.ndarray) -> Any:
    """The plate of ten frames of a backdrop of 100, behind a head of 20 at ``covered`` [16, 16]."""
    open_to_view = np.where(covered, 0, FRAMES)[..., None].astype(np.float32)
    whole = np.where(covered, 20, 100)[..., None].repeat(3, 2).astype(np.float32) * FRAMES
    return measured_plate(100 * open_to_view.repeat(3, 2), open_to_view, whole, FRAMES * skin[..., None]) / FRAMES


def test_the_backdrop_goes_on_behind_hair_and_skin_stays() -> None:
    covered, skin = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), np.float32)
    covered[4:12, 4:12] = True
    skin[6:10, 6:10] = 1
    made = plate(covered, skin)
    assert made.shape == (3, SIDE, SIDE)
    torch.testing.assert_close(made[:, 6:10, 6:10], torch.full((3, 4, 4), 20.0))
    made[:, 6:10, 6:10] = 100
    torch.testing.assert_close(made, torch.full((3, SIDE, SIDE), 100.0))


def test_a_glimpse_is_enough_to_measure() -> None:
    total, count = np.full((SIDE, SIDE, 3), 1000, np.float32), np.full((SIDE, SIDE, 1), 10, np.float32)
    total[8, 8], count[8, 8] = 60, 1  # one frame of ten in which the head was away
    made = measured_plate(total, count, total, np.zeros_like(count)) / FRAMES
    torch.testing.assert_close(made[:, 8, 8], torch.full((3,), 60.0))


def test_what_a_clip_shows_little_of_is_learned_in_larger_units() -> None:
    drive = torch.zeros(4, 1, 58)
    drive[:, 0, 0] = torch.tensor([0.0, 0.1, 0.0, 0.1])
    drive[:, 0, 1] = torch.tensor([0.0, 1.0, 0.0, 1.0])
    units = drive_units(drive)
    assert units[0].item() == pytest.approx(USUAL / drive[:, 0, 0].std().item())
    assert units[1] == 1  # what moves as shapes do stays
    assert units[2] == MOST_UNITS
