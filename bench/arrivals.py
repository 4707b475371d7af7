"""When media arrives at a receiving peer, and which moment of the sender's clock it belongs to."""

# The arrival of an RTP packet and the sender reports never surface in aiortc's public API.
# pyright: reportPrivateUsage=false
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpReceiver
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket

HISTORY = 3000
"""RTP timestamps remembered: a minute of 20 ms audio packets."""


class Arrivals:
    """Watches one `RTCRtpReceiver`: arrival time and media time of everything that it decodes.

    Attach it before media flows (in the `track` event). Times do not include the receiver's jitter buffer: a packet
    has arrived when it came off the network, however long aiortc keeps it afterwards.
    """

    def __init__(self, receiver: RTCRtpReceiver, clock: Callable[[], float]) -> None:
        """
        Args:
            receiver: `transceiver.receiver`, or found by its track among `RTCPeerConnection.getReceivers()`.
            clock: seconds, for instance `asyncio.get_running_loop().time`.
        """
        self._clock = clock
        self._rate = 48_000 if receiver.track.kind == "audio" else 90_000
        self._first: int | None = None
        self._arrived: dict[int, tuple[float, float]] = {}
        self._report: tuple[float, int] | None = None
        self._handle_rtp = receiver._handle_rtp_packet
        self._handle_rtcp = receiver._handle_rtcp_packet
        receiver._handle_rtp_packet = self._rtp
        receiver._handle_rtcp_packet = self._rtcp

    def arrived(self, pts: int) -> float | None:
        """Clock time at which the last packet of a decoded frame came.

        Args:
            pts: the `pts` of the frame, as its track's `recv()` gave it (ticks of 1/48 000 or 1/90 000 s).
        """
        came = self._arrived.get(self._timestamp(pts))
        return None if came is None else came[1]

    def began(self, pts: int) -> float | None:
        """The same of its first packet."""
        came = self._arrived.get(self._timestamp(pts))
        return None if came is None else came[0]

    def media_time(self, pts: int) -> float | None:
        """Seconds on the sender's own clock (NTP) that a frame belongs to; None before the first sender report."""
        if self._report is None:
            return None
        ntp, reported = self._report
        ticks = (self._timestamp(pts) - reported + (1 << 31)) % (1 << 32) - (1 << 31)
        return ntp + ticks / self._rate

    def _timestamp(self, pts: int) -> int:
        return ((self._first or 0) + pts) % (1 << 32)

    async def _rtp(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if self._first is None:
            # aiortc counts the pts of decoded frames from the first RTP timestamp.
            self._first = packet.timestamp
        now = self._clock()
        self._arrived[packet.timestamp] = (self._arrived.get(packet.timestamp, (now,))[0], now)
        if len(self._arrived) > HISTORY:
            del self._arrived[next(iter(self._arrived))]
        await self._handle_rtp(packet, arrival_time_ms)

    async def _rtcp(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            info: Any = packet.sender_info
            self._report = (info.ntp_timestamp / 2**32, info.rtp_timestamp)
        await self._handle_rtcp(packet)
