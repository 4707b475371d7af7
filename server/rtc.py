"""One WebRTC connection: her voice and face out, the microphone and the events in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.clock import current_ntp_time
from aiortc.exceptions import OperationError

from engines.media import Image, Pcm
from server import media_patches as patches
from server.rtc_codecs import BitrateControl, PictureEncoder, SpeechEncoder, VideoCodec
from server.rtc_mic import Microphone, OpusDecoder
from server.rtc_offer import Offer, read_offer
from server.rtc_tracks import EncodedTrack, MediaClock

log = logging.getLogger(__name__)

CHANNEL = "oai-events"
"""The data channel that a Realtime client opens for events."""

MAX_MESSAGE = 256 * 1024
"""Bytes of one message: what every browser takes, and what we announce (`a=max-message-size`)."""

MAX_QUEUED = 4 * MAX_MESSAGE
"""Bytes waiting for a peer that does not read; then it is given up."""

MAX_KEPT = MAX_QUEUED // 2
"""Bytes kept for a peer that has not opened the channel: further ones are dropped, as it may be there for her voice
and face alone. Less than `MAX_QUEUED`, so that opening it late leaves room to read."""

MAX_STALE = 16 * 1024
"""Bytes before which what becomes stale is still sent: about a second of motion, a tenth of one at 1 Mbit/s."""

AUDIO_BACKLOG = 50
"""20 ms packets that may wait for the encoder: a second. Beyond that the machine is lost anyway, and memory is not."""

PICTURE_BACKLOG = 3
"""Pictures that may wait for the encoder: 120 ms. Older ones nobody needs any more."""

CONNECT_S = 20.0
"""An answer that nobody acts on: longer than a slow phone's checks take."""


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """What the configuration says about media."""

    codec: VideoCodec = "vp8"
    """The preferred one; the other is used where a client can't decode it."""
    start_bitrate: int = 1_500_000
    """Video, bit/s."""
    max_bitrate: int = 2_500_000
    """Video, bit/s."""
    ice_servers: tuple[RTCIceServer, ...] = ()
    """STUN and TURN; none by default, so that nobody outside hears of a call, and nothing waits for a network."""


