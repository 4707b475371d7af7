"""The other end of a connection: a small aiortc client that offers what a page offers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from bench.arrivals import Arrivals
from engines.media import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from server.rtc import MediaSettings, Peer

TICK = 0.02
"""Seconds of one packet of sound."""


class Client:
    """Offers audio (both ways), video (to receive) and the data channel; collects what comes back."""

    def __init__(self, *, audio: MediaStreamTrack | str | None = "recvonly", video: str | None = "recvonly") -> None:
        """
        Args:
            audio: the microphone, a direction without one, or None for no audio section.
            video: a direction, or None for no video section.
        """
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel: RTCDataChannel = self.connection.createDataChannel("oai-events")
        self.messages: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.channel.on("message", self.messages.put_nowait)
        self._open = asyncio.Event()
        self.channel.on("open", self._open.set)
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.arrivals: dict[str, Arrivals] = {}
        self.connection.on("track", self._on_track)
        if isinstance(audio, MediaStreamTrack):
            self.connection.addTrack(audio)
        elif audio is not None:
            self.connection.addTransceiver("audio", direction=audio)
        if video is not None:
            self.connection.addTransceiver("video", direction=video)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self.tracks[track.kind] = track
        receiver = next(r for r in self.connection.getReceivers() if r.track is track)
        self.arrivals[track.kind] = Arrivals(receiver, asyncio.get_running_loop().time)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def answer(self, sdp: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def opened(self) -> None:
        """Until the data channel is open."""
        async with asyncio.timeout(10):
            await self._open.wait()

    async def close(self) -> None:
        await self.connection.close()


def ignore(_: object) -> None:
    """What a session that listens to nothing does with the microphone and the messages."""


@asynccontextmanager
async def call(
    client: Client,
    settings: MediaSettings | None = None,
    *,
    on_pcm: Callable[[np.ndarray], None] = ignore,
    on_message: Callable[[str | bytes], None] = ignore,
) -> AsyncIterator[Peer]:
    """A standing connection between `client` and a `Peer`, both closed at the end."""
    peer = await Peer.accept(await client.offer(), settings or MediaSettings(), on_pcm=on_pcm, on_message=on_message)
    try:
        await client.answer(peer.answer_sdp)
        await client.opened()
        yield peer
    finally:
        await client.close()
        await peer.close()


class Sink(Protocol):
    """A Peer, or something before it."""

    def audio(self, pcm: np.ndarray, pts: int) -> None: ...

    def picture(self, image: np.ndarray | None, pts: int) -> None: ...


async def play(
    peer: Sink, seconds: float, speech: Callable[[int], np.ndarray], picture: Callable[[int], np.ndarray | None]
) -> None:
    """As Playout does: 20 ms of `speech(pts)` every 20 ms, and `picture(pts)` in the same turn on every second tick."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    step = SAMPLES_PER_FRAME // 2
    for tick in range(round(seconds * FPS * 2)):
        peer.audio(speech(tick * step), tick * step)
        if tick % 2 == 0:
            peer.picture(picture(tick * step), tick * step)
        await asyncio.sleep(start + (tick + 1) * TICK - loop.time())


def tone(pts: int) -> np.ndarray:
    """20 ms of 440 Hz that continues from `pts`."""
    t = np.arange(pts, pts + SAMPLES_PER_FRAME // 2) / SAMPLE_RATE
    return (8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)


def moving_bars(pts: int) -> np.ndarray:
    """An I420 picture that differs from frame to frame."""
    image = np.full((768, 512), 128, np.uint8)
    image[:512] = (np.arange(512) + pts // SAMPLES_PER_FRAME * 4).astype(np.uint8)
    return image


async def frames(track: MediaStreamTrack) -> AsyncIterator[Any]:
    """Everything that a track decodes, until it ends."""
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        yield frame
