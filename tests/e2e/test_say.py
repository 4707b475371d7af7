"""`visavis say`: a file that a player understands, with voice and lips together."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from engines.fake import FakeMotion, FakeTTS
from engines.media import COEFFS, FPS, SAMPLE_RATE, AudioChunk, Coeffs, Image
from engines.motion.idle import IdleBody
from engines.tags import Tag
from pipeline.options import Expression
from pipeline.stages import LEAD_IN
from server.realtime.session import AI_GENERATED
from server.recording import recorded
from server.say import BEFORE_S, SayError, record, spoken

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


class Lamp:
    """A face that shines while the jaw is open."""

    def render(self, coeffs: Coeffs) -> Image:
        assert coeffs.shape == (COEFFS,)
        return np.full((768, 512), 200 if coeffs[17] > 0.15 else 40, np.uint8)


class Mute:
    def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> Iterator[AudioChunk]:
        yield from ()


def decoded(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, str]]:
    """Luma means per picture, samples, and metadata."""
    with av.open(str(path)) as file:
        light = np.array([frame.to_ndarray()[:512].mean() for frame in file.decode(video=0)])
    with av.open(str(path)) as file:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
        assert {stream.codec_context.name for stream in file.streams} == {"h264", "aac"}
        return light, sound, dict(file.metadata)


def test_lips_begin_before_the_voice_and_end_with_it(tmp_path: Path) -> None:
    path = tmp_path / "said.mp4"
    seconds = record(
        spoken("One two three four five.", FakeTTS()), path, FakeMotion(), IdleBody(), Lamp(), Expression()
    )
    light, sound, metadata = decoded(path)
    assert len(light) == round(seconds * FPS)
    lit = np.flatnonzero(light > 120) / FPS
    loud = np.flatnonzero(np.abs(sound) > 0.05) / 24_000
    assert lit[0] == pytest.approx(BEFORE_S, abs=0.001)
    assert loud[0] == pytest.approx(BEFORE_S + LEAD_IN / SAMPLE_RATE, abs=0.03)
    assert loud[-1] - lit[-1] < 0.08
    assert metadata["comment"] == metadata["description"] == AI_GENERATED


def test_a_recording_moves_her_face_and_is_heard(tmp_path: Path) -> None:
    audio = tmp_path / "voice.wav"
    tone = 12_000 * np.sin(2 * np.pi * 200 * np.arange(44_100) / 44_100)
    with wave.open(str(audio), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(tone.astype("<i2").tobytes())
    path = tmp_path / "said.mp4"
    record(partial(recorded, audio), path, FakeMotion(), IdleBody(), Lamp(), Expression())
    light, sound, _ = decoded(path)
    loud = np.flatnonzero(np.abs(sound) > 0.05) / 24_000
    lit = np.flatnonzero(light > 120) / FPS
    assert loud[-1] - loud[0] == pytest.approx(1.0, abs=0.05)
    assert lit[0] <= loud[0] <= lit[0] + 0.12
    assert lit[-1] == pytest.approx(loud[-1], abs=0.08)


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(SayError, match="nothing to say"):
        record(spoken("…", Mute()), tmp_path / "said.mp4", FakeMotion(), IdleBody(), Lamp(), Expression())
    assert list(tmp_path.iterdir()) == []


def visavis(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
    )


def test_she_says_hello_with_a_mouth_that_opens(tmp_path: Path) -> None:
    done = visavis("say", "Hello, I am here.", "-o", "hello.mp4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    with av.open(str(tmp_path / "hello.mp4")) as file:
        pictures = [frame.to_ndarray()[:512].astype(float) for frame in file.decode(video=0)]
    changes = np.array([np.abs(b - a)[250:330, 210:300].mean() for a, b in pairwise(pictures)])
    before = changes[: round(BEFORE_S * FPS) - 2]
    assert changes[len(before) :].max() > 5 * before.max()


@pytest.mark.parametrize(
    ("output", "text", "told"),
    [
        ("hello.mp4", "--audio=nothing.wav", "No such file"),
        ("nowhere/hello.mp4", "Hello.", "no such folder"),
        ("hello.avi", "Hello.", ".mp4"),
        ("hello.mp4", " ", "nothing to say"),
        ("folder.mp4", "Hello.", "is a folder"),
    ],
)
def test_a_bad_path_or_text_exits_2(tmp_path: Path, output: str, text: str, told: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    done = visavis("say", text, "-o", output, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize("said", [(), ("Hello.", "--audio", "voice.wav")])
def test_a_text_or_a_recording_and_not_both(tmp_path: Path, said: tuple[str, ...]) -> None:
    done = visavis("say", *said, "-o", "hello.mp4", cwd=tmp_path)
    assert done.returncode == 2
    assert "either a TEXT or --audio" in done.stderr
