"""Runs the application: engines, socket, uvicorn."""

from __future__ import annotations

import ctypes
import gc
import socket
import sys
from collections.abc import Callable

import uvicorn

from engines.tts import SpeechError
from server.app import create_app
from server.config import Config
from server.engines import build_engines
from server.exposure import check_avatar, check_certificate, check_voice, warning
from server.observe import log_json
from server.websocket import PING_S, LivelyWebSocket

M_ARENA_MAX = -8
"""mallopt(3), malloc.h of glibc."""

SHUTDOWN_S = 5
"""Seconds that open requests get when the server stops; sessions end at once."""

SOCKET_SLACK_BYTES = 1024 * 1024
"""A WebSocket message of so much more than `server.message_max_bytes` closes the connection; up to there, its client
gets an `error` and goes on."""


class ServingError(Exception):
    """The server can't start. The message says what to do."""


def serve(config: Config, tell: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        tell: takes the lines that an operator should read.

    Raises:
        ServingError: the address is taken, the certificate can't be used, or an engine can't be loaded.
    """
    log_json(sys.stderr)
    _bound_arenas()
    _check_certificate(config)
    # Bound before the engines load: a taken port is told at once, and whoever calls early waits instead of failing.
    listener = _listen(config)
    try:
        tell("Loading voice, ears and face …")
        try:
            check_avatar(config)
            check_voice(config)
            engines = build_engines(config)
        except (OSError, ValueError, SpeechError) as error:
            raise ServingError(str(error)) from error
        server = uvicorn.Server(_settings(config, create_app(config, engines)))
        danger = warning(config)
        if danger:
            tell(danger)
        # What lives as long as the server is not looked through again each time that a call's memory is taken back:
        # 40 ms, a whole picture's time, becomes 2 ms.
        gc.collect()
        gc.freeze()
        tell(f"Visavis is at {_address(config, listener)} (Ctrl-C stops it)")
        server.run(sockets=[listener])
    finally:
        listener.close()


def _bound_arenas() -> None:
    """Have glibc share two heaps among all threads, instead of eight for each core.

    Each call brings threads of its own, which would touch one heap after the other, and each keeps what an encoder once
    took: 100 MB after fifty calls. Other C libraries have no such setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 2)


def _check_certificate(config: Config) -> None:
    cert, key = config.server.tls_cert, config.server.tls_key
    if cert is None or key is None:
        return
    try:
        check_certificate(cert, key)
    except OSError as error:
        raise ServingError(
            f"TLS can't use {cert} with {key} ({error}): give a PEM certificate chain and the private key that it was "
            "made for, without a passphrase"
        ) from None


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
        ws_max_size=server.message_max_bytes + SOCKET_SLACK_BYTES,
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
