"""A recording's face as curves: what is read, what is written, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import wave
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from engines.fake import JAW, FakeIdle, FakeMotion
from engines.media import ARKIT_NAMES, BLENDSHAPES, COEFFS, SAMPLE_RATE, Coeffs
from server import motion_file
from server.cli import app
from server.motion_file import CSV_ROTATIONS, follow, resampled, write_csv, write_json
from server.recording import CHUNK, read_recording

pytestmark = pytest.mark.unit


def recording(path: Path, seconds: float = 1.0, rate: int = 8000, channels: int = 1) -> Path:
    tone = 8000 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * rate)) / rate)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(tone.astype("<i2"), channels).tobytes())
    return path


def floats(path: Path, samples: np.ndarray) -> Path:
    """A WAV of 32-bit floats, at `SAMPLE_RATE`."""
    with av.open(str(path), "w", format="wav") as file:
        stream = file.add_stream("pcm_f32le", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.astype(np.float32)[None], format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44_100, 2), (48_000, 1)])
def test_any_rate_becomes_hers(tmp_path: Path, rate: int, channels: int) -> None:
    pieces = [*read_recording(recording(tmp_path / "a.wav", 1.05, rate, channels))]
    assert {len(piece) for piece in pieces[:-1]} == {CHUNK}
    pcm = np.concatenate(pieces)
    assert len(pcm) == pytest.approx(1.05 * SAMPLE_RATE, abs=30)
    assert np.abs(pcm).max() == pytest.approx(8000, rel=0.05)


def test_what_is_no_number_is_silence_and_what_is_too_loud_is_clipped(tmp_path: Path) -> None:
    samples = np.full(4800, 0.5)
    samples[1000:2000], samples[3000:4000] = np.nan, np.inf
    pcm = np.concatenate([*read_recording(floats(tmp_path / "a.wav", samples))])
    assert len(pcm) == 4800
    assert not pcm[1000:2000].any()
    assert (pcm[3000:4000] == 32767).all()
    assert pcm[:900].min() > 16_000


@pytest.mark.parametrize("fps", [25, 60])
def test_curves_are_as_long_as_the_recording(tmp_path: Path, fps: int) -> None:
    frames, seconds = follow(recording(tmp_path / "a.wav", 1.5), FakeMotion(), FakeIdle().start(0), fps)
    assert seconds == pytest.approx(1.5, abs=0.01)
    assert frames.shape == (round(1.5 * fps), COEFFS)
    assert frames[:, JAW].min() >= 0.15
    alone, _ = follow(recording(tmp_path / "a.wav", 1.5), FakeMotion(), None, fps)
    assert not alone[:, :JAW].any()


def test_a_spline_goes_through_every_frame_and_stays_in_range() -> None:
    made = np.random.default_rng(0).random((50, COEFFS)).astype(np.float32)
    made[:, BLENDSHAPES:] *= 0.1
    fine = resampled(made, 50, 99)
    assert np.abs(fine[::2] - made).max() < 1e-6
    assert fine[:, :BLENDSHAPES].min() >= 0
    assert fine[:, :BLENDSHAPES].max() <= 1
    slow = np.linspace(0, 1, 50, dtype=np.float32)[:, None].repeat(COEFFS, 1) * 0.1
    steps = [float(b[JAW] - a[JAW]) for a, b in pairwise(resampled(slow, 60, 110)[4:])]
    assert max(steps) - min(steps) < 1e-5


def curves() -> Coeffs:
    frames = np.random.default_rng(1).random((70, COEFFS)).astype(np.float32)
    frames[:, BLENDSHAPES:] *= 0.1
    return frames


def test_a_csv_is_read_by_arkit_s_names() -> None:
    file = io.StringIO()
    write_csv(file, curves(), 60)
    rows = [*csv.DictReader(io.StringIO(file.getvalue()))]
    assert [*rows[0]] == ["Timecode", "BlendShapeCount", *ARKIT_NAMES, *CSV_ROTATIONS]
    assert rows[61]["Timecode"] == "00:00:01:01.000"
    assert {row["BlendShapeCount"] for row in rows} == {"61"}
    for row, frame in zip(rows, curves(), strict=True):
        assert [float(row[name]) for name in ARKIT_NAMES] == pytest.approx(frame[:BLENDSHAPES].tolist(), abs=1e-5)
        assert float(row["headYaw"]) == pytest.approx(float(frame[BLENDSHAPES]), abs=1e-5)


def test_json_holds_every_number() -> None:
    file = io.StringIO()
    write_json(file, curves(), 25)
    read = json.loads(file.getvalue())
    assert (read["format"], read["fps"]) == ("visavis-motion/1", 25)
    assert read["names"] == [*ARKIT_NAMES]
    assert np.abs(np.array(read["frames"]) - curves()).max() < 1e-5


def command(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["motion", *arguments])
    return result.exit_code, " ".join(result.output.split())


def test_the_command_writes_curves(tmp_path: Path) -> None:
    audio = recording(tmp_path / "a.wav")
    for name in ("a.csv", "a.json"):
        assert command(str(audio), "-o", str(tmp_path / name), "--fps", "60", "--set", "motion.emotion=joy")[0] == 0
    rows = [*csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text()))]
    assert len(rows) == len(json.loads((tmp_path / "a.json").read_text())["frames"]) == 60
    assert float(rows[-1]["mouthSmileLeft"]) > 0.1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json", "a.wav"]


@pytest.mark.parametrize(
    ("audio", "output", "told"),
    [
        ("none.wav", "a.csv", "No such file"),
        ("junk.wav", "a.csv", "can't be read"),
        ("empty.wav", "a.csv", "is empty"),
        ("silent.mp4", "a.csv", "no sound"),
        ("a.wav", "a.txt", "ends in .csv or .json"),
        ("a.wav", "nowhere/a.csv", "no such folder"),
        ("a.wav", "folder.csv", "is a folder"),
    ],
)
def test_bad_input_exits_2_and_leaves_no_file(tmp_path: Path, audio: str, output: str, told: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    recording(tmp_path / "a.wav")
    recording(tmp_path / "empty.wav", 0.0)
    (tmp_path / "junk.wav").write_bytes(bytes(range(256)) * 8)
    with av.open(str(tmp_path / "silent.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width = stream.height = 16
        file.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        file.mux(stream.encode(None))
    before = sorted(tmp_path.iterdir())
    code, output_text = command(str(tmp_path / audio), "-o", str(tmp_path / output))
    assert code == 2
    assert told in output_text
    assert sorted(tmp_path.iterdir()) == before


def test_a_recording_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion_file, "MAX_S", 0.5)
    with pytest.raises(ValueError, match="longer than"):
        follow(recording(tmp_path / "a.wav"), FakeMotion(), None)
