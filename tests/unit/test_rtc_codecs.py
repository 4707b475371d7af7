"""Encoders and the rate control, without a network."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest

from engines.media import SAMPLE_RATE, SAMPLES_PER_FRAME
from server.rtc_codecs import (
    KEYFRAME_INTERVAL,
    MIN_BITRATE,
    BitrateControl,
    PictureEncoder,
    SpeechEncoder,
    VideoCodec,
)

pytestmark = pytest.mark.unit

DECODERS: dict[VideoCodec, str] = {"vp8": "libvpx", "h264": "h264"}


def picture(k: int) -> np.ndarray:
    image = np.full((768, 512), 128, np.uint8)
    image[:512] = (np.arange(512) // 4 + 3 * k).astype(np.uint8)
    return image


def is_keyframe(codec: VideoCodec, data: bytes) -> bool:
    if codec == "vp8":
        return data[0] & 1 == 0  # RFC 6386, 9.1
    return any(part[0] & 0x1F == 5 for part in data.split(b"\x00\x00\x01")[1:])


class Coder:
    def __init__(self, codec: VideoCodec) -> None:
        self.codec: VideoCodec = codec
        self.rate = BitrateControl(500_000, 2_000_000, 0.0)
        self.encoder = PictureEncoder(codec, self.rate)
        self.decoder: Any = av.CodecContext.create(DECODERS[codec], "r")
        self.k = 0
        self.keyframes: list[int] = []

    def step(self) -> np.ndarray | None:
        packet = self.encoder.encode(picture(self.k), self.k * SAMPLES_PER_FRAME)
        assert packet is not None
        assert packet.pts == self.k * SAMPLES_PER_FRAME
        if is_keyframe(self.codec, packet.data):
            self.keyframes.append(self.k)
        self.k += 1
        decoded = self.decoder.decode(av.Packet(packet.data))
        return decoded[0].to_ndarray() if decoded else None


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_every_picture_is_one_packet_at_once_and_looks_right(codec: VideoCodec) -> None:
    coder = Coder(codec)
    for k in range(6):
        seen = coder.step()
        if seen is not None:
            assert np.abs(seen[:512].astype(int) - picture(k)[:512]).mean() < 4
    assert coder.keyframes == [0]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_keyframes_come_when_asked_for_but_at_most_every_500_ms(codec: VideoCodec) -> None:
    coder = Coder(codec)
    frames = KEYFRAME_INTERVAL // SAMPLES_PER_FRAME + 1
    for _ in range(3 * frames):
        coder.encoder.request_keyframe()
        coder.step()
    assert coder.keyframes == [0, frames, 2 * frames]
    for _ in range(2 * frames):
        coder.step()
    assert coder.keyframes == [0, frames, 2 * frames, 3 * frames], "the one that was put off is honoured, and no other"


def test_a_new_rate_takes_effect_with_one_keyframe() -> None:
    coder = Coder("vp8")
    for _ in range(5):
        coder.step()
    coder.rate.bitrate = 1_000_000
    for _ in range(5):
        coder.step()
    assert coder.keyframes == [0, 5]


def test_speech_keeps_its_time_through_opus() -> None:
    encoder = SpeechEncoder()
    decoder: Any = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout, decoder.format = 48_000, "mono", "s16"
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    # A chirp correlates sharply with itself at one delay only.
    wave = (8000 * np.sin(2 * np.pi * (200 * t + 1500 * t**2))).astype(np.int16)
    packets = [encoder.encode(wave[k : k + 480], k) for k in range(0, SAMPLE_RATE, 480)]
    pts = [p.pts for p in packets if p]
    assert {b - a for a, b in pairwise(pts)} == {480}
    heard = np.concatenate([f.to_ndarray()[0] for p in packets if p for f in decoder.decode(av.Packet(p.data))])
    heard = heard[::2].astype(float)
    n = len(heard)
    spectrum = np.fft.rfft(heard, 2 * n) * np.conj(np.fft.rfft(wave[:n].astype(float), 2 * n))
    delay = int(np.argmax(np.fft.irfft(spectrum)))
    assert pts[0] + delay == pytest.approx(0, abs=24), "what a packet's pts promises is played then, to 1 ms"


class Line:
    """A receiver that estimates as libwebrtc does, on a line of a given width."""

    def __init__(self, start: int, limit: int, width: int) -> None:
        self.now = 0.0
        self.control = BitrateControl(start, limit, 0.0)
        self.width = width
        self.rates: list[int] = []

    def run(self, seconds: float, demand: float = float("inf")) -> None:
        """`demand`: bit/s that the pictures would take at most, however much they may."""
        for _ in range(round(seconds * 5)):
            self.now += 0.2
            sent = min(self.control.bitrate, demand)
            self.control.sent(round(sent / 8 * 0.2))
            got = min(sent, self.width)
            self.control.estimate(round(0.85 * got if sent > self.width else 1.5 * got), self.now)
            if not self.rates or self.rates[-1] != self.control.bitrate:
                self.rates.append(self.control.bitrate)


def test_the_rate_rises_to_the_limit_in_few_steps() -> None:
    line = Line(500_000, 2_000_000, 10_000_000)
    line.run(60)
    assert line.rates[-1] == 2_000_000
    assert len(line.rates) <= 5


def test_a_narrow_line_lowers_the_rate_below_its_width() -> None:
    line = Line(1_500_000, 2_000_000, 600_000)
    line.run(20)
    assert MIN_BITRATE <= line.rates[-1] <= 600_000


def test_a_quiet_picture_is_not_mistaken_for_congestion() -> None:
    line = Line(1_500_000, 1_500_000, 10_000_000)
    line.run(60, demand=150_000)
    assert line.rates == [1_500_000]


def test_the_rate_never_leaves_its_bounds() -> None:
    control = BitrateControl(10, 10_000_000, 0.0)
    assert control.bitrate == MIN_BITRATE
    control.sent(10_000_000)
    control.estimate(1, 10.0)
    assert control.bitrate == MIN_BITRATE
    control.estimate(2**40, 20.0)
    assert control.bitrate == 10_000_000
