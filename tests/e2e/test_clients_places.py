"""Places over real sockets and real calls: who keeps one, who loses it, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from pathlib import Path

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.e2e.clients.inprocess import served

pytestmark = pytest.mark.e2e

CYCLES = 50

HANDSHAKE = (
    "GET /v1/realtime HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_a_quiet_socket_keeps_its_place() -> None:
    async with served(max_sessions=1) as host, connect(f"ws://{host}/v1/realtime") as quiet:
        await quiet.recv()
        await asyncio.sleep(4)
        with pytest.raises(InvalidStatus) as busy:
            await connect(f"ws://{host}/v1/realtime")
        assert busy.value.response.status_code == 503
        assert busy.value.response.headers["Retry-After"] == "5"


async def test_a_socket_whose_client_is_gone_gives_its_place_after_three_seconds() -> None:
    async with served(max_sessions=1) as host:
        name, _, port = host.partition(":")
        reader, writer = await asyncio.open_connection(name, int(port))
        writer.write(HANDSHAKE.format(host=host).encode())
        assert b"101" in await reader.readline()
        with pytest.raises(InvalidStatus):
            await connect(f"ws://{host}/v1/realtime")
        await asyncio.sleep(3.2)
        async with connect(f"ws://{host}/v1/realtime") as taken:
            assert json.loads(await taken.recv())["type"] == "session.created"
        writer.close()


async def test_fifty_sockets_and_calls_leave_nothing_behind() -> None:
    async with served(max_sessions=2) as host, httpx.AsyncClient() as http:
        await cycle(host, http)
        await settled(host, http)
        before = belongings()
        for _ in range(CYCLES):
            await cycle(host, http)
        await settled(host, http)
        after = belongings()
        # A pool may be filled to its size meanwhile; a leak would be fifty of something.
        assert {kind: after[kind] - before[kind] for kind in before if after[kind] - before[kind] > 5} == {}


async def cycle(host: str, http: httpx.AsyncClient) -> None:
    """One socket closed mid-word, one call hung up."""
    ask = {"type": "response.create"}
    async with connect(f"ws://{host}/v1/realtime") as socket:
        await socket.send(json.dumps(ask))
        while json.loads(await socket.recv())["type"] != "response.output_audio.delta":
            pass
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    channel = peer.createDataChannel("oai-events")
    greeted = asyncio.Event()
    channel.on("message", lambda _: greeted.set())
    peer.addTransceiver("audio", "sendrecv")
    peer.addTransceiver("video", "recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    headers = {"Content-Type": "application/sdp"}
    answer = await http.post(f"http://{host}/v1/realtime/calls", content=peer.localDescription.sdp, headers=headers)
    assert answer.status_code == 201, answer.text
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    async with asyncio.timeout(10):
        await greeted.wait()
    channel.send(json.dumps(ask))
    await asyncio.sleep(0.1)
    assert (await http.delete(f"http://{host}{answer.headers['location']}")).status_code == 204
    await peer.close()


async def settled(host: str, http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(10):
        while (await http.get(f"http://{host}/healthz")).json()["sessions"]["now"]:  # noqa: ASYNC110 (over HTTP)
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    gc.collect()


def belongings() -> dict[str, int]:
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
    }
