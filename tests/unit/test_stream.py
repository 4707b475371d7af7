from __future__ import annotations

import asyncio

import pytest

from pipeline.stream import Stream

pytestmark = pytest.mark.unit


async def test_put_waits_while_the_stream_is_at_its_bound() -> None:
    stream: Stream[str] = Stream(5, len)
    await stream.put("12345678")
    second = asyncio.ensure_future(stream.put("9"))
    await asyncio.sleep(1)
    assert not second.done()
    assert stream.poll() == "12345678"
    await second
    assert stream.held == 1


async def test_a_reader_gets_everything_put_before_close() -> None:
    stream: Stream[int] = Stream(10)
    await stream.put(1)
    await stream.put(2)
    stream.close()
    assert [item async for item in stream] == [1, 2]
    assert stream.exhausted


async def test_a_waiting_writer_is_released_by_close_and_its_item_is_dropped() -> None:
    stream: Stream[int] = Stream(1)
    await stream.put(1)
    late = asyncio.ensure_future(stream.put(2))
    await asyncio.sleep(0)
    stream.close()
    await late
    assert [item async for item in stream] == [1]


async def test_a_waiting_reader_wakes_up() -> None:
    stream: Stream[int] = Stream(1)
    reader = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(1)
    await stream.put(7)
    assert await reader == 7
