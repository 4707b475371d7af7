"""The application under uvicorn in the test's own process, so that a test can count what a connection leaves behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from bench.serverproc import free_port
from server.app import create_app
from server.config import Config
from server.config_network import Server
from server.websocket import PING_S, LivelyWebSocket
from tests.e2e.uvicorn_server import listening
from tests.unit.stage import fakes


@asynccontextmanager
async def served(**server: Any) -> AsyncIterator[str]:
    """With fake engines; yields `host:port`."""
    port = free_port()
    app = create_app(Config(server=Server(port=port, **server)), fakes())
    settings = uvicorn.Config(
        app, port=port, ws=LivelyWebSocket, ws_ping_interval=PING_S, ws_ping_timeout=None, log_level="warning"
    )
    async with listening(settings):
        yield f"127.0.0.1:{port}"