class Peer:
    """One connection, from its offer to its end. It is a `MediaSink`: what `audio` and `picture` get leaves at once."""

    answer_sdp: str
    video: bool
    """The peer takes pictures."""
    last_packet: float
    """`loop.time()` of the peer's last authenticated packet (of the offer, before there is one)."""

    def __init__(
        self,
        settings: MediaSettings,
        *,
        on_pcm: Callable[[Pcm], None],
        on_message: Callable[[str | bytes], None],
    ) -> None:
        """For `accept` only."""
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=list(settings.ice_servers)))
        self._on_message = on_message
        self._clock = MediaClock(current_ntp_time)
        self.microphone = Microphone(on_pcm, self._loop, OpusDecoder())
        self._speech: EncodedTrack | None = None
        self._pictures: EncodedTrack | None = None
        self._channel: RTCDataChannel | None = None
        self._outbox: list[str] = []
        self._outbox_size = 0
        self._outbox_full = False
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._connected = False
        self._patience = self._loop.call_later(CONNECT_S, self._end, "failed")
        self._closing: asyncio.Task[None] | None = None
        self.video = False
        self.last_packet = self._loop.time()

    @classmethod
    async def accept(
        cls,
        offer_sdp: str,
        settings: MediaSettings,
        *,
        on_pcm: Callable[[Pcm], None],
        on_message: Callable[[str | bytes], None],
    ) -> Peer:
        """Answer an offer. The answer carries complete candidates; there is no trickling.

        Args:
            offer_sdp: with or without candidates, audio and video.
            on_pcm: takes the microphone, int16[n] at `MIC_RATE`, in an unbroken run.
            on_message: takes what comes over the data channel.

        Raises:
            ValueError: the offer is too long, malformed, or has no codec in common with us. Says which.
        """
        offer = read_offer(offer_sdp)
        peer = cls(settings, on_pcm=on_pcm, on_message=on_message)
        try:
            await peer._answer(offer)
        except BaseException as error:
            await peer.close()
            if isinstance(error, Exception):
                raise ValueError(f"This SDP offer can't be answered: {error or type(error).__name__}.") from error
            raise
        return peer

    async def _answer(self, offer: Offer) -> None:
        connection = self._connection
        connection.on("connectionstatechange", self._on_state)
        connection.on("datachannel", self._on_channel)
        if offer.audio:
            self._add_audio()
        encoder = self._add_video() if offer.video else None
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        except OperationError as error:
            raise ValueError("no codec in common; offer Opus for audio, VP8 or H.264 for video") from error
        self._decline_extra_media()
        if encoder is not None and patches.negotiated_codec(connection, "video") == "video/h264":
            encoder.codec = "h264"
        patches.watch_packets(connection, self._on_packet)
        patches.allow_loopback(connection)
        await connection.setLocalDescription()
        self.answer_sdp = connection.localDescription.sdp
        self.video = patches.sends(connection, "video")

    def _add_audio(self) -> None:
        self._speech = EncodedTrack("audio", SpeechEncoder().encode, self._clock, AUDIO_BACKLOG)
        transceiver = self._connection.addTransceiver(self._speech, "sendrecv")
        opus = [c for c in RTCRtpSender.getCapabilities("audio").codecs if c.mimeType == "audio/opus"]
        transceiver.setCodecPreferences(opus)
        patches.report_media_clock(transceiver.sender, self._speech.last_sent)
        patches.divert_packets(transceiver.receiver, self.microphone)

    def _add_video(self) -> PictureEncoder:
        settings = self._settings
        rate = BitrateControl(settings.start_bitrate, settings.max_bitrate, self._loop.time())
        encoder = PictureEncoder("vp8", rate)
        self._pictures = EncodedTrack("video", encoder.encode, self._clock, PICTURE_BACKLOG)
        transceiver = self._connection.addTransceiver(self._pictures, "sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        preferred = f"video/{settings.codec}"
        transceiver.setCodecPreferences(sorted(codecs, key=lambda c: c.mimeType.lower() != preferred))
        patches.report_media_clock(transceiver.sender, self._pictures.last_sent)
        patches.route_feedback(
            transceiver.sender,
            encoder.request_keyframe,
            lambda bitrate: rate.estimate(bitrate, self._loop.time()),
        )
        return encoder

    def _decline_extra_media(self) -> None:
        """One voice and one face: any further section of the offer stays inactive."""
        for transceiver in self._connection.getTransceivers():
            if transceiver.sender.track not in (self._speech, self._pictures):
                transceiver.direction = "inactive"

    # What she says and how she looks.

    def audio(self, pcm: Pcm, pts: int) -> None:
        """Send int16[480]; `pts` in samples at `SAMPLE_RATE`. Never waits."""
        self._clock.start(pts)
        if self._speech is not None:
            self._speech.release(pcm, pts)

    def picture(self, image: Image | None, pts: int) -> None:
        """Send uint8[768, 512] (I420), which nobody may change any more; None leaves the last one on the screen."""
        self._clock.start(pts)
        if self._pictures is not None and image is not None:
            self._pictures.release(image, pts)

    # The events.

    def send(self, text: str) -> None:
        """Send one message over the data channel, or keep it until the client has opened the channel.

        One of more than `MAX_MESSAGE` bytes is dropped, and told in the log: the channel can't carry it, and a call
        is worth more than an event. A peer that leaves `MAX_QUEUED` bytes unread is given up (`wait_closed`).

        Args:
            text: fit for UTF-8.
        """
        if self._ended.done():
            return
        size = len(text.encode())
        if size > MAX_MESSAGE:
            log.warning("an event of %d bytes does not fit a data channel (%d); dropped", size, MAX_MESSAGE)
        elif self._channel is None or self._channel.readyState != "open":
            self._keep(text, size)
        else:
            self._channel.send(text)
            if self._channel.bufferedAmount > MAX_QUEUED:
                log.warning("a peer leaves its messages unread; giving it up")
                self._end("lost")

    def offer(self, text: str) -> None:
        """Send one small message at once or not at all: for what the next one makes stale.

        Args:
            text: fit for UTF-8.
        """
        channel = self._channel
        if channel is not None and channel.readyState == "open" and channel.bufferedAmount < MAX_STALE:
            channel.send(text)

    def _keep(self, text: str, size: int) -> None:
        if self._outbox_full:
            return
        if self._outbox_size + size > MAX_KEPT:
            # Nothing after a gap: what is kept is how the session began, without a hole.
            self._outbox_full = True
            log.warning("a peer has not opened the channel %s; dropping further events", CHANNEL)
            return
        self._outbox.append(text)
        self._outbox_size += size

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._on_message)
        channel.on("close", lambda: self._end("closed"))
        outbox, self._outbox = self._outbox, []
        for text in outbox:
            channel.send(text)

    # Life and end.

    def _on_packet(self) -> None:
        self.last_packet = self._loop.time()
        if patches.unread_bytes(self._connection) > MAX_QUEUED:
            log.warning("a peer sends more than it was granted; giving it up")
            self._end("lost")

    def _on_state(self) -> None:
        match self._connection.connectionState:
            case "connected":
                self._connected = True
                self._patience.cancel()
            case "failed":
                self._end("lost" if self._connected else "failed")
            case "closed":
                self._end("closed")
            case _:
                pass

    def _end(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_result(why)

    async def wait_closed(self) -> str:
        """Why the connection ended: "closed" (by either side), "failed" (it never stood) or "lost"."""
        return await asyncio.shield(self._ended)

    async def close(self) -> None:
        """End the connection and everything that it holds. May be called more than once."""
        if self._closing is None:
            self._closing = self._loop.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._end("closed")
        self._patience.cancel()
        self.microphone.close()
        self._outbox.clear()
        await self._connection.close()
        for track in (self._speech, self._pictures):
            if track is not None:
                track.stop()
