"""How well an avatar's exported graph draws frames that it was not trained on; needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from engines.nerf.engine import load_renderer

from .capture import Capture, eye_boxes, load, mouth_box

HEAD_DILATION = 8  # pixels round mask classes 2-5
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# SSIM's customary window and constants (Wang et al. 2004), for luma of 0..255.
SSIM_SIGMA, SSIM_RADIUS, SSIM_C1, SSIM_C2 = 1.5, 5, (0.01 * 255) ** 2, (0.03 * 255) ** 2

Picture = NDArray[np.float32]


@dataclass
class Pooled:
    """Squared error pooled over frames."""

    error: float = 0.0
    count: int = 0

    def add(self, squared: Picture) -> None:
        """Counts every value of ``squared``."""
        self.error += float(squared.sum(dtype=np.float64))
        self.count += squared.size

    def psnr(self) -> float:
        """dB for a peak of 255; infinite for equal pictures."""
        return float(10 * np.log10(255**2 / (self.error / self.count))) if self.error else float("inf")


@dataclass
class Scores:
    """What is gathered frame by frame."""

    frame: Pooled = field(default_factory=Pooled)
    head: Pooled = field(default_factory=Pooled)
    mouth: Pooled = field(default_factory=Pooled)
    agreeing: float = 0.0
    steepness: float = 0.0
    ssim: list[float] = field(default_factory=list)


def sharpness_terms(drawn: Picture, truth: Picture) -> tuple[float, float]:
    """``sum grad(p) . grad(t)`` and ``sum |grad(t)|^2`` of two luma pictures [h, w], forward differences."""
    agreeing = steepness = 0.0
    for axis in (0, 1):
        of_drawn, of_truth = np.diff(drawn, axis=axis), np.diff(truth, axis=axis)
        agreeing += float((of_drawn * of_truth).sum(dtype=np.float64))
        steepness += float((of_truth**2).sum(dtype=np.float64))
    return agreeing, steepness


def _blur(picture: Picture) -> Picture:
    taps = np.exp(-(np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1) ** 2) / (2 * SSIM_SIGMA**2))
    taps /= taps.sum()
    for _ in range(2):  # along the last axis, then, turned, along the other
        width = picture.shape[1] - 2 * SSIM_RADIUS
        picture = sum((tap * picture[:, i : i + width] for i, tap in enumerate(taps)), np.zeros(1, np.float32)).T
    return picture


def ssim(one: Picture, other: Picture) -> float:
    """Mean structural similarity of two luma pictures [h, w], 0..255, where the window fits."""
    mean1, mean2 = _blur(one), _blur(other)
    var1, var2 = _blur(one * one) - mean1**2, _blur(other * other) - mean2**2
    both = _blur(one * other) - mean1 * mean2
    top = (2 * mean1 * mean2 + SSIM_C1) * (2 * both + SSIM_C2)
    return float((top / ((mean1**2 + mean2**2 + SSIM_C1) * (var1 + var2 + SSIM_C2))).mean())


def head_mask(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mask classes 2-5 of [h, w], dilated by ``HEAD_DILATION`` pixels."""
    head = Image.fromarray(((mask >= 2) * 255).astype(np.uint8))
    return np.asarray(head.filter(ImageFilter.MaxFilter(2 * HEAD_DILATION + 1))) > 0


def add_frame(scores: Scores, capture: Capture, index: int, drawn: NDArray[np.uint8], with_ssim: bool) -> None:
    """Compares one drawn frame, uint8[512, 512, 3], with the capture's."""
    truth, ours = capture.frame(index).astype(np.float32), drawn.astype(np.float32)
    squared = (ours - truth) ** 2
    scores.frame.add(squared)
    scores.head.add(squared[head_mask(capture.mask(index))])
    marks = capture.landmarks[index]
    x0, y0, x1, y1 = mouth_box(marks)
    scores.mouth.add(squared[y0:y1, x0:x1])
    luma, luma_truth = ours @ LUMA, truth @ LUMA
    for x0, y0, x1, y1 in (mouth_box(marks), *eye_boxes(marks)):
        agreeing, steepness = sharpness_terms(luma[y0:y1, x0:x1], luma_truth[y0:y1, x0:x1])
        scores.agreeing += agreeing
        scores.steepness += steepness
    if with_ssim:
        scores.ssim.append(ssim(luma, luma_truth))


def score(capture: Capture, split: str, draw: Callable[[NDArray[np.float32]], NDArray[np.uint8]]) -> Scores:
    """Draws every frame of ``split`` with ``draw`` (coefficients to uint8[512, 512, 3]) and compares it.

    Raises:
        ValueError: the capture has no frame of that split.
    """
    indices = capture.indices(split)
    if len(indices) == 0:
        raise ValueError(f"{capture.folder} has no frame with split '{split}': hold some out to evaluate on")
    scores = Scores()
    for index in indices:
        add_frame(scores, capture, int(index), draw(capture.coeffs[index]), with_ssim=split == "test")
    return scores


def evaluate(avatar: Path, capture: Path) -> dict[str, float]:
    """Scores the avatar, drawn through its exported graph, on the capture's held-out frames.

    Returns:
        On the clip (split ``test``): ``psnr`` and ``ssim`` of the frame, ``psnr_head``, ``psnr_mouth`` (dB, squared
        error pooled over frames), ``sharpness`` (mouth and eyes; 1 is the truth's, noise can't raise it), ``frames``;
        on the wide poses: ``wide_psnr_head``, ``wide_psnr_mouth``.

    Raises:
        ValueError: avatar or capture is missing or broken; the message says what to do.
    """
    shown = load(Path(capture))
    renderer = load_renderer(Path(avatar))
    clip, wide = score(shown, "test", renderer.render_rgb), score(shown, "wide", renderer.render_rgb)
    return {
        "psnr": clip.frame.psnr(),
        "ssim": float(np.mean(clip.ssim)),
        "psnr_head": clip.head.psnr(),
        "psnr_mouth": clip.mouth.psnr(),
        "sharpness": clip.agreeing / clip.steepness,
        "frames": len(clip.ssim),
        "wide_psnr_head": wide.head.psnr(),
        "wide_psnr_mouth": wide.mouth.psnr(),
    }
