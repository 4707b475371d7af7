"""What a client sends, read from untrusted JSON into the pipeline's own types."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import cast

from engines import Message
from pipeline.conversation import Item, Part, PartKind, Role
from pipeline.options import ResponseRequest
from server.realtime.values import (
    Json,
    Problem,
    read_json,
    read_max_tokens,
    read_modalities,
    read_temperature,
    read_text,
)

MAX_ID = 64
"""Characters of a client's item id or event id: the Realtime API's own ids are 32."""

MAX_PARTS = 100
"""Content parts of one item: with their texts they must fit the largest event that a data channel carries."""

MAX_METADATA = 16
"""Pairs of metadata, of at most 64 and 512 characters: the limits that the protocol documents."""

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}

_PARTS: dict[tuple[Role, str], PartKind] = {
    ("user", "input_text"): "input_text",
    ("user", "input_audio"): "input_audio",
    ("system", "input_text"): "input_text",
    ("assistant", "output_text"): "output_text",
    ("assistant", "output_audio"): "output_audio",
    ("assistant", "text"): "output_text",
    ("assistant", "audio"): "output_audio",
}
"""Content parts that we keep, by the role of their item; others (images) are left out silently."""


class BadEvent(Exception):
    """A client's event asked for something that it can't get."""

    def __init__(self, message: str, param: str = "", code: str = "invalid_value") -> None:
        super().__init__(message)
        self.problem = Problem(message, param, code)


def read_event(message: str | bytes) -> Json:
    """
    Raises:
        BadEvent: no JSON object, or one without a type.
    """
    try:
        event = read_json(message)
    except ValueError:
        raise BadEvent("an event must be one JSON object in UTF-8 text", code="invalid_json") from None
    if not isinstance(event, dict):
        raise BadEvent("an event must be a JSON object", code="invalid_json")
    fields = cast(Json, event)
    if not isinstance(fields.get("type"), str):
        raise BadEvent("an event needs a string 'type'", "type", "missing_required_parameter")
    return fields


def read_event_id(event: Json) -> str | None:
    """The client's own id of its event, as far as it is one."""
    name = event.get("event_id")
    return name[:MAX_ID] if isinstance(name, str) else None


def read_object(event: Json, key: str) -> Json:
    """
    Raises:
        BadEvent: the key is missing or holds no object.
    """
    value = event.get(key)
    if not isinstance(value, dict):
        raise BadEvent(f"{event['type']} needs an object '{key}'", key, "missing_required_parameter")
    return cast(Json, value)


def read_id(event: Json, key: str) -> str:
    """
    Raises:
        BadEvent: the key is missing or holds no string.
    """
    value = event.get(key)
    if not isinstance(value, str) or not value:
        raise BadEvent(f"{event['type']} needs a string '{key}'", key, "missing_required_parameter")
    return value[:MAX_ID]


def read_item(wire: Json, text_max: int) -> tuple[Item, bool]:
    """A message item, and whether it holds audio that nobody has transcribed.

    Raises:
        BadEvent: an item of another type, an unknown role, or too much text.
    """
    role = _ROLES.get(str(wire.get("role")))
    if wire.get("type", "message") != "message":
        raise BadEvent(
            f"items of type {str(wire.get('type'))[:MAX_ID]!r} are not supported; send a message", "item.type"
        )
    if role is None:
        raise BadEvent("item.role must be user, assistant or system", "item.role")
    parts: list[Part] = []
    unheard = False
    content: object = wire.get("content")
    wire_parts = cast(list[object], content) if isinstance(content, list) else []
    if len(wire_parts) > MAX_PARTS:
        raise BadEvent(
            f"an item may hold {MAX_PARTS} content parts; send less", "item.content", "array_above_max_length"
        )
    for wire_part in wire_parts:
        if not isinstance(wire_part, dict):
            continue
        fields = cast(Json, wire_part)
        kind = _PARTS.get((role, str(fields.get("type"))))
        if kind is None:
            continue
        part = Part(kind, _part_text(fields, kind, text_max))
        unheard = unheard or (kind == "input_audio" and not part.text)
        parts.append(part)
    if sum(len(part.text or "") for part in parts) > text_max:
        raise BadEvent(
            f"an item may hold {text_max} characters of text; send less", "item.content", "string_above_max_length"
        )
    given = wire.get("id")
    item_id = given[:MAX_ID] if isinstance(given, str) and given else new_item_id()
    return Item(item_id, role, parts), unheard


def new_item_id() -> str:
    return f"item_{secrets.token_urlsafe(12)}"


def _part_text(fields: Json, kind: PartKind, text_max: int) -> str | None:
    audio = kind in ("input_audio", "output_audio")
    value = fields.get("transcript" if audio else "text")
    if value is None:
        return None if audio else ""
    try:
        return read_text(value, text_max, "transcript" if audio else "text")
    except ValueError as error:
        raise BadEvent(str(error), "item.content", "string_above_max_length") from None


def read_response(wire: Json, text_max: int, token_bound: int | None, find: Callable[[str], Item]) -> ResponseRequest:
    """The settings of a `response.create`. Unknown keys, and `tools`, are ignored.

    Args:
        find: an item of the conversation by its id.

    Raises:
        ItemError: a referenced item is not there.
        BadEvent: a known key with a value that is not allowed.
    """
    instructions, modalities, tokens = (
        wire.get("instructions"), wire.get("output_modalities"), wire.get("max_output_tokens")
    )  # fmt: skip
    try:
        return ResponseRequest(
            instructions=None if instructions is None else read_text(instructions, text_max, "instructions"),
            modalities=None if modalities is None else read_modalities(modalities),
            temperature=read_temperature(wire.get("temperature")),
            max_output_tokens=None if tokens is None else read_max_tokens(tokens, token_bound),
            metadata=_read_metadata(wire.get("metadata")),
            in_conversation=wire.get("conversation") != "none",
            input=_read_input(wire.get("input"), text_max, find),
        )
    except ValueError as error:
        raise BadEvent(str(error), "response") from None


def _read_metadata(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("metadata must be an object of strings")
    pairs = cast(dict[str, object], value)
    if len(pairs) > MAX_METADATA:
        raise ValueError(f"metadata holds at most {MAX_METADATA} pairs")
    metadata: dict[str, str] = {}
    for key, entry in pairs.items():
        if not isinstance(entry, str) or len(key) > 64 or len(entry) > 512:
            raise ValueError("metadata keys are at most 64 characters, its values strings of at most 512")
        metadata[key] = entry
    return metadata


def _read_input(value: object, text_max: int, find: Callable[[str], Item]) -> tuple[Item | Message, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise ValueError("response.input must be a list of items")
    entries: list[Item | Message] = []
    for entry in cast(list[object], value):
        if not isinstance(entry, dict):
            raise ValueError("response.input must be a list of items")
        wire = cast(Json, entry)
        if wire.get("type") == "item_reference":
            entries.append(find(read_id({"type": "item_reference", **wire}, "id")))
        else:
            item, _ = read_item(wire, text_max)
            entries.append(Message(item.role, item.text))
    return tuple(entries)
