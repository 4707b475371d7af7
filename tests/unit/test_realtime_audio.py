"""Input audio: three formats, any cut between appends, and a pace that the ears can follow."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import numpy as np
import pytest

from engines.media import MIC_RATE, Pcm
from server.realtime.audio import BURST_S, MAX_BACKLOG, SLICE, SPEED, AudioDecoder, AudioEncoder, Microphone
from server.realtime.values import AudioFormat

pytestmark = pytest.mark.unit


def tone(rate: int, seconds: float = 1.0) -> Pcm:
    return (10_000 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def mu_law(pcm: Pcm) -> bytes:
    """ITU-T G.711: sign, three bits of exponent, four of mantissa, all inverted; bias 132 at 16 bits."""
    magnitude = np.minimum(np.abs(pcm.astype(np.int32)), 32_635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    return (~(((pcm < 0) << 7) | (exponent << 4) | mantissa) & 255).astype(np.uint8).tobytes()


def decoded(data: bytes, audio_format: AudioFormat, cut: int) -> Pcm:
    decoder = AudioDecoder()
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    return np.concatenate([decoder.decode(base64.b64encode(piece).decode(), audio_format) for piece in pieces])


def pitch(pcm: Pcm) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(pcm))) * MIC_RATE / len(pcm))


@pytest.mark.parametrize(
    ("audio_format", "rate", "encode"),
    [
        ("audio/pcm", 24_000, lambda pcm: pcm.astype("<i2").tobytes()),
        ("audio/pcmu", 8_000, mu_law),
    ],
)
@pytest.mark.parametrize("cut", [961, 48_000])
def test_every_format_arrives_at_the_ears_rate(
    audio_format: AudioFormat, rate: int, encode: Callable[[Pcm], bytes], cut: int
) -> None:
    heard = decoded(encode(tone(rate)), audio_format, cut)
    assert abs(len(heard) - MIC_RATE) < 50
    assert pitch(heard) == pytest.approx(440, abs=2)
    assert 8_000 < np.abs(heard).max() < 12_000


@pytest.mark.parametrize(
    ("audio_format", "size"), [("audio/pcm", 48_000), ("audio/pcmu", 8_000), ("audio/pcma", 8_000)]
)
def test_her_voice_comes_back_from_every_format(audio_format: AudioFormat, size: int) -> None:
    encoder = AudioEncoder()
    texts = [encoder.encode(piece, audio_format) for piece in np.array_split(tone(24_000), 5)]
    data = b"".join(base64.b64decode(text) for text in texts)
    assert abs(len(data) - size) < 50
    heard = decoded(data, audio_format, len(data))
    assert pitch(heard) == pytest.approx(440, abs=2)
    assert 8_000 < np.abs(heard).max() < 12_000


@pytest.mark.parametrize("size", [SLICE // 4 * 3 - 1, SLICE // 4 * 3, SLICE // 4 * 9 + 2])
def test_a_long_recording_arrives_whole(size: int) -> None:
    data = np.random.default_rng(1).bytes(size)
    once, cut = decoded(data, "audio/pcm", size), decoded(data, "audio/pcm", 40_000)
    assert len(once) == pytest.approx(size / 3, abs=20)
    assert np.array_equal(once[: len(cut)], cut[: len(once)])


def test_what_is_no_base64_is_refused() -> None:
    padded = "A" * (SLICE - 4) + "AA=="
    for text in ("%%%", "é", "AAA", padded + "AAAA", padded + padded, "A" * SLICE + "A"):
        with pytest.raises(ValueError, match="base64"):
            AudioDecoder().decode(text, "audio/pcm")


async def test_live_audio_passes_undelayed_and_a_file_no_faster_than_the_ears() -> None:
    clock = asyncio.get_running_loop().time
    heard: list[tuple[float, int]] = []
    microphone = Microphone(lambda pcm: heard.append((clock(), len(pcm))), clock)
    running = asyncio.create_task(microphone.run())
    for _ in range(10):
        await microphone.append(np.zeros(MIC_RATE // 5, np.int16))
        await asyncio.sleep(0.2)
    assert sum(samples for _, samples in heard) == 2 * MIC_RATE
    begun = clock()
    await microphone.append(np.zeros(10 * MIC_RATE, np.int16))
    await microphone.drained()
    assert clock() - begun == pytest.approx((10 - BURST_S) / SPEED, abs=0.1)
    running.cancel()


async def test_a_client_far_ahead_waits() -> None:
    clock = asyncio.get_running_loop().time
    microphone = Microphone(lambda pcm: None, clock)
    await microphone.append(np.zeros(MAX_BACKLOG, np.int16))
    second = asyncio.create_task(microphone.append(np.zeros(10, np.int16)))
    await asyncio.sleep(0.1)
    assert not second.done()
    await microphone.clear()
    await asyncio.sleep(0.1)
    assert second.done()
