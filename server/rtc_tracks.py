"""The two tracks of one connection. They keep no time: what is released leaves, in order and at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE
from server.rtc_codecs import Encoded

OPUS_CLOCK_RATE = 48_000
"""RTP ticks a second of Opus, whatever it encodes (RFC 7587, 4.1)."""

VIDEO_CLOCK_RATE = 90_000
"""RTP ticks a second of VP8 and H.264 (RFC 7741, 4.1; RFC 6184, 8.2.1)."""

AnyArray = NDArray[Any]
Item = tuple[AnyArray, int]


class MediaClock:
    """Maps media time to wall-clock time by one epoch for both tracks, fixed when the first media is released."""

    def __init__(self, ntp_now: Callable[[], int]) -> None:
        """
        Args:
            ntp_now: the wall clock as an NTP timestamp, 32.32 bits.
        """
        self._ntp_now = ntp_now
        self._epoch: int | None = None

    def start(self, pts: int) -> None:
        """The sample `pts` (at `SAMPLE_RATE`) is released now. Only the first call counts."""
        if self._epoch is None:
            self._epoch = self._ntp_now() - (pts << 32) // SAMPLE_RATE

    def ntp(self, pts: int) -> int | None:
        """NTP timestamp of the sample `pts`; None before the start."""
        if self._epoch is None:
            return None
        return (self._epoch + (pts << 32) // SAMPLE_RATE) % (1 << 64)


class _Released:
    """What waits for the encoder: bounded, the oldest goes first."""

    def __init__(self, bound: int) -> None:
        self._items: deque[Item] = deque(maxlen=bound)
        self._changed = asyncio.Event()
        self.closed = False
        self.dropped = 0

    def put(self, item: Item) -> None:
        self.dropped += len(self._items) == self._items.maxlen
        self._items.append(item)
        self._changed.set()

    def close(self) -> None:
        self.closed = True
        self._changed.set()

    async def get(self) -> Item:
        while not self._items:
            if self.closed:
                raise MediaStreamError
            self._changed.clear()
            await self._changed.wait()
        return self._items.popleft()


class EncodedTrack(MediaStreamTrack):
    """Hands aiortc finished packets, encoded in a thread of its own, so that neither track waits for the other."""

    def __init__(
        self, kind: str, encode: Callable[[AnyArray, int], Encoded | None], clock: MediaClock, backlog: int
    ) -> None:
        """
        Args:
            kind: "audio" or "video".
            encode: runs in the track's own thread; None where there is nothing to send yet.
            backlog: items that may wait for the encoder before the oldest is dropped.
        """
        super().__init__()
        self.kind = kind
        # Packets leave in the codec's own RTP clock, which saves aiortc's sender the arithmetic of fractions.
        self._rtp_rate = OPUS_CLOCK_RATE if kind == "audio" else VIDEO_CLOCK_RATE
        self._rtp_clock = Fraction(1, self._rtp_rate)
        self._encode = encode
        self._clock = clock
        self._queue = _Released(backlog)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"encode-{kind}")
        self._flowing = False
        self._last_pts: int | None = None

    @property
    def dropped(self) -> int:
        """Items that were never sent because the encoder was still busy with older ones."""
        return self._queue.dropped

    def last_sent(self) -> int | None:
        """NTP timestamp of the media last handed to the sender."""
        return None if self._last_pts is None else self._clock.ntp(self._last_pts)

    def release(self, item: AnyArray, pts: int) -> None:
        """Let one item leave; `pts` in samples at `SAMPLE_RATE`. Never waits.

        Before the connection stands there is nobody to receive: a backlog would be delay for the rest of the call.
        """
        if self._flowing and not self._queue.closed:
            self._queue.put((item, pts))

    async def recv(self) -> av.Packet[Any]:
        """The next packet; MediaStreamError once the track has been stopped."""
        self._flowing = True
        while True:
            item, pts = await self._queue.get()
            if self._queue.closed:
                raise MediaStreamError
            encoded = await asyncio.get_running_loop().run_in_executor(self._thread, self._encode, item, pts)
            if encoded is not None:
                self._last_pts = encoded.pts
                packet: av.Packet[Any] = av.Packet(encoded.data)
                packet.pts = encoded.pts * self._rtp_rate // SAMPLE_RATE
                packet.time_base = self._rtp_clock
                return packet

    def stop(self) -> None:
        super().stop()
        self._queue.close()
        self._thread.shutdown(wait=False, cancel_futures=True)
