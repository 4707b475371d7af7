"""An application under uvicorn in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn


@asynccontextmanager
async def listening(settings: uvicorn.Config) -> AsyncIterator[None]:
    """Serves from when it takes connections until the end of the block."""
    server = uvicorn.Server(settings)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 (uvicorn tells by a flag)
            await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task
