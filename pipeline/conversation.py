"""The conversation: items in order, as the client and the language model both see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from engines import Message

Role = Literal["user", "assistant", "system"]
PartKind = Literal["input_text", "input_audio", "output_text", "output_audio"]
ItemStatus = Literal["in_progress", "completed", "incomplete"]

MAX_ITEMS = 1000
"""Items kept: a kiosk's day must not fill the memory. The oldest go first."""


@dataclass(slots=True)
class Part:
    """One content part; `text` is the transcript where the part is audio, None while it is not known."""

    kind: PartKind
    text: str | None


@dataclass(slots=True)
class Item:
    """One message."""

    id: str
    role: Role
    parts: list[Part] = field(default_factory=list["Part"])
    status: ItemStatus = "completed"

    @property
    def text(self) -> str:
        """Everything said in it, for the language model."""
        return " ".join(part.text for part in self.parts if part.text)


class ItemError(Exception):
    """An item id that is not there, or is there already."""


class Conversation:
    """Owns the items of one session."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item_id: str) -> bool:
        return any(item.id == item_id for item in self._items)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Insert after the item `after` (`"root"`: first; None: last); returns the predecessor's id.

        Beyond `MAX_ITEMS` the oldest of the others goes.

        Raises:
            ItemError: the predecessor is not there, or the item's id is taken.
        """
        if item.id in self:
            raise ItemError(f"item '{item.id}' exists already; choose another id or leave it out")
        place = len(self._items) if after is None else 0 if after == "root" else self._index(after) + 1
        if len(self._items) == MAX_ITEMS:
            del self._items[0]
            place = max(place - 1, 0)
        self._items.insert(place, item)
        return self.before(item.id)

    def before(self, item_id: str) -> str | None:
        """The id of the item's predecessor, None where it is the first."""
        place = self._index(item_id)
        return self._items[place - 1].id if place else None

    def get(self, item_id: str) -> Item:
        return self._items[self._index(item_id)]

    def delete(self, item_id: str) -> None:
        del self._items[self._index(item_id)]

    def messages(self, only: Sequence[Item | Message] | None = None, limit: int | None = None) -> list[Message]:
        """What a language model is given: items with text, the last `limit` of them, or those in `only`."""
        entries = self._items if only is None else only
        messages = [entry if isinstance(entry, Message) else Message(entry.role, entry.text) for entry in entries]
        messages = [message for message in messages if message.text]
        return messages[-limit:] if limit else messages

    def _index(self, item_id: str) -> int:
        for place, item in enumerate(self._items):
            if item.id == item_id:
                return place
        raise ItemError(f"item '{item_id}' is not in the conversation")
