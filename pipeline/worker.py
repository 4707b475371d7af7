"""One thread that steps one engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
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

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            pool = self._pool
            try:
                return await asyncio.wrap_future(pool.submit(function, *args, **kwargs))
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if pool is self._pool or (task is not None and task.cancelling()):
                    raise
                # Not we were cancelled but the thread replaced while this call waited in it: ask the fresh one.

    async def iterate(
        self, generate: Callable[P, Iterator[T]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, None]:
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

    async def settle(self, patience: float) -> bool:
        """Wait until the calls so far are over, at most `patience` seconds; a busier thread is replaced.

        Returns:
            False where the thread was abandoned to its call.
        """
        try:
            async with asyncio.timeout(patience):
                await self.call(int)
        except TimeoutError:
            self._replace()
            return False
        return True

    def _replace(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=self._name)

    def close(self) -> None:
        """Let the calls so far finish, and take no other."""
        self._pool.shutdown(wait=False)

    def _submit_close(self, items: Iterator[T]) -> None:
        close = getattr(items, "close", None)
        if close is None:
            return
        try:
            self._pool.submit(close)
        except RuntimeError:
            # The worker was closed or replaced meanwhile; the generator dies with its last reference.
            return


def _step(items: Iterator[T]) -> tuple[bool, T | None]:
    try:
        return True, next(items)
    except StopIteration:
        return False, None
