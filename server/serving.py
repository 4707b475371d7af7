"""Runs the application: engines, socket, uvicorn."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import uvicorn

from engines.tts import SpeechError
from server.app import create_app
from server.config import Config, is_loopback
from server.engines import build_engines
from server.observe import log_json
from server.websocket import PING_S, LivelyWebSocket

SHUTDOWN_S = 5
"""Seconds that open requests get when the server stops; sessions end at once."""

SOCKET_MAX_BYTES = 16 * 1024 * 1024
"""A WebSocket message beyond this closes the connection. Clients of the Realtime protocol may send 15 MiB at once
(its own bound of an append); between `server.message_max_bytes` and this they get an `error` and go on."""


class ServingError(Exception):
    """The server can't start. The message says what to do."""


def serve(config: Config, tell: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        tell: takes the lines that an operator should read.

    Raises:
        ServingError: the address is taken, or an engine can't be loaded.
    """
    log_json(sys.stderr)
    # Bound before the engines load: a taken port is told at once, and whoever calls early waits instead of failing.
    listener = _listen(config)
    try:
        tell("Loading voice, ears and face …")
        try:
            engines = build_engines(config)
        except (OSError, ValueError, SpeechError) as error:
            raise ServingError(str(error)) from error
        server = uvicorn.Server(_settings(config, create_app(config, engines)))
        if config.server.insecure and not is_loopback(config.server.host):
            tell("INSECURE: anybody who reaches this address may use it, and may listen in without TLS.")
        tell(f"Visavis is at {_address(config, listener)} (Ctrl-C stops it)")
        server.run(sockets=[listener])
    finally:
        listener.close()


def _listen(config: Config) -> socket.socket:
    host, port = config.server.host.strip("[]"), config.server.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=64)
    except OSError as error:
        raise ServingError(f"can't listen on {host}:{port} ({error.strerror}): choose another --port") from None


def _address(config: Config, listener: socket.socket) -> str:
    scheme = "https" if config.server.tls_cert else "http"
    host = config.server.host if ":" not in config.server.host else f"[{config.server.host.strip('[]')}]"
    return f"{scheme}://{host}:{listener.getsockname()[1]}"


def _settings(config: Config, app: object) -> uvicorn.Config:
    server = config.server
    return uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType]
        loop="uvloop",
        ws=LivelyWebSocket,
        ws_max_size=SOCKET_MAX_BYTES,
        # Who stays silent is hung up by the session's own clock.
        ws_ping_interval=PING_S,
        ws_ping_timeout=None,
        # Base64 speech loses a quarter of its size by it, for more work than sending the whole.
        ws_per_message_deflate=False,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Origin, Host and addresses are checked as the socket saw them, not as a header claims.
        proxy_headers=False,
        ssl_certfile=server.tls_cert,
        ssl_keyfile=server.tls_key,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
