"""How well an avatar's exported graph draws frames that it was not trained on; needs no torch.

What each figure means is in ``docs/measurements.md``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from engines.nerf.engine import NerfRenderer, load_renderer
from engines.nerf.geometry import BLENDSHAPES

from .capture import Capture, eye_boxes, load, mouth_box
from .evaluate_flicker import Unrest, triangulated
from .evaluate_page import Report
from .evaluate_pictures import LUMA, Pooled, Region, Similarity, sharpness_terms
from .evaluate_source import of_video

if TYPE_CHECKING:
    from .evaluate_marks import Landmarks, Marks

HEAD_DILATION = 8  # pixels round mask classes 2-5
OVAL_GROWTH = 1.2
"""Of a video's face oval, about its middle: a video's masks are guesses, its landmarks hold."""
LANDMARK_FIGURES = ("lmd", "lmd_mouth", "mouth_correlation", "blink_error")
TIMED = 100
"""Pictures that ``fps`` is the median of, after as many as a tenth to warm up."""

Picture = NDArray[np.uint8]
Figures = dict[str, float | None]


@dataclass
class Scores:
    """What is gathered of one split, frame by frame."""

    frame: Pooled = field(default_factory=Pooled)
    head: Pooled = field(default_factory=Pooled)
    mouth: Pooled = field(default_factory=Pooled)
    head_psnr: list[float] = field(default_factory=list)
    agreeing: float = 0.0
    steepness: float = 0.0
    similarity: Similarity = field(default_factory=Similarity)

    def add(self, drawn: Picture, truth: Picture, marks: NDArray[np.float32], head: Region, alike: bool) -> None:
        """Compares one drawn frame, uint8[512, 512, 3], with the true one; ``alike`` adds structural similarity."""
        ours, theirs = drawn.astype(np.float32), truth.astype(np.float32)
        squared = (ours - theirs) ** 2
        self.frame.add(squared)
        self.head_psnr.append(self.head.add(squared[head]))
        x0, y0, x1, y1 = mouth_box(marks)
        self.mouth.add(squared[y0:y1, x0:x1])
        luma, luma_truth = ours @ LUMA, theirs @ LUMA
        for x0, y0, x1, y1 in (mouth_box(marks), *eye_boxes(marks)):
            agreeing, steepness = sharpness_terms(luma[y0:y1, x0:x1], luma_truth[y0:y1, x0:x1])
            self.agreeing += agreeing
            self.steepness += steepness
        if alike:
            self.similarity.add(luma, luma_truth, head)


def head_mask(mask: NDArray[np.uint8]) -> Region:
    """Mask classes 2-5 of [h, w], dilated by ``HEAD_DILATION`` pixels."""
    head = Image.fromarray(((mask >= 2) * 255).astype(np.uint8))
    for _ in range(HEAD_DILATION):  # a pixel at a time: one filter that wide takes four times as long
        head = head.filter(ImageFilter.MaxFilter(3))
    return np.asarray(head) > 0


def oval_mask(marks: Marks, size: int) -> Region:
    """Mediapipe's face oval of landmarks [478, 2], grown by ``OVAL_GROWTH``; bool[size, size]."""
    from .matte import OVAL

    ring = marks[list(OVAL)]
    middle = (ring.min(0) + ring.max(0)) / 2
    canvas = Image.new("1", (size, size))
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in (middle + (ring - middle) * OVAL_GROWTH).tolist()], 1)
    return np.asarray(canvas, np.bool_)


