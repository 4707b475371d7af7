"""Any OpenAI-compatible chat completions server (OpenAI, Ollama, vLLM, llama.cpp, LM Studio…) as the language model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from engines import LanguageModelError, Message, ReplyTruncated
from engines.unicode import SurrogateJoiner

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

KEEPALIVE_S = 300.0
"""How long an idle connection is kept. httpx's 5 s would open a new one, with TLS, for nearly every turn."""

CONNECT_S = 5.0
"""A server that doesn't take a connection within this is down; it is also the openai client's own value."""

LINGER_S = 0.25
"""How long the end of a finished stream is waited for: read to its end, its connection serves the next turn too."""

SPEAK_FIRST = "(Somebody has just arrived. Speak first.)"
"""Stands in for the user's message where there is none: many chat templates refuse a prompt without one."""

OPENAI_HOSTS = ("openai.com", "openai.azure.com")
"""They refuse `max_tokens` for reasoning models; most other servers know nothing but `max_tokens`."""


class ChatCompletions:
    """Implements `engines.LLM`. One object serves every session; it keeps connections, not conversations."""

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None,
        *,
        first_token_timeout_s: float = 15.0,
        token_timeout_s: float = 15.0,
        max_tokens: int = 1000,
        context: Callable[[Sequence[Message]], str] | None = None,
    ) -> None:
        """
        Args:
            base_url: up to and including `/v1`.
            api_key: None or "" where the server asks for none.
            first_token_timeout_s: until the first speakable token, a reasoning model's reasoning included.
            token_timeout_s: from one token to the next.
            max_tokens: of one reply. It is asked of the server and kept here too, counted in deltas.
            context: what follows the instructions in the system prompt, such as `Notes` of a knowledge file.

        Raises:
            ValueError: `base_url` is no http(s) address.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the language model's base URL must begin with http:// or https:// and name a host")
        self._base_url = base_url
        self._limit = "max_completion_tokens" if parts.hostname.endswith(OPENAI_HOSTS) else "max_tokens"
        self._model = model
        # Not None: the client would look for a key in the environment, and send OpenAI's to whoever is configured.
        self._api_key = api_key or "none"
        self._first_token_timeout_s = first_token_timeout_s
        self._token_timeout_s = token_timeout_s
        self._max_tokens = max_tokens
        self._context = context
        self._client: AsyncOpenAI | None = None

    async def warm(self) -> None:
        """Import the client (over a second) and open a connection, so that the first turn pays for neither.

        Raises:
            LanguageModelError: the server can't be reached, or refuses the key.
        """
        client = await self._connected()
        try:
            async with asyncio.timeout(self._first_token_timeout_s):
                await client.models.list()
        except Exception as error:
            status = getattr(error, "status_code", None)
            # A server need not list its models to be a good one.
            if status is None or status in {401, 403}:
                raise self._explained(error, self._first_token_timeout_s) from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def stream(
        self, messages: Sequence[Message], *, instructions: str = "", temperature: float | None = None
    ) -> AsyncGenerator[str, None]:
        """The reply's text as it comes. Closing the generator closes the HTTP stream, which ends the generation.

        Raises:
            ReplyTruncated: the reply reached `max_tokens`; all of it up to there was yielded.
            LanguageModelError: anything else that ends a reply early.
        """
        loop = asyncio.get_running_loop()
        client = await self._connected()
        patience = self._first_token_timeout_s
        deadline = loop.time() + patience
        chunks = await self._open(client, self._request(messages, instructions, temperature), deadline)
        try:
            said, finish = 0, None
            letters, thoughts = SurrogateJoiner(), ThoughtFilter()
            while finish is None and (chunk := await self._receive(chunks, deadline, patience)):
                delta, finish = _read(chunk)
                text = thoughts.feed(letters.feed(delta))
                if finish is not None:
                    text += thoughts.feed(letters.flush()) + thoughts.flush()
                if not text:
                    continue
                if said >= self._max_tokens:
                    raise ReplyTruncated(f"The reply reached its bound of {self._max_tokens} tokens.")
                said += 1
                yield text
                patience = self._token_timeout_s
                deadline = loop.time() + patience
            await self._finish(chunks, finish, said)
        finally:
            await chunks.close()

    async def _finish(self, chunks: AsyncStream[ChatCompletionChunk], finish: str | None, said: int) -> None:
        if finish == "length":
            raise ReplyTruncated("The reply reached the language model's bound on tokens.")
        if finish == "content_filter":
            raise LanguageModelError("The language model's content filter stopped the reply.")
        if not said:
            raise LanguageModelError("The language model's answer held no text, or was no chat completion stream.")
        try:
            async with asyncio.timeout(LINGER_S):
                async for _ in chunks:
                    pass
        except Exception:
            # The reply is whole; whatever still goes wrong only costs the connection.
            return

    async def _connected(self) -> AsyncOpenAI:
        if self._client is None:
            client = await asyncio.to_thread(self._new_client)
            # Another turn may have been quicker.
            self._client = self._client or client
        return self._client

    def _new_client(self) -> AsyncOpenAI:
        """Slow, so it runs in a thread: importing takes over a second, the certificates some more."""
        import httpx2
        import openai

        patience = max(self._first_token_timeout_s, self._token_timeout_s)
        client = openai.AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key,
            # A retry is heard as silence; the person can ask again sooner.
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_connections=1000, keepalive_expiry=KEEPALIVE_S),
                timeout=httpx2.Timeout(patience, connect=min(CONNECT_S, patience)),
            ),
        )
        # The attribute imports what it names, which would stall the event loop in the first turn.
        assert client.chat.completions
        return client

    def _request(self, messages: Sequence[Message], instructions: str, temperature: float | None) -> dict[str, Any]:
        notes = self._context(messages) if self._context else ""
        system = "\n\n".join(filter(None, (instructions, notes)))
        turns = [{"role": message.role, "content": message.text} for message in messages]
        if not any(message.role == "user" for message in messages):
            turns.append({"role": "user", "content": SPEAK_FIRST})
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": "system", "content": system}, *turns] if system else turns,
            "stream": True,
            self._limit: self._max_tokens,
        }
        if temperature is not None:
            request["temperature"] = temperature
        return request

    async def _open(
        self, client: AsyncOpenAI, request: dict[str, Any], deadline: float
    ) -> AsyncStream[ChatCompletionChunk]:
        try:
            async with asyncio.timeout_at(deadline):
                return await client.chat.completions.create(**request)
        except Exception as error:
            raise self._explained(error, self._first_token_timeout_s) from None

    async def _receive(
        self, chunks: AsyncStream[ChatCompletionChunk], deadline: float, patience: float
    ) -> ChatCompletionChunk | None:
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(chunks, None)
        except Exception as error:
            raise self._explained(error, patience) from None

    def _explained(self, error: Exception, patience: float) -> LanguageModelError:
        """Says what happened in words of ours: the library's may hold the address, the key or the prompt."""
        import openai

        if isinstance(error, TimeoutError | openai.APITimeoutError):
            return LanguageModelError(f"The language model sent nothing for {patience:g} s.")
        if isinstance(error, openai.APIStatusError):
            return LanguageModelError(_STATUS.get(error.status_code, _STATUS_OTHER).format(error.status_code))
        if isinstance(error, openai.APIConnectionError):
            return LanguageModelError("The language model can't be reached, or broke off the connection.")
        if isinstance(error, openai.APIError):
            return LanguageModelError("The language model reported an error instead of an answer.")
        return LanguageModelError("The language model sent something that is no chat completion stream.")


