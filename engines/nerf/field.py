"""The portrait field in torch: the definition that is trained, and that the exported graph repeats op for op.

Only training imports this module. One layout runs from the sampling grid to the picture, ``[channels, S * R, R]``:
rays stay a picture, the samples of a ray are stacked along its height, so that a layer is one 1x1 convolution and a
sample is a slice. Expression acts on the planes, once a frame (NeRFBlendShape's idea on EG3D's tri-plane); compositing
is the emission-absorption sum of NeRF, unrolled over the samples; the upsampler is ESPCN's pixel shuffle.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .geometry import COEFFS, RIM, SHELL_STEP, SIZE, Scene, ray_directions
from .torso import Torso

CHANNELS = 8  # a plane's: GridSample and the first layer cost in proportion
HEIGHT, WIDTH = 216, 192  # texels a plane: 0.14-0.16 cm, about the pitch of the rays on the face
PAD_Y, PAD_X = HEIGHT // 6, WIDTH // 6  # what lies outside the expression's window, the inner two thirds
LOW_Y, LOW_X = HEIGHT // 3, WIDTH // 3  # expression is kept at half the window's resolution
BASIS = 32  # more blendshapes of the planes gained nothing
HIDDEN, FEATURES = 32, 16  # multiples of 16: a vector register of float32
SHELL = 48  # texels a side of the two depth maps: 0.6-0.7 cm
BODY = 4  # residual convolutions of the upsampler
MLP = 64
MLP_SHARE = 0.3  # of the code that may bend: a gaze turns, and a sum of pictures would blur it
DENSITY = 0.5  # softplus starts at ln 2: a sample starts a third opaque
SOFT = 14  # rays over which the neck gives way to a torso that moves, so that no seam shows between them

AXES = ((0, 1), (2, 1), (0, 2))  # which coordinates run along a plane's width and height


def selection(scene: Scene) -> Tensor:
    """The matrix that takes a point (cm from the box's centre) to each plane's grid, -1..1: [3, 3, 2]."""
    out = torch.zeros(3, 3, 2)
    for plane, axes in enumerate(AXES):
        for column, axis in enumerate(axes):
            out[plane, axis, column] = 1.0 / scene.box_half[axis]
    # Image rows run down, y runs up: the planes' height follows y, so no sign is turned; z likewise.
    return out


def enlarging(small: int, large: int) -> Tensor:
    """The matrix [large, small] of a bilinear enlargement (half-pixel centres, clamped at the ends)."""
    eye = torch.eye(small)[None]
    return F.interpolate(eye, size=large, mode="linear", align_corners=False)[0].T.contiguous()


def inside_window(scene: Scene, soft: bool) -> Tensor:
    """How much the window may hide of what lies behind it: [1, rows, cols], 0 on its rim.

    Args:
        soft: its lower edge fades.
    """
    out = F.pad(torch.ones(1, scene.window.rows - 2 * RIM, scene.window.cols - 2 * RIM), (RIM,) * 4)
    if soft:
        fade = torch.ones(scene.window.rows)
        fade[-RIM - SOFT : -RIM] = torch.linspace(1, 0, SOFT + 2)[1:-1]
        out = out * fade[None, :, None]
    return out


def composite(raw: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Features seen along each ray: ``sum_k w_k f_k`` with ``w_k = a_k prod_{j<k} (1 - a_j)``.

    Args:
        raw: [S, FEATURES, h, w]: channel 0 is the density before softplus, nearest sample first.

    Returns:
        [FEATURES, h, w] and the weights, S of [h, w]. Channel 0 is carried along as one more feature.
    """
    clear: Tensor | None = None
    seen: Tensor | None = None
    weights: list[Tensor] = []
    for sample in raw:
        gone = torch.exp(-DENSITY * F.softplus(sample[0]))
        weight = 1.0 - gone if clear is None else clear * (1.0 - gone)
        clear = gone if clear is None else clear * gone
        seen = sample * weight if seen is None else seen + sample * weight
        weights.append(weight)
    assert seen is not None
    return seen, weights


class PortraitField(nn.Module):
    """Planes, expression, shell, upsampler and plate of one person; see the module for the layout."""

    plate: Tensor
    units: Tensor
    directions: Tensor
    coarse: Tensor
    select: Tensor
    inside: Tensor
    enlarge_y: Tensor
    enlarge_x: Tensor

    def __init__(self, scene: Scene, torso: Torso | None = None) -> None:
        """``torso``: where it moves; elsewhere the plate holds it."""
        super().__init__()
        self.scene, self.torso = scene, torso
        self.planes = nn.Parameter(0.1 * torch.randn(3, CHANNELS, HEIGHT, WIDTH))
        self.basis = nn.Parameter(0.01 * torch.randn(BASIS, 3 * CHANNELS * LOW_Y * LOW_X))
        self.code = nn.Linear(COEFFS, BASIS)
        self.bend_in, self.bend_out = nn.Linear(COEFFS, MLP), nn.Linear(MLP, BASIS)
        self.tint = nn.Linear(COEFFS, 3 * CHANNELS)  # shading moves when the head turns under a fixed light
        self.hidden = nn.Linear(3 * CHANNELS, HIDDEN)
        self.out = nn.Linear(HIDDEN, FEATURES)
        self.shell = nn.Parameter(torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1).repeat(1, 1, SHELL, SHELL))
        self.entry = nn.Conv2d(FEATURES, FEATURES, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(FEATURES, FEATURES, 3, padding=1) for _ in range(BODY))
        self.last = nn.Conv2d(FEATURES, 16, 3, padding=1)  # 12 colours and 4 alphas of a 2 x 2 block
        self.register_buffer("plate", torch.zeros(3, SIZE, SIZE))  # what lies behind, 0..1; measured, not learned
        self.register_buffer("units", torch.ones(COEFFS))  # of ``drive``: what moves little is to be learned as fast
        nn.init.zeros_(self.tint.weight)
        nn.init.zeros_(self.tint.bias)
        rows, cols = scene.window.rows, scene.window.cols
        still = {
            "directions": torch.from_numpy(ray_directions(scene, 2)),
            "coarse": torch.from_numpy(ray_directions(scene, 2 * SHELL_STEP)),
            "select": selection(scene),
            "inside": inside_window(scene, torso is not None),
            "enlarge_y": enlarging(rows // SHELL_STEP, rows),
            "enlarge_x": enlarging(cols // SHELL_STEP, cols),
        }
        for name, value in still.items():
            self.register_buffer(name, value, persistent=False)

    def posed_planes(self, drive: Tensor) -> tuple[Tensor, Tensor]:
        """The planes [3, CHANNELS, HEIGHT, WIDTH] that wear ``drive`` [1, 58], and its code [1, BASIS]."""
        drive = drive * self.units
        code = self.code(drive) + MLP_SHARE * self.bend_out(torch.relu(self.bend_in(drive)))
        delta = (code @ self.basis).view(3, CHANNELS, LOW_Y, LOW_X)
        delta = F.interpolate(delta, scale_factor=2, mode="bilinear", align_corners=False)
        delta = F.pad(delta, (PAD_X, PAD_X, PAD_Y, PAD_Y))
        return self.planes + delta + self.tint(drive).view(3, CHANNELS, 1, 1), code

    def shell_depths(self, rot: Tensor, origin: Tensor) -> Tensor:
        """Depths of the two samples of each ray, cm from the camera: [2, rows, cols]."""
        turned = self.coarse.reshape(1, -1, 3) @ rot
        middle = -origin[..., 2:] / turned[..., 2:]
        crossing = (origin[..., :2] + turned[..., :2] * middle) * self.select[0, :2].sum(1)
        grid = crossing.view(1, *self.coarse.shape[:2], 2)
        offset = F.grid_sample(self.shell, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        depth = offset[0] + middle.view(1, *self.coarse.shape[:2])
        return self.enlarge_y @ depth @ self.enlarge_x.T

    def query(self, planes: Tensor, rot: Tensor, origin: Tensor, rays: Tensor, depth: Tensor) -> Tensor:
        """The field along rays [h, w, 3] at depths [S, h, w] cm: [S, FEATURES, h, w], channel 0 the raw density."""
        samples, height, width = depth.shape
        slope = rays.reshape(1, -1, 3) @ (rot @ self.select)
        grid = slope[:, None] * depth.reshape(1, samples, -1, 1) + (origin @ self.select)[:, None]
        grid = grid.view(3, samples * height, width, 2)
        found = F.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        found = found.view(3 * CHANNELS, -1)
        hidden = torch.relu(torch.addmm(self.hidden.bias[:, None], self.hidden.weight, found))
        raw = torch.addmm(self.out.bias[:, None], self.out.weight, hidden)
        return raw.view(FEATURES, samples, height, width).transpose(0, 1)

    def upsample(self, features: Tensor) -> Tensor:
        """From features [FEATURES, h, w] to premultiplied RGB and alpha [4, 2h, 2w]."""
        x = torch.relu(self.entry(features[None]))
        for conv in self.body:
            x = x + torch.relu(conv(x))
        x = self.last(x)
        rgb = F.pixel_shuffle(x[:, :12], 2)[0]
        alpha = torch.sigmoid(F.pixel_shuffle(x[:, 12:], 2)[0])
        return torch.cat([rgb, alpha])

    def behind(self, drive: Tensor, left: int) -> Tensor:
        """What lies behind the window at column ``left``: [3, height, width]."""
        whole = self.plate if self.torso is None else self.torso.over(self.plate, self.torso.motion(drive))
        window = self.scene.window
        return whole[:, window.top : window.top + window.height, left : left + window.width]

    def forward(
        self,
        drive: Tensor,
        rot: Tensor,
        origin: Tensor,
        behind: Tensor,
        rows: slice | None = None,
        cols: slice | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The picture [3, 2h, 2w] (0..1, not clamped) before what lies behind, and its alpha [1, 2h, 2w].

        Args:
            drive: [1, 58], rot: [1, 3, 3], origin: [1, 1, 3]: as ``geometry.place`` returns them.
            behind: [3, height, width] of the window.
            rows, cols: which rays of the window; all without them.
        """
        window = self.scene.window
        rows, cols = rows or slice(0, window.rows), cols or slice(0, window.cols)
        planes, _ = self.posed_planes(drive)
        depth = self.shell_depths(rot, origin)[:, rows, cols]
        features, _ = composite(self.query(planes, rot, origin, self.directions[rows, cols], depth))
        inside = self.inside[:, rows, cols].repeat_interleave(2, 1).repeat_interleave(2, 2)
        picture = self.upsample(features) * inside
        down, across = slice(2 * rows.start, 2 * rows.stop), slice(2 * cols.start, 2 * cols.stop)
        return picture[:3] + (1.0 - picture[3:]) * behind[:, down, across], picture[3:]
