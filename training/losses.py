"""What the two stages of a fit minimise, and the shell that lies between them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.nerf.field import PortraitField, composite
from engines.nerf.geometry import Scene

from .frames import FACE_COLS, FACE_ROWS, Frames

FIELD_STEP, FIELD_SAMPLES = 4, 8  # stage one: a ray every fourth pixel
SLAB_MARGIN = 2.0  # cm by which a nod brings the head's front nearer than the box at rest
SHELL_HALF = 1.2  # cm before and behind the mean depth
GRADIENT_LOSS, SQUARE_LOSS, ALPHA_LOSS, SPREAD_LOSS = 0.7, 2.0, 0.1, 0.002
POLISH = 100.0  # of a square next to its absolute value: beyond 1 of 255 it pulls harder, and it is what PSNR measures
WHOLE_EVERY = 3  # every third step sees the whole window, so that hair, neck and plate keep up; in the polish all do,
# for most of what is left then is hair
EDGE = 8  # pixels along a face step's border where the convolutions lack their neighbours


def slab(scene: Scene) -> tuple[float, float]:
    """Depths between which the head lies, cm from the camera."""
    middle = scene.camera.position[2] - scene.box_centre[2]
    return middle - scene.box_half[2] - SLAB_MARGIN, middle + scene.box_half[2]


def field_loss(model: PortraitField, frames: Frames, i: int, rays: Tensor) -> Tensor:
    """Stage one: the field's first three features are its colour, seen at a quarter of the resolution."""
    planes, _ = model.posed_planes(frames.drive[i])
    edges = torch.linspace(*slab(model.scene), FIELD_SAMPLES + 1, device=rays.device)
    jitter = torch.rand(FIELD_SAMPLES, *rays.shape[:2], device=rays.device)
    depth = edges[:-1, None, None] + jitter * (edges[1] - edges[0])
    seen, weights = composite(model.query(planes, frames.rot[i], frames.origin[i], rays, depth))
    alpha = sum(weights, torch.zeros(()))
    target = F.avg_pool2d(frames.pictures[i].float() / 255, FIELD_STEP)
    solid = frames.solid[i].float()[None]
    known = F.max_pool2d((solid == 2).float(), FIELD_STEP)[0] == 0
    inside = F.avg_pool2d((solid == 1).float(), FIELD_STEP)[0]
    error = seen[1:4] + (1 - alpha) * F.avg_pool2d(frames.behind(i), FIELD_STEP) - target
    scale = F.avg_pool2d(frames.weights[i].float()[None], FIELD_STEP)
    stacked = torch.stack(weights)
    share = stacked / (alpha + 1e-3)
    spread = -(share * torch.log(share + 1e-4)).sum(0) * alpha.detach()
    cross = F.binary_cross_entropy(alpha.clamp(1e-4, 1 - 1e-4), inside, reduction="none")
    picture = ((error.abs() + SQUARE_LOSS * error**2) * scale).mean()
    return picture + ALPHA_LOSS * (cross * known).mean() + SPREAD_LOSS * spread.mean()


@torch.no_grad()
def place_shell(model: PortraitField, frames: Frames, rays: Tensor) -> None:
    """Sets the shell round the mean depth that the first stage sees, over many frames, in the head's own space."""
    side = model.shell.shape[-1]
    total = torch.zeros(side * side, device=rays.device)
    mass = torch.full_like(total, 1e-6)
    depth = torch.linspace(*slab(model.scene), 4 * FIELD_SAMPLES, device=rays.device)[:, None, None]
    depth = depth.expand(-1, *rays.shape[:2])
    for i in range(0, len(frames.drive), max(1, len(frames.drive) // 64)):
        planes, _ = model.posed_planes(frames.drive[i])
        # Four times as many samples, so each is a quarter as dense: the raw density is scaled inside the exponent.
        raw = model.query(planes, frames.rot[i], frames.origin[i], rays, depth)
        dense = F.softplus(raw[:, 0]) / 4
        raw[:, 0] = torch.where(dense > 20, dense, torch.log(torch.expm1(dense.clamp(1e-6, 20))))
        _, weights = composite(raw)
        alpha = torch.stack(weights).sum(0).flatten()
        mean = (torch.stack(weights) * depth).sum(0).flatten() / (alpha + 1e-6)
        turned = (rays.reshape(1, -1, 3) @ frames.rot[i])[0]
        origin = frames.origin[i].view(3)
        middle = -origin[2] / turned[:, 2]
        crossing = origin[:2] + turned[:, :2] * middle[:, None]
        unit = crossing / torch.tensor(model.scene.box_half[:2], device=rays.device)
        texel = ((unit + 1) / 2 * side).long().clamp(0, side - 1)
        cell = texel[:, 1] * side + texel[:, 0]
        sure = alpha * (alpha > 0.3)
        total.index_add_(0, cell, sure * (mean - middle))
        mass.index_add_(0, cell, sure)
    mean, mass = total.view(1, 1, side, side), mass.view(1, 1, side, side)
    # Cells that no ray hit take the mean of their neighbours, from the silhouette outwards; then one smoothing.
    kernel = torch.ones(1, 1, 3, 3, device=rays.device)
    for _ in range(side):
        grown, around = F.conv2d(mean, kernel, padding=1), F.conv2d(mass, kernel, padding=1)
        empty = mass < 1e-3
        mean = torch.where(empty, grown / around.clamp(min=1e-9) * 1e-2, mean)
        mass = torch.where(empty & (around > 1e-3), torch.full_like(mass, 1e-2), mass)
    mean = F.avg_pool2d(F.pad(mean / mass, (1, 1, 1, 1), mode="replicate"), 3, 1)
    model.shell[:, 0:1] = mean - SHELL_HALF
    model.shell[:, 1:2] = mean + SHELL_HALF


def picture_loss(model: PortraitField, frames: Frames, i: int, whole: bool, square: float = SQUARE_LOSS) -> Tensor:
    """The later stages: colours and their gradients against the frame.

    Args:
        whole: all of the window, not what lies round the face alone.
        square: how much squares of both count next to absolute values, which leave rare large errors standing.
    """
    shown = model.scene.window
    rows, cols, edge = slice(0, shown.rows), slice(0, shown.cols), 0
    if not whole:
        row, col = frames.face[i]
        rows, cols, edge = slice(row, row + FACE_ROWS), slice(col, col + FACE_COLS), EDGE
    picture, alpha = model(frames.drive[i], frames.rot[i], frames.origin[i], frames.behind(i), rows, cols)
    window = (slice(2 * rows.start + edge, 2 * rows.stop - edge), slice(2 * cols.start + edge, 2 * cols.stop - edge))
    inner = slice(edge, picture.shape[1] - edge), slice(edge, picture.shape[2] - edge)
    error = picture[:, *inner] - frames.pictures[i][:, *window].float() / 255
    alpha, scale, solid = alpha[0, *inner], frames.weights[i][window].float(), frames.solid[i][window].float()
    down, across = error[:, 1:] - error[:, :-1], error[:, :, 1:] - error[:, :, :-1]
    loss = (_robust(error, square) * scale).mean()
    steep = (_robust(down, square) * scale[1:]).mean() + (_robust(across, square) * scale[:, 1:]).mean()
    cross = F.binary_cross_entropy(alpha, solid.clamp(max=1), reduction="none") * (solid < 2)
    return loss + GRADIENT_LOSS * steep + ALPHA_LOSS * cross.mean()


def _robust(error: Tensor, square: float) -> Tensor:
    return error.abs() + square * error**2
