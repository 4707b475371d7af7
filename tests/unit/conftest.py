"""Virtual time for the unit tests: an event loop whose clock jumps to the next timer as soon as nothing else is due."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pipeline import worker


class _VirtualSelector(selectors.DefaultSelector):
    """Never blocks: what the loop would wait for becomes elapsed time."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            # Nothing is scheduled: only another thread or a socket can go on.
            return super().select(1.0)
        self.elapsed += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which a 30-second conversation takes milliseconds, and the same ones every time."""

    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.elapsed


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualLoop}


@pytest.fixture
def inline_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines run in the loop, each call after the latency that its engine declares."""

    async def call(self: worker.Worker, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        engine = getattr(function, "__self__", function)
        await asyncio.sleep(getattr(engine, "latency_s", 0.0))
        return function(*args, **kwargs)

    monkeypatch.setattr(worker.Worker, "call", call)