def evaluate(avatar: Path, capture: Path, landmarker: Path | None = None, page: Path | None = None) -> Figures:
    """Scores the avatar, drawn through its exported graph, on the capture's held-out frames.

    Args:
        landmarker: mediapipe's file; without one, what landmarks are needed for is None.
        page: HTML file to write, with a film of both sides.

    Returns:
        On the clip (split ``test``): ``psnr``, ``psnr_head``, ``psnr_mouth`` (dB, squared error pooled over frames),
        ``ssim``, ``ms_ssim``, ``ssim_head``, ``ms_ssim_head``, ``sharpness`` (mouth and eyes; 1 is the truth's, noise
        can't raise it), ``lmd``, ``lmd_mouth`` (pixels), ``mouth_correlation``, ``blink_error``, ``flicker``,
        ``flicker_warped``, ``flicker_warped_truth`` (of 255), ``frames``; on the wide poses, None where there are none:
        ``wide_psnr_head``, ``wide_psnr_mouth``; ``fps`` of the engine on one thread.

    Raises:
        ValueError: avatar or capture is missing or broken, or the capture is of a video and no landmarker is given;
            the message says what to do.
        OSError: the page can't be written.
    """
    shown = load(Path(capture))
    if of_video(shown.folder) and landmarker is None:
        raise ValueError(f"{capture} is of a video, whose head is found by its landmarks: give --landmarker")
    renderer = load_renderer(Path(avatar))
    report = Report() if page is not None else None
    with ExitStack() as stack:
        marks = None
        if landmarker is not None:
            from .evaluate_marks import Landmarks
            from .landmarks import StillFaces

            marks = Landmarks(stack.enter_context(StillFaces(landmarker)))
        figures = _clip(shown, renderer, marks, report)
    figures |= _wide(shown, renderer) | {"fps": _pace(shown, renderer)}
    if report is not None and page is not None:
        report.write(page, figures)
    return figures


def _clip(capture: Capture, renderer: NerfRenderer, marks: Landmarks | None, report: Report | None) -> Figures:
    indices = capture.indices("test")
    if len(indices) == 0:
        raise ValueError(f"{capture.folder} has no frame with split 'test': hold some out to evaluate on")
    scores, unrest = Scores(), Unrest(triangulated(capture))
    head: Region | None = None
    for index in indices.tolist():
        coeffs, around, truth = capture.coeffs[index], capture.landmarks[index], capture.frame(index)
        drawn = renderer.render_rgb(coeffs)
        found = marks.add(drawn, truth) if marks is not None else None
        if not of_video(capture.folder):
            head = head_mask(capture.mask(index))
        elif found is not None:
            head = oval_mask(found, len(truth))
        if head is None:
            raise ValueError(f"no face is found in frame {index} of {capture.folder}: track the video again")
        scores.add(drawn, truth, around, head, alike=True)
        unrest.add(index, renderer.render_rgb(_at_rest(coeffs)), (drawn, truth), head, around, coeffs)
        if report is not None:
            report.add(index, drawn, truth, scores.head_psnr[-1])
    if report is not None and marks is not None:
        report.found(marks.distance, marks.gaps, marks.eyes)
    alike = scores.similarity
    return {
        "psnr": scores.frame.psnr(),
        "ssim": float(np.mean(alike.frame)),
        "ms_ssim": float(np.mean(alike.frame_scales)),
        "psnr_head": scores.head.psnr(),
        "ssim_head": float(np.mean(alike.head)),
        "ms_ssim_head": float(np.mean(alike.head_scales)),
        "psnr_mouth": scores.mouth.psnr(),
        "sharpness": scores.agreeing / scores.steepness,
        **dict.fromkeys(LANDMARK_FIGURES),
        **(marks.figures() if marks is not None else {}),
        **unrest.figures(),
        "frames": len(indices),
    }


def _at_rest(coeffs: NDArray[np.float32]) -> NDArray[np.float32]:
    out = coeffs.copy()
    out[BLENDSHAPES:] = 0
    return out


def _wide(capture: Capture, renderer: NerfRenderer) -> Figures:
    """Of single frames in wide poses, which only captures with exact masks have."""
    indices = capture.indices("wide").tolist()
    if not indices:
        return {"wide_psnr_head": None, "wide_psnr_mouth": None}
    scores = Scores()
    for index in indices:
        drawn, head = renderer.render_rgb(capture.coeffs[index]), head_mask(capture.mask(index))
        scores.add(drawn, capture.frame(index), capture.landmarks[index], head, alike=False)
    return {"wide_psnr_head": scores.head.psnr(), "wide_psnr_mouth": scores.mouth.psnr()}


def _pace(capture: Capture, renderer: NerfRenderer) -> float:
    """Pictures a second, in the format that is sent, on one thread of the CPU."""
    times = list(_timed(capture, renderer))
    return 1 / float(np.median(times[TIMED // 10 :]))


def _timed(capture: Capture, renderer: NerfRenderer) -> Iterator[float]:
    clip = capture.coeffs[capture.indices("test")]
    for turn in range(TIMED + TIMED // 10):
        begun = time.perf_counter()
        renderer.render(clip[turn % len(clip)])
        yield time.perf_counter() - begun
