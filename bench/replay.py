"""`visavis bench replay`: a recorded turn's tokens and audio through the pipeline again, for comparing commits.

Time is counted, not waited for, so that the same recording gives the same frames whatever the machine does meanwhile:

- `frames`, `pictures_sha256`, `pcm_sha256`, `pts_sha256`: what left, and in which order. `replay_identical`: a second
  run in a fresh process gave the same.
- `replay_motion_ms`, `replay_body_ms`, `replay_renderer_ms`, `replay_pipeline_ms`: processor time per frame that each
  stage took; the last is everything else, phrases, streams and playout.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.processes import run_process
from bench.result import Result
from bench.run import Told
from bench.serverproc import Target
from bench.stub_llm import REPLY

TOKENS_PER_S = 30.0
"""Of a turn that is recorded without a declared rate."""

HASHES = ("frames", "pictures_sha256", "pcm_sha256", "pts_sha256")

STAGES = ("motion", "body", "renderer", "pipeline")


async def measure(target: Target, told: Told, *, record: Path | None, recording: Path | None) -> Result:
    """
    Args:
        record: where a turn that is recorded now is kept.
        recording: one that was recorded before; without it a turn is recorded now.

    Raises:
        BenchError: the recording can't be read, does not fit this version, or the engines can't be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as folder:
        path = recording or record or Path(folder) / "turn.npz"
        told(0, 2)
        first = await replayed(target, path, record=recording is None)
        told(1, 2)
        second = await replayed(target, path, record=False)
        told(2, 2)
    figures = {name: first[name] for name in HASHES}
    figures["replay_identical"] = all(first[name] == second[name] for name in HASHES)
    samples = {
        f"replay_{stage}_ms": [1000 * run["stages_s"][stage] / run["frames"] for run in (first, second)]
        for stage in STAGES
    }
    return Result("replay", samples, figures)


async def replayed(target: Target, path: Path, *, record: bool, reel: Path | None = None) -> dict[str, Any]:
    """One run in a fresh process: see `bench/inside/replay.py`."""
    job = {
        "config": str(target.config) if target.config else None,
        "settings": target.settings,
        "recording": str(path),
        "record": record,
        "reply": REPLY,
        "rate": target.tokens_per_s or TOKENS_PER_S,
        "reel": str(reel) if reel else None,
    }
    return json.loads(await run_process([sys.executable, "-m", "bench.inside.replay"], json.dumps(job)))
