"""A language model of known speed: a real chat completions server that streams one reply, on a schedule.

What a measurement of the rest subtracts must be exact, so tokens are due at fixed times after the request, and a late
one does not delay the next. `python -m bench.stub_llm --port 8100 --first-token 0.2 --rate 40` serves it.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from typing import Annotated, Any, Self

import typer
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL = "stub"

REPLY = (
    "Certainly, here is what I can tell you. The words that you hear are always the same, because they come from a "
    "stub that stands in for a language model. It sends them at a steady pace, so that everything behind it can be "
    "measured."
)
"""Three sentences, the first clause short: what a well-prompted model says in a spoken conversation."""


class _Server(uvicorn.Server):
    """Leaves the process's signal handlers alone: it is a guest in it."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class StubLLM:
    """Serves `POST /v1/chat/completions` (streaming only) and `GET /v1/models` on a loopback port.

    `async with StubLLM(...) as stub:` runs it in this event loop; `stub.base_url` is what a client needs.
    """

    def __init__(
        self, first_token_s: float = 0.0, tokens_per_s: float = 0.0, reply: str = REPLY, *, port: int = 0
    ) -> None:
        """
        Args:
            first_token_s: from the request to the first token.
            tokens_per_s: pace of the rest; 0 sends them at once.
            reply: the text; its tokens are words with the space before them.
            port: 0 takes any free one.
        """
        self._first_token_s = first_token_s
        self._tokens_per_s = tokens_per_s
        self._tokens = re.findall(r"\s*\S+", reply)
        self._port = port
        self.requests: list[dict[str, Any]] = []
        """Bodies received."""
        self.completed = 0
        """Replies streamed to their end."""
        self.disconnected = 0
        """Replies whose client left before the end."""
        routes = [
            Route("/v1/chat/completions", self._complete, methods=["POST"]),
            Route("/v1/models", self._models),
        ]
        # The bounded shutdown lets go of clients that never read on.
        config = uvicorn.Config(
            Starlette(routes=routes), log_level="error", lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
        self._server = _Server(config)
        self._socket: socket.socket | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", self._port))
        self._port = self._socket.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        if self._socket is not None:
            self._socket.close()

    async def wait_closed(self) -> None:
        """Until the server ends."""
        if self._serving is not None:
            await self._serving

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    async def _complete(self, request: Request) -> Response:
        arrived = asyncio.get_running_loop().time()
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or body.get("stream") is not True or not isinstance(body.get("messages"), list):
            message = "the stub takes a JSON object with `messages` and `stream: true`"
            return JSONResponse({"error": {"message": message, "type": "invalid_request_error"}}, 400)
        self.requests.append(body)
        return StreamingResponse(self._stream(arrived), media_type="text/event-stream")

    async def _stream(self, arrived: float) -> AsyncGenerator[str, None]:
        loop = asyncio.get_running_loop()
        whole = False
        try:
            for count, token in enumerate(self._tokens):
                due = arrived + self._first_token_s + (count / self._tokens_per_s if self._tokens_per_s else 0.0)
                await asyncio.sleep(max(0.0, due - loop.time()))
                yield _event({"role": "assistant", "content": token} if count == 0 else {"content": token}, None)
            yield _event({}, "stop")
            yield "data: [DONE]\n\n"
            whole = True
        finally:
            self.completed += whole
            self.disconnected += not whole


def _event(delta: dict[str, str], finish: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "stub", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n"


def main(
    port: Annotated[int, typer.Option(help="Loopback port; 0 takes any free one.")] = 0,
    first_token: Annotated[float, typer.Option(min=0.0, help="Seconds until the first token.")] = 0.0,
    rate: Annotated[float, typer.Option(min=0.0, help="Tokens per second; 0 sends them at once.")] = 0.0,
    reply: Annotated[str, typer.Option(help="What it says.")] = REPLY,
) -> None:
    """Serve until interrupted; the base URL is the first line on stdout."""

    async def serve() -> None:
        async with StubLLM(first_token, rate, reply, port=port) as stub:
            print(stub.base_url, flush=True)
            await stub.wait_closed()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    typer.run(main)
