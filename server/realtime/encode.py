"""What a session tells, as Realtime server events: their shapes and their order, for both transports.

Shapes are those of `openai.types.realtime.RealtimeServerEvent`. Keys whose value is absent are left out where a client
takes them for optional but not for nullable.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count

from engines.unicode import repair
from pipeline.conversation import Item
from pipeline.events import (
    AudioCleared,
    AudioCommitted,
    InputTranscriptCompleted,
    InputTranscriptDelta,
    InputTranscriptFailed,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemTruncated,
    Moved,
    OutputAudioCleared,
    OutputAudioDelta,
    OutputAudioStarted,
    OutputAudioStopped,
    OutputItemAdded,
    OutputItemDone,
    OutputTextDelta,
    ResponseCreated,
    ResponseDone,
    SessionEvent,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TagIgnored,
    TurnTiming,
)
from pipeline.options import Modality, ResponseRequest
from server.endings import Limit
from server.realtime.audio import AudioEncoder
from server.realtime.motion import motion_to_wire
from server.realtime.session import SessionSettings
from server.realtime.values import Json, Problem, format_to_wire
from server.realtime.wire import item_to_wire, place_to_wire, status_to_wire, usage_to_wire


@dataclass(slots=True)
class _Open:
    """The response in progress, as far as its later events need it."""

    audible: bool
    in_conversation: bool
    item_id: str | None = None
    previous_item_id: str | None = None


class Encoder:
    """Writes each event to `send` as one JSON text, in the order in which the session tells them."""

    def __init__(
        self,
        settings: SessionSettings,
        send: Callable[[str], None],
        *,
        webrtc: bool,
        offer: Callable[[str], None] | None = None,
    ) -> None:
        """
        Args:
            webrtc: sound goes over a media track: `output_audio_buffer.*` events take the place of audio deltas.
            offer: as `send`, for an event that may be lost; None where there are none of these.
        """
        self._offer = offer
        self._settings = settings
        self._send = send
        self._webrtc = webrtc
        self._numbers = count(1)
        self._conversation_id = f"conv_{secrets.token_urlsafe(12)}"
        self._open: dict[str, _Open] = {}
        self._audio = AudioEncoder()

    def session_created(self) -> None:
        self._write("session.created", session=self._settings.echo())

    def session_updated(self) -> None:
        self._write("session.updated", session=self._settings.echo())

    def item_retrieved(self, item: Item) -> None:
        self._write("conversation.item.retrieved", item=item_to_wire(item))

    def error(self, problem: Problem, event_id: str | None) -> None:
        """
        Args:
            event_id: the client's own id of the event that can't be met.
        """
        error: Json = {"type": "invalid_request_error", "code": problem.code, "message": problem.message}
        self._write("error", error=error | {"param": problem.param or None, "event_id": event_id})

    def ended(self, limit: Limit) -> bool:
        """The session is about to be hung up. Returns whether the client had asked to be told."""
        asked = "ended" in self._settings.events
        if asked:
            self._write("visavis.ended", reason=limit)
        return asked

    def clock(self, **fields: object) -> None:
        self._write("visavis.clock", **fields)

    def emit(self, event: SessionEvent) -> None:
        match event:
            case SpeechStarted() | SpeechStopped() | AudioCommitted() | AudioCleared():
                self._input_audio(event)
            case InputTranscriptDelta() | InputTranscriptCompleted() | InputTranscriptFailed():
                self._input_transcript(event)
            case ItemAdded() | ItemDone() | ItemDeleted() | ItemTruncated():
                self._item(event)
            case OutputAudioStarted() | OutputAudioStopped() | OutputAudioCleared():
                self._output_buffer(event)
            case ResponseCreated():
                self._response_created(event)
            case OutputItemAdded():
                self._output_item_added(event)
            case OutputAudioDelta() | OutputTextDelta():
                self._output_delta(event)
            case OutputItemDone():
                self._output_item_done(event)
            case ResponseDone():
                self._response_done(event)
            case Moved():
                if self._offer is not None and "motion" in self._settings.events:
                    self._write("visavis.motion", self._offer, **motion_to_wire(event))
            case TagIgnored(tag):
                if "warning" in self._settings.events:
                    message = f"the reply's tag {tag} has no meaning and was left out"
                    self._write("visavis.warning", code="unknown_tag", message=message, tag=tag)
            case StateChanged():
                if "state" in self._settings.events:
                    self._write("visavis.state", state=event.mood)
            case TurnTiming():
                if "timing" in self._settings.events:
                    self._write("visavis.turn.timing", **asdict(event))

    def _write(self, kind: str, to: Callable[[str], None] | None = None, /, **fields: object) -> None:
        event = {"type": kind, "event_id": f"event_{next(self._numbers)}", **fields}
        # Whatever an engine let through, what leaves here is UTF-8.
        (to or self._send)(repair(json.dumps(event, ensure_ascii=False, separators=(",", ":"))))

    def _input_audio(self, event: SpeechStarted | SpeechStopped | AudioCommitted | AudioCleared) -> None:
        match event:
            case SpeechStarted(item_id, at):
                self._write("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=at)
            case SpeechStopped(item_id, at):
                self._write("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=at)
            case AudioCommitted(item_id, previous):
                self._write("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
            case AudioCleared():
                self._write("input_audio_buffer.cleared")

    def _input_transcript(self, event: InputTranscriptDelta | InputTranscriptCompleted | InputTranscriptFailed) -> None:
        kind = "conversation.item.input_audio_transcription"
        match event:
            case InputTranscriptDelta(item_id, delta):
                self._write(f"{kind}.delta", item_id=item_id, content_index=0, delta=delta)
            case InputTranscriptCompleted(item_id, transcript, seconds):
                usage = {"type": "duration", "seconds": round(seconds, 3)}
                self._write(f"{kind}.completed", item_id=item_id, content_index=0, transcript=transcript, usage=usage)
            case InputTranscriptFailed(item_id, message):
                error = {"type": "transcription_error", "code": "transcription_failed", "message": message}
                self._write(f"{kind}.failed", item_id=item_id, content_index=0, error=error)

    def _item(self, event: ItemAdded | ItemDone | ItemDeleted | ItemTruncated) -> None:
        match event:
            case ItemAdded(item, previous):
                self._write("conversation.item.added", previous_item_id=previous, item=item_to_wire(item))
            case ItemDone(item, previous):
                self._write("conversation.item.done", previous_item_id=previous, item=item_to_wire(item))
            case ItemDeleted(item_id):
                for response in self._open.values():
                    response.in_conversation = response.in_conversation and response.item_id != item_id
                self._write("conversation.item.deleted", item_id=item_id)
            case ItemTruncated(item_id, at):
                self._write("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=at)

    def _output_buffer(self, event: OutputAudioStarted | OutputAudioStopped | OutputAudioCleared) -> None:
        if not self._webrtc or event.response_id is None:
            return
        match event:
            case OutputAudioStarted():
                what = "started"
            case OutputAudioStopped():
                what = "stopped"
            case OutputAudioCleared():
                what = "cleared"
        self._write(f"output_audio_buffer.{what}", response_id=event.response_id)

    def _response_created(self, event: ResponseCreated) -> None:
        request = event.request
        self._open[event.response_id] = _Open("audio" in event.modalities, request.in_conversation)
        response = self._response(event.response_id, request, event.modalities)
        progress: Json = {"status": "in_progress", "status_details": None, "output": [], "usage": None}
        self._write("response.created", response=response | progress)

    def _output_item_added(self, event: OutputItemAdded) -> None:
        response = self._open[event.response_id]
        response.item_id, response.previous_item_id = event.item.id, event.previous_item_id
        begun: Json = {"status": "in_progress", "content": []}
        item = item_to_wire(event.item) | begun
        self._write("response.output_item.added", response_id=event.response_id, output_index=0, item=item)
        if response.in_conversation:
            self._write("conversation.item.added", previous_item_id=event.previous_item_id, item=item)
        part = {"type": "audio", "transcript": ""} if response.audible else {"type": "text", "text": ""}
        self._write("response.content_part.added", **place_to_wire(event.response_id, event.item.id), part=part)

    def _output_delta(self, event: OutputAudioDelta | OutputTextDelta) -> None:
        place = place_to_wire(event.response_id, event.item_id)
        match event:
            case OutputAudioDelta():
                delta = self._audio.encode(event.pcm, self._settings.output_format)
                self._write("response.output_audio.delta", **place, delta=delta)
            case OutputTextDelta():
                audible = self._open[event.response_id].audible
                kind = "output_audio_transcript" if audible else "output_text"
                self._write(f"response.{kind}.delta", **place, delta=event.delta)

    def _output_item_done(self, event: OutputItemDone) -> None:
        response = self._open[event.response_id]
        place, text = place_to_wire(event.response_id, event.item.id), event.item.text
        if response.audible:
            self._write("response.output_audio.done", **place)
            self._write("response.output_audio_transcript.done", **place, transcript=text)
            part = {"type": "audio", "transcript": text}
        else:
            self._write("response.output_text.done", **place, text=text)
            part = {"type": "text", "text": text}
        self._write("response.content_part.done", **place, part=part)
        item = item_to_wire(event.item)
        if response.in_conversation:
            self._write("conversation.item.done", previous_item_id=response.previous_item_id, item=item)
        self._write("response.output_item.done", response_id=event.response_id, output_index=0, item=item)

    def _response_done(self, event: ResponseDone) -> None:
        self._open.pop(event.response_id, None)
        response = self._response(event.response_id, event.request, event.modalities)
        self._write(
            "response.done",
            response=response
            | {
                "status": event.status,
                "status_details": status_to_wire(event),
                "output": [item_to_wire(event.item)] if event.item else [],
                "usage": usage_to_wire(event.usage),
            },
        )

    def _response(self, response_id: str, request: ResponseRequest, modalities: tuple[Modality, ...]) -> Json:
        limit = request.max_output_tokens or self._settings.options.max_output_tokens
        return {
            "object": "realtime.response",
            "id": response_id,
            "conversation_id": self._conversation_id if request.in_conversation else None,
            "output_modalities": list(modalities),
            "max_output_tokens": "inf" if limit is None else limit,
            "audio": {
                "output": {"format": format_to_wire(self._settings.output_format), "voice": self._settings.voice}
            },
            "metadata": request.metadata,
        }
