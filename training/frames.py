"""The training frames in memory, cut to their windows, with what each pixel counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.nerf.geometry import RIM, SIZE, place
from engines.nerf.torso import Torso

from .capture import Capture, box, eye_boxes, mouth_box
from .filling import filled, grown
from .torso import measure_torso, spread, strip_top

HEAD_WEIGHT, DETAIL_WEIGHT = 2.0, 3.0  # on top of 1: head, and mouth and eyes
FACE_ROWS, FACE_COLS = 128, 112  # rays of a face step: 256 x 224 px, half of a whole frame's cost
SEEN = 0.004  # of the frames: where the plate lies open in more, their mean is the plate
MOST = 3000  # frames in memory, evenly chosen: a long video repeats itself, and a frame takes a third of a megabyte
USUAL, MOST_UNITS = (
    0.15,
    5.0,
)  # deviation of a shape of the synthetic capture; beyond, units would be the tracker's noise
NECK = 12.0  # px under the chin: from there on skin may belong to the plate, so alpha is left free


@dataclass
class Frames:
    """The training frames, cut to their windows, and what belongs to them; n frames."""

    pictures: Tensor  # uint8 [n, 3, height, width] of the window
    weights: Tensor  # uint8 [n, height, width]
    solid: Tensor  # uint8 [n, height, width]: 1 head, 0 not, 2 undecided
    drive: Tensor  # [n, 1, 58]
    rot: Tensor  # [n, 1, 3, 3]
    origin: Tensor  # [n, 1, 1, 3]
    left: list[int]  # n: the windows' first columns
    face: list[tuple[int, int]]  # n: first row and column of the face step's rays
    plate: Tensor  # [3, SIZE, SIZE], 0..1: what never moves
    top: int  # the windows' first row
    torso: Torso | None  # None where it stands still, on the plate
    moved: Tensor | None  # uint8 [n, 3, height, width] of the window: the plate behind a torso that moves

    def behind(self, i: int) -> Tensor:
        """What lies behind the head in frame ``i``, [3, height, width] of the window, 0..1."""
        if self.moved is not None:
            return self.moved[i].float() / 255
        height, width = self.pictures.shape[2:]
        return self.plate[:, self.top : self.top + height, self.left[i] : self.left[i] + width]


def _solid(mask: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Head 1, not head 0, undecided 2: single hairs, their surroundings, and the neck, which moves with both."""
    head = torch.from_numpy((mask >= 2).astype(np.float32))[None, None]
    around = grown(head, 5)[0, 0].numpy()
    shrunk = -grown(-head, 3)[0, 0].numpy()
    solid = np.where(shrunk > 0, 1, np.where(around > 0, 2, 0)).astype(np.uint8)
    chin = landmarks[8, 1] + NECK
    below = np.arange(SIZE)[:, None] > chin
    solid[below & (mask == 2)] = 2
    return solid


def _weights(solid: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    out = np.where(solid > 0, 1 + HEAD_WEIGHT, 1)
    for x0, y0, x1, y1 in (mouth_box(landmarks), *eye_boxes(landmarks)):
        out[y0:y1, x0:x1] += DETAIL_WEIGHT
    return out.astype(np.uint8)


def measured_plate(
    total: NDArray[np.float32], count: NDArray[np.float32], whole: NDArray[np.float32], skin: NDArray[np.float32]
) -> Tensor:
    """The still picture behind the head, [3, SIZE, SIZE], times the number of frames.

    Args:
        total, count: sum of the colours seen where the head was away, [SIZE, SIZE, 3], and how often, [SIZE, SIZE, 1].
        whole, skin: sum of all colours, and how often a pixel was skin.
    """
    frames = count.max()
    known = torch.from_numpy((count > SEEN * frames).astype(np.float32)).permute(2, 0, 1)
    seen = torch.from_numpy(frames * total / np.maximum(count, 1)).permute(2, 0, 1) * known
    # What is always skin, the foot of the neck above all, is its own mean; what is always hair, what lies round it.
    mean = torch.from_numpy(whole).permute(2, 0, 1)
    ever_skin = torch.from_numpy((skin > frames / 2).astype(np.float32)).permute(2, 0, 1) * (1 - known)
    return seen + (1 - known) * (ever_skin * mean + (1 - ever_skin) * filled(seen, known))


def read_frames(capture: Capture, device: str) -> Frames:
    """Loads the training frames (never a held-out one) and measures what lies behind the head."""
    indices = spread(capture.indices("train"), MOST)
    if len(indices) == 0:
        raise ValueError(f"{capture.folder} has no frame with split 'train': mark the frames to learn from")
    shown = capture.scene.window
    placed = [place(coeffs, capture.scene) for coeffs in capture.coeffs[indices]]
    total, whole, count, skin = (np.zeros((SIZE, SIZE, n), np.float32) for n in (3, 3, 1, 1))
    pictures, weights, solids, faces = [], [], [], []
    for index, at in zip(indices, placed, strict=True):
        window = slice(shown.top, shown.top + shown.height), slice(at.left, at.left + shown.width)
        picture, landmarks = capture.frame(index), capture.landmarks[index]
        mask = capture.mask(index)
        solid = _solid(mask, landmarks)
        free = (solid == 0)[..., None]
        free[shown.top + shown.height - 2 * RIM :] = True  # under the neck nothing moves
        total += picture * free
        whole += picture
        skin += (mask == 2)[..., None]
        count += free
        pictures.append(picture[window].transpose(2, 0, 1))
        weights.append(_weights(solid, landmarks)[window])
        solids.append(solid[window])
        x0, y0, x1, y1 = box(landmarks[17:], 0.0)
        row, col = (y0 + y1) // 4 - shown.top // 2 - FACE_ROWS // 2, (x0 + x1) // 4 - at.left // 2 - FACE_COLS // 2
        faces.append((min(max(row, 0), shown.rows - FACE_ROWS), min(max(col, 0), shown.cols - FACE_COLS)))

    def stack(arrays: list[NDArray[Any]]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(device)

    frames = Frames(
        stack(pictures),
        stack(weights),
        stack(solids),
        stack([at.drive for at in placed]),
        stack([at.rot for at in placed]),
        stack([at.origin for at in placed]),
        [at.left for at in placed],
        faces,
        (measured_plate(total, count, whole, skin) / (255 * len(indices))).to(device),
        shown.top,
        None,
        None,
    )
    top = strip_top(capture)
    if top is not None:
        _add_torso(frames, capture, indices, top)
    return frames


def drive_units(drive: Tensor) -> Tensor:
    """Factors [58] that bring what a tracker reports of ``drive`` [n, 1, 58] nearer to the range that shapes can have.

    Adam moves a weight by its rate whatever the input: of a jaw that opens by 0.04 it would learn four times as slowly.
    """
    return (USUAL / drive[:, 0].std(0).clamp(min=1e-6)).clamp(1, MOST_UNITS)


def _add_torso(frames: Frames, capture: Capture, indices: NDArray[np.intp], top: int) -> None:
    torso, motions, backdrop = measure_torso(capture, indices, top)
    torso.to(frames.plate.device)
    frames.torso = torso
    frames.plate[:, top:] = backdrop.to(frames.plate)
    frames.moved = torch.empty_like(frames.pictures)
    window = capture.scene.window
    for i, left in enumerate(frames.left):
        whole = torso.over(frames.plate, motions[i].to(frames.plate))
        cut = whole[:, window.top : window.top + window.height, left : left + window.width]
        frames.moved[i] = (cut.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
