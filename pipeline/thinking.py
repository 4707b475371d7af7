"""The language model's side of a session: replies, and drafts of them that are begun before the user's turn is over.

A silence of half a second ends a turn; most turns can be told to be over sooner, and a draft uses the difference. It is
keyed by everything that the model is given, so that it answers what was said or is thrown away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass

from engines import LLM, Message
from pipeline.conversation import Conversation
from pipeline.meter import Meter
from pipeline.options import ResponseRequest, SessionOptions
from pipeline.stream import Stream

DRAFT_BOUND = 200
"""Characters of a draft that nobody reads yet: two sentences. Then its stream is read no further."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a language model is given."""

    messages: tuple[Message, ...]
    instructions: str
    temperature: float | None

    @property
    def words(self) -> int:
        return len(self.instructions.split()) + sum(len(message.text.split()) for message in self.messages)


class Draft:
    """A reply that is being written before anybody may read it."""

    def __init__(self, prompt: Prompt, tokens: AsyncGenerator[str, None], tasks: asyncio.TaskGroup) -> None:
        self.prompt = prompt
        self._tokens = tokens
        self._written: Stream[str] = Stream(DRAFT_BOUND, len)
        self._failure: Exception | None = None
        self._task = tasks.create_task(self._write())

    def drop(self) -> None:
        """Nobody will read it: its request ends."""
        self._task.cancel()

    async def read(self) -> AsyncGenerator[str, None]:
        """The tokens, from the first one on; fails as the model did."""
        try:
            async for token in self._written:
                yield token
            if self._failure is not None:
                raise self._failure
        finally:
            self.drop()

    async def _write(self) -> None:
        try:
            async with aclosing(self._tokens) as tokens:
                async for token in tokens:
                    await self._written.put(token)
        except Exception as failure:  # kept for the reader: a draft that fails unread concerns nobody
            self._failure = failure
        finally:
            self._written.close()


class Thinking:
    """Owns the requests to the language model: at most one draft beside the replies that are spoken."""

    def __init__(
        self,
        llm: LLM,
        conversation: Conversation,
        history: int,
        meter: Meter,
        understood: Callable[[], Coroutine[None, None, object]],
    ) -> None:
        """
        Args:
            history: items of the conversation that the model is given.
            understood: waits until everything that was said has its transcript.
        """
        self._llm = llm
        self._conversation = conversation
        self._history = history
        self._meter = meter
        self._understood = understood
        self._draft: Draft | None = None

    def expect(self, text: str, options: SessionOptions, tasks: asyncio.TaskGroup) -> None:
        """The user has probably finished, having said `text`: begin the reply to it."""
        messages = [*self._conversation.messages(), Message("user", text)]
        prompt = Prompt(tuple(messages[-self._history :]), options.instructions, options.temperature)
        if self._draft is not None and self._draft.prompt == prompt:
            return
        self.drop()
        self._draft = Draft(prompt, self._ask(prompt), tasks)

    def drop(self) -> None:
        """What was begun is not wanted."""
        if self._draft is not None:
            self._draft.drop()
            self._draft = None
            self._meter.draft(used=False)

    async def reply(
        self, request: ResponseRequest, options: SessionOptions, asked: Callable[[int], None]
    ) -> AsyncGenerator[str, None]:
        """Tokens of the reply to what has been said, once all of it is understood.

        Args:
            asked: told how many words the model was given.
        """
        await self._understood()
        prompt = Prompt(
            tuple(self._conversation.messages(request.input, self._history)),
            options.instructions if request.instructions is None else request.instructions,
            options.temperature if request.temperature is None else request.temperature,
        )
        asked(prompt.words)
        async with aclosing(self._begun(prompt) or self._ask(prompt)) as tokens:
            async for token in tokens:
                yield token

    def _begun(self, prompt: Prompt) -> AsyncGenerator[str, None] | None:
        """The draft's tokens, where it answers exactly this."""
        draft = self._draft
        if draft is None or draft.prompt != prompt:
            self.drop()
            return None
        self._draft = None
        self._meter.draft(used=True)
        return draft.read()

    def _ask(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        return self._llm.stream(prompt.messages, instructions=prompt.instructions, temperature=prompt.temperature)
