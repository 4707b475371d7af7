"""What an evaluation says of a face: by its landmarks, of its stillness, and of a whole small capture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("mediapipe")

from engines.media import COEFFS
from engines.nerf.engine import load_renderer
from engines.nerf.geometry import BLENDSHAPES, Camera, Scene, Window
from training import evaluate as evaluation
from training.capture import Capture, mouth_box
from training.evaluate_flicker import Restless, Shape, Swimming, Unrest, still, triangulated
from training.evaluate_marks import EYES, Landmarks, openness
from training.evaluate_source import capture_of, landmarker_of, of_video, prepared
from training.landmarks import LANDMARKS, VARIABLE, StillFaces
from training.track import _digest

from .test_training_capture import write

pytestmark = pytest.mark.train

DEFAULT = Path(__file__).parents[2] / "avatars" / "default"
SCENE = Scene(
    Camera(1200.0, 256.0, 256.0, (0.0, 0.0, 100.0), (0.0, -6.5, 1.0)),
    Window(28, 384, 312),
    (0.0, -1.0, 5.0),
    (13.5, 17.25, 13.5),
    (0.0, -3.0, -0.5),
)


def turned(count: int) -> NDArray[np.float32]:
    """Poses of a head that turns to both sides, nods and shifts."""
    coeffs = np.zeros((count, COEFFS), np.float32)
    at = np.arange(count) / count * 2 * np.pi
    coeffs[:, BLENDSHAPES], coeffs[:, BLENDSHAPES + 1] = 0.2 * np.sin(at), 0.1 * np.cos(2 * at)
    coeffs[:, BLENDSHAPES + 3] = np.sin(3 * at)
    return coeffs


def face() -> NDArray[np.float64]:
    """68 points of a face, cm: mouth and eyes where a face has them, the rest anywhere on it."""
    random = np.random.default_rng(0)
    points = random.uniform((-6, -7, 6), (6, 7, 11), (68, 3))
    points[48:] = random.uniform((-2, -4, 9), (2, -3, 10), (20, 3))
    points[36:42], points[42:48] = random.uniform((-4, 2, 8), (-2, 3, 9), (6, 3)), random.uniform((2, 2, 8), (4, 3, 9))
    return points


def filmed(coeffs: NDArray[np.float32]) -> tuple[Capture, Shape]:
    shape = Shape(SCENE, face())
    marks = np.stack([shape.seen(shape.points, pose) for pose in coeffs]).astype(np.float32)
    return Capture(Path(), SCENE, coeffs, marks, np.full(len(coeffs), "train"), ""), shape


def test_a_turning_head_tells_its_shape() -> None:
    capture, shape = filmed(turned(40))
    found = triangulated(capture)
    assert np.abs(found.points - shape.points).max() < 0.2
    at_rest = found.at_rest(capture.landmarks[7], capture.coeffs[7])
    np.testing.assert_allclose(at_rest, shape.seen(shape.points, np.zeros(COEFFS, np.float32)), atol=0.5)


def test_a_face_that_hardly_turns_is_taken_for_a_plane() -> None:
    capture, _ = filmed(np.zeros((40, COEFFS), np.float32))
    assert np.ptp(triangulated(capture).points[:, 2]) < 0.1


def test_only_what_moves_outside_mouth_and_eyes_is_restless() -> None:
    capture, _ = filmed(np.zeros((1, COEFFS), np.float32))
    marks = capture.landmarks[0]
    x0, y0, x1, y1 = mouth_box(marks)
    first = np.zeros((512, 512, 3), np.uint8)
    spoken, lit = first.copy(), first.copy()
    spoken[y0:y1, x0:x1] = 255
    lit[:256] = 3
    counted = still((512, 512), marks)
    for second, want in ((spoken, 0.0), (lit, 3 * counted[:256].sum() / counted.sum())):
        restless = Restless()
        restless.add(first, marks)
        assert restless.mean() is None
        restless.add(second, marks)
        assert restless.mean() == pytest.approx(want, rel=1e-5)


def test_a_face_that_only_moves_does_not_swim() -> None:
    coeffs = np.zeros((2, COEFFS), np.float32)
    coeffs[1, BLENDSHAPES + 3] = 1.0  # cm to the side: 13 pixels at the face's depth
    capture, shape = filmed(coeffs)
    head = np.zeros((512, 512), np.bool_)
    head[100:400, 150:350] = True
    steep = np.tile(np.linspace(0, 250, 512, dtype=np.float32)[None, :, None], (512, 1, 3))
    moved = float((capture.landmarks[1] - capture.landmarks[0])[:, 0].mean())
    pictures = [steep.astype(np.uint8), (steep - moved * 250 / 511).clip(0).astype(np.uint8)]
    swims, unmoved = Swimming(shape), Swimming(shape)
    for index, picture in enumerate(pictures):
        swims.add(picture, head, capture.landmarks[index], coeffs[index])
        unmoved.add(picture, head, capture.landmarks[index], coeffs[0])
    assert swims.mean() is not None
    assert cast(float, swims.mean()) < 0.7  # whole grey levels, and the warp's plane
    assert cast(float, unmoved.mean()) > 4


def test_frames_with_others_between_them_are_not_compared() -> None:
    capture, shape = filmed(np.zeros((1, COEFFS), np.float32))
    dark, light, head = (
        np.zeros((512, 512, 3), np.uint8),
        np.full((512, 512, 3), 9, np.uint8),
        np.ones((512, 512), np.bool_),
    )
    for indices, want in (((7, 9), None), ((7, 8), 9.0)):
        unrest = Unrest(shape)
        for index, picture in zip(indices, (dark, light), strict=True):
            unrest.add(index, picture, (picture, dark), head, capture.landmarks[0], capture.coeffs[0])
        zero = want and 0.0
        assert unrest.figures() == {"flicker": want, "flicker_warped": want, "flicker_warped_truth": zero}


class Given:
    """Stands in for the tracker: gives landmarks in turn."""

    def __init__(self, *marks: NDArray[np.float64] | None) -> None:
        self._marks = iter(marks)

    def find(self, _: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        return next(self._marks)


def mesh(gap: float, lids: float = 0.3) -> NDArray[np.float64]:
    """Landmarks all over a picture, with the eyes `lids` of their width open, and `gap` pixels between the lips."""
    marks = np.random.default_rng(1).uniform(0, 512, (LANDMARKS, 2))
    corners = np.array([(0, 0), (0.3, -lids / 2), (0.7, -lids / 2), (1, 0), (0.7, lids / 2), (0.3, lids / 2)])
    for eye in EYES:
        marks[eye] = 200 + 40 * corners
    marks[[82, 13, 312], 1], marks[[87, 14, 317], 1] = 300 - gap / 2, 300 + gap / 2
    return marks


def test_landmarks_tell_how_far_the_drawn_face_is_from_the_true_one() -> None:
    assert openness(mesh(4, lids=0.3)) == pytest.approx(0.3)
    picture = np.zeros((8, 8, 3), np.uint8)
    pairs = [(mesh(gap), mesh(gap)) for gap in (0.0, 8.0, 3.0)]
    given = [marks for pair in pairs for marks in pair]
    given[0] = given[0] + (3, 4)  # the whole face drawn five pixels away
    found = Landmarks(cast(StillFaces, Given(*given, None, mesh(1), mesh(5, lids=0.1), mesh(5))))
    for _ in range(5):
        found.add(picture, picture)
    figures = found.figures()
    assert figures["lmd"] == pytest.approx((5 + 0 + 0 + np.mean(np.linalg.norm(mesh(5, 0.1) - mesh(5), axis=1))) / 4)
    assert figures["lmd_mouth"] == pytest.approx(0, abs=1e-9)
    assert figures["mouth_correlation"] == pytest.approx(1)
    assert figures["blink_error"] == pytest.approx(0.2 / 4)
    assert np.isnan(found.distance[3])


def test_of_faces_that_are_never_found_nothing_is_said() -> None:
    found = Landmarks(cast(StillFaces, Given(None, None)))
    assert found.add(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)) is None
    assert found.figures() == {}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of two frames, both held out: exactly what the default avatar draws."""
    folder = tmp_path_factory.mktemp("clip")
    marks = np.random.default_rng(0).uniform(200, 300, (2, 68, 2)).astype(np.float32)
    zeros = np.zeros((2, 3), np.float32)
    write(folder, {"split": np.array(["test"] * 2), "angles": zeros, "translation": zeros, "landmarks": marks})
    (folder / "frames").mkdir()
    (folder / "masks").mkdir()
    drawn = load_renderer(DEFAULT).render_rgb(np.zeros(COEFFS, np.float32))
    mask = np.zeros((512, 512), np.uint8)
    mask[100:300, 150:350] = 2
    for index in range(2):
        Image.fromarray(drawn).save(folder / "frames" / f"{index:05d}.jpg", quality=100, subsampling=0)
        Image.fromarray(mask).save(folder / "masks" / f"{index:05d}.png")
    return folder


