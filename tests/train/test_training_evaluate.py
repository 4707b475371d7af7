"""The scores of a face, against pictures whose scores are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("PIL")

from training.evaluate import head_mask
from training.evaluate_pictures import SCALE_WEIGHTS, Picture, Pooled, Similarity, sharpness_terms, ssim

pytestmark = pytest.mark.train

RANDOM = np.random.default_rng(0)
PICTURE: Picture = RANDOM.uniform(0, 255, (40, 50)).astype(np.float32)
LARGE: Picture = RANDOM.uniform(0, 255, (192, 208)).astype(np.float32)


def test_errors_are_pooled_before_the_logarithm() -> None:
    pooled = Pooled()
    assert pooled.psnr() == math.inf
    pooled.add(np.full((2, 2), 4, np.float32))
    pooled.add(np.zeros((2, 2), np.float32))
    assert pooled.psnr() == pytest.approx(10 * math.log10(255**2 / 2))


def test_a_picture_is_as_sharp_as_itself_and_half_its_contrast_half() -> None:
    agreeing, steepness = sharpness_terms(PICTURE, PICTURE)
    assert agreeing / steepness == pytest.approx(1)
    halved, _ = sharpness_terms(np.multiply(PICTURE, 0.5, dtype=np.float32), PICTURE)
    assert halved / steepness == pytest.approx(0.5, rel=1e-5)


def test_noise_does_not_raise_sharpness() -> None:
    flat = np.zeros((200, 200), np.float32)
    edge = flat.copy()
    edge[:, 100:] = 200
    noise = RANDOM.normal(0, 20, flat.shape).astype(np.float32)
    _, steepness = sharpness_terms(flat, edge)
    agreeing, _ = sharpness_terms(noise, edge)
    assert abs(agreeing / steepness) < 0.05


def test_ssim_is_one_for_equal_pictures_and_near_none_for_unrelated_ones() -> None:
    assert ssim(PICTURE, PICTURE) == pytest.approx(1, abs=1e-4)
    assert abs(ssim(PICTURE, RANDOM.uniform(0, 255, PICTURE.shape).astype(np.float32))) < 0.1


def test_ssim_of_flat_pictures_is_its_formula_for_means() -> None:
    one, other = np.full((20, 20), 100, np.float32), np.full((20, 20), 120, np.float32)
    constant = (0.01 * 255) ** 2
    want = (2 * 100 * 120 + constant) / (100**2 + 120**2 + constant)
    assert ssim(one, other) == pytest.approx(want, rel=1e-4)


def test_flat_pictures_differ_in_the_means_of_the_coarsest_scale_alone() -> None:
    one, other, everywhere = np.full((192, 192), 100.0), np.full((192, 192), 120.0), np.ones((192, 192), np.bool_)
    alike = Similarity()
    alike.add(one, other, everywhere)
    want = ((2 * 100 * 120 + (0.01 * 255) ** 2) / (100**2 + 120**2 + (0.01 * 255) ** 2)) ** SCALE_WEIGHTS[-1]
    assert alike.frame_scales[0] == pytest.approx(want, rel=1e-4)


def test_of_the_head_only_what_lies_in_it_counts() -> None:
    head = np.zeros(LARGE.shape, np.bool_)
    head[:, :96] = True
    spoiled = LARGE.copy()
    spoiled[:, 192:] = 0  # beyond the reach of the coarsest scale's window, 5 pixels of 16
    alike = Similarity()
    alike.add(spoiled, LARGE, head)
    assert alike.head[0] == pytest.approx(1, abs=1e-6)
    assert alike.head_scales[0] > 0.999
    assert alike.frame[0] < 0.97
    assert alike.frame_scales[0] < alike.head_scales[0]


def test_the_head_is_classes_two_to_five_grown_by_eight_pixels() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[30, 30], mask[0, 60] = 3, 1
    found = head_mask(mask)
    assert found.sum() == 17 * 17
    assert found[22, 22]
    assert not found[21, 30]
