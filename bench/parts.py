"""The face and the voice by themselves, as one scenario of `visavis bench all`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from bench import render, voice
from bench.inbox import BenchError
from bench.result import Result
from bench.run import Told
from bench.serverproc import Server
from engines import TTS, RemoteTTS


async def measure(server: Server, told: Told, *, avatar: Path, load_voice: Callable[[], TTS | RemoteTTS]) -> Result:
    """What `visavis bench render` and `visavis bench voice` measure, while the server idles.

    Raises:
        BenchError: the avatar or the voice can't be loaded.
    """
    del server
    told(0, 2)
    try:
        figures = await asyncio.to_thread(render.measure, avatar, 1)
        told(1, 2)
        figures |= await asyncio.to_thread(lambda: voice.measure(load_voice()))
    except (ValueError, OSError) as error:
        raise BenchError(str(error)) from None
    told(2, 2)
    return Result(
        "parts", figures={f"render_{name}" if "voice" not in name else name: v for name, v in figures.items()}
    )
