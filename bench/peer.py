"""One WebRTC connection of a synthetic user: a microphone out, sound and pictures into the inbox."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from bench.arrivals import Arrivals
from bench.inbox import PATIENCE_S, BenchError, Inbox
from bench.measure import CELLS, cells_of
from bench.microphone import Microphone
from server.media_patches import allow_loopback


class Peer:
    """Receives one voice and one face, and speaks."""

    def __init__(self, inbox: Inbox, microphone: Microphone | None) -> None:
        """
        Args:
            microphone: None for a spectator.
        """
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._inbox = inbox
        self._readers: list[asyncio.Task[None]] = []
        if microphone is None:
            self.connection.addTransceiver("audio", direction="recvonly")
        else:
            self.connection.addTrack(microphone)
        self.connection.addTransceiver("video", direction="recvonly")
        self.connection.on("track", self._on_track)
        self.connection.on("connectionstatechange", self._on_state)

    async def offer(self) -> str:
        """The SDP offer, with complete candidates."""
        allow_loopback(self.connection)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        if self._inbox.line is not None:
            self._inbox.notes["line"] = self._inbox.clock()
            self._inbox.line.lay(self.connection, self._inbox.notes["line"])
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Connect by the server's SDP answer."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        await self.connection.close()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def _on_state(self) -> None:
        if self.connection.connectionState == "failed":
            self._inbox.fail("the connection was lost")

    def _on_track(self, track: MediaStreamTrack) -> None:
        receiver = next(r for r in self.connection.getReceivers() if r.track is track)
        arrivals = Arrivals(receiver, self._inbox.clock)
        read = self._listen if track.kind == "audio" else self._watch
        self._readers.append(asyncio.create_task(read(track, arrivals)))

    async def _listen(self, track: MediaStreamTrack, arrivals: Arrivals) -> None:
        async for frame in _frames(track):
            assert isinstance(frame, av.AudioFrame)
            assert frame.pts is not None
            arrived = arrivals.arrived(frame.pts)
            if arrived is not None:
                self._inbox.sound(arrived, arrivals.media_time(frame.pts), _at_24k(frame))

    async def _watch(self, track: MediaStreamTrack, arrivals: Arrivals) -> None:
        async for frame in _frames(track):
            assert isinstance(frame, av.VideoFrame)
            assert frame.pts is not None
            if min(frame.height, frame.width) < CELLS:
                self._inbox.fail(f"pictures of {frame.width} x {frame.height} are too small to find a mouth in")
                return
            began, arrived = arrivals.began(frame.pts), arrivals.arrived(frame.pts)
            if began is not None and arrived is not None:
                self._inbox.picture(arrived, began, arrivals.media_time(frame.pts), cells_of(_luma(frame)))


def _at_24k(frame: av.AudioFrame) -> NDArray[np.int16]:
    """aiortc's 48 kHz interleaved stereo -> int16[n] mono at 24 kHz, each sample the mean of its two."""
    channels = len(frame.layout.channels)
    mono = frame.to_ndarray().reshape(-1, channels).mean(axis=1)
    return mono[: len(mono) // 2 * 2].reshape(-1, 2).mean(axis=1).astype(np.int16)


def _luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]


async def _frames(track: MediaStreamTrack) -> AsyncIterator[object]:
    try:
        while True:
            yield await track.recv()
    except MediaStreamError:
        return


def fetch(
    url: str,
    key: str | None = None,
    body: bytes | None = None,
    kind: str = "application/sdp",
    *,
    reachable: bool = False,
) -> str:
    """GET `url`, or POST it a body; the text of the answer.

    Args:
        reachable: any answer will do, an error too.

    Raises:
        BenchError: it can't be reached, or answered with an error.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body is not None:
        headers["Content-Type"] = kind
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return response.read().decode()
    except urllib.error.HTTPError as error:
        if reachable:
            return ""
        raise BenchError(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from None
    except OSError as error:
        raise BenchError(f"{url} can't be reached: {error}") from None
