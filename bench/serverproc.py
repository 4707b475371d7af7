"""The server under test: one that runs already, or a process of our own on a free port."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from prometheus_client.parser import text_string_to_metric_families

from bench.inbox import BenchError
from bench.peer import fetch

START_S = 120
"""Seconds that a server may take to load its engines: compiling the graphs on a busy machine."""

COUNTERS = {
    "late_frames": "late_frames_total",
    "underruns": "underruns_total",
    "pts_jumps": "pts_jumps_total",
    "microphone_lost": "microphone_lost_packets_total",
}
"""Our key -> the server's counter."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server to measure."""

    url: str | None = None
    """One that runs already; None starts one."""
    protocol: str = "realtime"
    llm: str | None = None
    """`stub`, `knowledge` or a base URL, for a server of our own; None for `stub`."""
    model: str = "default"
    first_token_s: float = 0.0
    """Of the stub."""
    tokens_per_s: float = 0.0
    """Of the stub; 0 sends them at once."""
    config: Path | None = None
    settings: tuple[str, ...] = ()
    key: str | None = None
    """Access key."""


class Server:
    """Where the server is, and what it tells of itself."""

    def __init__(self, url: str, target: Target, pid: int | None) -> None:
        self.url = url.rstrip("/")
        self.target = target
        self.protocol = target.protocol
        self.key = target.key
        self.pid = pid
        """None for one that somebody else started: it may be on another machine."""

    async def counters(self) -> dict[str, int | None]:
        """What is in `COUNTERS`, since the server's start; None where it does not count them."""
        metrics = await self._metrics()
        found = {key: metrics.get(name) for key, name in COUNTERS.items()}
        return {key: None if value is None else int(value) for key, value in found.items()}

    async def resident_mb(self) -> float | None:
        """What the server says of its memory, if it does."""
        resident = (await self._metrics()).get("process_resident_memory_bytes")
        return None if resident is None else round(resident / 2**20, 1)

    async def _metrics(self) -> Mapping[str, float]:
        if not self.protocol.startswith("realtime"):
            return {}
        try:
            text = await asyncio.to_thread(fetch, f"{self.url}/metrics", self.key)
            return {s.name: s.value for family in text_string_to_metric_families(text) for s in family.samples}
        except (BenchError, ValueError):
            # Others speak the protocol, and keep their figures to themselves.
            await asyncio.to_thread(fetch, self.url, self.key, reachable=True)
            return {}


def more(before: Mapping[str, int | None], after: Mapping[str, int | None]) -> dict[str, int | None]:
    """By how much each counter rose."""
    found: dict[str, int | None] = {}
    for name, value in after.items():
        old = before.get(name)
        found[name] = None if value is None or old is None else value - old
    return found


@asynccontextmanager
async def running_server(target: Target) -> AsyncIterator[Server]:
    """The server at `target.url`, or a fresh one.

    Raises:
        BenchError: it does not start; its own words are in the message. Or `url` and `llm` contradict each other.
    """
    if target.url is not None:
        if target.llm is not None:
            raise BenchError("--llm is for a server that the bench starts; the one at --url has its own")
        yield Server(target.url, target, None)
        return
    if target.protocol not in ("realtime", "realtime-ws"):
        raise BenchError(f"--protocol {target.protocol} is for a server at --url")
    llm = target.llm or "stub"
    if llm not in ("stub", "knowledge") and not llm.startswith(("http://", "https://")):
        raise BenchError(f"--llm {llm}: allowed are stub, knowledge, or the base URL of an OpenAI-compatible server")
    async with AsyncExitStack() as stack:
        environment = dict(os.environ)
        if llm == "knowledge":
            environment["VISAVIS_LLM_PROVIDER"] = "knowledge"
        else:
            base_url = await stack.enter_async_context(_stub(target)) if llm == "stub" else llm
            environment |= {"VISAVIS_LLM_PROVIDER": "openai", "VISAVIS_LLM_BASE_URL": base_url}
            environment |= {"VISAVIS_LLM_MODEL": target.model}
        port = free_port()
        command = ["-m", "server.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--config", str(target.config)] if target.config else []
        for setting in target.settings:
            command += ["--set", setting]
        address = f"http://127.0.0.1:{port}"
        process = await stack.enter_async_context(python_process(command, f"{address}/healthz", environment))
        yield Server(address, target, process.pid)


@asynccontextmanager
async def _stub(target: Target) -> AsyncIterator[str]:
    port = free_port()
    command = ["-m", "bench.stub_llm", "--port", str(port)]
    command += ["--first-token", str(target.first_token_s), "--rate", str(target.tokens_per_s)]
    async with python_process(command, f"http://127.0.0.1:{port}/v1/models"):
        yield f"http://127.0.0.1:{port}/v1"


@asynccontextmanager
async def python_process(
    arguments: list[str], ready: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process that answers at `ready`; it ends with the block."""
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environment, stdout=log, stderr=log
        )
        try:
            await _answering(process, ready, log)
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _answering(process: asyncio.subprocess.Process, url: str, log: IO[bytes]) -> None:
    try:
        async with asyncio.timeout(START_S):
            while process.returncode is None:
                try:
                    await asyncio.to_thread(fetch, url)
                    return
                except BenchError:
                    await asyncio.sleep(0.2)
    except TimeoutError:
        raise BenchError(f"{url} did not answer within {START_S} s:\n{_words(log)}") from None
    raise BenchError(f"the server ended with status {process.returncode}:\n{_words(log)}")


def _words(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read()[-2000:].decode(errors="replace").strip()


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