def test_a_capture_that_only_holds_frames_out_is_enough(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "TIMED", 10)
    figures = evaluation.evaluate(DEFAULT, clip, page=tmp_path / "page.html")
    assert figures["frames"] == 2
    assert cast(float, figures["psnr_head"]) > 45  # the JPEG's own error
    assert figures["sharpness"] == pytest.approx(1, abs=0.02)
    assert cast(float, figures["ms_ssim_head"]) > 0.99
    assert figures["flicker"] == figures["flicker_warped"] == 0
    assert figures["lmd"] is figures["wide_psnr_head"] is figures["wide_psnr_mouth"] is None
    assert cast(float, figures["fps"]) > 0
    json.dumps(figures, allow_nan=False)
    page = (tmp_path / "page.html").read_text()
    assert "data:video/mp4;base64," in page
    assert page.count("<figure><img") == 2
    assert "://" not in page  # it stands alone


def test_the_head_of_a_video_needs_landmarks(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = tmp_path / "person.mp4"
    video.write_bytes(b"film")
    capture = tmp_path / "person.fit" / "capture"
    capture.mkdir(parents=True)
    for name in ("capture.npz", "frames", "masks"):
        (capture / name).symlink_to(clip / name)
    (capture / "track.json").write_text(json.dumps({"source_sha256": _digest(video)}))
    assert of_video(capture)
    assert not of_video(clip)
    assert landmarker_of(clip, None) is None
    assert capture_of(video, tmp_path / "person", Path("unused.task")) == capture
    given = tmp_path / "given.task"
    given.write_bytes(b"x")
    assert prepared(DEFAULT, clip, given) == (clip, given)
    with pytest.raises(ValueError, match="a video of the person"):
        prepared(DEFAULT, tmp_path / "absent.mp4", given)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "absent.task"))
    with pytest.raises(ValueError, match="--landmarker"):
        landmarker_of(capture, None)
    with pytest.raises(ValueError, match="give --landmarker"):
        evaluation.evaluate(DEFAULT, capture)
