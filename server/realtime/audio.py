"""Audio inside events: base64 in a session's formats, in to paced microphone samples and out from her voice."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any, Literal

import av
import numpy as np

from engines.media import MIC_RATE, SAMPLE_RATE, Pcm
from server.realtime.values import AudioFormat

STEP_SAMPLES = MIC_RATE // 50
"""320: released at a time (20 ms)."""

BURST_S = 5.0
"""Released at once: a live microphone's uneven packets, and a question that arrives as one recording."""

SPEED = 1.25
"""Times real time at which a longer backlog is released: a file that arrives at once must not take the cores from the
pictures of other sessions, nor outrun the ears, and a client's fast clock must not build up a delay."""

MAX_BACKLOG = MIC_RATE * 120
"""Samples that wait here (two minutes, 4 MB); a client that sends more ahead waits."""

G711_RATE = 8_000

SLICE = 256 * 1024
"""Characters of base64 that are decoded at once: whole groups of four."""


class AudioDecoder:
    """One session's input audio: base64 text in one of the protocol's formats to int16 at `MIC_RATE`.

    Stateful: a sample may be split over two appends, and the resampler carries its filter from one to the next.
    """

    def __init__(self) -> None:
        self._format: AudioFormat = "audio/pcm"
        self._codec: Any = None
        self._resampler = _resampler(MIC_RATE)
        self._rest = b""

    def decode(self, text: str, audio_format: AudioFormat) -> Pcm:
        """
        Raises:
            ValueError: not base64.
        """
        if audio_format != self._format:
            self._format, self._resampler, self._rest = audio_format, _resampler(MIC_RATE), b""
            self._codec = _g711(audio_format, "r")
        data = self._rest + _bytes(text)
        frames = self._frames_g711(self._codec, data) if self._codec else self._frames_pcm(data)
        pieces = [piece.to_ndarray()[0] for frame in frames for piece in self._resampler.resample(frame)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)

    def _frames_pcm(self, data: bytes) -> list[av.AudioFrame]:
        whole = len(data) & ~1
        self._rest = data[whole:]
        if not whole:
            return []
        return [_frame(np.frombuffer(data[:whole], "<i2").astype(np.int16))]

    @staticmethod
    def _frames_g711(codec: Any, data: bytes) -> list[av.AudioFrame]:
        return list(codec.decode(av.Packet(data))) if data else []


class AudioEncoder:
    """Her voice, int16 at `SAMPLE_RATE`, to base64 text in one of the protocol's formats; stateful as the decoder."""

    def __init__(self) -> None:
        self._format: AudioFormat = "audio/pcm"
        self._codec: Any = None
        self._resampler = _resampler(G711_RATE)

    def encode(self, pcm: Pcm, audio_format: AudioFormat) -> str:
        if audio_format != self._format:
            self._format, self._resampler = audio_format, _resampler(G711_RATE)
            self._codec = _g711(audio_format, "w")
        data = pcm.astype("<i2").tobytes() if self._codec is None else self._g711(self._codec, pcm)
        return base64.b64encode(data).decode("ascii")

    def _g711(self, codec: Any, pcm: Pcm) -> bytes:
        frames = self._resampler.resample(_frame(pcm))
        return b"".join(bytes(packet) for frame in frames for packet in codec.encode(frame))


class Microphone:
    """Holds appended audio and releases it no faster than the ears can take it."""

    def __init__(self, hear: Callable[[Pcm], None], clock: Callable[[], float]) -> None:
        """
        Args:
            hear: takes int16 at `MIC_RATE`, any length.
            clock: seconds, monotonic.
        """
        self._hear = hear
        self._clock = clock
        self._waiting: list[Pcm] = []
        self._held = 0
        self._releasing = 0
        self._changed = asyncio.Condition()

    async def append(self, pcm: Pcm) -> None:
        """Queue samples; waits while `MAX_BACKLOG` of them are ahead."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._held < MAX_BACKLOG)
            self._waiting.append(pcm)
            self._held += len(pcm)
            self._changed.notify_all()

    async def drained(self) -> None:
        """Until everything that was appended has been released."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._held)

    async def clear(self) -> None:
        """Throw away what waits."""
        async with self._changed:
            self._waiting.clear()
            self._held = self._releasing
            self._changed.notify_all()

    async def run(self) -> None:
        credit, last = BURST_S, self._clock()
        while True:
            piece = await self._take()
            now = self._clock()
            credit, last = min(BURST_S, credit + (now - last) * SPEED), now
            wait = len(piece) / MIC_RATE - credit
            if wait > 0:
                await asyncio.sleep(wait / SPEED)
            credit -= len(piece) / MIC_RATE
            self._hear(piece)
            await self._released(len(piece))

    async def _take(self) -> Pcm:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._waiting))
            head = self._waiting[0]
            piece, rest = head[:STEP_SAMPLES], head[STEP_SAMPLES:]
            if len(rest):
                self._waiting[0] = rest
            else:
                del self._waiting[0]
            self._releasing = len(piece)
            return piece

    async def _released(self, samples: int) -> None:
        async with self._changed:
            self._held -= samples
            self._releasing = 0
            self._changed.notify_all()


def _bytes(text: str) -> bytes:
    """Base64's bytes. Slice by slice: each holds the interpreter for a millisecond, the whole of a long recording for a
    picture's time, in whatever thread it is decoded.

    Raises:
        ValueError: not base64.
    """
    data = bytearray()
    try:
        for start in range(0, len(text), SLICE):
            if len(data) != start // 4 * 3:
                raise ValueError("padding inside")
            data += base64.b64decode(text[start : start + SLICE], validate=True)
    except ValueError:
        raise ValueError("audio must be base64") from None
    return bytes(data)


def _frame(pcm: Pcm) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    return frame


def _resampler(rate: int) -> av.AudioResampler:
    return av.AudioResampler(format="s16", layout="mono", rate=rate)


def _g711(audio_format: AudioFormat, mode: Literal["r", "w"]) -> Any:
    """PyAV's codec for it (whose packets have no complete type), None for PCM."""
    if audio_format == "audio/pcm":
        return None
    codec: Any = av.CodecContext.create("pcm_mulaw" if audio_format == "audio/pcmu" else "pcm_alaw", mode)
    codec.sample_rate = G711_RATE
    codec.layout = "mono"
    if mode == "w":
        codec.format = "s16"
    return codec
