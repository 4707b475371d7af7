"""Runs scenarios one after the other on one server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from bench.result import Result
from bench.serverproc import Server, Target, running_server

Told = Callable[[int, int], None]
"""How many steps are done, of how many."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to measure."""

    name: str
    measure: Callable[[Server, Told], Awaitable[Result]]


def run(target: Target, scenarios: Sequence[Scenario], console: Console) -> list[Result]:
    """Blocks for minutes.

    Raises:
        BenchError: the server can't be started or reached, refuses, or stays silent.
    """
    columns = TextColumn("{task.description}"), TextColumn("{task.completed:.0f}/{task.total:.0f}"), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        return asyncio.run(_run(target, scenarios, progress))


async def _run(target: Target, scenarios: Sequence[Scenario], progress: Progress) -> list[Result]:
    results: list[Result] = []
    async with running_server(target) as server:
        for scenario in scenarios:
            task = progress.add_task(scenario.name, total=1)

            def told(done: int, total: int, task: object = task) -> None:
                progress.update(task, completed=done, total=total)  # pyright: ignore[reportArgumentType]

            results.append(await scenario.measure(server, told))
    return results
