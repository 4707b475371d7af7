"""One thread that steps one engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """Runs an engine's calls one after another on a thread of its own.

    A thread can't be cancelled, so generators are stepped item by item: a cancelled reader stops between two items,
    and the generator is closed by the thread that steps it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._busy = 0

    @property
    def busy(self) -> bool:
        """A call is running or waiting."""
        return self._busy > 0

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._busy += 1
        future = self._pool.submit(function, *args, **kwargs)
        future.add_done_callback(self._finished)
        return await asyncio.wrap_future(future)

    async def iterate(self, generate: Callable[P, Iterator[T]], *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        """The items of `generate(...)`, each made only when it is asked for."""
        items = await self.call(generate, *args, **kwargs)
        try:
            while True:
                found, item = await self.call(_step, items)
                if not found:
                    return
                assert item is not None
                yield item
        finally:
            # Not awaited: the reader may be cancelled while the thread is still inside the generator.
            self._submit_close(items)

    def replace(self) -> None:
        """Abandon a call that does not return; the next one gets a fresh thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        self._busy = 0

    def close(self) -> None:
        """Let the running call finish and start no other."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit_close(self, items: Iterator[T]) -> None:
        close = getattr(items, "close", None)
        if close is None:
            return
        try:
            self._pool.submit(close)
        except RuntimeError:
            # The worker was closed or replaced meanwhile; the generator dies with its last reference.
            return

    def _finished(self, _: object) -> None:
        self._busy = max(0, self._busy - 1)


def _step(items: Iterator[T]) -> tuple[bool, T | None]:
    try:
        return True, next(items)
    except StopIteration:
        return False, None
