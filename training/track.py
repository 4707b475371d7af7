"""A person's video as a capture: cropped frames, masks, and for every frame the coefficients that it shows.

Two passes over the file: the first finds the face and decides whether the clip can be used at all, the second cuts and
masks the pictures. What comes out is the folder that `training.capture` reads and `training.fit` learns from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.media import ARKIT_NAMES, FPS, SAMPLE_RATE
from engines.nerf.geometry import SIZE, Scene

from . import contours, video
from .flac import encoded
from .footage import Footage
from .head_pose import RigidTrack, solve
from .landmarks import LANDMARKS, find_faces, landmarker_file
from .matte import Matte
from .scene import Extent, scene
from .smoothing import outliers, smoothed
from .track_page import Overlay, write_page

FACE_SHARE = 0.42
"""Of the crop's height that the face's oval takes, where the video has that much round it: hair and shoulders fit."""
HELD_OUT = 0.1
"""The last tenth of the clip is kept for evaluation."""
WORST_POSE = 3.0
"""Times the usual reprojection error: beyond, a hand or a blur misled the tracker."""
POSE_STIFFNESS, SHAPE_STIFFNESS = 4.0, 0.3
"""Of `smoothed`: a head carries weight, lips close within two frames."""
PIVOT = (0.0, -6.5, -5.0)
"""Centimetres from between the temples to the top of the neck, about which a head turns."""

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class Track:
    """What a clip of n frames holds."""

    rigid: RigidTrack
    shapes: NDArray[np.float64]
    """[n, 52], 0..1."""
    marks: NDArray[np.float64]
    """[n, 478, 2], pixels of the crop."""
    dropped: dict[int, str]
    """Frame -> why it is not learned from."""
    gains: NDArray[np.float64]
    warnings: tuple[str, ...]


def track(source: Path, folder: Path, landmarker: Path | None, tell: Progress = lambda *_: None) -> Track:
    """Writes the capture of the video `source` to `folder`, with a page `track.html` that shows what was found.

    Args:
        landmarker: mediapipe's file, see `training.landmarks.landmarker_file`.
        tell: takes what is being done and how many frames of it are done.

    Raises:
        ValueError: the video or the landmarker can't be used; the message says what to do, and names times.
    """
    info = video.probe(source)
    model = landmarker_file(landmarker)
    pcm = video.sound(source)
    footage = _watch(source, model, tell)
    footage.check()
    warnings = _warnings(info)
    faces = [face for face in footage.faces if face is not None]
    crop = _crop(np.stack([face.landmarks for face in faces]), info.width, info.height)
    found = _solve(footage, crop, warnings)
    folder.mkdir(parents=True, exist_ok=True)
    extent, film = _write_pictures(source, folder, crop, found, tell)
    pcm = pcm[: len(found.shapes) * SAMPLE_RATE // FPS]
    if len(pcm):
        (folder / "clip.flac").write_bytes(encoded(pcm))
    _write(folder, found, scene(found.rigid, extent))
    _tell(folder, found, source, film)
    return found


def is_track_of(folder: Path, source: Path) -> bool:
    """`folder` holds the capture that `track` made of this very file."""
    try:
        told = json.loads((folder / "track.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return False
    return told.get("source_sha256") == _digest(source)


def _digest(source: Path) -> str:
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _watch(source: Path, model: Path, tell: Progress) -> Footage:
    footage = Footage()
    ahead: list[NDArray[np.uint8]] = []

    def passing() -> Iterator[NDArray[np.uint8]]:
        for picture in video.pictures(source):
            ahead.append(picture)
            yield picture

    for faces in find_faces(passing(), model):
        footage.add(ahead.pop(0), faces)
        tell("finding the face", len(footage.faces))
    if len(footage.faces) < video.SHORTEST_S * FPS:
        raise ValueError(f"{source} has only {len(footage.faces) / FPS:.1f} s of pictures: give at least 5 s")
    return footage


def _warnings(info: video.VideoInfo) -> tuple[str, ...]:
    said: list[str] = []
    if not info.audio:
        said.append("the video has no sound: the avatar will have this face, but not this voice or manner of speaking")
    if min(info.width, info.height) < SIZE:
        said.append(f"the video is {info.width}x{info.height}, smaller than the {SIZE} at which the face is shown")
    return tuple(said)


@dataclass(frozen=True)
class Crop:
    """A square of the picture, pixels."""

    left: int
    top: int
    side: int

    def points(self, marks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Landmarks [..., 3] in pixels of the picture as pixels of the crop at `SIZE`."""
        return np.asarray(marks - (self.left, self.top, 0), np.float64) * (SIZE / self.side)

    def cut(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8[SIZE, SIZE, 3]."""
        square = Image.fromarray(picture[self.top : self.top + self.side, self.left : self.left + self.side])
        return np.asarray(square.resize((SIZE, SIZE), Image.Resampling.LANCZOS), np.uint8)


def _crop(marks: NDArray[np.float32], width: int, height: int) -> Crop:
    """One square for the whole clip, so that the backdrop stands still."""
    tall = float(np.median(np.ptp(marks[:, contours.MESH_68, 1], axis=1)))
    side = int(min(max(tall / FACE_SHARE, 64), width, height))
    centre = np.median(marks[:, contours.MESH_68, :2].mean(1), axis=0)
    left = int(np.clip(centre[0] - side / 2, 0, width - side))
    top = int(np.clip(centre[1] - 0.5 * side, 0, height - side))
    return Crop(left, top, side)


def _solve(footage: Footage, crop: Crop, warnings: tuple[str, ...]) -> Track:
    count = len(footage.faces)
    known = np.array([face is not None for face in footage.faces])
    dropped = {int(frame): "no face" for frame in np.flatnonzero(~known)}
    marks, poses = np.zeros((count, LANDMARKS, 3)), np.zeros((count, 3, 3))
    raw = np.zeros((count, len(ARKIT_NAMES)))
    last = next(face for face in footage.faces if face is not None)
    for index, face in enumerate(footage.faces):
        last = face or last
        marks[index], raw[index] = crop.points(last.landmarks), last.blendshapes
        poses[index] = last.pose[:3, :3]
    rigid = solve(marks, poses, (SIZE, SIZE), PIVOT)
    lost = rigid.error_px > WORST_POSE * np.median(rigid.error_px)
    lost |= outliers(np.concatenate([np.degrees(rigid.angles), rigid.shift], 1), times=12.0)
    dropped |= {int(frame): "the pose jumps" for frame in np.flatnonzero(lost & known)}
    weight = (known & ~lost).astype(float)
    rigid = RigidTrack(
        rigid.camera,
        rigid.shape,
        smoothed(rigid.angles, POSE_STIFFNESS, weight),
        smoothed(rigid.shift, POSE_STIFFNESS, weight),
        rigid.error_px,
    )
    shapes, gains, _ = contours.corrected(raw, marks[:, contours.MESH_68, :2])
    lids = [index for index, name in enumerate(ARKIT_NAMES) if name.startswith("eyeBlink")]
    smooth = np.clip(smoothed(shapes, SHAPE_STIFFNESS, known.astype(float)), 0, 1)
    smooth[:, lids] = shapes[:, lids]  # a blink is over in six frames
    return Track(rigid, smooth, marks[..., :2], dropped, gains, warnings)


def _write_pictures(source: Path, folder: Path, crop: Crop, found: Track, tell: Progress) -> tuple[Extent, str]:
    frames, masks = folder / "frames", folder / "masks"
    frames.mkdir(exist_ok=True)
    masks.mkdir(exist_ok=True)
    matte, extent, overlay = Matte(), Extent(), Overlay(len(found.shapes))
    shots: Iterable[NDArray[np.uint8]] = islice(video.pictures(source), len(found.shapes))
    for index, picture in enumerate(shots):
        cut = crop.cut(picture)
        Image.fromarray(cut).save(frames / f"{index:05d}.jpg", quality=95, subsampling=0)
        mask = matte.mask(cut, found.marks[index].astype(np.float32))
        Image.fromarray(mask).save(masks / f"{index:05d}.png")
        if index not in found.dropped:
            extent.add(mask, found.marks[index])
        overlay.add(cut, mask, found.marks[index], index in found.dropped)
        tell("cutting out the person", index + 1)
    return extent, overlay.element()


def _write(folder: Path, found: Track, where: Scene) -> None:
    count = len(found.shapes)
    split = np.full(count, "train", "<U5")
    split[count - round(HELD_OUT * count) :] = "test"
    split[sorted(found.dropped)] = "drop"
    camera = where.camera
    np.savez(
        folder / "capture.npz",
        arkit=found.shapes.astype(np.float32),
        arkit_names=np.array(ARKIT_NAMES),
        split=split,
        angles=np.degrees(found.rigid.angles).astype(np.float32),
        translation=found.rigid.shift.astype(np.float32),
        landmarks=found.marks[:, contours.MESH_68].astype(np.float32),
        pivot=np.array(camera.pivot, np.float32),
        focal_px=np.float32(camera.focal),
        cx=np.float32(camera.cx),
        cy=np.float32(camera.cy),
        camera=np.array(camera.position, np.float32),
        window=np.array([where.window.top, where.window.height, where.window.width]),
        box_centre=np.array(where.box_centre, np.float32),
        box_half=np.array(where.box_half, np.float32),
        head_centre=np.array(where.head_centre, np.float32),
    )


def _tell(folder: Path, found: Track, source: Path, film: str) -> None:
    """`track.json`, by which the capture is known again, and the page."""
    told = {
        "source": source.name,
        "source_sha256": _digest(source),
        "frames": len(found.shapes),
        "dropped": {str(frame): why for frame, why in sorted(found.dropped.items())},
        "reprojection_px": round(float(np.median(found.rigid.error_px)), 3),
        "gains": {name: round(float(gain), 3) for name, gain in zip(ARKIT_NAMES, found.gains, strict=True)},
        "warnings": list(found.warnings),
    }
    shown = {
        "video": source.name,
        "frames": len(found.shapes),
        "dropped": len(found.dropped),
        "reprojection error, pixels": told["reprojection_px"],
        "camera's distance, cm": round(found.rigid.camera.position[2], 1),
        "gains from the contours": ", ".join(
            f"{name} {gain:.1f}" for name, gain in zip(ARKIT_NAMES, found.gains, strict=True) if abs(gain - 1) > 0.1
        ),
    }
    shown |= {f"note {number}": words for number, words in enumerate(found.warnings, 1)}
    pose = found.rigid.angles, found.rigid.shift
    write_page(folder / "track.html", film, shown, pose, found.shapes, found.rigid.error_px, found.dropped)
    (folder / "track.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
