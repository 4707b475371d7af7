"""The wire form of what events carry. Shapes are those of `openai.types.realtime`."""

from __future__ import annotations

from pipeline.conversation import Item, Part
from pipeline.events import ResponseDone, Usage
from server.realtime.values import Json


def item_to_wire(item: Item) -> Json:
    """A message item, whole but for audio data."""
    return {
        "id": item.id,
        "object": "realtime.item",
        "type": "message",
        "role": item.role,
        "status": item.status,
        "content": [_part_to_wire(part) for part in item.parts],
    }


def _part_to_wire(part: Part) -> Json:
    # `transcript` is there even while it is null: a client of OpenAI's own dies of its absence.
    if part.kind in ("input_audio", "output_audio"):
        return {"type": part.kind, "transcript": part.text}
    return {"type": part.kind, "text": part.text or ""}


def place_to_wire(response_id: str, item_id: str) -> Json:
    return {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}


def status_to_wire(event: ResponseDone) -> Json | None:
    match event.status:
        case "completed" | "in_progress":
            return None
        case "failed":
            error = {"type": "server_error", "code": "response_failed", "message": event.reason or "it failed"}
            return {"type": "failed", "error": error}
        case "cancelled" | "incomplete":
            return {"type": event.status, "reason": event.reason}


def usage_to_wire(usage: Usage) -> Json:
    return {
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "input_token_details": {"text_tokens": usage.input_tokens, "audio_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": usage.output_tokens, "audio_tokens": 0},
    }
