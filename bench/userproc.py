"""A synthetic user in a process of its own, so that neither server nor report slows down her ears.

`python -m bench.userproc --url http://127.0.0.1:8000 --out recording.npz < script.yaml` is one user.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import yaml

from bench.inbox import BenchError
from bench.network_line import Line, read_line
from bench.recording import Recording
from bench.script import Script, read_script
from bench.user import perform

FAILED = 3
"""Exit status of a user who tells on stderr why she could not measure."""


async def perform_apart(
    url: str,
    key: str | None,
    protocol: str,
    script: Script,
    told: Callable[[int, int], None],
    *,
    blind: bool = False,
    line: Line | None = None,
) -> Recording:
    """`bench.user.perform` in another process.

    Raises:
        BenchError: as `perform`'s; or the process died.
    """
    environment = {name: value for name, value in os.environ.items() if name != "VISAVIS_ACCESS_KEY"}
    if key:
        environment["VISAVIS_ACCESS_KEY"] = key
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as folder:
        out = Path(folder) / "recording.npz"
        command = ["-m", "bench.userproc", "--url", url, "--protocol", protocol, "--out", str(out)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--base", str(script.base), *(["--blind"] if blind else []),
            *(["--line", json.dumps(asdict(line))] if line else []), env=environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            text = yaml.safe_dump(script.model_dump(mode="json", exclude_none=True, exclude_unset=True))
            process.stdin.write(text.encode())
            process.stdin.close()
            words = asyncio.create_task(process.stderr.read())
            async for progress in process.stdout:
                done, _, total = progress.decode().partition(" ")
                told(int(done), int(total))
            status = await process.wait()
            said = (await words).decode(errors="replace").strip()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if status == FAILED:
            raise BenchError(said)
        if status:
            raise BenchError(f"the synthetic user ended with status {status}:\n{said[-2000:]}")
        return await asyncio.to_thread(Recording.load, out)


def main(
    url: Annotated[str, typer.Option(help="Base URL of the server.")],
    out: Annotated[Path, typer.Option(help="Where the recording goes (.npz).")],
    protocol: Annotated[str, typer.Option(help="realtime, realtime-ws, whep or livetalking.")] = "realtime",
    base: Annotated[Path, typer.Option(help="Folder of the script's recordings.")] = Path(),
    blind: Annotated[bool, typer.Option("--blind", help="Keep times and loudness alone.")] = False,
    line: Annotated[str | None, typer.Option(help="A bad line, in JSON.")] = None,
) -> None:
    """Perform the script on stdin; tells `done total` on stdout as it goes."""

    def told(done: int, total: int) -> None:
        print(done, total, flush=True)

    try:
        script = read_script(sys.stdin.read(), base)
        key = os.environ.get("VISAVIS_ACCESS_KEY")
        recording = asyncio.run(perform(url, key, protocol, script, told, blind=blind, line=read_line(line)))
    except BenchError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(FAILED) from None
    recording.save(out)


if __name__ == "__main__":
    typer.run(main)
