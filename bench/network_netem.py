"""A bad line made by the kernel: server and user in a network namespace of their own, `tc netem` on its loopback.

`python -m bench.network_netem --out recording.npz < job.json` is what runs inside.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.inbox import BenchError
from bench.network_line import Conditions
from bench.recording import Recording
from bench.script import Script
from bench.serverproc import Server, Target, running_server
from bench.userproc import FAILED, perform_apart

NAMESPACE = ("unshare", "--user", "--map-root-user", "--net")

JOB_S = 600
"""Longest call with everything that it takes to start a server."""


def commands(conditions: Conditions) -> list[list[str]]:
    """What is run inside: UDP alone goes through the emulator, the language model's TCP does not.

    netem's jitter is a mean and a deviation either side of it, so that packets are held for 0 to `jitter_s`.
    """
    half_ms = 500 * conditions.jitter_s
    bad = ["netem", "loss", f"{100 * conditions.loss:g}%", "delay", f"{half_ms:g}ms", f"{half_ms:g}ms"]
    # A queue that keeps the order: netem alone reorders whatever its jitter overtakes.
    return [
        ["ip", "link", "set", "lo", "up"],
        ["tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "prio", "priomap", *["0"] * 16],
        ["tc", "qdisc", "add", "dev", "lo", "parent", "1:3", "handle", "30:", *bad],
        ["tc", "filter", "add", "dev", "lo", "parent", "1:", "protocol", "ip", "u32",
         "match", "ip", "protocol", "17", "0xff", "flowid", "1:3"],
    ]  # fmt: skip


def why_not(server: Server) -> str | None:
    """Why it can't be done here; None where it can."""
    if server.pid is None:
        return "the server at --url is outside any namespace of ours"
    missing = [name for name in ("unshare", "ip", "tc") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found (packages util-linux and iproute2)"
    script = " && ".join(" ".join(command) for command in commands(Conditions(loss=0.01, jitter_s=0.01)))
    done = subprocess.run([*NAMESPACE, "sh", "-c", script], capture_output=True, text=True, timeout=20)
    return None if done.returncode == 0 else f"not allowed here ({done.stderr.strip()[:100]})"


async def perform_in_namespace(target: Target, script: Script, conditions: Conditions) -> Recording:
    """A whole call to a server of its own, both in a fresh namespace.

    Raises:
        BenchError: the server does not start there, or the call does not come about.
    """
    job = {
        "target": asdict(target) | {"config": str(target.config) if target.config else None},
        "script": script.model_dump(mode="json", exclude_none=True, exclude_unset=True),
        "conditions": asdict(conditions),
    }
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as folder:
        out = Path(folder) / "recording.npz"
        process = await asyncio.create_subprocess_exec(
            *NAMESPACE, sys.executable, "-m", "bench.network_netem", "--out", str(out),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(JOB_S):
                _, said = await process.communicate(json.dumps(job).encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise BenchError(f"in the network namespace: {said.decode(errors='replace').strip()[-2000:]}")
        return await asyncio.to_thread(Recording.load, out)


async def _inside(job: dict[str, Any]) -> Recording:
    fields = job["target"]
    config = Path(fields["config"]) if fields["config"] else None
    target = Target(**(fields | {"config": config, "settings": tuple(fields["settings"])}))
    async with running_server(target) as server:
        script = Script.model_validate(job["script"])
        return await perform_apart(server.url, server.key, server.protocol, script, lambda done, total: None)


def main(out: Annotated[Path, typer.Option(help="Where the recording goes (.npz).")]) -> None:
    """Perform the job on stdin."""
    try:
        job = json.load(sys.stdin)
        for command in commands(Conditions(**job["conditions"])):
            subprocess.run(command, check=True, capture_output=True, text=True)
        recording = asyncio.run(_inside(job))
    except (BenchError, subprocess.CalledProcessError) as error:
        print(getattr(error, "stderr", None) or error, file=sys.stderr)
        raise typer.Exit(FAILED) from None
    recording.save(out)


if __name__ == "__main__":
    typer.run(main)
