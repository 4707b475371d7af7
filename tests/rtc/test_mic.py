"""The microphone over a real connection that loses packets."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack

from engines.media import MIC_RATE
from tests.rtc.client import Client, call

pytestmark = pytest.mark.rtc

RATE = 48_000
SECONDS = 6.0


def chirp(start: int, count: int) -> np.ndarray:
    """Samples `start .. start + count` of a sweep that resembles itself at no other time."""
    t = np.arange(start, start + count) / RATE
    return (8000 * np.sin(2 * np.pi * (300 * t + 150 * t**2))).astype(np.int16)


class ChirpTrack(MediaStreamTrack):
    """A microphone that hears a chirp in real time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0
        self.began = 0.0

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        if not self._sent:
            self.began = loop.time()
        await asyncio.sleep(self.began + self._sent / RATE - loop.time())
        frame = av.AudioFrame.from_ndarray(chirp(self._sent, 960)[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, Fraction(1, RATE)
        self._sent += 960
        return frame


def drop_sound(client: Client, every: int) -> list[int]:
    """Lose every n-th packet of the client's sound on its way; returns the list that fills with what was lost."""
    sender = client.connection.getSenders()[0]
    transport = sender.transport
    send, count, lost = transport._send_rtp, 0, []  # pyright: ignore[reportPrivateUsage]

    async def send_rtp(data: bytes) -> None:
        nonlocal count
        if 192 <= data[1] <= 223:  # RTCP (RFC 5761, 4)
            return await send(data)
        count += 1
        if count % every == 0:
            return lost.append(count)
        return await send(data)

    transport._send_rtp = send_rtp
    return lost


def lag(heard: np.ndarray, at: float) -> float:
    """Seconds by which the sound at `at` seconds of the run heard lies behind the chirp."""
    piece = heard[round(at * MIC_RATE) :][: MIC_RATE // 2].astype(float)
    truth = chirp(0, round(SECONDS * RATE))[::3].astype(float)
    n = len(truth) + len(piece)
    match = np.fft.irfft(np.fft.rfft(truth, n) * np.conj(np.fft.rfft(piece, n)), n)
    return at - int(np.argmax(match)) / MIC_RATE


async def test_one_percent_loss_makes_neither_the_clock_slip_nor_the_delay_grow() -> None:
    microphone = ChirpTrack()
    client = Client(audio=microphone, video=None)
    lost = drop_sound(client, 100)
    loop = asyncio.get_running_loop()
    progress: list[tuple[float, int]] = []
    pieces: list[np.ndarray] = []
    total = 0

    def hear(pcm: np.ndarray) -> None:
        nonlocal total
        total += len(pcm)
        pieces.append(pcm)
        progress.append((loop.time(), total))

    async with call(client, on_pcm=hear):
        await asyncio.sleep(SECONDS)

    assert len(lost) >= 2
    heard = np.concatenate(pieces)
    begins = lag(heard, 0.3)
    ends = lag(heard, len(heard) / MIC_RATE - 0.7)
    assert abs(ends - begins) < 0.002
    # How far the samples that came lie behind the clock on the wall, early and late in the call.
    behind = np.array([at - microphone.began - count / MIC_RATE for at, count in progress])
    third = len(behind) // 3
    assert np.median(behind[-third:]) - np.median(behind[:third]) < 0.02
