"""The knowledge file in a language model's hands."""

from __future__ import annotations

from collections.abc import Sequence

from engines import Message
from engines.knowledge_file import Knowledge
from engines.knowledge_search import Index

NOTES_CHARS = 12_000
"""About 3000 tokens: leaves room for a conversation in the 4096 that Ollama gives a model by default."""


class Notes:
    """What a language model is told of a file: all of it where that fits, else what the conversation is about.

    The same text turn after turn is what servers cache; so only a file that does not fit changes with the question.
    """

    def __init__(self, knowledge: Knowledge, limit_chars: int = NOTES_CHARS) -> None:
        self._knowledge = knowledge
        self._limit_chars = limit_chars
        self._constant = knowledge.as_context(limit_chars)
        whole = self._constant.count("\n\nQ: ") == len(knowledge.entries)
        self._index = None if whole else Index(knowledge.entries)

    def __call__(self, messages: Sequence[Message]) -> str:
        """The notes for the reply to a conversation."""
        if self._index is None:
            return self._constant
        asked = [message.text[:500] for message in messages if message.role == "user"][-2:]
        return self._knowledge.as_context(self._limit_chars, self._index.nearest(" ".join(reversed(asked))))
