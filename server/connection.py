"""One client's connection: its coroutine is the session, and when it returns everything below it has ended."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from aiortc import RTCIceServer
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from engines.media import FPS, Pcm
from pipeline.events import OutputAudioStopped, ResponseDone, SessionEvent, SpeechStarted, SpeechStopped
from pipeline.playout import MediaSink
from pipeline.session import Session
from pipeline.stream import Stream
from server.calls import PLACE_TAKEN, Call
from server.endings import FAREWELL_S, HungUp, Limit, causes
from server.observe import SessionMeter, calls, log_transcript
from server.realtime.audio import Microphone
from server.realtime.codec import Codec
from server.realtime.encode import Encoder
from server.rtc import MediaSettings, Peer
from server.service import Service
from server.websocket import LAST_PACKET

log = logging.getLogger(__name__)

INBOX_BYTES = 4 * 1024 * 1024
"""A client's events waiting to be acted on: then its socket is read no further (a data channel is hung up)."""

OUTBOX_BYTES = 4 * 1024 * 1024
"""Events waiting for a client that does not read, about a minute of audio; then it is hung up."""

CLOSE_S = 2.0
"""Patience with a client's closing handshake."""

CHECK_S = 0.5
"""How often limits of seconds to hours are looked at."""


class Conversation:
    """One session and its codec, from the first event to the hang-up."""

    def __init__(
        self,
        service: Service,
        wishes: Sequence[Mapping[str, Any]],
        send: Callable[[str], None],
        media: MediaSink | None,
        offer: Callable[[str], None] | None = None,
    ) -> None:
        """
        Args:
            wishes: session settings that came with the call, the later ones winning.
            send: takes the server's events, one JSON text each; never waits.
            media: None for a client that takes its audio as events.
            offer: as `send`, for events that may be lost.
        """
        config = service.config
        self._clock = asyncio.get_running_loop().time
        self._started = self._active = self._clock()
        self._limits = config.server
        self._log_transcripts = config.privacy.log_transcripts
        self.settings, problems = service.settings(wishes)
        self._encoder = Encoder(self.settings, send, webrtc=media is not None, offer=offer)
        self._encoder.session_created()
        for problem in problems:
            self._encoder.error(problem, None)
        self.session = Session(
            service.engines,
            self.settings.options,
            self._emit,
            media=media,
            meter=SessionMeter(service.metrics, self.settings.id),
            history=config.llm.history,
            think_ahead=config.llm.think_ahead,
            seed=secrets.randbits(32),
            idle_stride=round(FPS / config.avatar.idle_fps),
        )
        self._microphone = Microphone(self.session.hear, self._clock)
        self._codec = Codec(
            self.session,
            self.settings,
            self._encoder,
            self._microphone,
            message_max=config.server.message_max_bytes,
        )
        self.inbox: Stream[str | bytes] = Stream(INBOX_BYTES, len)
        self._farewell: str | None = None

    async def run(self, call: Call, *transport: Coroutine[None, None, None]) -> str:
        """Converse until the client, a limit, the table of calls or a failure ends it; returns why.

        Args:
            transport: what carries messages to `inbox` and away, each ending in `HungUp`.
        """
        reason = "closed"
        calls.info("begun", extra={"fields": {"session": self.settings.id}})
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.session.run())
                for work in (self._receive(), self._microphone.run(), *transport):
                    tasks.create_task(work)
                # In the body, not as one more task: a group that is cancelled while it only waits for its tasks
                # leaves this task's count of cancellations raised (Python 3.11 and 3.12).
                await self._watch(call)
        except* HungUp as ends:
            # A client that was told the end may hang up before we do.
            reason = self._farewell or str(ends.exceptions[0])
        except* Exception as failures:
            reason = "the session failed"
            for failure in causes(failures):
                log.error("session %s failed", self.settings.id, exc_info=failure)
        lasted = round(self._clock() - self._started, 1)
        calls.info("ended", extra={"fields": {"session": self.settings.id, "reason": reason, "seconds": lasted}})
        return reason

    async def until(self, ended: asyncio.Future[str]) -> None:
        """Hang up for the reason that `ended` resolves with."""
        reason = await ended
        await self._end(reason, "place_taken" if reason == PLACE_TAKEN else None)

    async def _end(self, reason: str, limit: Limit | None) -> NoReturn:
        """Hang up; a client that asked to be told of limits hears of this one first."""
        if limit is not None and self._encoder.ended(limit):
            self._farewell = reason
            await asyncio.sleep(FAREWELL_S)
        raise HungUp(reason)

    def _emit(self, event: SessionEvent) -> None:
        if isinstance(event, SpeechStarted | SpeechStopped | ResponseDone | OutputAudioStopped):
            self._active = self._clock()
        if self._log_transcripts:
            log_transcript(self.settings.id, event)
        self._encoder.emit(event)

    async def _receive(self) -> None:
        async for message in self.inbox:
            if await self._codec.receive(message):
                self._active = self._clock()

    async def _watch(self, call: Call) -> None:
        """Hang up when a limit of the configuration is reached."""
        limits = self._limits
        while True:
            now = self._clock()
            if self.session.response_id is not None:
                self._active = now
            if now - self._started >= limits.max_session_s:
                await self._end(f"a session lasts at most {limits.max_session_s:g} s", "max_session")
            if now - self._active >= limits.idle_timeout_s:
                await self._end(f"nothing was said for {limits.idle_timeout_s:g} s", "idle_timeout")
            if now - call.last_packet() >= max(limits.come_back_s, limits.stale_after_s):
                raise HungUp("the client has gone silent")
            await asyncio.sleep(CHECK_S)


