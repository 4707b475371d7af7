"""What sending costs by itself: aiortc as it comes, with a reel's frames and audio, and nothing else.

`python -m bench.bare_sender --port 8100 --reel reel.npz` answers `POST /v1/realtime/calls` on the loopback interface.
"""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import av
import numpy as np
import typer
import uvicorn
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import opus, vpx
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.media_patches import allow_loopback
from server.rtc_codecs import OPUS_BITRATE

RATE = 24_000
PICTURE_S = 0.04
PACKET_S = 0.02


class Sound(MediaStreamTrack):
    """20 ms of the reel each 20 ms."""

    kind = "audio"

    def __init__(self, pcm: NDArray[np.int16]) -> None:
        super().__init__()
        self._pcm = pcm
        self._sent = 0
        self._began: float | None = None

    async def recv(self) -> av.AudioFrame:
        await _until(self, self._sent * PACKET_S)
        size = int(PACKET_S * RATE)
        place = self._sent * size % (len(self._pcm) // size * size)
        frame = av.AudioFrame.from_ndarray(self._pcm[None, place : place + size], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = self._sent * size, Fraction(1, RATE)
        self._sent += 1
        return frame


class Pictures(MediaStreamTrack):
    """A picture of the reel each 40 ms."""

    kind = "video"

    def __init__(self, images: NDArray[np.uint8]) -> None:
        super().__init__()
        self._images = images
        self._sent = 0
        self._began: float | None = None

    async def recv(self) -> av.VideoFrame:
        await _until(self, self._sent * PICTURE_S)
        image = self._images[self._sent % len(self._images)]
        frame = av.VideoFrame.from_numpy_buffer(image, format="yuv420p", width=image.shape[1])
        frame.pts, frame.time_base = self._sent * int(PICTURE_S * RATE), Fraction(1, RATE)
        self._sent += 1
        return frame


async def _until(track: Sound | Pictures, due: float) -> None:
    clock = asyncio.get_running_loop().time
    if track._began is None:  # pyright: ignore[reportPrivateUsage]
        track._began = clock()  # pyright: ignore[reportPrivateUsage]
    await asyncio.sleep(max(0.0, track._began + due - clock()))  # pyright: ignore[reportPrivateUsage]


def application(reel: Path) -> Starlette:
    with np.load(reel, allow_pickle=False) as file:
        images, pcm = file["images"], file["pcm"]
    calls: set[RTCPeerConnection] = set()

    async def call(request: Request) -> Response:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        calls.add(connection)
        connection.addTrack(Sound(pcm))
        connection.addTrack(Pictures(images))
        await connection.setRemoteDescription(RTCSessionDescription((await request.body()).decode(), "offer"))
        allow_loopback(connection)
        await connection.setLocalDescription(await connection.createAnswer())
        return Response(connection.localDescription.sdp, 201, media_type="application/sdp")

    routes = [Route("/v1/realtime/calls", call, methods=["POST"]), Route("/healthz", lambda _: Response("fine"))]
    return Starlette(routes=routes)


def _sound_at_our_rate() -> None:
    init = opus.OpusEncoder.__init__

    def initialised(self: opus.OpusEncoder) -> None:
        init(self)
        self.codec.bit_rate = OPUS_BITRATE

    opus.OpusEncoder.__init__ = initialised


def main(
    port: Annotated[int, typer.Option(help="Loopback port.")],
    reel: Annotated[Path, typer.Option(help="Frames and audio, as bench/inside/replay.py keeps them.")],
    bitrate: Annotated[int, typer.Option(help="Of the pictures, bit/s: what the other sender's really take.")],
) -> None:
    """Serve until interrupted."""
    vpx.DEFAULT_BITRATE = vpx.MIN_BITRATE = vpx.MAX_BITRATE = bitrate
    _sound_at_our_rate()
    uvicorn.run(application(reel), host="127.0.0.1", port=port, log_level="warning", ws="none")


if __name__ == "__main__":
    typer.run(main)
