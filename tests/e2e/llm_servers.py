"""Real servers on loopback for the tests of ChatCompletions.

The pace of a socket is real, so these tests run in an event loop with a real clock; none asserts a speed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from engines import Message
from engines.llm import ChatCompletions

KEY = "sk-secret-0123456789"
HELLO = [Message("user", "Hello?")]
PATIENCE_S = 20.0


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await coroutine

    asyncio.run(bounded())


def model(base_url: str, *, timeout_s: float = 10.0, max_tokens: int = 100, notes: str = "") -> ChatCompletions:
    return ChatCompletions(
        base_url,
        "a-model",
        KEY,
        first_token_timeout_s=timeout_s,
        token_timeout_s=timeout_s,
        max_tokens=max_tokens,
        context=lambda _: notes,
    )


async def hear(llm: ChatCompletions, heard: list[str]) -> None:
    """Keeps what came even where the stream raises."""
    async for token in llm.stream(HELLO):
        heard.append(token)


async def collect(llm: ChatCompletions, messages: list[Message] = HELLO, **options: Any) -> list[str]:
    return [token async for token in llm.stream(messages, **options)]


class RawServer:
    """Answers every request with the bytes it was given, then waits for the client to leave."""

    def __init__(self, answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._answer = answer
        self.heads: list[str] = []
        self.bodies: list[Any] = []
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self.base_url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next((int(line[15:]) for line in head.lower().splitlines() if line[:15] == "content-length:"), 0)
            self.bodies.append(json.loads(await reader.readexactly(length) or b"null"))
            self.heads.append(head)
            self.asked.set()
            await self._answer(writer)
            await writer.drain()
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.left.set()
            writer.close()


@asynccontextmanager
async def raw_server(*pieces: bytes, close: bool = False) -> AsyncGenerator[RawServer, None]:
    async def answer(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
        if close:
            writer.close()

    server = RawServer(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.base_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listening.close()


OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return (
        f"data: {json.dumps(chunk | {'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n".encode()
    )


DONE = b"data: [DONE]\n\n"
