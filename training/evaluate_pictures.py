"""How alike two pictures are: errors pooled over frames, structural similarity, sharpness."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# SSIM's customary window and constants (Wang et al. 2004), for luma of 0..255.
SSIM_SIGMA, SSIM_RADIUS, SSIM_C1, SSIM_C2 = 1.5, 5, (0.01 * 255) ** 2, (0.03 * 255) ** 2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of MS-SSIM's five scales, the finest first (Wang et al. 2003)."""

Picture = NDArray[np.floating]
Region = NDArray[np.bool_]


@dataclass
class Pooled:
    """Squared error pooled over frames."""

    error: float = 0.0
    count: int = 0

    def add(self, squared: Picture) -> float:
        """Counts every value of ``squared``; returns the PSNR of these values alone."""
        error, count = float(squared.sum(dtype=np.float64)), squared.size
        self.error += error
        self.count += count
        return _psnr(error, count)

    def psnr(self) -> float:
        """dB for a peak of 255; infinite for equal pictures."""
        return _psnr(self.error, self.count)


def _psnr(error: float, count: int) -> float:
    return float(10 * np.log10(255**2 / (error / count))) if error else float("inf")


@dataclass
class Similarity:
    """Structural similarity of frames, one value each: of the whole frame and of the head in it."""

    frame: list[float] = field(default_factory=list)
    head: list[float] = field(default_factory=list)
    frame_scales: list[float] = field(default_factory=list)
    head_scales: list[float] = field(default_factory=list)

    def add(self, drawn: Picture, truth: Picture, head: Region) -> None:
        """Takes two luma pictures [h, w], 0..255, and where the head is in them."""
        scales = structure(drawn, truth)
        everywhere, regions = [np.ones_like(head)] * len(scales), halvings(head, len(scales))
        self.frame.append(_mean(scales[0][0], everywhere[0]))
        self.head.append(_mean(scales[0][0], regions[0]))
        self.frame_scales.append(_joined(scales, everywhere))
        self.head_scales.append(_joined(scales, regions))


def sharpness_terms(drawn: Picture, truth: Picture) -> tuple[float, float]:
    """``sum grad(p) . grad(t)`` and ``sum |grad(t)|^2`` of two luma pictures [h, w], forward differences."""
    agreeing = steepness = 0.0
    for axis in (0, 1):
        of_drawn, of_truth = np.diff(drawn, axis=axis), np.diff(truth, axis=axis)
        agreeing += float((of_drawn * of_truth).sum(dtype=np.float64))
        steepness += float((of_truth**2).sum(dtype=np.float64))
    return agreeing, steepness


def ssim(one: Picture, other: Picture) -> float:
    """Mean structural similarity of two luma pictures [h, w], 0..255, where the window fits."""
    return float(_maps(one, other)[0].mean())


def structure(one: Picture, other: Picture) -> list[tuple[Picture, Picture]]:
    """The maps of similarity, and of its part that leaves out the means, at each of MS-SSIM's scales."""
    found = [_maps(one, other)]
    for _ in SCALE_WEIGHTS[1:]:
        one, other = _halved(one), _halved(other)
        found.append(_maps(one, other))
    return found


def halvings(region: Region, scales: int) -> list[Region]:
    """The region at each scale: the pixels at least half of which belong to it."""
    found = [region]
    for _ in range(scales - 1):
        found.append(_halved(found[-1].astype(np.float32)) >= 0.5)
    return found


def _joined(scales: list[tuple[Picture, Picture]], regions: list[Region]) -> float:
    """MS-SSIM: means at the coarsest scale, contrast and structure at all; unlike pictures (below 0) count as 0."""
    parts = [_mean(bare, region) for (_, bare), region in zip(scales, regions, strict=True)]
    parts[-1] = _mean(scales[-1][0], regions[-1])
    return float(np.prod(np.maximum(parts, 0) ** np.array(SCALE_WEIGHTS)))


def _mean(values: Picture, region: Region) -> float:
    """Over the region, where the window fits: a map is smaller than its picture by the window's radius a side."""
    inner = region[SSIM_RADIUS:, SSIM_RADIUS:][: values.shape[0], : values.shape[1]]
    return float(values[inner].mean()) if inner.any() else float(values.mean())


def _maps(one: Picture, other: Picture) -> tuple[Picture, Picture]:
    mean1, mean2 = _blur(one), _blur(other)
    var1, var2 = _blur(one * one) - mean1**2, _blur(other * other) - mean2**2
    both = _blur(one * other) - mean1 * mean2
    bare = (2 * both + SSIM_C2) / (var1 + var2 + SSIM_C2)
    return (2 * mean1 * mean2 + SSIM_C1) / (mean1**2 + mean2**2 + SSIM_C1) * bare, bare


def _blur(picture: Picture) -> Picture:
    taps = np.exp(-(np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1) ** 2) / (2 * SSIM_SIGMA**2))
    taps /= taps.sum()
    for _ in range(2):  # along the last axis, then, turned, along the other
        width = picture.shape[1] - 2 * SSIM_RADIUS
        picture = sum((tap * picture[:, i : i + width] for i, tap in enumerate(taps)), np.zeros(1, np.float32)).T
    return picture


def _halved(picture: Picture) -> Picture:
    """Means of 2x2 pixels; an odd last row or column is left out."""
    height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    return picture[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3), dtype=np.float32)
