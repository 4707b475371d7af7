"""The server under test: one that runs already, or a process of our own on a free port."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO

from prometheus_client.parser import text_string_to_metric_families

from bench.user import BenchError, fetch

START_S = 120
"""Seconds that a server may take to load its engines: compiling the graphs on a busy machine."""

COUNTERS = {"late_frames": "late_frames_total", "underruns": "underruns_total"}
"""Our key -> the server's counter."""


class Server:
    """Where the server is, and what it tells of itself."""

    def __init__(self, url: str, key: str | None, pid: int | None) -> None:
        self.url = url.rstrip("/")
        self._key = key
        self._pid = pid
        self._peak_mb: float | None = None

    async def counters(self) -> dict[str, int]:
        """`late_frames` and `underruns` since the server's start."""
        metrics = await self._metrics()
        return {key: int(metrics.get(name, 0)) for key, name in COUNTERS.items()}

    def sample_memory(self) -> None:
        """Note the resident memory now: of our own process only, as another's may be on another machine."""
        if self._pid is not None:
            self._peak_mb = max(self._peak_mb or 0, resident_mb(self._pid))

    async def memory_mb(self) -> float | None:
        """The highest resident memory that was sampled; else what the server says of itself, if it does."""
        if self._peak_mb is not None:
            return round(self._peak_mb, 1)
        resident = (await self._metrics()).get("process_resident_memory_bytes")
        return None if resident is None else round(resident / 2**20, 1)

    async def _metrics(self) -> Mapping[str, float]:
        text = await asyncio.to_thread(fetch, f"{self.url}/metrics", self._key)
        return {s.name: s.value for family in text_string_to_metric_families(text) for s in family.samples}


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MiB (proc(5))."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise BenchError("the server ended while it was measured")


@asynccontextmanager
async def running_server(
    url: str | None, llm: str | None, model: str, config: Path | None, settings: tuple[str, ...], key: str | None
) -> AsyncIterator[Server]:
    """The server at `url`, or a fresh one that thinks with `llm` (`stub`, which is the default, `knowledge` or a base
    URL).

    Raises:
        BenchError: it does not start; its own words are in the message. Or `url` and `llm` contradict each other.
    """
    if url is not None:
        if llm is not None:
            raise BenchError("--llm is for a server that the bench starts; the one at --url has its own")
        yield Server(url, key, None)
        return
    llm = llm or "stub"
    if llm not in ("stub", "knowledge") and not llm.startswith(("http://", "https://")):
        raise BenchError(f"--llm {llm}: allowed are stub, knowledge, or the base URL of an OpenAI-compatible server")
    async with AsyncExitStack() as stack:
        environment = dict(os.environ)
        if llm == "knowledge":
            environment["VISAVIS_LLM_PROVIDER"] = "knowledge"
        else:
            base_url = await stack.enter_async_context(_stub()) if llm == "stub" else llm
            environment |= {"VISAVIS_LLM_PROVIDER": "openai", "VISAVIS_LLM_BASE_URL": base_url}
            environment |= {"VISAVIS_LLM_MODEL": model}
        port = free_port()
        command = ["-m", "server.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--config", str(config)] if config else []
        for setting in settings:
            command += ["--set", setting]
        address = f"http://127.0.0.1:{port}"
        process = await stack.enter_async_context(_process(command, environment, f"{address}/healthz"))
        yield Server(address, key, process.pid)


@asynccontextmanager
async def _stub() -> AsyncIterator[str]:
    port = free_port()
    command = ["-m", "bench.stub_llm", "--port", str(port)]
    async with _process(command, dict(os.environ), f"http://127.0.0.1:{port}/v1/models"):
        yield f"http://127.0.0.1:{port}/v1"


@asynccontextmanager
async def _process(
    arguments: list[str], environment: dict[str, str], ready: str
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
