"""Measures a torso that moves: its motion in every frame, how that follows the head, and its plate.

Motion is found by aligning each frame with the mean of all (Lucas and Kanade 1981, Gauss-Newton, affine), coarse to
fine, on what the head leaves open. Frames whose motion is known, turned back and averaged, are the plate.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engines.nerf.field import SOFT
from engines.nerf.geometry import BLENDSHAPES, POSE_UNIT, SIZE, Window
from engines.nerf.torso import BLEED, POSE, REACH, Torso, grid_units, strip_points

from .capture import Capture
from .filling import filled, grown

BACKDROP, CLOTHES, SKIN = 0, 1, 2
"""Of `Capture.mask`."""

MOVING = 3.0
"""Of 255: clothes that change less from frame to frame stand still; noise and compression make 1 to 2."""
SEEN = 0.02
"""Of the frames: what is seen in fewer isn't known."""
RAISED, BROAD = 0.1, 16
"""Of the frames, and pixels across: clothes in fewer, or fewer of them beside an ear, are a mask that slipped."""
HEADROOM = 24
"""Pixels over the shoulders of so many frames: some are raised more."""
LEVELS = ((8, 6), (4, 4))
"""Pixels a step of the alignment, and its rounds: motion of the first is within the reach of a step."""
STIFF = 0.02
"""Next to its evidence: lean and scale must be seen to be believed."""
RIDGE = 0.05
"""Of the poses' own scatter: what the clip hardly shows doesn't move the torso."""
AVERAGED = 200
"""Frames of which the plate is the mean."""
NEAR = 6
"""Pixels round a mask's pieces that may belong to either: its edges are that rough."""
BATCH = 64


def strip_top(capture: Capture) -> int | None:
    """The first row of what moves below the head, a multiple of 8; None where clothes stand still."""
    window = capture.scene.window
    chosen = spread(capture.indices("train"), 60)
    count, total, squares = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    for index in chosen:
        luma = capture.frame(int(index)).mean(2)
        count += capture.mask(int(index)) == CLOTHES
        total += luma
        squares += luma**2
    always = count > 0.9 * len(chosen)
    if not always.any():
        return None
    change = np.sqrt(np.maximum(squares / len(chosen) - (total / len(chosen)) ** 2, 0))
    if change[always].mean() < MOVING:
        return None
    highest = int(np.flatnonzero((count > RAISED * len(chosen)).sum(1) >= BROAD)[0]) - HEADROOM
    return min(max(highest, window.top, 8), _neck(window)) // 8 * 8


