"""What was tracked of a video, as one page: landmarks and masks over its pictures, pose, shapes, what was dropped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, FPS

from .contours import MESH_68
from .matte import OVAL
from .page import Clip, curves, document, table, text

MOST_PICTURES = 1000
"""Of the film over the whole clip: some 4 MB. Longer clips are shown with fewer pictures a second."""
SIDE = 384
"""Pixels of the film's pictures."""
SHOWN_SHAPES = 8
"""Those that move most; more curves in one drawing can't be told apart."""
RINGS = (range(17), range(17, 22), range(22, 27), range(27, 31), range(31, 36))
CLOSED = (range(36, 42), range(42, 48), range(48, 60), range(60, 68))
"""Of the 68: lines of jaw, brows and nose; outlines of eyes and lips."""
_MARK, _OVAL, _MASK, _DROPPED = (40, 230, 90), (250, 220, 60), (255, 80, 220), (230, 40, 40)

Picture = NDArray[np.uint8]
Span = tuple[int, int]


class Overlay:
    """The film: what the tracker found, drawn on the crop's pictures as they come."""

    def __init__(self, frames: int) -> None:
        """
        Args:
            frames: how many will come.
        """
        self._step = max(1, -(-frames // MOST_PICTURES))
        self._film = Clip(FPS / self._step, quality=28)
        self._index = 0

    def add(self, cut: Picture, mask: Picture, marks: NDArray[np.floating], dropped: bool) -> None:
        """Takes the next picture, uint8[512, 512, 3], its mask and its landmarks [478, 2] in pixels."""
        if self._index % self._step == 0:
            self._film.add(_drawn(cut, mask, marks, dropped))
        self._index += 1

    def element(self) -> str:
        """Ends the film, and gives it as HTML."""
        return self._film.element()


def _drawn(cut: Picture, mask: Picture, marks: NDArray[np.floating], dropped: bool) -> Picture:
    picture = cut.copy()
    edges, _ = cv2.findContours((mask > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    heads, _ = cv2.findContours((mask >= 2).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, [*edges, *heads], -1, _MASK, 1, cv2.LINE_AA)
    if not dropped:
        points = marks[list(MESH_68)].round().astype(np.int32)
        oval = marks[list(OVAL)].round().astype(np.int32)
        cv2.polylines(picture, [oval], True, _OVAL, 1, cv2.LINE_AA)
        cv2.polylines(picture, [points[list(ring)] for ring in RINGS], False, _MARK, 1, cv2.LINE_AA)
        cv2.polylines(picture, [points[list(ring)] for ring in CLOSED], True, _MARK, 1, cv2.LINE_AA)
    else:
        cv2.rectangle(picture, (2, 2), (picture.shape[1] - 3, picture.shape[0] - 3), _DROPPED, 5)
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def write_page(
    path: Path,
    film: str,
    told: Mapping[str, object],
    pose: tuple[NDArray[np.floating], NDArray[np.floating]],
    shapes: NDArray[np.floating],
    error_px: NDArray[np.floating],
    dropped: Mapping[int, str],
) -> None:
    """
    Args:
        film: HTML, of `Overlay`.
        told: names and values of the table at the top.
        pose: angles [n, 3] (yaw, pitch, roll), radians, and shift [n, 3], cm.
        shapes: [n, 52]. error_px: [n], of the rigid head.
        dropped: frame -> why.

    Raises:
        OSError: it can't be written.
    """
    angles, shift = np.degrees(pose[0]), pose[1]
    gone = spans(sorted(dropped))
    active = np.argsort(-shapes.std(0))[:SHOWN_SHAPES]
    lids = [index for index, name in enumerate(ARKIT_NAMES) if name.startswith("eyeBlink")]
    plots = (
        curves("head, degrees", dict(zip(("yaw", "pitch", "roll"), angles.T, strict=True)), gone),
        curves("head, cm", dict(zip(("right", "up", "near"), shift.T, strict=True)), gone),
        curves("shapes that move most", {ARKIT_NAMES[i]: shapes[:, i] for i in active if i not in lids}, gone),
        curves("lids", {ARKIT_NAMES[i]: shapes[:, i] for i in lids}, gone),
        curves("the rigid head's error, pixels", {"a frame": error_px}, gone),
    )
    path.write_text(
        document(
            "What was tracked",
            table(told),
            text("Green: eyes, lips, brows, nose, jaw. Yellow: the face's oval. Pink: person and head. Red: dropped."),
            film,
            text("Dropped frames", "h2"),
            _losses(dropped),
            text("Pose and shapes; dropped frames are shaded", "h2"),
            *plots,
        ),
        encoding="utf-8",
    )


def spans(frames: list[int]) -> list[Span]:
    """Runs of consecutive frames, first and last."""
    runs: list[Span] = []
    for frame in frames:
        if runs and frame == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], frame
        else:
            runs.append((frame, frame))
    return runs


def _losses(dropped: Mapping[int, str]) -> str:
    if not dropped:
        return text("None.")
    reasons = sorted(set(dropped.values()))
    rows = {
        why: ", ".join(
            f"{first / FPS:.2f}–{(last + 1) / FPS:.2f} s"
            for first, last in spans([frame for frame in sorted(dropped) if dropped[frame] == why])
        )
        for why in reasons
    }
    return table(rows)
