"""A recorded turn through the real renderer: the same frames from every process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


def replay(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli", "bench", "replay", "--json", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def test_a_recording_gives_the_same_frames_again(tmp_path: Path) -> None:
    turn = tmp_path / "turn.npz"
    first = json.loads(replay("--record", str(turn), "--set", "tts.provider=espeak").stdout)
    assert first["replay_identical"] is True
    assert first["frames"] > 100
    again = json.loads(replay("--recording", str(turn)).stdout)
    hashes = ("frames", "pictures_sha256", "pcm_sha256", "pts_sha256")
    assert [again[name] for name in hashes] == [first[name] for name in hashes]


def test_a_file_that_is_no_recording_is_told(tmp_path: Path) -> None:
    path = tmp_path / "turn.npz"
    path.write_text("nothing")
    done = replay("--recording", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "no turn that --record wrote" in done.stderr
