"""Encoders of what she says and how she looks, and the rate that the pictures may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
from av.video.frame import PictureType

from engines.media import FPS, SAMPLE_RATE, Image, Pcm

MEDIA_CLOCK = Fraction(1, SAMPLE_RATE)
"""One tick of every pts here, in seconds: both tracks count her samples."""

OPUS_BITRATE = 48_000
"""Bit/s: mono speech up to 12 kHz is transparent to listeners from about 32 kbit/s on."""

KEYFRAME_INTERVAL = SAMPLE_RATE // 2
"""At most one requested keyframe in 500 ms: each costs several ordinary pictures' bits, and comes as one burst."""

MIN_BITRATE = 250_000
"""Bit/s below which a 512×512 face falls apart; on a worse line fewer pictures arrive."""

VideoCodec = Literal["vp8", "h264"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """One codec packet."""

    data: bytes
    pts: int
    """Ticks of `MEDIA_CLOCK`."""


class SpeechEncoder:
    """20 ms of 24 kHz mono to one Opus packet. Opus takes 24 kHz as it is, so that nothing is resampled."""

    def __init__(self) -> None:
        codec = av.CodecContext.create("libopus", "w")
        codec.format = "s16"
        codec.layout = "mono"
        codec.sample_rate = SAMPLE_RATE
        codec.time_base = MEDIA_CLOCK
        codec.bit_rate = OPUS_BITRATE
        # Low delay looks 2.5 ms ahead instead of 6.5 ms, and takes a third of the time; at this rate nobody hears it.
        codec.options = {"application": "lowdelay", "frame_duration": "20", "compression_level": "5"}
        self._codec: Any = codec

    def encode(self, pcm: Pcm, pts: int) -> Encoded | None:
        """Encode int16[480] of media time `pts`.

        The packet's pts precedes the samples' by the encoder's own delay of 2.5 ms: a receiver that honours it plays
        every sample at its time.
        """
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = MEDIA_CLOCK
        frame.pts = pts
        return _only(self._codec.encode(frame))


class PictureEncoder:
    """I420 pictures to VP8 or H.264 packets, one each, without delay or reordering.

    FFmpeg can't change libvpx's rate in place: a new rate takes a new encoder, and so a keyframe. `BitrateControl`
    makes that rare.
    """

    def __init__(self, codec: VideoCodec, rate: BitrateControl) -> None:
        self.codec: VideoCodec = codec
        """To be settled before the first picture."""
        self._rate = rate
        self._bitrate = 0
        self._size = (0, 0)
        self._encoder: Any = None
        self._keyframe_wanted = False
        self._last_keyframe = 0

    def request_keyframe(self) -> None:
        """The next picture shall stand alone, or the first one that may (`KEYFRAME_INTERVAL`)."""
        self._keyframe_wanted = True

    def encode(self, image: Image, pts: int) -> Encoded | None:
        """Encode uint8[768, 512] (I420) of media time `pts`. It is read in place: nobody may write to it any more."""
        height, width = image.shape[0] * 2 // 3, image.shape[1]
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="yuv420p", width=width)
        frame.time_base = MEDIA_CLOCK
        frame.pts = pts
        if self._encoder is None or self._bitrate != self._rate.bitrate or self._size != (width, height):
            self._bitrate, self._size = self._rate.bitrate, (width, height)
            self._encoder = _open_video(self.codec, self._size, self._bitrate)
            self._note_keyframe(pts)
        elif self._keyframe_wanted and pts - self._last_keyframe >= KEYFRAME_INTERVAL:
            frame.pict_type = PictureType.I
            self._note_keyframe(pts)
        packet = _only(self._encoder.encode(frame))
        if packet is not None:
            self._rate.sent(len(packet.data))
        return packet

    def _note_keyframe(self, pts: int) -> None:
        self._keyframe_wanted = False
        self._last_keyframe = pts


def _only(packets: Sequence[Any]) -> Encoded | None:
    return Encoded(bytes(packets[0]), packets[0].pts) if packets else None


def _open_video(name: VideoCodec, size: tuple[int, int], bitrate: int) -> Any:
    codec = av.CodecContext.create("libvpx" if name == "vp8" else "libx264", "w")
    codec.width, codec.height = size
    codec.pix_fmt = "yuv420p"
    codec.time_base = MEDIA_CLOCK
    codec.framerate = Fraction(FPS)
    codec.bit_rate = bitrate
    codec.thread_count = 1
    # Keyframes come when they are asked for, and otherwise every two minutes.
    codec.gop_size = 3000
    rate = str(bitrate)
    if name == "vp8":
        # From here down a quantiser buys bits, packets and time, and no difference to the eye: 45 dB, at 1.3 Mbit/s
        # while she speaks and 0.1 Mbit/s while she is still.
        codec.qmin, codec.qmax = 16, 56
        codec.options = {
            "deadline": "realtime",
            "cpu-used": "-12",  # 1.9 ms for 512×512 against 2.6 ms at -6, for 0.5 dB at 46 dB
            "lag-in-frames": "0",
            "minrate": rate,  # minrate = maxrate: constant rate, so that no burst waits in a router
            "maxrate": rate,
            "bufsize": rate,
            "undershoot-pct": "100",
            "overshoot-pct": "15",
            "noise-sensitivity": "0",  # a rendered picture has no noise, and the filter costs a quarter
            "static-thresh": "0",
            "partitions": "0",
        }
    else:
        codec.qmin, codec.qmax = 22, 51  # the same 45 dB
        codec.profile = "Baseline"
        codec.options = {
            "preset": "superfast",
            "tune": "zerolatency",
            "level": "31",  # what aiortc's SDP promises
            "forced-idr": "1",
            "sc_threshold": "0",
            "maxrate": rate,
            "bufsize": str(bitrate // 2),
        }
    return codec


class BitrateControl:
    """The rate of the pictures, from what the receiver believes to get through (REMB).

    A receiver's estimate is at most about one and a half times what it gets (draft-ietf-rmcat-gcc-02, 5.5), so a quiet
    picture alone lowers it. Only an estimate below what we really send tells of congestion.
    """

    FALL = 0.75
    RISE = 1.5
    """Factors that a change must reach: a smaller one is not worth the keyframe that it costs. Falling is urgent."""
    HOLD_S = 2.0
    """Least time between two changes."""
    WINDOW_S = 1.0
    """Least time over which the rate that we really send is counted."""

    def __init__(self, start: int, limit: int, now: float) -> None:
        """
        Args:
            start: bit/s to begin with.
            limit: bit/s never exceeded.
            now: seconds.
        """
        self._limit = max(limit, MIN_BITRATE)
        self.bitrate = min(max(start, MIN_BITRATE), self._limit)
        """Bit/s to encode at."""
        self._changed = now
        self._counted_from = now
        self._bytes = 0

    def sent(self, size: int) -> None:
        """Count a packet of so many bytes."""
        self._bytes += size

    def estimate(self, bitrate: int, now: float) -> None:
        """Take one estimate (bit/s); `bitrate` is the rate to use from then on."""
        span = now - self._counted_from
        if now - self._changed < self.HOLD_S or span < self.WINDOW_S:
            return
        sending = self._bytes * 8 / span
        if bitrate < sending and bitrate <= self.FALL * self.bitrate:
            self._change(max(bitrate, MIN_BITRATE), now)
        elif bitrate >= min(self.RISE * self.bitrate, self._limit):
            self._change(min(bitrate, self._limit), now)
        self._counted_from, self._bytes = now, 0

    def _change(self, bitrate: int, now: float) -> None:
        if bitrate != self.bitrate:
            self.bitrate = bitrate
            self._changed = now
