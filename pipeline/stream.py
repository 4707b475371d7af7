"""A bounded, closable channel between two stages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def _one(_: object) -> int:
    return 1


class Stream(Generic[T]):
    """Items in order, bounded by the sum of their sizes.

    `put` waits only while the stream is at or over its bound, so that one item larger than the bound always fits.
    A reader sees everything that was put before `close`.
    """

    def __init__(self, bound: int, size: Callable[[T], int] = _one) -> None:
        """
        Args:
            bound: in the unit of `size` (milliseconds for media, characters for text).
            size: an item's share of the bound.
        """
        self._bound = bound
        self._size = size
        self._items: deque[T] = deque()
        self._held = 0
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def held(self) -> int:
        """What waits to be read, in the unit of the bound."""
        return self._held

    @property
    def exhausted(self) -> bool:
        return self._closed and not self._items

    async def put(self, item: T) -> None:
        """Append, waiting while the stream is full. An item for a closed stream is dropped: its reader is gone."""
        while self._held >= self._bound and not self._closed:
            await self._wait()
        if self._closed:
            return
        self._items.append(item)
        self._held += self._size(item)
        self._notify()

    def offer(self, item: T) -> bool:
        """Append where that needs no waiting; False where the stream is full or closed."""
        if self._closed or self._held >= self._bound:
            return False
        self._items.append(item)
        self._held += self._size(item)
        self._notify()
        return True

    def close(self) -> None:
        self._closed = True
        self._notify()

    def poll(self) -> T | None:
        """The next item if one is there."""
        if not self._items:
            return None
        item = self._items.popleft()
        self._held -= self._size(item)
        self._notify()
        return item

    async def wait(self) -> None:
        """Until an item is there or none will come."""
        while not self._items and not self._closed:
            await self._wait()

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        await self.wait()
        item = self.poll()
        if item is None:
            raise StopAsyncIteration
        return item

    async def _wait(self) -> None:
        await self._changed.wait()

    def _notify(self) -> None:
        # Every waiter looks again; a fresh event keeps later waiters from spinning on a set one.
        self._changed.set()
        self._changed = asyncio.Event()