def spread(indices: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most ``most`` of them, evenly."""
    return indices[np.linspace(0, len(indices) - 1, min(most, len(indices))).round().astype(int)]


def _neck(window: Window) -> int:
    """From which row of the picture on skin belongs to the torso."""
    return window.top + window.height - 2 * SOFT


def layers(capture: Capture, index: int, top: int) -> Tensor:
    """One frame's strip: red, green, blue, is it torso, is it open, is it backdrop: [6, SIZE - top, SIZE]."""
    first = top - NEAR
    mask = capture.mask(index)[first:]
    head = mask > CLOTHES
    neck = _neck(capture.scene.window) - first
    head[neck:] &= mask[neck:] != SKIN
    person = mask != BACKDROP
    pieces = torch.from_numpy(np.stack([head, person]).astype(np.float32))
    near = grown(pieces, NEAR)[:, NEAR:]
    body = torch.from_numpy((person & ~head)[NEAR:].astype(np.float32))
    picture = torch.from_numpy(capture.frame(index)[top:].transpose(2, 0, 1).astype(np.float32) / 255)
    return torch.cat([picture, body[None], 1 - near])


def measure_torso(capture: Capture, indices: NDArray[np.intp], top: int) -> tuple[Torso, Tensor, Tensor]:
    """The torso of the frames ``indices``, its motion in each, [n, 3, 2], and the backdrop [3, SIZE - top, SIZE]."""
    poses = torch.from_numpy(capture.coeffs[indices][:, BLENDSHAPES:] / POSE_UNIT)
    motions = aligned(capture, indices, poses, top)
    torso = Torso(top)
    torso.follow[:], torso.rest[:] = followed(poses, motions)
    chosen = spread(np.arange(len(indices)), AVERAGED)
    body = torch.zeros(5, *torso.plate.shape[2:])
    behind = torch.zeros(4, SIZE - top, SIZE)
    for k in chosen:
        shot = layers(capture, int(indices[k]), top)
        is_torso = shot[3:4] * shot[4:5]
        given = torch.cat([shot[:3] * is_torso, is_torso, shot[4:5]])
        body += turned_back(given[None], motions[k : k + 1], top)[0]
        behind += torch.cat([shot[:3] * shot[5:], shot[5:]])
    torso.plate[0] = _continued(body[:4], body[4:], len(chosen))
    return torso, motions, _continued(behind[:3], behind[3:], len(chosen))


def _continued(total: Tensor, count: Tensor, frames: int) -> Tensor:
    """The mean [c, h, w] of what was seen ``count`` [1, h, w] times, continued to where it never was."""
    known = (count > SEEN * frames).float()
    seen = total / count.clamp(min=1e-6) * known
    side = 1 << (max(count.shape[1:]) - 1).bit_length()
    room = (0, side - count.shape[2], 0, side - count.shape[1])
    return filled(F.pad(seen, room), F.pad(known, room))[:, : count.shape[1], : count.shape[2]]


def turned_back(strips: Tensor, motions: Tensor, top: int) -> Tensor:
    """Frames [n, c, rows, cols] of the strip, moved by ``motions`` [n, 3, 2] to where the plate has them."""
    step = SIZE // strips.shape[-1]
    points = strip_points(top, step, BLEED)
    whole = torch.eye(3).repeat(len(motions), 1, 1)
    whole[:, :, :2] += motions
    grid = (points.view(-1, 3) @ torch.linalg.inv(whole))[..., :2] * grid_units(top, 0)
    grid = grid.view(len(motions), *points.shape[:2], 2)
    return F.grid_sample(strips, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def aligned(capture: Capture, indices: NDArray[np.intp], poses: Tensor, top: int) -> Tensor:
    """The torso's motion in every frame, [n, 3, 2], against their mean."""
    fine = LEVELS[-1][0]
    small = torch.stack([_luma(F.avg_pool2d(layers(capture, int(index), top)[:5], fine)) for index in indices])
    motions = torch.zeros(len(indices), 3, 2)
    usual = int((poses - poses.median(0).values).square().sum(1).argmin())
    template = turned_back(small[usual : usual + 1], motions[:1], top)[0]
    for step, rounds in LEVELS:
        strips, shown = (F.avg_pool2d(x, step // fine) for x in (small, template))
        for _ in range(rounds):
            for first in range(0, len(indices), BATCH):
                part = slice(first, first + BATCH)
                motions[part] += step_towards(shown, strips[part], motions[part], top)
        template = sum(
            (
                turned_back(small[k : k + BATCH], motions[k : k + BATCH], top).sum(0)
                for k in range(0, len(small), BATCH)
            ),
            torch.zeros(()),
        )
    return motions


def _luma(strip: Tensor) -> Tensor:
    """Brightness where open, torso where open, and open: [3, rows, cols] of a frame's first five layers."""
    return torch.stack([strip[:3].mean(0), strip[3], torch.ones_like(strip[4])]) * strip[4]


def step_towards(template: Tensor, strips: Tensor, motions: Tensor, top: int) -> Tensor:
    """One Gauss-Newton step of the motions, [n, 3, 2].

    Args:
        template: [3, rows, cols] of the plate: sums of ``_luma``.
        strips: [n, 3, rows, cols]: the same of each frame.
    """
    step = SIZE // strips.shape[-1]
    points = strip_points(top, step)
    count = template[2].clamp(min=1e-6)
    bright, near = template[0] / count, grown(template[1:2] / count, 2)[0] > 0.3
    sure = (near & (template[2] > SEEN * template[2].max())).float()
    slope_y, slope_x = torch.gradient(bright, spacing=step / REACH)
    shown = torch.stack([bright, slope_x, slope_y, sure])[None].expand(len(strips), -1, -1, -1)
    grid = points @ ((torch.eye(3, 2) + motions) * grid_units(top, BLEED))[:, None]
    seen = F.grid_sample(shown, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    weight = (seen[:, 3] * strips[:, 2]).flatten(1)
    residual = (strips[:, 0] / strips[:, 2].clamp(min=1e-6) - seen[:, 0]).flatten(1)
    slopes = (points.permute(2, 0, 1)[:, None] * seen[:, None, 1:3]).flatten(1, 2).flatten(2)
    weighted = slopes * weight[:, None]
    normal = weighted @ slopes.transpose(1, 2)
    right = (weighted @ residual[:, :, None])[..., 0]
    held = STIFF * normal.diagonal(dim1=1, dim2=2).mean(1)[:, None] * torch.tensor([1.0, 1, 1, 1, 0.01, 0.01])
    right = right - held * motions.flatten(1)
    return torch.linalg.solve(normal + torch.diag_embed(held + 1e-9), right).view(-1, 3, 2)


def followed(poses: Tensor, motions: Tensor) -> tuple[Tensor, Tensor]:
    """The motion [6] a unit of each of the head's six, [6, 6], and the motion at rest: ridge regression."""
    centre, usual = poses.mean(0), motions.flatten(1).mean(0)
    apart = poses - centre
    normal = apart.T @ apart
    held = RIDGE * normal.diagonal().mean() * torch.eye(POSE)
    follow = torch.linalg.solve(normal + held, apart.T @ (motions.flatten(1) - usual))
    return follow, usual - centre @ follow
