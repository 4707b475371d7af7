"""Faces in pictures: 478 landmarks, 52 blendshapes and a pose each, by mediapipe's FaceLandmarker."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision.core.vision_task_running_mode import VisionTaskRunningMode
from mediapipe.tasks.python.vision.face_landmarker import FaceLandmarker, FaceLandmarkerOptions
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, FPS

LANDMARKS = 478
VARIABLE = "VISAVIS_FACE_LANDMARKER"
ADDRESS = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
)
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
"""Of the file at `ADDRESS`: what it tracks must not change under a user's avatars."""
MOST_BYTES = 16 * 1024 * 1024
"""The file has 3.6 MiB; no more of an answer than this is read."""


@dataclass(frozen=True, slots=True)
class Face:
    """One tracked face."""

    landmarks: NDArray[np.float32]
    """[478, 3]: x and y in pixels from the top left corner, z in the same unit, towards the camera negative."""
    blendshapes: NDArray[np.float32]
    """[52], 0..1, in the order of `ARKIT_NAMES`; `tongueOut` is not tracked, and 0."""
    pose: NDArray[np.float32]
    """[4, 4]: mediapipe's canonical face (cm, x right, y up, z to the viewer) in front of its camera."""


def landmarker_file(given: Path | None) -> Path:
    """The model: `given`, else what `VISAVIS_FACE_LANDMARKER` names, else the user's cache, filled from `ADDRESS`.

    Raises:
        ValueError: it is in none of these places.
    """
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise ValueError(f"{named} is no file: {_places()}")
        return named
    cached = _cache()
    if not cached.is_file():
        try:
            with urllib.request.urlopen(ADDRESS, timeout=30) as answer:
                data = answer.read(MOST_BYTES)
        except OSError as error:
            raise ValueError(f"mediapipe's face_landmarker.task is missing ({error}): {_places()}") from error
        if hashlib.sha256(data).hexdigest() != SHA256:
            raise ValueError(f"what {ADDRESS} holds is not the face_landmarker.task that is known: {_places()}")
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.with_suffix(".part").write_bytes(data)
        cached.with_suffix(".part").replace(cached)
    return cached


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "visavis" / "face_landmarker.task"


def _places() -> str:
    return f"give it with --landmarker PATH, name it in {VARIABLE}, put it at {_cache()}, or let {ADDRESS} be reached"


def find_faces(pictures: Iterable[NDArray[np.uint8]], model: Path, most: int = 2) -> Iterator[list[Face]]:
    """The faces of each picture of a clip at `FPS`, largest first, found with the help of the pictures before.

    Args:
        pictures: uint8[h, w, 3] each, sRGB.
        most: faces to look for in a picture.

    Raises:
        ValueError: `model` is no face landmarker.
    """
    options = FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        running_mode=VisionTaskRunningMode.VIDEO,
        num_faces=most,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    with _opened(options, model) as landmarker:
        for index, picture in enumerate(pictures):
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
            found = landmarker.detect_for_video(image, index * 1000 // FPS)
            height, width = picture.shape[:2]
            scale = np.array([width, height, width], np.float32)
            faces = [
                Face(
                    np.array([(mark.x, mark.y, mark.z) for mark in marks], np.float32) * scale,
                    _arkit({shape.category_name or "": shape.score or 0.0 for shape in shapes}),
                    np.asarray(pose, np.float32),
                )
                for marks, shapes, pose in zip(
                    found.face_landmarks, found.face_blendshapes, found.facial_transformation_matrixes, strict=True
                )
            ]
            yield sorted(faces, key=lambda face: -float(np.ptp(face.landmarks[:, 1])))


class StillFaces:
    """Finds the face of each picture by itself.

    Between the pictures of a clip mediapipe smooths, which hides what flickers, and a closure lasts two of them.
    """

    def __init__(self, model: Path) -> None:
        """
        Raises:
            ValueError: `model` is no face landmarker.
        """
        options = FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model)), running_mode=VisionTaskRunningMode.IMAGE
        )
        self._finder = _opened(options, model)

    def __enter__(self) -> StillFaces:
        return self

    def __exit__(self, *_: object) -> None:
        self._finder.close()

    def find(self, picture: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """The landmarks [478, 2] of uint8[h, w, 3], sRGB, in pixels; None where no face is seen."""
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        found = self._finder.detect(image).face_landmarks
        height, width = picture.shape[:2]
        return np.array([(mark.x * width, mark.y * height) for mark in found[0]]) if found else None


def _opened(options: FaceLandmarkerOptions, model: Path) -> FaceLandmarker:
    try:
        return FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError, OSError) as error:
        raise ValueError(f"{model} is no face_landmarker.task that mediapipe reads: {_places()}") from error


def _arkit(scores: dict[str, float]) -> NDArray[np.float32]:
    return np.array([scores.get(name, 0.0) for name in ARKIT_NAMES], np.float32)
