"""The OpenAI Realtime events of one session: the same codec for the data channel and the WebSocket.

`Codec.receive` takes a client's events in their order and acts on the session; `Encoder.emit` writes what the session
tells. An `error` answers only malformed JSON, an unknown event type, tools, and an event that asked for an answer it
can't get; whatever else we don't know is ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiortc.clock import current_ntp_time

from engines.media import MIC_RATE
from pipeline.conversation import ItemError
from pipeline.events import InputTranscriptFailed, StateChanged
from pipeline.refused import Refused
from pipeline.session import Session
from server.realtime.audio import AudioDecoder, Microphone
from server.realtime.decode import (
    MAX_ID,
    BadEvent,
    read_event,
    read_event_id,
    read_id,
    read_item,
    read_object,
    read_response,
)
from server.realtime.encode import Encoder
from server.realtime.motion import FrameGate, read_motion_frame
from server.realtime.session import SessionSettings
from server.realtime.values import Json, Problem

LARGE = 65_536
"""Characters from which a message is parsed in a thread: parsing more would hold up a 20 ms tick."""

LIFELESS = ("input_audio_buffer.append", "visavis.motion.frame")
"""Events that a machine sends on its own."""

UNHEARD = "audio inside an item is not transcribed: send it with input_audio_buffer.append, or add its transcript"

_ITEM_CODES = {
    "conversation.item.create": "item_create_invalid_item_id",
    "conversation.item.retrieve": "item_retrieve_invalid_item_id",
    "conversation.item.truncate": "item_truncate_invalid_item_id",
    "conversation.item.delete": "item_delete_invalid_item_id",
}
"""What OpenAI calls an item id that is not there; clients tolerate these codes."""


class Codec:
    """One client's events, acted on one after another."""

    def __init__(
        self,
        session: Session,
        settings: SessionSettings,
        encoder: Encoder,
        microphone: Microphone,
        *,
        message_max: int,
    ) -> None:
        """
        Args:
            message_max: bytes of one event that are taken.
        """
        self._session = session
        self._settings = settings
        self._encoder = encoder
        self._microphone = microphone
        self._message_max = message_max
        self._decoder = AudioDecoder()
        self._frames = FrameGate()
        self._handlers: dict[str, Callable[[Json], Awaitable[None]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "output_audio_buffer.clear": self._clear_output,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "conversation.item.delete": self._delete_item,
            "response.create": self._respond,
            "response.cancel": self._cancel,
            "visavis.clock": self._tell_clock,
            "visavis.motion.frame": self._drive,
        }

    async def receive(self, message: str | bytes) -> bool:
        """Act on one event. False for what is no sign of life: an open microphone sends audio without end, and a camera
        the frames of a face."""
        event: Json = {}
        try:
            event = await self._read(message)
            handler = self._handlers.get(event["type"])
            if handler is None:
                raise BadEvent(f"unknown event type {event['type'][:100]!r}", "type", "unknown_event_type")
            await handler(event)
        except BadEvent as error:
            self._refuse(error.problem, event)
        except Refused as error:
            self._refuse(Problem(str(error), error.param or "", error.code or "invalid_value"), event)
        except ItemError as error:
            self._refuse(Problem(str(error), "item_id", _ITEM_CODES.get(event["type"], "invalid_value")), event)
        return event.get("type") not in LIFELESS

    async def _read(self, message: str | bytes) -> Json:
        if len(message) > self._message_max:
            raise BadEvent(
                f"an event may be {self._message_max} bytes long, this one has {len(message)}; send it in pieces",
                code="message_too_large",
            )
        return await asyncio.to_thread(read_event, message) if len(message) > LARGE else read_event(message)

    def _refuse(self, problem: Problem, event: Json) -> None:
        self._encoder.error(problem, read_event_id(event))

    async def _update(self, event: Json) -> None:
        told = self._settings.events
        problems = self._settings.update(read_object(event, "session"))
        self._session.update(self._settings.options)
        self._encoder.session_updated()
        if problems:
            message = "; ".join(problem.message for problem in problems)
            self._refuse(Problem(message, problems[0].param, problems[0].code), event)
        if "state" in self._settings.events - told:
            self._encoder.emit(StateChanged(self._session.mood))

    async def _append(self, event: Json) -> None:
        audio = event.get("audio")
        if not isinstance(audio, str):
            raise BadEvent("input_audio_buffer.append needs a base64 string 'audio'", "audio")
        decode, audio_format = self._decoder.decode, self._settings.input_format
        try:
            if len(audio) > LARGE:
                pcm = await asyncio.to_thread(decode, audio, audio_format)
            else:
                pcm = decode(audio, audio_format)
        except ValueError as error:
            raise BadEvent(str(error), "audio") from None
        if len(pcm):
            await self._microphone.append(pcm)

    async def _commit(self, event: Json) -> None:
        await self._microphone.drained()
        await self._session.caught_up()
        self._session.commit_audio()

    async def _clear(self, event: Json) -> None:
        await self._microphone.clear()
        await self._session.caught_up()
        self._session.clear_audio()

    async def _clear_output(self, event: Json) -> None:
        self._session.clear_output()

    async def _create_item(self, event: Json) -> None:
        item, unheard = read_item(read_object(event, "item"), self._settings.defaults.text_max_chars)
        after = event.get("previous_item_id")
        self._session.add_item(item, after[:MAX_ID] if isinstance(after, str) else None)
        if unheard:
            self._encoder.emit(InputTranscriptFailed(item.id, UNHEARD))

    async def _retrieve_item(self, event: Json) -> None:
        self._encoder.item_retrieved(self._session.conversation.get(read_id(event, "item_id")))

    async def _truncate_item(self, event: Json) -> None:
        end = event.get("audio_end_ms")
        if isinstance(end, bool) or not isinstance(end, int | float) or not 0 <= end < 1e9:
            raise BadEvent("audio_end_ms must be a number of milliseconds from 0", "audio_end_ms")
        self._session.truncate_item(read_id(event, "item_id"), int(end))

    async def _delete_item(self, event: Json) -> None:
        self._session.delete_item(read_id(event, "item_id"))

    async def _respond(self, event: Json) -> None:
        defaults = self._settings.defaults
        wire = read_object(event, "response") if event.get("response") is not None else {}
        find = self._session.conversation.get
        self._session.respond(read_response(wire, defaults.text_max_chars, defaults.options.max_output_tokens, find))

    async def _cancel(self, event: Json) -> None:
        wanted = event.get("response_id")
        self._session.cancel(wanted if isinstance(wanted, str) else None)

    async def _drive(self, event: Json) -> None:
        if self._frames.admit(asyncio.get_running_loop().time()):
            self._session.drive(*read_motion_frame(event))

    async def _tell_clock(self, event: Json) -> None:
        self._encoder.clock(
            question_id=read_event_id(event),
            now_s=asyncio.get_running_loop().time(),
            ntp_s=current_ntp_time() / 2**32,
            heard_ms=self._session.heard_samples * 1000 / MIC_RATE,
        )
