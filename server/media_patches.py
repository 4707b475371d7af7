"""The places where we reach into aiortc 1.16.0 and aioice, because their public interfaces end too early.

Everything is patched on the instances of one connection, never on a class or a module. `tests/rtc` fails when an
upgrade moves one of these.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpSrPacket,
    RtpPacket,
    unpack_remb_fci,
)


class PacketSink(Protocol):
    """Takes the RTP packets of one stream in the order of their arrival."""

    def packet(self, payload: bytes, sequence: int, timestamp: int) -> None: ...


def report_media_clock(sender: RTCRtpSender, last_sent: Callable[[], int | None]) -> None:
    """Make sender reports state the media clock instead of the time at which the last packet happened to leave.

    aiortc pairs the last RTP timestamp with the time of sending, so that encoding time becomes lip-sync error at the
    receiver (RFC 3550, 6.4.1 asks for the sampling instant).

    Args:
        last_sent: NTP timestamp (32.32 bits) of the media last handed to this sender; None before the first.
    """
    send = sender._send_rtcp

    async def send_rtcp(packets: list[AnyRtcpPacket]) -> None:
        for packet in packets:
            if isinstance(packet, RtcpSrPacket):
                ntp = last_sent()
                if ntp is None:
                    return
                packet.sender_info.ntp_timestamp = ntp
                # The receiver's report quotes this middle part back; aiortc compares it to measure the round trip.
                sender._RTCRtpSender__lsr = (ntp >> 16) & 0xFFFFFFFF  # pyright: ignore
        await send(packets)

    sender._send_rtcp = send_rtcp


def route_feedback(sender: RTCRtpSender, on_keyframe: Callable[[], None], on_estimate: Callable[[int], None]) -> None:
    """Take the receiver's wishes to our own encoder: aiortc's is bypassed, as our tracks hand out encoded packets.

    Args:
        on_keyframe: the receiver lost a picture (PLI) or joined (FIR).
        on_estimate: the bitrate that the receiver believes to get through (REMB), bit/s.
    """
    handle = sender._handle_rtcp_packet

    async def handle_rtcp(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_FIR, RTCP_PSFB_PLI):
            on_keyframe()
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            try:
                on_estimate(unpack_remb_fci(packet.fci)[0])
            except ValueError:
                return
        else:
            await handle(packet)

    sender._handle_rtcp_packet = handle_rtcp


class _PassThrough:
    """Stands where aiortc keeps its `JitterBuffer`: hands packets on, and never has a frame for aiortc's decoder."""

    def __init__(self, sink: PacketSink) -> None:
        self._sink = sink

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        self._sink.packet(packet.payload, packet.sequence_number, packet.timestamp)
        return False, None


def divert_packets(receiver: RTCRtpReceiver, sink: PacketSink) -> None:
    """Give a receiver's packets to `sink` instead of to aiortc's jitter buffer.

    That buffer holds 80 ms, and after one lost packet stays 280 ms late for the rest of the call (aiortc#543). The
    statistics behind the receiver reports go on; the decoder's thread stays idle, so that joining it never blocks.
    """
    receiver._RTCRtpReceiver__jitter_buffer = _PassThrough(sink)  # pyright: ignore


def transports(connection: RTCPeerConnection) -> set[RTCDtlsTransport]:
    """The transports in use: one for everything, once a bundled description is set."""
    in_use = {transceiver.receiver.transport for transceiver in connection.getTransceivers()}
    if connection.sctp is not None:
        in_use.add(connection.sctp.transport)
    return in_use


def watch_packets(connection: RTCPeerConnection, on_packet: Callable[[], None]) -> None:
    """Call `on_packet` for every authenticated packet of the peer: media, feedback, messages, connectivity checks."""

    def watch(owner: Any, name: str) -> None:
        method = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            on_packet()
            return method(*args, **kwargs)

        setattr(owner, name, watched)

    for transport in transports(connection):
        watch(transport, "_handle_rtp_data")
        watch(transport, "_handle_rtcp_data")
        watch(transport.transport._connection, "check_incoming")
    if connection.sctp is not None:
        watch(connection.sctp, "_handle_data")


def allow_loopback(connection: RTCPeerConnection) -> None:
    """Offer 127.0.0.1 where the machine has no other address: an unplugged kiosk talks to itself.

    RFC 8445 (5.1.1.1) leaves loopback out, and so does aioice; without it an unplugged machine has no candidate.
    """
    for transport in transports(connection):
        ice = transport.transport._connection
        gather = ice.gather_candidates

        async def gather_candidates(ice: Any = ice, gather: Any = gather) -> None:
            await gather()
            if not ice.local_candidates:
                ice._local_candidates += await ice.get_component_candidates(component=1, addresses=["127.0.0.1"])

        ice.gather_candidates = gather_candidates


def unread_bytes(connection: RTCPeerConnection) -> int:
    """Bytes of incomplete data channel messages held beyond the window that we granted the peer (0 if it behaves)."""
    return 0 if connection.sctp is None else max(0, -connection.sctp._advertised_rwnd)


def sends(connection: RTCPeerConnection, kind: str) -> bool:
    """The peer agreed to receive media of this kind, once both descriptions are set."""
    return any(t.kind == kind and t.currentDirection in ("sendonly", "sendrecv") for t in connection.getTransceivers())


def negotiated_codec(connection: RTCPeerConnection, kind: str) -> str:
    """The MIME type, in lower case, that we shall send, once the remote description is set."""
    transceiver = next(t for t in connection.getTransceivers() if t.kind == kind)
    return transceiver._codecs[0].mimeType.lower()