async def converse_webrtc(
    service: Service,
    call: Call,
    offer: str,
    wishes: Sequence[Mapping[str, Any]],
    ended: asyncio.Future[str],
    answered: asyncio.Future[str],
) -> None:
    """A whole call over WebRTC.

    Args:
        ended: resolves with a reason when the call shall end.
        answered: given the SDP answer, or the ValueError of an offer that can't be answered.
    """
    conversation: Conversation | None = None

    def on_pcm(pcm: Pcm) -> None:
        if conversation is not None:
            conversation.session.hear(pcm)

    def on_message(message: str | bytes) -> None:
        taken = conversation is None or conversation.inbox.offer(message)
        if not taken and not ended.done():
            ended.set_result("the client sends more than can be served")

    media = service.config.media
    password = media.turn_password.get_secret_value() if media.turn_password else None
    ice_servers = tuple(RTCIceServer(url, media.turn_username, password) for url in media.ice_servers)
    media_settings = MediaSettings(media.codec, media.start_bitrate, media.max_bitrate, ice_servers)
    try:
        peer = await Peer.accept(offer, media_settings, on_pcm=on_pcm, on_message=on_message)
    except ValueError as error:
        answered.set_exception(error)
        return
    try:
        call.last_packet = lambda: peer.last_packet
        conversation = Conversation(service, wishes, peer.send, peer, peer.offer)
        answered.set_result(peer.answer_sdp)
        await conversation.run(call, conversation.until(ended), _until_closed(peer))
    finally:
        service.metrics.microphone_lost.inc(peer.microphone.lost)
        await peer.close()


async def _until_closed(peer: Peer) -> None:
    raise HungUp(await peer.wait_closed())


async def converse_websocket(
    service: Service,
    call: Call,
    websocket: WebSocket,
    wishes: Sequence[Mapping[str, Any]],
    ended: asyncio.Future[str],
) -> None:
    """A whole call over an accepted WebSocket; audio flows as base64 events.

    Args:
        ended: resolves with a reason when the call shall end.
    """
    outbox: Stream[str] = Stream(OUTBOX_BYTES, len)

    def send(text: str) -> None:
        if not outbox.offer(text) and not ended.done():
            ended.set_result("the client does not read what it is sent")

    conversation = Conversation(service, wishes, send, None)
    reason = await conversation.run(
        call, conversation.until(ended), _read(websocket, conversation.inbox, call), _write(websocket, outbox)
    )
    if websocket.client_state is WebSocketState.CONNECTED:
        await _close(websocket, reason)


async def _read(websocket: WebSocket, inbox: Stream[str | bytes], call: Call) -> None:
    """Feed the inbox. While it is full, the socket is not read, and its client counts as there: it can't be heard."""
    clock = asyncio.get_running_loop().time
    heard = websocket.scope.get(LAST_PACKET, clock)
    taken: float | None = clock()
    call.last_packet = lambda: clock() if taken is None else max(taken, heard())
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise HungUp("closed")
        taken = None
        await inbox.put(message["bytes"] if message.get("text") is None else message["text"])
        taken = clock()


async def _write(websocket: WebSocket, outbox: Stream[str]) -> None:
    async for text in outbox:
        try:
            await websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError, OSError):
            raise HungUp("closed") from None


async def _close(websocket: WebSocket, reason: str) -> None:
    with suppress(WebSocketDisconnect, RuntimeError, OSError):
        async with asyncio.timeout(CLOSE_S):
            # A control frame holds 123 bytes of reason.
            await websocket.close(1000, reason[:120])
