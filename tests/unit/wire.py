"""Reads what the codec writes, as strictly as the `openai` package's own types can be read."""

from __future__ import annotations

import json
from typing import Any, get_args

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel

OURS = {"session": {"id", "object", "temperature", "visavis", "expires_at"}}
"""Keys that we add on purpose, by the object that carries them."""

_TYPES: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(RealtimeServerEvent)[0])
}


def read(text: str) -> dict[str, Any]:
    """The event, after checking that it is one of the protocol's: every key known, every value of its type."""
    event: dict[str, Any] = json.loads(text)
    model = _TYPES[event["type"]].model_validate(event, strict=True)
    _no_extras(model, event["type"])
    assert event["event_id"]
    return event


def _no_extras(model: BaseModel, place: str) -> None:
    extra = set(model.model_extra or ())
    assert extra <= OURS.get(place, set()), f"{place} holds unknown keys: {extra}"
    for name in type(model).model_fields:
        value = getattr(model, name)
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, BaseModel):
                _no_extras(entry, name)
