"""A synthetic user: one WebRTC call to a server's public protocol, and everything that arrived from it."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from bench.arrivals import Arrivals
from bench.measure import Picture, Sound, cells_of, first_voiced
from bench.microphone import Microphone
from server.media_patches import allow_loopback

PATIENCE_S = 30
"""Seconds until an expected event counts as never coming: longer than the server's own patience with its model."""

T = TypeVar("T")


class BenchError(Exception):
    """The measurement can't be made. The message says what to do."""


class User:
    """One call. Times are those of the running loop."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self.microphone = Microphone()
        self.sounds: list[Sound] = []
        self.pictures: list[Picture] = []
        self.speaking = False
        """She has begun and not yet finished, by her server's word."""
        self.transcripts: list[str] = []
        """What the server understood of the recordings."""
        self._connection = connection
        self._channel = connection.createDataChannel("oai-events")
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._readers: list[asyncio.Task[None]] = []
        self._arrived = asyncio.Event()
        connection.addTrack(self.microphone)
        connection.addTransceiver("video", direction="recvonly")
        connection.on("track", self._on_track)
        self._channel.on("message", self._on_message)

    def send(self, **event: Any) -> float:
        """Send one event; the loop time at which it was sent."""
        self._channel.send(json.dumps(event))
        return asyncio.get_running_loop().time()

    async def event(self, *kinds: str) -> dict[str, Any]:
        """The next event of one of these types; earlier ones of other types are skipped."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    event = await self._events.get()
                    if event["type"] == "error":
                        raise BenchError(f"the server refused: {event['error']['message']}")
                    if event["type"] in kinds:
                        return event
        except TimeoutError:
            raise BenchError(f"no {' or '.join(kinds)} came for {PATIENCE_S} s") from None

    def forget_events(self) -> None:
        """What came so far belongs to the last turn."""
        while not self._events.empty():
            self._events.get_nowait()

    def forget_media(self, before: float) -> None:
        """Drop what arrived before."""
        self.sounds[:] = [sound for sound in self.sounds if sound.arrived >= before]
        self.pictures[:] = [picture for picture in self.pictures if picture.arrived >= before]

    async def sound_where(self, wanted: Callable[[Sound], bool]) -> Sound:
        """The first packet that is wanted, of those here and those to come."""
        seen = 0

        def look() -> Sound | None:
            nonlocal seen
            fresh, seen = self.sounds[seen:], len(self.sounds)
            return next(filter(wanted, fresh), None)

        return await self._until(look, "voice")

    async def join(self) -> None:
        """Wait until the session is there, both media flow and sender reports have told their clocks."""
        await self.event("session.created")
        await self.sound_where(lambda sound: sound.media is not None)
        await self._until(lambda: self.pictures and self.pictures[-1].media, "picture")

    async def pictured(self, count: int) -> None:
        """Wait until so many pictures are here."""
        await self._until(lambda: len(self.pictures) >= count, "picture")

    async def _until(self, look: Callable[[], T | None], what: str) -> T:
        """What `look` finds, trying again whenever media arrived."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (found := look()):
                    self._arrived.clear()
                    await self._arrived.wait()
                return found
        except TimeoutError:
            raise BenchError(f"no {what} came for {PATIENCE_S} s") from None

    async def leave(self) -> None:
        await self._connection.close()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def talking(self) -> Sound | None:
        """Wait for the next voiced packet, across the pauses of her speech; None once she has finished."""
        since = asyncio.get_running_loop().time()

        def look() -> tuple[Sound | None] | None:
            sound = first_voiced(self.sounds, since)
            return (sound,) if sound or not self.speaking else None

        return (await self._until(look, "voice"))[0]

    def _on_message(self, message: str) -> None:
        event = json.loads(message)
        match event["type"]:
            case "output_audio_buffer.started":
                self.speaking = True
            case "output_audio_buffer.stopped" | "output_audio_buffer.cleared":
                self.speaking = False
            case "conversation.item.input_audio_transcription.completed":
                self.transcripts.append(event["transcript"])
            case _:
                pass
        self._events.put_nowait(event)
        self._arrived.set()

    def _on_track(self, track: MediaStreamTrack) -> None:
        receiver = next(r for r in self._connection.getReceivers() if r.track is track)
        arrivals = Arrivals(receiver, asyncio.get_running_loop().time)
        read = self._listen if track.kind == "audio" else self._watch
        self._readers.append(asyncio.create_task(read(track, arrivals)))

    async def _listen(self, track: MediaStreamTrack, arrivals: Arrivals) -> None:
        async for frame in _frames(track):
            assert isinstance(frame, av.AudioFrame)
            assert frame.pts is not None
            peak = int(np.abs(frame.to_ndarray().astype(np.int32)).max())
            arrived = arrivals.arrived(frame.pts)
            if arrived is not None:
                self.sounds.append(Sound(arrived, arrivals.media_time(frame.pts), peak))
                self._arrived.set()

    async def _watch(self, track: MediaStreamTrack, arrivals: Arrivals) -> None:
        async for frame in _frames(track):
            assert isinstance(frame, av.VideoFrame)
            assert frame.pts is not None
            plane = frame.planes[0]
            luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
                : frame.height, : frame.width
            ]
            arrived = arrivals.arrived(frame.pts)
            if arrived is not None:
                self.pictures.append(Picture(arrived, arrivals.media_time(frame.pts), cells_of(luma)))
                self._arrived.set()


async def _frames(track: MediaStreamTrack) -> AsyncIterator[object]:
    try:
        while True:
            yield await track.recv()
    except MediaStreamError:
        return


@asynccontextmanager
async def call(url: str, key: str | None) -> AsyncIterator[User]:
    """A running call to the server at `url`; it is hung up on the way out.

    Raises:
        BenchError: the server can't be reached or turns the caller away.
    """
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    user = User(connection)
    try:
        allow_loopback(connection)
        await connection.setLocalDescription(await connection.createOffer())
        offer = connection.localDescription.sdp
        answer = await asyncio.to_thread(fetch, f"{url}/v1/realtime/calls", key, offer)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await user.join()
        yield user
    finally:
        await user.leave()


def fetch(url: str, key: str | None = None, offer: str | None = None) -> str:
    """GET `url`, or POST it an SDP offer; the text of the answer.

    Raises:
        BenchError: it can't be reached, or answered with an error.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if offer is not None:
        headers["Content-Type"] = "application/sdp"
    request = urllib.request.Request(url, offer.encode() if offer is not None else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return response.read().decode()
    except urllib.error.HTTPError as error:
        raise BenchError(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from None
    except OSError as error:
        raise BenchError(f"{url} can't be reached: {error}") from None
