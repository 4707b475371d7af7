"""One connection between our Peer and an aiortc client, over real UDP, DTLS and SRTP."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from server.rtc import MAX_KEPT, MAX_MESSAGE, MAX_QUEUED, MediaSettings, Peer
from server.rtc_codecs import KEYFRAME_INTERVAL, Encoded, PictureEncoder
from tests.rtc.client import Client, call, frames, ignore, moving_bars, play, tone

pytestmark = pytest.mark.rtc


async def test_voice_face_and_events_arrive() -> None:
    client = Client()
    messages: list[str | bytes] = []
    async with call(client, on_message=messages.append) as peer:
        assert peer.video
        peer.send("hello")
        client.channel.send("typed")
        client.channel.send(b"\x00\xff")
        playing = asyncio.create_task(play(peer, 2.0, tone, moving_bars))
        heard = [f async for f in _first(client.tracks["audio"], 40)]
        seen = [f async for f in _first(client.tracks["video"], 20)]
        assert await client.messages.get() == "hello"
        await playing
        assert messages == ["typed", b"\x00\xff"]

    sound = np.concatenate([f.to_ndarray()[0, ::2] for f in heard[20:]]).astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert abs(np.argmax(spectrum) * 48_000 / len(sound) - 440) < 5
    assert {b.pts - a.pts for a, b in pairwise(heard)} == {960}
    assert (seen[0].width, seen[0].height) == (512, 512)
    # On a busy machine a picture may be overtaken by the next one, but each keeps its place on the clock.
    assert {(b.pts - a.pts) % 3600 for a, b in pairwise(seen)} == {0}
    assert sorted(f.pts for f in seen) == [f.pts for f in seen]


async def _first(track, count):
    async for frame in frames(track):
        yield frame
        count -= 1
        if not count:
            return


async def test_h264_is_used_where_configured() -> None:
    client = Client()
    async with call(client, MediaSettings(codec="h264")) as peer:
        video = peer.answer_sdp[peer.answer_sdp.index("m=video") :]
        payload_type = video.split()[3]
        assert f"a=rtpmap:{payload_type} H264/90000" in video
        playing = asyncio.create_task(play(peer, 0.6, tone, moving_bars))
        seen = [f async for f in _first(client.tracks["video"], 5)]
        await playing
    assert seen[0].width == 512


async def test_keyframes_that_a_receiver_asks_for_come_but_not_as_often_as_it_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encode, keyframes = PictureEncoder.encode, []

    def spy(self: PictureEncoder, image: np.ndarray, pts: int) -> Encoded | None:
        packet = encode(self, image, pts)
        if packet is not None and packet.data[0] & 1 == 0:  # RFC 6386, 9.1
            keyframes.append(pts)
        return packet

    monkeypatch.setattr(PictureEncoder, "encode", spy)
    client = Client()
    async with call(client) as peer:
        playing = asyncio.create_task(play(peer, 1.6, tone, moving_bars))
        receiver = next(r for r in client.connection.getReceivers() if r.track is client.tracks["video"])
        async for _ in _first(client.tracks["video"], 30):
            ssrc = receiver.getSynchronizationSources()[0].source
            await receiver._send_rtcp_pli(ssrc)  # pyright: ignore[reportPrivateUsage]
        await playing
    assert len(keyframes) >= 2
    assert all(b - a >= KEYFRAME_INTERVAL for a, b in pairwise(keyframes))


async def test_audio_and_video_share_one_stream() -> None:
    client = Client()
    async with call(client) as peer:
        streams = {line.split()[0] for line in peer.answer_sdp.splitlines() if line.startswith("a=msid:")}
        assert len(streams) == 1
        assert "a=candidate" in peer.answer_sdp
        assert "a=end-of-candidates" in peer.answer_sdp


@pytest.mark.parametrize(
    ("audio", "video"),
    [
        (None, None),
        ("recvonly", None),
        (None, "recvonly"),
        ("sendrecv", "sendrecv"),
        ("sendonly", "sendonly"),
        ("inactive", "inactive"),
    ],
)
async def test_any_combination_of_sections(audio: str | None, video: str | None) -> None:
    client = Client(audio=audio, video=video)
    async with call(client) as peer:
        assert peer.video == (video in ("recvonly", "sendrecv"))
        await play(peer, 0.1, tone, moving_bars)


async def test_a_second_camera_and_a_second_voice_are_declined() -> None:
    client = Client()
    client.connection.addTransceiver("audio", direction="sendrecv")
    client.connection.addTransceiver("video", direction="sendrecv")
    async with call(client) as peer:
        assert peer.answer_sdp.count("a=inactive") == 2
        await play(peer, 0.1, tone, moving_bars)


async def test_offer_without_candidates() -> None:
    """The agents SDK posts its offer before it has gathered: the client's checks come from an address never named."""
    client = Client()
    offer = "".join(line for line in (await client.offer()).splitlines(True) if "candidate" not in line)
    peer = await Peer.accept(offer, MediaSettings(), on_pcm=ignore, on_message=ignore)
    try:
        await client.answer(peer.answer_sdp)
        await client.opened()
    finally:
        await client.close()
        await peer.close()


