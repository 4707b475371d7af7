"""Nothing is left behind, whatever ends a connection."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from server.rtc import MediaSettings, Peer
from tests.rtc.client import Client, call, ignore, moving_bars, play, tone

pytestmark = pytest.mark.rtc

ROOT = Path(__file__).parents[2]


async def _held() -> tuple[int, int, int]:
    """Tasks, threads and file descriptors, once what was already told to end has ended."""
    async with asyncio.timeout(5):
        # A thread's end is no event that a loop could await.
        while any(t.name.startswith("encode-") for t in threading.enumerate()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    gc.collect()
    await asyncio.sleep(0.05)
    return len(asyncio.all_tasks()), threading.active_count(), len(os.listdir("/proc/self/fd"))


async def test_fifty_calls_leave_nothing_behind() -> None:
    async def one(k: int) -> None:
        client = Client()
        async with call(client) as peer:
            await play(peer, 0.04, tone, moving_bars)
            if k % 2:
                await client.close()
                await peer.wait_closed()

    await one(0)
    before = await _held()
    for k in range(50):
        await one(k)
    after = await _held()
    assert after == before


async def test_an_answer_nobody_acts_on_leaves_nothing_behind() -> None:
    client = Client()
    offer = await client.offer()
    before = await _held()
    for _ in range(5):
        peer = await Peer.accept(offer, MediaSettings(), on_pcm=ignore, on_message=ignore)
        await peer.close()
        assert await peer.wait_closed() == "closed"
    with pytest.raises(ValueError, match="codec"):
        await Peer.accept(
            offer.replace("VP8/", "VP7/").replace("H264/", "H999/"), MediaSettings(), on_pcm=ignore, on_message=ignore
        )
    assert await _held() == before
    await client.close()


async def test_an_answer_nobody_acts_on_fails_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.rtc.CONNECT_S", 0.05)
    client = Client()
    peer = await Peer.accept(await client.offer(), MediaSettings(), on_pcm=ignore, on_message=ignore)
    async with asyncio.timeout(5):
        assert await peer.wait_closed() == "failed"
    await peer.close()
    await client.close()


async def test_closing_never_blocks_the_loop() -> None:
    client = Client()
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            longest = max(longest, loop.time() - before)

    async with call(client) as peer:
        await play(peer, 0.2, tone, moving_bars)
        beating = asyncio.create_task(beat())
        await peer.close()
        await peer.close()
        peer.audio(tone(0), 0)
        peer.picture(moving_bars(0), 0)
        peer.send("too late")
        beating.cancel()
    assert longest < 0.5


def test_a_machine_with_only_its_loopback_interface() -> None:
    """In a network namespace of its own, where the kernel allows one."""
    unplugged = ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if subprocess.run([*unplugged, "true"], capture_output=True, check=False).returncode:
        pytest.skip("network namespaces are not allowed here")
    script = """
import asyncio
from server.media_patches import allow_loopback
from tests.rtc.client import Client, call

async def main():
    client = Client()
    allow_loopback(client.connection)
    async with call(client) as peer:
        assert " 127.0.0.1 " in peer.answer_sdp

asyncio.run(main())
"""
    result = subprocess.run(
        [*unplugged, sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
