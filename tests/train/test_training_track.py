"""From a video to a capture: what is refused, and that known motion is found again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("mediapipe")

from engines.media import ARKIT_NAMES, COEFFS, FPS
from engines.nerf.engine import load_renderer
from engines.nerf.geometry import rotation
from training import contours, head_pose, video
from training.capture import load
from training.footage import Footage
from training.landmarks import LANDMARKS, VARIABLE, Face, landmarker_file
from training.smoothing import outliers, smoothed
from training.track import is_track_of, track
from training.track_page import spans

pytestmark = pytest.mark.train

ROOT = Path(__file__).parents[2]
SHARED_MODEL = ROOT.parent / "shared" / "models" / "face_landmarker.task"
SECONDS = 6


def write_video(
    path: Path, pictures: Iterator[NDArray[np.uint8]], fps: int = FPS, at: Callable[[int], int] = lambda index: index
) -> Path:
    """Each picture is shown from the frame `at` of its index on."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.pix_fmt = "yuv420p"
        for index, picture in enumerate(pictures):
            if not index:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = at(index), Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def gray(count: int) -> Iterator[NDArray[np.uint8]]:
    return (np.full((64, 64, 3), 40 + index % 100, np.uint8) for index in range(count))


def test_other_rates_become_25_pictures_a_second(tmp_path: Path) -> None:
    source = write_video(tmp_path / "fast.mkv", gray(360), fps=60)
    assert len(list(video.pictures(source))) == pytest.approx(150, abs=1)
    assert video.probe(source).audio is False
    assert len(video.sound(source)) == 0


def test_what_is_no_usable_video_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give 5 s to 20 min"):
        video.probe(write_video(tmp_path / "short.mp4", gray(30)))
    (tmp_path / "junk.mp4").write_bytes(b"no video at all")
    with pytest.raises(ValueError, match="can't be read as a video"):
        video.probe(tmp_path / "junk.mp4")
    with pytest.raises(ValueError, match="can't be read as a video"):
        video.probe(tmp_path / "absent.mp4")


