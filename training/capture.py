"""Reads a capture folder: frames, masks and the exact coefficients and camera that belong to them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.media import ARKIT_NAMES
from engines.nerf.geometry import BLENDSHAPES, SIZE, Camera, Scene, Window

SHAPES = {  # of the arrays that hold an entry a frame
    "arkit": (BLENDSHAPES,),
    "split": (),
    "angles": (3,),
    "translation": (3,),
    "landmarks": (68, 2),
}
# Where the synthetic person's head is, for a capture that doesn't say: all that moves lies in y 33-407 and, hair tips
# included, the head is never wider than 296 px; a window centred so keeps 6 px from the hair in every pose.
USUAL = {
    "window": (28, 384, 312),
    "box_centre": (0.0, -1.0, 5.0),
    "box_half": (13.5, 17.25, 13.5),
    "head_centre": (0.0, -3.0, -0.5),
}
KEYS = (*SHAPES, "arkit_names", "pivot", "focal_px", "cx", "cy", "camera")


@dataclass(frozen=True)
class Capture:
    """One person's capture.

    Attributes:
        folder: where ``frames`` and ``masks`` lie.
        coeffs: float32[n, 58]: blendshapes 0..1, yaw, pitch, roll in radians, translation in cm.
        landmarks: float32[n, 68, 2], pixels, iBUG order.
        split: ``train``, ``test`` (a clip, in order) or ``wide`` (single frames) for each frame.
        digest: SHA-256 of ``capture.npz``, hexadecimal.
    """

    folder: Path
    scene: Scene
    coeffs: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    split: NDArray[np.str_]
    digest: str

    def indices(self, split: str) -> NDArray[np.intp]:
        """The frames of one split, in order."""
        return np.flatnonzero(self.split == split)

    def frame(self, index: int) -> NDArray[np.uint8]:
        """uint8[512, 512, 3], sRGB."""
        return self._picture("frames", f"{index:05d}.jpg", "RGB")

    def mask(self, index: int) -> NDArray[np.uint8]:
        """uint8[512, 512]: 0 backdrop, 1 clothes, 2 skin, 3 hair, 4 eyes, 5 teeth, gums and tongue."""
        return self._picture("masks", f"{index:05d}.png", "L")

    def _picture(self, kind: str, name: str, mode: str) -> NDArray[np.uint8]:
        path = self.folder / kind / name
        if not path.is_file():
            raise ValueError(f"{path} is missing: the capture is not complete, copy it again")
        picture = np.asarray(Image.open(path).convert(mode))
        if picture.shape[:2] != (SIZE, SIZE):
            raise ValueError(f"{path} is {picture.shape[1]}x{picture.shape[0]}: scale the capture to {SIZE}x{SIZE}")
        return picture


def box(points: NDArray[np.float32], grow: float) -> tuple[int, int, int, int]:
    """Bounds of points [n, 2] grown by a share of their size a side: x0, y0, x1, y1, whole pixels."""
    low, high = points.min(0), points.max(0)
    margin = grow * (high - low)
    x0, y0 = np.floor(np.clip(low - margin, 0, SIZE)).astype(int)
    x1, y1 = np.ceil(np.clip(high + margin, 0, SIZE)).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def mouth_box(landmarks: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Landmarks 48-67 grown by 30 % a side."""
    return box(landmarks[48:68], 0.3)


def eye_boxes(landmarks: NDArray[np.float32]) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Landmarks 36-41 and 42-47 grown by 50 % a side."""
    return box(landmarks[36:42], 0.5), box(landmarks[42:48], 0.5)


def load(folder: Path) -> Capture:
    """Reads ``capture.npz`` and checks it; pictures are read when they are asked for.

    Raises:
        ValueError: the folder, a key or a shape is not what a capture has; the message says what to do.
    """
    data = _arrays(Path(folder) / "capture.npz")
    camera = Camera(
        float(data["focal_px"]), float(data["cx"]), float(data["cy"]), _point(data["camera"]), _point(data["pivot"])
    )
    top, height, width = (int(value) for value in data["window"])
    box_centre, box_half, head_centre = (_point(data[key]) for key in ("box_centre", "box_half", "head_centre"))
    scene = Scene(camera, Window(top, height, width), box_centre, box_half, head_centre)
    coeffs = np.concatenate([data["arkit"], np.radians(data["angles"]), data["translation"]], axis=1)
    return Capture(
        Path(folder),
        scene,
        coeffs.astype(np.float32),
        data["landmarks"].astype(np.float32),
        data["split"],
        hashlib.sha256((Path(folder) / "capture.npz").read_bytes()).hexdigest(),
    )


def _point(values: NDArray[Any]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise ValueError(f"{path} is missing: give the folder that holds capture.npz, frames and masks")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            data = {key: stored[key] for key in stored.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise ValueError(f"{path} can't be read ({error}): copy the capture again") from error
    data = {key: np.array(value) for key, value in USUAL.items()} | data
    absent = [key for key in KEYS if key not in data]
    if absent:
        raise ValueError(f"{path} lacks {', '.join(absent)}: write the capture again with these arrays")
    count = len(data["arkit"])
    if count == 0:
        raise ValueError(f"{path} holds no frames: capture some first")
    wanted = {key: (count, *shape) for key, shape in SHAPES.items()}
    wanted |= {"arkit_names": (BLENDSHAPES,), "pivot": (3,), "camera": (3,)} | dict.fromkeys(USUAL, (3,))
    for key, shape in wanted.items():
        if data[key].shape != shape:
            raise ValueError(f"{path}: {key} is {data[key].shape}, write it as {shape}")
    if tuple(str(name) for name in data["arkit_names"]) != ARKIT_NAMES:
        raise ValueError(f"{path}: arkit is not in the order of ARKIT_NAMES in engines/media.py, write it so")
    for key in ("arkit", "angles", "translation", "landmarks"):
        if not np.isfinite(data[key]).all():
            raise ValueError(f"{path}: {key} is not finite everywhere, leave those frames out")
    return data
