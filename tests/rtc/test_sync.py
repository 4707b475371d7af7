"""Lip sync: what the receiver is told about the two tracks' clocks, and when the media really comes."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from engines.media import SAMPLES_PER_FRAME
from server.rtc import Peer
from server.rtc_codecs import Encoded, PictureEncoder
from tests.rtc.client import Client, call, frames, moving_bars, play, tone

pytestmark = pytest.mark.rtc


async def _watch(client: Client, kind: str) -> list[int]:
    return [frame.pts async for frame in frames(client.tracks[kind])]


def _reported(client: Client, kind: str, pts: list[int]) -> list[float]:
    times = [client.arrivals[kind].media_time(p) for p in pts]
    assert None not in times, f"no sender report for {kind} came"
    return [t for t in times if t is not None]


@pytest.mark.parametrize("delay", [0.0, 0.027])
async def test_sender_reports_tell_media_time_however_long_encoding_takes(
    delay: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = PictureEncoder.encode

    def slow(self: PictureEncoder, image: np.ndarray, pts: int) -> Encoded | None:
        time.sleep(delay)
        return encode(self, image, pts)

    monkeypatch.setattr(PictureEncoder, "encode", slow)
    client = Client()
    async with call(client) as peer:
        watching = [asyncio.create_task(_watch(client, kind)) for kind in ("audio", "video")]
        await play(peer, 3.5, tone, moving_bars)
        await asyncio.sleep(0.2)
        await client.close()
        heard, seen = await asyncio.gather(*watching)
    audio, video = np.array(_reported(client, "audio", heard)), np.array(_reported(client, "video", seen))
    # Every picture belongs to the beginning of a packet of sound, which Opus makes 2.5 ms early. Were the clocks
    # apart, it would lie somewhere between two packets (the delays here are no multiples of 20 ms).
    assert abs(_off_grid(video[0] - audio[0] - 0.0025, 0.02)) < 0.002
    assert np.abs(_off_grid(video - video[0], 0.04)).max() < 0.001
    assert abs(video[0] - audio[0]) < 1


def _off_grid(seconds: np.ndarray, grid: float) -> np.ndarray:
    return (seconds + grid / 2) % grid - grid / 2


async def test_what_arrives_late_shows_in_the_arrival_offset() -> None:
    """On a machine however busy, pictures held back by 100 ms arrive that much later against their sound."""
    assert await _arrival_offset(late=0.1) - await _arrival_offset(late=0.0) == pytest.approx(0.1, abs=0.04)


async def _arrival_offset(late: float) -> float:
    """Median of the seconds from a sound's arrival to that of the picture of the same media time."""
    client = Client()
    async with call(client) as peer:
        watching = [asyncio.create_task(_watch(client, kind)) for kind in ("audio", "video")]
        await play(_Late(peer, late), 3.0, tone, moving_bars)
        await asyncio.sleep(0.3)
        await client.close()
        heard, seen = await asyncio.gather(*watching)
    return float(np.median(_arrival_offsets(client, heard, seen)))


class _Late:
    """A sink that holds pictures back."""

    def __init__(self, peer: Peer, seconds: float) -> None:
        self._peer, self._seconds = peer, seconds

    def audio(self, pcm: np.ndarray, pts: int) -> None:
        self._peer.audio(pcm, pts)

    def picture(self, image: np.ndarray | None, pts: int) -> None:
        asyncio.get_running_loop().call_later(self._seconds, self._peer.picture, image, pts)


def _arrival_offsets(client: Client, heard: list[int], seen: list[int]) -> np.ndarray:
    audio, video = client.arrivals["audio"], client.arrivals["video"]
    sound_media = np.array(_reported(client, "audio", heard))
    sound_at = np.array([audio.arrived(p) for p in heard], float)
    offsets = []
    for pts in seen:
        media, at = video.media_time(pts), video.arrived(pts)
        assert media is not None
        assert at is not None
        nearest = int(np.argmin(np.abs(sound_media - media)))
        if abs(sound_media[nearest] - media) < SAMPLES_PER_FRAME / 24_000:
            offsets.append(at - sound_at[nearest])
    return np.array(offsets)