_KEY_REFUSED = "The language model refused the server's key (HTTP {}); the server's owner must check it."
_REJECTED = "The language model rejected the request (HTTP {}); the conversation may be too long for it."
_STATUS = {
    400: _REJECTED,
    401: _KEY_REFUSED,
    403: _KEY_REFUSED,
    404: "The language model's server does not know this model or address (HTTP {}); its owner must check both.",
    413: _REJECTED,
    422: _REJECTED,
    429: "The language model is overloaded or its quota is used up (HTTP {}); please try again later.",
}
_STATUS_OTHER = "The language model's server failed (HTTP {})."


def _read(chunk: ChatCompletionChunk) -> tuple[str, str | None]:
    """The text and the finish reason of a chunk; reasoning deltas are not text.

    The client builds its objects without checking them, so that any JSON may arrive here.

    Raises:
        LanguageModelError: it is no chunk.
    """
    try:
        if not chunk.choices:
            return "", None
        choice = chunk.choices[0]
        text = (choice.delta.content or choice.delta.refusal or "") if choice.delta else ""
        finish = choice.finish_reason
    except (AttributeError, TypeError, KeyError, IndexError):
        text, finish = None, None
    if not isinstance(text, str) or not isinstance(finish, str | None):
        raise LanguageModelError("The language model sent something that is no chat completion stream.")
    return text, finish


class ThoughtFilter:
    """Leaves out a `<think>…</think>` block at the start of a reply.

    Servers without a reasoning parser pass on the inner monologue of models such as DeepSeek-R1 and Qwen3 as text.
    """

    OPEN, CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._place = "start"

    def feed(self, text: str) -> str:
        """What of the reply may be spoken now."""
        if self._place == "answer":
            return text
        self._held += text
        if self._place == "start":
            head = self._held.lstrip()
            if self.OPEN.startswith(head):
                return ""
            if not head.startswith(self.OPEN):
                return self.flush()
            self._place, self._held = "thought", head[len(self.OPEN) :]
        _, closed, answer = self._held.partition(self.CLOSE)
        if not closed:
            self._held = self._held[-len(self.CLOSE) :]
            return ""
        self._place, self._held = "answer", ""
        return answer.lstrip()

    def flush(self) -> str:
        """What was held back and turned out to be no thought; an unfinished thought is never spoken."""
        held, self._held = ("", "") if self._place == "thought" else (self._held, "")
        self._place = "answer"
        return held if held.strip() else ""
