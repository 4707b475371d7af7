"""The microphone of one connection: Opus packets in, an unbroken run of 16 kHz samples out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from engines.media import MIC_RATE, Pcm

RTP_RATE = 48_000
"""The clock of Opus in RTP, whatever rate it was encoded at (RFC 7587, 4.1)."""

REORDER_S = 0.03
"""How long a missing packet may still come: until its second successor is there, more or less. This is all the delay
that the buffer can ever add."""

STARVED_S = 0.5
"""Without any packet for so long, silence runs on in its place: longer than a radio's hiccup, whose packets all come
in the end, and no longer than the silence that ends a turn, or somebody cut off in mid-word would be waited for."""

STEP = RTP_RATE // 50
"""One packet's 20 ms."""

STALL_S = 0.1
"""An alarm later than this tells of a stalled event loop."""

MAX_FILL = 2 * RTP_RATE
"""A larger jump of the timestamps is a new stream, not a loss."""

MAX_STRAGGLE = 500
"""Packets (10 s): what lies further back is no straggler; the sender began anew."""

MAX_WAITING = 64
"""Packets kept behind a gap; more than the network can honestly bring in `REORDER_S`."""

TOLERANCE_S = 1e-3
"""An event loop's timer may ring up to its resolution early."""


class Decoder(Protocol):
    """One Opus payload to int16[n] at `RTP_RATE`, mono. ValueError: not Opus."""

    def decode(self, payload: bytes) -> Pcm: ...


class Timer(Protocol):
    """What we need of an event loop, so that tests can count time themselves."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> asyncio.TimerHandle: ...


class OpusDecoder:
    """libopus by way of PyAV, decoding to mono."""

    def __init__(self) -> None:
        codec = av.CodecContext.create("libopus", "r")
        codec.format = "s16"
        codec.layout = "mono"
        codec.sample_rate = RTP_RATE
        self._codec: Any = codec

    def decode(self, payload: bytes) -> Pcm:
        try:
            frames: list[av.AudioFrame] = self._codec.decode(av.Packet(payload))
        except FFmpegError as error:
            raise ValueError(f"not an Opus packet: {error}") from error
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]) if frames else np.empty(0, np.int16)


class Resampler:
    """48 kHz to `MIC_RATE`, keeping its filter's state across calls."""

    def __init__(self) -> None:
        self._filter = av.AudioResampler(format="s16", layout="mono", rate=MIC_RATE)

    def __call__(self, pcm: Pcm) -> Pcm:
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = RTP_RATE
        out = [piece.to_ndarray()[0] for piece in self._filter.resample(frame)]
        return np.concatenate(out) if out else np.empty(0, np.int16)


class Microphone:
    """Puts packets in order and hands their samples on at once; fills what is lost, so that samples count time.

    Nothing is held back to smooth the arrival times: recognisers don't play. A packet that comes when its time has
    already been filled is dropped, so that one loss never becomes a delay.
    """

    def __init__(self, on_pcm: Callable[[Pcm], None], timer: Timer, decoder: Decoder) -> None:
        """
        Args:
            on_pcm: takes int16[n], mono, `MIC_RATE`.
            timer: the running event loop.
        """
        self._on_pcm = on_pcm
        self._timer = timer
        self._decoder = decoder
        self._resample = Resampler()
        self._next_sequence: int | None = None
        self._clock = 0
        self._waiting: dict[int, tuple[bytes, int, float]] = {}
        self._tail: NDArray[np.int16] = np.zeros(STEP, np.int16)
        self._alarm: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._closed = False
        self.lost = 0
        """Packets' worth of audio that had to be filled."""

    def packet(self, payload: bytes, sequence: int, timestamp: int) -> None:
        """Take one RTP packet: its Opus payload, its sequence number and its timestamp."""
        if self._closed or not payload:
            return
        if self._next_sequence is None:
            self._next_sequence = sequence
            self._clock = timestamp
        ahead = _signed(sequence - self._next_sequence, 16)
        if ahead < -MAX_STRAGGLE:
            self._waiting.clear()
            self._next_sequence, self._clock = sequence, timestamp
        elif ahead < 0:
            return
        self._waiting[sequence] = (payload, timestamp, self._timer.time())
        if len(self._waiting) > MAX_WAITING:
            self._skip_gap()
        if self._drain() or len(self._waiting) == 1:
            self._rearm()

    def close(self) -> None:
        self._closed = True
        self._waiting.clear()
        if self._alarm is not None:
            self._alarm.cancel()

    def _drain(self) -> bool:
        """Emit the packets whose turn it is; False if there was none."""
        emitted = False
        while self._next_sequence in self._waiting:
            payload, timestamp, _ = self._waiting.pop(self._next_sequence)
            self._next_sequence = (self._next_sequence + 1) % (1 << 16)
            self._emit(payload, timestamp)
            emitted = True
        return emitted

    def _emit(self, payload: bytes, timestamp: int) -> None:
        gap = _signed(timestamp - self._clock, 32)
        if abs(gap) > MAX_FILL:
            self._clock, gap = timestamp, 0
        if gap < 0:
            return
        try:
            pcm = self._decoder.decode(payload)
        except ValueError:
            return
        if gap:
            self._fill(gap)
        self._tail = pcm[-STEP:]
        self._hand_on(pcm)

    def _fill(self, samples: int) -> None:
        """Continue the last sound backwards while it fades: no click at the joint, and silence from there on."""
        self.lost += samples // STEP
        filled = np.zeros(samples, np.int16)
        length = min(samples, len(self._tail))
        fade = np.linspace(1, 0, length, dtype=np.float32)
        filled[:length] = self._tail[::-1][:length] * fade
        self._tail = np.zeros(STEP, np.int16)
        self._hand_on(filled)

    def _hand_on(self, pcm: Pcm) -> None:
        self._clock = (self._clock + len(pcm)) % (1 << 32)
        out = self._resample(pcm)
        if len(out):
            self._on_pcm(out)

    def _skip_gap(self) -> None:
        """Give up what is missing before the first packet that waits."""
        self._next_sequence = self._first_waiting()

    def _first_waiting(self) -> int:
        base = self._next_sequence or 0
        return min(self._waiting, key=lambda sequence: _signed(sequence - base, 16))

    def _rearm(self) -> None:
        if self._waiting:
            self._set_alarm(self._waiting[self._first_waiting()][2] + REORDER_S)
        else:
            self._set_alarm(self._timer.time() + STARVED_S)

    def _set_alarm(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._timer.call_at(when, self._on_alarm)
        self._due = when

    def _on_alarm(self) -> None:
        now = self._timer.time()
        if now - self._due > STALL_S:
            # Not the network but we were late: the packets may well be here, and come first.
            self._set_alarm(now + STALL_S)
            return
        if not self._waiting:
            self._fill(STEP)
            # From when it was due, not from when it rang, or time would slip.
            self._set_alarm(self._due + STEP / RTP_RATE)
            return
        while self._waiting and self._waiting[self._first_waiting()][2] + REORDER_S <= now + TOLERANCE_S:
            self._skip_gap()
            self._drain()
        self._rearm()


def _signed(value: int, bits: int) -> int:
    """The shortest way round a counter of so many bits."""
    half = 1 << (bits - 1)
    return (value + half) % (1 << bits) - half