@pytest.mark.parametrize(
    ("name", "kept", "told"),
    [
        ("a.mp4", slice(0, 0.5), "can't be read as a video"),  # its index comes last
        ("a.mkv", slice(0, 0.5), r"pictures end at 2\.\d\d s of 5\.\d\d s"),
        ("a.mp4", slice(0.3, 0.6), r"broken at \d\.\d\d s"),
    ],
)
def test_a_damaged_file_is_told_with_its_time(tmp_path: Path, name: str, kept: slice, told: str) -> None:
    """Of the file either the beginning is left, or a stretch of it was overwritten."""
    path = write_video(tmp_path / name, (noise(index // 10) for index in range(140)))
    data = path.read_bytes()
    first, last = int(kept.start * len(data)), int(kept.stop * len(data))
    spoiled = np.random.default_rng(0).integers(0, 256, last - first, np.uint8).tobytes()
    path.write_bytes(data[:first] + spoiled + data[last:] if first else data[:last])

    def read() -> None:
        video.probe(path)
        list(video.pictures(path))

    with pytest.raises(ValueError, match=told):
        read()


def test_a_stretch_without_pictures_is_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", gray(140), at=lambda index: index if index < 50 else index + 50)
    with pytest.raises(ValueError, match=r"no pictures from 1\.96 to 4\.00 s"):
        list(video.pictures(path))


def test_sound_that_is_damaged_is_told_before_any_face_is_sought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise ValueError("the sound is broken")

    monkeypatch.setattr(video, "sound", broken)
    (tmp_path / "any.task").write_bytes(b"x")
    with pytest.raises(ValueError, match="the sound is broken"):
        track(write_video(tmp_path / "a.mp4", gray(140)), tmp_path / "made", tmp_path / "any.task")
    assert not (tmp_path / "made").exists()


def test_runs_of_dropped_frames_are_joined() -> None:
    assert spans([3, 4, 5, 9, 11, 12]) == [(3, 5), (9, 9), (11, 12)]
    assert spans([]) == []


def face(height: float = 200.0) -> Face:
    marks = np.zeros((LANDMARKS, 3), np.float32)
    marks[0, 1] = height
    return Face(marks, np.zeros(52, np.float32), np.eye(4, dtype=np.float32))


def noise(seed: int) -> NDArray[np.uint8]:
    return np.kron(np.random.default_rng(seed).integers(0, 256, (24, 24, 3)), np.ones((8, 8, 1))).astype(np.uint8)


def test_times_are_named_when_no_face_is_there() -> None:
    footage = Footage()
    for index in range(100):
        footage.add(noise(0), [] if 25 <= index < 50 else [face()])
    with pytest.raises(ValueError, match=r"no face is seen at 1\.0–2\.0 s"):
        footage.check()


def test_a_second_person_is_told_but_not_a_poster() -> None:
    footage = Footage()
    for _ in range(60):
        footage.add(noise(0), [face(), face(50)])
    footage.check()
    for _ in range(10):
        footage.add(noise(0), [face(), face(150)])
    with pytest.raises(ValueError, match="two faces are seen at"):
        footage.check()


def test_cuts_and_moving_cameras_are_told() -> None:
    cut, moving = Footage(), Footage()
    for index in range(100):
        cut.add(noise(index // 50), [face()])
        moving.add(np.roll(noise(0), index // 10, axis=1), [face()])
    with pytest.raises(ValueError, match=r"jumps at 2\.0 s"):
        cut.check()
    with pytest.raises(ValueError, match="the camera moves"):
        moving.check()


def test_the_smoother_minimises_what_it_says() -> None:
    random = np.random.default_rng(0)
    track_in, weight = random.normal(size=(30, 2)), random.uniform(0, 1, 30)
    second = np.diff(np.eye(30), 2, axis=0)
    want = np.linalg.solve(np.diag(weight) + 3 * second.T @ second, weight[:, None] * track_in)
    np.testing.assert_allclose(smoothed(track_in, 3.0, weight), want, atol=1e-6)


def test_a_single_jump_is_an_outlier() -> None:
    track_in = np.cumsum(np.random.default_rng(0).normal(size=(50, 1)), axis=0) * 0.1
    track_in[20] += 5
    assert np.flatnonzero(outliers(track_in)).tolist() == [20]


def test_a_rigid_head_is_found_again() -> None:
    random = np.random.default_rng(0)
    shape = random.normal(size=(LANDMARKS, 3)) * (6, 8, 4)
    shape[234], shape[454] = (-7.65, 0, 0), (7.65, 0, 0)
    count, pivot = 40, (0.0, -6.5, -5.0)
    at = np.arange(count)
    angles = np.radians(np.stack([12 * np.sin(at / 6), 6 * np.cos(at / 5), at / 10], 1))
    shift = np.stack([np.sin(at / 7), np.zeros(count), np.cos(at / 9)], 1)
    turns = np.stack([rotation(*angle) for angle in angles]).astype(float)
    moved = np.einsum("nij,kj->nki", turns, shape - pivot) + pivot + shift[:, None]
    depth = 60 - moved[..., 2]
    marks = np.stack([256 + 900 * moved[..., 0] / depth, 256 - 900 * moved[..., 1] / depth, -moved[..., 2] * 15], -1)
    marks[..., :2] += random.normal(0, 0.3, marks[..., :2].shape)
    found = head_pose.solve(marks, turns, (512, 512), pivot)
    assert np.median(found.error_px) < 0.6
    assert np.abs(np.degrees(found.angles - angles)).max() < 2.5
    for axis in range(3):
        assert np.corrcoef(found.angles[:, axis], angles[:, axis])[0, 1] > 0.99


def test_lips_that_move_more_than_was_tracked_get_a_gain() -> None:
    with np.load(contours.TABLE, allow_pickle=False) as stored:
        moves = stored["moves"].astype(float)
    random = np.random.default_rng(1)
    truth = np.zeros((200, 52))
    drop = [ARKIT_NAMES.index(f"mouthLowerDown{side}") for side in ("Left", "Right")]
    truth[:, drop] = random.uniform(0, 0.6, (200, 1))
    truth[:, ARKIT_NAMES.index("jawOpen")] = random.uniform(0, 0.5, 200)
    points = random.uniform(-1, 1, (68, 2))[None].repeat(200, 0)
    points[:, 36:42], points[:, 42:48] = (-0.5, 0), (0.5, 0)
    points[:, contours.CONTOURS] += np.einsum("nk,kpd->npd", truth, moves)
    tracked = truth.copy()
    tracked[:, drop] /= 3
    better, gains, _ = contours.corrected(tracked, points)
    assert gains[drop] == pytest.approx(3, rel=0.3)
    assert gains[ARKIT_NAMES.index("jawOpen")] == pytest.approx(1, abs=0.2)
    assert np.ptp(better[:, drop]) == pytest.approx(np.ptp(truth[:, drop]), rel=0.15)


def test_a_missing_landmarker_names_every_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ValueError, match=rf"--landmarker.*{VARIABLE}.*cache.*https://"):
        landmarker_file(tmp_path / "nowhere.task")
    wrong = tmp_path / "given.task"
    wrong.write_bytes(b"x")
    monkeypatch.setenv(VARIABLE, str(wrong))
    assert landmarker_file(None) == wrong


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[np.float32]]:
    """The default avatar turns her head, opens her mouth and blinks, for six seconds."""
    coeffs = np.zeros((SECONDS * FPS, COEFFS), np.float32)
    at = np.arange(len(coeffs)) / FPS
    coeffs[:, ARKIT_NAMES.index("jawOpen")] = 0.2 + 0.2 * np.sin(2 * np.pi * 1.1 * at)
    coeffs[:, 52] = np.radians(9) * np.sin(2 * np.pi * 0.3 * at)
    renderer = load_renderer(ROOT / "avatars" / "default")
    path = tmp_path_factory.mktemp("film") / "person.mp4"
    return write_video(path, (renderer.render_rgb(pose) for pose in coeffs)), coeffs


@pytest.mark.parametrize(
    ("shots", "told"),
    [
        (lambda her, _: np.concatenate([her, her], 1), r"two faces are seen at 0\.0–2\.\d s: cut the video"),
        (lambda her, _: her[:96, :96].repeat(2, 0).repeat(2, 1), r"no face is seen at 0\.0–2\.\d s: film one face"),
        (lambda her, index: her if index < 30 else her // 3, r"the picture jumps at 1\.2 s: give one take"),
        (lambda her, index: np.roll(her, index // 3, 1), r"the camera moves at 1\.0.*2\.0 s: put it on a stand"),
    ],
)
def test_what_shows_not_one_person_is_refused_before_anything_is_written(
    filmed: tuple[Path, NDArray[np.float32]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    shots: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]], told: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(video, "SHORTEST_S", 1.0)
    her = next(video.pictures(filmed[0]))[::2, ::2]
    source = write_video(tmp_path / "refused.mp4", (shots(her, index) for index in range(55)))
    with pytest.raises(ValueError, match=told):
        track(source, tmp_path / "made", Path(os.environ.get(VARIABLE, SHARED_MODEL)))
    assert not (tmp_path / "made").exists()


def test_a_video_of_the_avatar_becomes_a_capture_of_her(
    filmed: tuple[Path, NDArray[np.float32]], tmp_path: Path
) -> None:
    source, coeffs = filmed
    model = Path(os.environ.get(VARIABLE, SHARED_MODEL))
    found = track(source, tmp_path, model)
    assert [warning.split(":")[0] for warning in found.warnings] == ["the video has no sound"]
    capture = load(tmp_path)
    assert is_track_of(tmp_path, source)
    page = (tmp_path / "track.html").read_text()
    assert "data:video/mp4;base64," in page
    assert all(word in page for word in ("yaw", "jawOpen", "eyeBlinkLeft", "person.mp4", "has no sound"))
    assert "://" not in page  # it stands alone
    assert len(capture.coeffs) == len(coeffs)
    assert (capture.split == "test").sum() == len(coeffs) // 10
    jaw = ARKIT_NAMES.index("jawOpen")
    assert np.corrcoef(capture.coeffs[:, jaw], coeffs[:, jaw])[0, 1] > 0.9
    assert np.corrcoef(capture.coeffs[:, 52], coeffs[:, 52])[0, 1] > 0.98
    assert np.degrees(np.ptp(capture.coeffs[:, 52])) == pytest.approx(18, rel=0.25)
    mask = capture.mask(40)
    assert mask[200, 256] >= 2  # the face is head
    assert mask[10, 10] == 0
    assert mask[480, 256] == 1  # the pullover is clothes
    assert {0, 1, 2, 3, 4} <= set(np.unique(mask).tolist())
