"""`visavis bench connect`: call and hang up, over and over.

- `connect_to_answer_ms`: from the offer to the answer. `connect_to_first_frame_ms`, `connect_to_first_sound_ms`: to the
  first decoded picture and packet. The first call of all has its own keys, `cold_…`: on a fresh server nothing is warm.
- `cycle_rss_kb`: resident memory that each call leaves behind, by a line through the second half of the calls.
  `cycle_fds`, `cycle_threads`: open files and threads after the last call, minus those after the warm-up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bench.inbox import Inbox
from bench.resources import Cost, cost_of
from bench.result import Curve, Figure, Result
from bench.run import Told
from bench.serverproc import Server
from bench.stats import slope
from bench.user import calling

WARM_UP = 5
"""Calls until caches and pools are filled."""

REST_S = 0.25
"""Between hanging up and counting what is left: the server hears of it over the network."""

SETTLED_S = 2.0
"""The same, after the last call."""


async def measure(server: Server, told: Told, *, cycles: int) -> Result:
    """
    Raises:
        BenchError: the server can't be reached, or turns a caller away.
    """
    spans: list[tuple[float, float, float | None]] = []
    costs: list[Cost] = []
    clock = asyncio.get_running_loop().time
    for cycle in range(cycles):
        told(cycle, cycles)
        spans.append(await _call(server))
        await asyncio.sleep(REST_S if cycle < cycles - 1 else SETTLED_S)
        if server.pid is not None:
            costs.append(cost_of(server.pid, clock()))
    told(cycles, cycles)
    cold, *warm = spans
    names = ("connect_to_answer_ms", "connect_to_first_sound_ms", "connect_to_first_frame_ms")
    samples = {name: [span[k] for span in warm if span[k] is not None] for k, name in enumerate(names)}
    figures: dict[str, Figure] = {f"cold_{name}": _rounded(cold[k]) for k, name in enumerate(names)}
    figures["connect_cycles"] = cycles
    curve = Curve("After each call", "calls", {
        "memory, MB": [(k + 1, round(cost.rss_mb, 2)) for k, cost in enumerate(costs)],
        "open files": [(k + 1, cost.fds) for k, cost in enumerate(costs)],
        "threads": [(k + 1, cost.threads) for k, cost in enumerate(costs)],
    })  # fmt: skip
    return Result("connect", samples, figures | _left(costs), curves=[curve] if costs else [])  # pyright: ignore


async def _call(server: Server) -> tuple[float, float, float | None]:
    """Milliseconds from the offer to the answer, the first sound and the first picture."""
    inbox = Inbox(asyncio.get_running_loop().time)
    async with calling(server.url, server.key, server.protocol, inbox):
        await inbox.until(lambda: inbox.heard, "sound")
        if server.protocol != "realtime-ws":
            await inbox.until(lambda: inbox.pictured, "picture")
    recording = inbox.recording()
    called = inbox.notes["called"]
    picture = recording.picture_arrived[0] if len(recording.picture_arrived) else None
    return (
        1000 * (inbox.notes["answered"] - called),
        1000 * float(recording.sound_arrived[0] - called),
        None if picture is None else 1000 * float(picture - called),
    )


def _left(costs: Sequence[Cost]) -> dict[str, Figure]:
    """What calls leave behind; null where the server is not ours."""
    if len(costs) <= WARM_UP:
        return {"cycle_rss_kb": None, "cycle_fds": None, "cycle_threads": None}
    late = costs[len(costs) // 2 :]
    grown = slope(range(len(late)), [cost.rss_mb for cost in late])
    return {
        "cycle_rss_kb": None if grown is None else round(1024 * grown, 1),
        "cycle_fds": costs[-1].fds - costs[WARM_UP].fds,
        "cycle_threads": costs[-1].threads - costs[WARM_UP].threads,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
