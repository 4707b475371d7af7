"""A process that is given text and answers with text."""

from __future__ import annotations

import asyncio

from bench.inbox import BenchError

RUN_S = 300
"""Longest that one may take, its imports on a busy machine included."""


async def run_process(command: list[str], given: str = "") -> str:
    """What it says on stdout.

    Raises:
        BenchError: it failed, with its own last words, or took too long.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(RUN_S):
            out, said = await process.communicate(given.encode())
    except TimeoutError:
        raise BenchError(f"{' '.join(command[:3])} took longer than {RUN_S} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise BenchError(f"{' '.join(command[:3])}: {said.decode(errors='replace').strip()[-1500:]}")
    return out.decode()
