"""The OpenAI Realtime events that a synthetic user sends and understands, whatever carries them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bench.inbox import Inbox
from bench.recording import ClockReading

HARMLESS = ("response_cancel_not_active", "conversation_already_has_active_response")
"""Errors of a race that the user may lose: she had just finished, or just begun."""


class Events:
    """One conversation's events. Asks a Visavis server for its turns' spans, and leaves others alone."""

    def __init__(self, inbox: Inbox, send: Callable[[str], None]) -> None:
        self._inbox = inbox
        self._send_text = send
        self._ours = False
        self._asked: dict[str, float] = {}

    def send(self, kind: str, **fields: Any) -> None:
        self._send_text(json.dumps({"type": kind, **fields}))

    def ask(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.send("response.create")

    def interrupt(self) -> None:
        self.send("response.cancel")
        self.send("output_audio_buffer.clear")

    def read_clock(self) -> None:
        if self._ours:
            name = f"clock_{len(self._inbox.readings)}_{len(self._asked)}"
            self._asked[name] = self._inbox.clock()
            self.send("visavis.clock", event_id=name)

    def received(self, text: str) -> None:
        now = self._inbox.clock()
        event = json.loads(text)
        match event["type"]:
            case "session.created":
                self._ours = "visavis" in event.get("session", {})
                if self._ours:
                    self.send("session.update", session={"type": "realtime", "visavis": {"events": ["timing"]}})
            case "visavis.clock":
                sent = self._asked.pop(event["question_id"])
                self._inbox.readings.append(ClockReading(sent, now, event["now_s"], event["ntp_s"], event["heard_ms"]))
                return
            case "error" if event["error"].get("code") not in HARMLESS:
                self._inbox.fail(f"the server refused: {event['error']['message']}")
            case _:
                pass
        self._inbox.event(event)