async def test_mdns_candidates_are_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up would fail where there is no multicast, and otherwise hold up the answer for a second."""

    async def no_multicast(_: object) -> None:
        raise OSError("No such device")

    monkeypatch.setattr("aioice.ice.get_or_create_mdns_protocol", no_multicast)
    client = Client()
    offer = "".join(
        line.replace(line.split()[4], "0f0e5b4e-0000-4000-8000-1234567890ab.local") if "candidate:" in line else line
        for line in (await client.offer()).splitlines(True)
    )
    assert ".local" in offer
    peer = await Peer.accept(offer, MediaSettings(), on_pcm=ignore, on_message=ignore)
    try:
        await client.answer(peer.answer_sdp)
        await client.opened()
    finally:
        await client.close()
        await peer.close()


@pytest.mark.parametrize(
    ("sdp", "complaint"),
    [
        ("", "v=0"),
        ("hello", "v=0"),
        ("v=0\r\n" + "a=x\r\n" * 20_000, "65536"),
        ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", "no media section"),
        ("v=0\r\nm=\r\n", "unknown kind"),
        ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", "ICE"),
        ("v=0\r\n" + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 9, "9 media sections"),
        ("v=0\r\nm=image 9 x 1\r\n", "image"),
        ("v=0\r\nm=audio \x00\ud800 9\r\n", "can't be answered"),
    ],
)
async def test_bad_offers_are_refused_with_a_reason(sdp: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        await Peer.accept(sdp, MediaSettings(), on_pcm=ignore, on_message=ignore)


async def test_offer_without_a_common_codec() -> None:
    client = Client(video=None)
    offer = (await client.offer()).replace("opus/48000", "speex/16000")
    with pytest.raises(ValueError, match="Opus"):
        await Peer.accept(offer, MediaSettings(), on_pcm=ignore, on_message=ignore)
    await client.close()


async def test_hanging_up_ends_the_other_side() -> None:
    client = Client()
    async with call(client) as peer, asyncio.timeout(3):
        ended = asyncio.create_task(peer.wait_closed())
        await client.close()
        assert await ended == "closed"


async def test_packets_of_the_peer_count_as_life() -> None:
    client = Client()
    async with call(client) as peer:
        before = peer.last_packet
        client.channel.send("x")
        await asyncio.sleep(0.1)
        assert peer.last_packet > before


async def test_a_message_too_large_is_dropped_and_the_call_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    client = Client()
    async with call(client) as peer, asyncio.timeout(3):
        peer.send("é" * (MAX_MESSAGE // 2 + 1))
        peer.send("é" * (MAX_MESSAGE // 2))
        assert await client.messages.get() == "é" * (MAX_MESSAGE // 2)
        peer.send("next")
        assert await client.messages.get() == "next"
    assert "does not fit" in caplog.text


async def test_what_goes_stale_is_dropped_while_others_wait() -> None:
    client = Client()
    async with call(client) as peer, asyncio.timeout(3):
        peer.send("x" * MAX_MESSAGE)
        peer.offer("stale")
        assert len(await client.messages.get()) == MAX_MESSAGE
        await asyncio.sleep(0.3)
        peer.offer("fresh")
        assert await client.messages.get() == "fresh"


async def test_a_peer_that_never_reads_is_given_up() -> None:
    client = Client()
    async with call(client) as peer, asyncio.timeout(3):
        for _ in range(MAX_QUEUED // MAX_MESSAGE + 1):
            peer.send("x" * MAX_MESSAGE)
        assert await peer.wait_closed() == "lost"


async def test_a_peer_that_opens_no_channel_keeps_its_call() -> None:
    """It loses events, from one on: what it would get after opening the channel late has no hole."""
    client = Client()
    offer = await client.offer()
    peer = await Peer.accept(offer, MediaSettings(), on_pcm=ignore, on_message=ignore)
    ended = asyncio.create_task(peer.wait_closed())
    try:
        for number in range(2 * MAX_QUEUED // MAX_MESSAGE):
            peer.send(f"{number}" + "x" * (MAX_MESSAGE - 10))
        peer.send("small")
        await client.answer(peer.answer_sdp)
        async with asyncio.timeout(5):
            await client.opened()
            for number in range(MAX_KEPT // MAX_MESSAGE):
                assert str(await client.messages.get()).startswith(f"{number}x")
            peer.send("now")
            assert await client.messages.get() == "now"
        assert not ended.done()
    finally:
        ended.cancel()
        await client.close()
        await peer.close()
