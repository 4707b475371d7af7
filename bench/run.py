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
class Alone:
    """A measurement that needs no running server: it is given what one would be started with."""

    measure: Callable[[Target, Told], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to measure."""

    name: str
    measure: Callable[[Server, Told], Awaitable[Result]] | Alone


def run(target: Target, scenarios: Sequence[Scenario], console: Console) -> list[Result]:
    """Blocks for minutes.

    Raises:
        BenchError: the server can't be started or reached, refuses, or stays silent.
    """
    columns = TextColumn("{task.description}"), TextColumn("{task.completed:.0f}/{task.total:.0f}"), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        return asyncio.run(_run(target, scenarios, progress))


async def _run(target: Target, scenarios: Sequence[Scenario], progress: Progress) -> list[Result]:
    """Those that need no server come first: one that idles would take its share of the machine."""

    def teller(name: str) -> Told:
        task = progress.add_task(name, total=1)
        return lambda done, total: progress.update(task, completed=done, total=total)

    results: list[Result] = []
    served: list[tuple[str, Callable[[Server, Told], Awaitable[Result]]]] = []
    for scenario in scenarios:
        if isinstance(scenario.measure, Alone):
            results.append(await scenario.measure.measure(target, teller(scenario.name)))
        else:
            served.append((scenario.name, scenario.measure))
    if served:
        async with running_server(target) as server:
            for name, measure in served:
                results.append(await measure(server, teller(name)))
    return results
