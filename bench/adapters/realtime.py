"""Any server of the OpenAI Realtime API over WebRTC: `POST /v1/realtime/calls`, events on a data channel."""

from __future__ import annotations

import asyncio

from bench.adapters.realtime_events import Events
from bench.inbox import Inbox
from bench.microphone import Microphone
from bench.peer import Peer, fetch


class Realtime:
    """A call with voice, face and events."""

    def __init__(self, url: str, key: str | None, inbox: Inbox) -> None:
        self.microphone = Microphone()
        self._url = f"{url}/v1/realtime/calls"
        self._key = key
        self._inbox = inbox
        self._peer = Peer(inbox, self.microphone)
        self._channel = self._peer.connection.createDataChannel("oai-events")
        self._events = Events(inbox, self._channel.send)
        self._channel.on("message", self._events.received)
        self.ask = self._events.ask
        self.interrupt = self._events.interrupt
        self.read_clock = self._events.read_clock

    async def open(self) -> None:
        offer = (await self._peer.offer()).encode()
        self._inbox.notes["called"] = self._inbox.clock()
        answer = await asyncio.to_thread(fetch, self._url, self._key, offer)
        self._inbox.notes["answered"] = self._inbox.clock()
        await self._peer.accept(answer)
        await self._inbox.until(lambda: self._inbox.event_since(0, "session.created"), "session.created")

    async def close(self) -> None:
        await self._peer.close()
