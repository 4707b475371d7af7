"""`visavis bench compare`: our pipeline alone against pipecat-ai's, with the same stubs, in turn, in one run.

Both get the same replies from a language model of 30 tokens a second, the same tones from a voice that takes no time,
and a transport that notes when each voiced 20 ms left. pipecat-ai is no dependency: it runs with a Python of its own.

- `compare_added_latency_ms`, `pipecat_added_latency_ms`: from the question (the first token is due at once) to the
  first voiced packet; `compare_added_latency_ratio`: ours over theirs, of the medians.
- `compare_silence_ms`, `pipecat_silence_ms`, `compare_silence_ratio`: from the interruption to the end of the last
  voiced packet. Ours fades out over its last one, pipecat's stops.
- `compare_rss_mb`, `compare_idle_cpu_cores` and pipecat's: of the process, with the conversation open and nobody
  talking; ours sends silence meanwhile, pipecat's sends nothing. `compare_rss_ratio`, `compare_idle_cpu_ratio`.
- `pipecat_token_added_latency_ms`: the same of its mode that hands every token to the voice as it comes, for voices
  that can speak single words. Not its default, and not in the ratio.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from statistics import median
from typing import Any

from bench.inbox import BenchError
from bench.processes import run_process
from bench.result import Result
from bench.run import Told
from bench.serverproc import Target

PACKAGE = "pipecat-ai>=1.14,<2"
"""Its workers, and the names of its frames, are of 1.x."""

SCRIPT = Path(__file__).parent / "adapters/pipecat_pipeline.py"

REPLIES = (
    "Certainly, here is what I can tell you. The words that you hear are always the same, because a stub sends them.",
    "That is a good question, and the answer is short. You may interrupt me at any time, and I shall stop at once.",
    "I am a face that you can talk to. Somebody asks, a language model writes, and I say it while it still writes.",
    "Yes. It runs on your own machine, so that nothing of what you say is sent anywhere else.",
)
"""An opener, a clause, a plain sentence and a single word: how spoken answers begin."""

TOKENS_PER_S = 30.0

ROUNDS = 2
"""Times that each gets its turn, so that a machine that slows down slows both."""

IDLE_S = 3.0


def default_python() -> Path:
    """Where `--install` puts pipecat-ai's own Python."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "visavis/pipecat/bin/python"


async def install() -> Path:
    """Make a virtual environment with pipecat-ai in the user's cache, and return its Python.

    Raises:
        BenchError: it can't be installed; says why.
    """
    python = default_python()
    python.parent.parent.mkdir(parents=True, exist_ok=True)
    await run_process([sys.executable, "-m", "venv", str(python.parent.parent)])
    await run_process([str(python), "-m", "pip", "install", "--quiet", PACKAGE])
    return python


async def find(python: Path | None) -> Path:
    """The Python that has pipecat-ai.

    Raises:
        BenchError: there is none; says how to get it.
    """
    chosen = python or default_python()
    if shutil.which(str(chosen)) is None:
        hint = "visavis bench compare --install makes one; --python names one that you have"
        raise BenchError(f"{chosen} is no Python with pipecat-ai: {hint}")
    await run_process([str(chosen), "-c", "import pipecat.pipeline.worker"])
    return chosen


async def measure_if_there(target: Target, told: Told, *, turns: int) -> Result:
    """The same, among other scenarios: without pipecat-ai it is left out, and the report says so."""
    try:
        await find(None)
    except BenchError as error:
        return Result("compare", notes=[f"Not compared with pipecat-ai: {error}."])
    return await measure(target, told, python=None, turns=turns)


async def measure(target: Target, told: Told, *, python: Path | None, turns: int, make: bool = False) -> Result:
    """
    Args:
        python: of an environment with pipecat-ai; None for the one in the user's cache.
        turns: questions to each, in all.
        make: install pipecat-ai there first.

    Raises:
        BenchError: pipecat-ai is missing, or one of the two fails.
    """
    theirs = await install() if make else await find(python)
    job = {
        "replies": REPLIES, "rate": TOKENS_PER_S, "word_s": 0.3, "chunk_s": 0.1, "listen_s": 0.4, "rest_s": 0.4,
        "turns": -(-turns // ROUNDS), "idle_s": IDLE_S,
    }  # fmt: skip
    runs = [
        ("compare", [sys.executable, "-m", "bench.inside.alone"], job),
        ("pipecat", [str(theirs), str(SCRIPT)], job),
    ]
    plan = runs * ROUNDS + [("pipecat_token", runs[1][1], job | {"mode": "token", "idle_s": 0.1})]
    found: dict[str, list[dict[str, Any]]] = {}
    for done, (name, command, asked) in enumerate(plan):
        told(done, len(plan))
        found.setdefault(name, []).append(json.loads(await run_process(command, json.dumps(asked))))
    told(len(plan), len(plan))
    return _result(found)


def _result(found: dict[str, list[dict[str, Any]]]) -> Result:
    result = Result("compare", notes=[f"pipecat-ai {found['pipecat'][0]['version']}"])
    for name in ("compare", "pipecat"):
        runs = found[name]
        result.samples[f"{name}_added_latency_ms"] = [value for run in runs for value in run["added_ms"]]
        result.samples[f"{name}_silence_ms"] = [value for run in runs for value in run["silence_ms"]]
        result.figures[f"{name}_rss_mb"] = round(median(run["rss_mb"] for run in runs), 1)
        result.figures[f"{name}_idle_cpu_cores"] = round(median(run["idle_cpu_cores"] for run in runs), 4)
    result.samples["pipecat_token_added_latency_ms"] = found["pipecat_token"][0]["added_ms"]
    for kind in ("added_latency", "silence"):
        ours, theirs = (median(result.samples[f"{name}_{kind}_ms"]) for name in ("compare", "pipecat"))
        result.figures[f"compare_{kind}_ratio"] = round(ours / theirs, 3) if theirs else None
    for kind, key in (("rss", "rss_mb"), ("idle_cpu", "idle_cpu_cores")):
        ours, theirs = (median(run[key] for run in found[name]) for name in ("compare", "pipecat"))
        result.figures[f"compare_{kind}_ratio"] = round(ours / theirs, 3) if theirs else None
    result.figures["pipecat_version"] = found["pipecat"][0]["version"]
    return result
