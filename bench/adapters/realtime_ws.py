"""Any server of the OpenAI Realtime API over its WebSocket: sound as base64 events, no face."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bench.adapters.realtime_events import Events
from bench.inbox import PACKET, PATIENCE_S, BenchError, Inbox
from bench.microphone import Microphone

RATE = 24_000


class RealtimeSocket:
    """A call without pictures. Its sound comes faster than it plays, so that only first arrivals mean anything."""

    def __init__(self, url: str, key: str | None, inbox: Inbox) -> None:
        self.microphone = Microphone()
        self._url = f"ws{url.removeprefix('http')}/v1/realtime?model=bench"
        self._key = key
        self._inbox = inbox
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._events = Events(inbox, self._outbox.put_nowait)
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._rest = np.zeros(0, np.int16)
        self.ask = self._events.ask
        self.read_clock = self._events.read_clock

    def interrupt(self) -> None:
        self._events.send("response.cancel")

    async def open(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._inbox.notes["called"] = self._inbox.clock()
        try:
            self._socket = await connect(self._url, additional_headers=headers, open_timeout=PATIENCE_S)
        except (OSError, WebSocketException) as error:
            raise BenchError(f"{self._url} can't be reached: {error}") from None
        self._inbox.notes["answered"] = self._inbox.clock()
        work = (self._read(self._socket), self._write(self._socket), self._speak())
        self._tasks = [asyncio.create_task(one) for one in work]
        await self._inbox.until(lambda: self._inbox.event_since(0, "session.created"), "session.created")

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                text = message if isinstance(message, str) else message.decode()
                if '"response.output_audio.delta"' in text[:200]:
                    self._hear(text)
                else:
                    self._events.received(text)
        self._inbox.fail("the server closed the connection")

    def _hear(self, text: str) -> None:
        pcm = np.frombuffer(base64.b64decode(json.loads(text)["delta"]), np.int16)
        pcm = np.concatenate([self._rest, pcm])
        whole = len(pcm) // PACKET * PACKET
        self._inbox.sound(self._inbox.clock(), None, pcm[:whole])
        self._rest = pcm[whole:]

    async def _write(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await socket.send(await self._outbox.get())

    async def _speak(self) -> None:
        while True:
            frame = await self.microphone.recv()
            pcm = frame.to_ndarray()[0].reshape(-1, 2).mean(axis=1).astype(np.int16)
            self._events.send("input_audio_buffer.append", audio=base64.b64encode(pcm.tobytes()).decode())
