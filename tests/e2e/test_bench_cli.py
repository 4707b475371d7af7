"""`visavis bench` as a script calls it: a server of its own, one JSON object, the agreed keys."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.result import load_samples

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_bench_turn_starts_a_server_and_prints_one_flat_object(tmp_path: Path) -> None:
    saved, report = tmp_path / "run.json", tmp_path / "run.html"
    files = ("--save", str(saved), "--html", str(report))
    done = bench("turn", "--json", "--turns", "2", "--spoken", "1", "--no-browser", *files)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert "turn" in done.stderr
    latencies = {
        f"{prefix}{name}_ms"
        for prefix in ("", "spoken_")
        for name in ("first_audio", "first_frame", "first_frame_after_audio", "interrupt_to_silence", "stage_voice")
    }
    assert {key for key in latencies if not isinstance(figures[f"{key}_p50"], float)} == set()
    # Of two values there is a median, and no p95.
    assert {figures[f"{key}_p95"] for key in latencies} == {None}
    assert isinstance(figures["av_offset_ms_p95"], float)
    assert (figures["turns"], figures["spoken_turns"], figures["first_audio_ms_n"]) == (2, 1, 2)
    assert (figures["distinct_fps"], figures["longest_gap_ms"]) == (None, None)
    assert figures["server_rss_mb"] > 50
    assert isinstance(figures["late_frames"], int)
    assert isinstance(figures["underruns"], int)
    assert not any(isinstance(value, (dict, list)) for value in figures.values())
    assert load_samples(saved)["turn.first_audio_ms"]
    page = report.read_text()
    assert "<svg" in page
    assert "typed turn, median" in page
    assert "http" not in page.replace("http://127", "")


def test_bench_render_prints_one_flat_object() -> None:
    done = bench("render", "--json", "--threads", "1")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert {"fps", "ms_per_frame_p50", "ms_per_frame_p95", "threads", "engine", "size"} <= set(figures)
    assert figures["size"] == 512
    assert figures["fps"] == pytest.approx(1000 / figures["ms_per_frame_p50"], rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--url", "http://127.0.0.1:9", "--llm", "stub"), "--llm is for a server that the bench starts"),
        (("--llm", "gpt"), "stub, knowledge"),
        (("--url", "http://127.0.0.1:9"), "can't be reached"),
        (("--set", "avatar.path=nowhere"), "nowhere"),
        (("--baseline", "nowhere.json"), "nowhere.json"),
        (("--url", "http://127.0.0.1:9", "--protocol", "rtmp"), "realtime-ws"),
    ],
)
def test_bad_input_exits_2_with_nothing_on_stdout(arguments: tuple[str, ...], told: str) -> None:
    done = bench("turn", "--json", "--no-browser", "--spoken", "0", *arguments)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert done.stdout == ""
