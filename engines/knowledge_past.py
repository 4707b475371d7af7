"""What the conversation so far says about the next reply: who asked what, what was answered, and what about."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from engines import Message
from engines.knowledge_file import Entry
from engines.knowledge_talk import name_in

MEMORY = 40
"""Messages looked back at for what was said already; a name is looked for in all of them."""
TOPIC_MESSAGES = 6
"""Messages after which a topic is over: three exchanges."""
RECOGNISABLE = 10
"""Characters of an interrupted answer from which its entry can be told."""


class Past:
    """The messages before the one to be answered, system messages left out."""

    def __init__(self, messages: Sequence[Message], entries: Sequence[Entry] = ()) -> None:
        """
        Args:
            messages: oldest first.
            entries: what may have been spoken from.
        """
        self._messages = messages
        self._entries = entries

    @cached_property
    def replies(self) -> list[str]:
        """What she said lately, oldest first."""
        return [message.text for message in self._messages[-MEMORY:] if message.role == "assistant"]

    @property
    def reply(self) -> str:
        """The last thing she said, "" where there is none."""
        return self.replies[-1] if self.replies else ""

    @property
    def question(self) -> str:
        """The last thing she was told, "" where there is none."""
        return next((message.text for message in reversed(self._messages) if message.role == "user"), "")

    @cached_property
    def topic(self) -> Entry | None:
        """What her last answer from the file was about."""
        for message in reversed(self._messages[-TOPIC_MESSAGES:]):
            if message.role == "assistant" and (entry := self._source(message.text)):
                return entry
        return None

    @property
    def continuation(self) -> str:
        """What there is to add to the topic and was not said yet."""
        more = self.topic.more if self.topic else ""
        return "" if self.uses((more,)) else more

    @property
    def name(self) -> str:
        """What the visitor said that they are called, "" where they didn't."""
        for message in reversed(self._messages):
            named = name_in(message.text) if message.role == "user" else None
            if named:
                return named[0]
        return ""

    def uses(self, variants: Sequence[str]) -> int:
        """How often she said one of these lately, or began to."""
        beginnings = tuple(variant[:30] for variant in variants if variant)
        return sum(any(beginning in reply for beginning in beginnings) for reply in self.replies)

    def _source(self, said: str) -> Entry | None:
        """The entry that she spoke from; an interruption may have cut the text short."""
        start = said.rstrip(" .,…")
        for entry in self._entries:
            for text in (*entry.answers, entry.more):
                if text and (text in said or (len(start) >= RECOGNISABLE and text.startswith(start))):
                    return entry
        return None
