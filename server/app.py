"""The application: the page, the Realtime routes, health and figures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from engines import LLM, LanguageModelError
from pipeline.session import Engines
from server.auth import Forbidden, Gatekeeper, credential_of
from server.calls import CallTable
from server.capacity import measure_capacity
from server.config import Config
from server.guard import Guard, refuse
from server.observe import Metrics
from server.service import Service
from server.switchboard import CALLS, SESSION_MAX_BYTES, Switchboard

log = logging.getLogger("visavis.app")

PAGE = Path(__file__).resolve().parent.parent / "web_client"

PAGE_SUFFIXES = (".html", ".css", ".js", ".svg", ".png", ".ico", ".woff2", ".webmanifest")
"""What the page is made of; other files beside it are not served."""

FORM_BYTES = 4096
"""What the multipart form adds to its parts."""


def create_app(config: Config, engines: Engines) -> Starlette:
    """The whole server as an ASGI application. Measures the machine where `server.max_sessions` is unset."""
    server = config.server
    places = server.max_sessions or measure_capacity(engines, config)
    table = CallTable(places, server.stale_after_s, _clock)
    gate = Gatekeeper(server.access_key.get_secret_value() if server.access_key else None, _clock)
    metrics = Metrics(lambda: len(table))
    board = Switchboard(Service(config, engines, metrics), gate, table)

    async def health(_: Request) -> Response:
        kinds = {name: type(getattr(engines, name)).__name__ for name in ("llm", "tts", "asr", "vad", "motion")}
        sessions = {"now": len(table), "max": table.places}
        return JSONResponse({"status": "ok", "version": version("visavis"), "sessions": sessions, "engines": kinds})

    async def figures(request: Request) -> Response:
        try:
            gate.check_key(credential_of(request.headers))
        except Forbidden as error:
            return refuse(401, "invalid_api_key", str(error), {"WWW-Authenticate": "Bearer"})
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        async with asyncio.TaskGroup() as tasks, board.open():
            warming = tasks.create_task(_warm(engines.llm))
            yield
            warming.cancel()
        await engines.llm.close()

    return Starlette(
        routes=[
            *_page_routes(),
            Route("/healthz", health),
            Route("/metrics", figures),
            Route("/v1/realtime/client_secrets", board.mint, methods=["POST"]),
            Route(CALLS, board.call, methods=["POST"]),
            Route(f"{CALLS}/{{call_id}}", board.hang_up, methods=["DELETE"]),
            Route(f"{CALLS}/{{call_id}}/hangup", board.hang_up, methods=["POST"]),
            WebSocketRoute("/v1/realtime", board.socket),
        ],
        middleware=_middleware(config),
        exception_handlers={HTTPException: _explain},
        lifespan=lifespan,
    )


async def _warm(llm: LLM) -> None:
    """A model that can't be reached is no reason not to serve: it may come up later, and she says so meanwhile."""
    try:
        await llm.warm()
    except LanguageModelError as error:
        log.warning("the language model: %s", error)


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _middleware(config: Config) -> list[Middleware]:
    server = config.server
    return [
        Middleware(
            Guard,
            host=server.host,
            allow_host=server.allow_host,
            allow_origin=server.allow_origin,
            body_max=server.sdp_max_bytes + SESSION_MAX_BYTES + FORM_BYTES,
        ),
        # Answers preflights itself, before any route asks for the key.
        Middleware(
            CORSMiddleware,
            allow_origins=[origin.lower() for origin in server.allow_origin],
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Location", "Retry-After"],
        ),
    ]


def _page_routes() -> list[Route]:
    """The page's own files, each by its name: no path of a request ever reaches the file system."""
    files = {file.name: file for file in sorted(PAGE.iterdir()) if file.suffix in PAGE_SUFFIXES}

    def route(path: str, file: Path) -> Route:
        async def send(_: Request) -> Response:
            # Always asked about again: a changed server must never run yesterday's page.
            return FileResponse(file, headers={"Cache-Control": "no-cache"})

        return Route(path, send)

    routes = [route(f"/{name}", file) for name, file in files.items()]
    return [route("/", files["index.html"]), *routes] if "index.html" in files else routes


async def _explain(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    return refuse(error.status_code, "invalid_request", error.detail, headers)
