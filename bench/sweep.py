"""`visavis bench sweep`: 1, 2, 4 … sessions that all talk at once, until it is too much.

The knee is the last step before one of three rules is broken: each session gets 24 pictures a second while she speaks;
at most 1 % of the frames leave without their picture; and first audio takes at most twice as long as with one session
(its p95 where a step has 40 turns, else its p90 or median, whichever it has turns for). `sessions_per_core` is the knee
over the machine's cores, which bench and server share.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from dataclasses import dataclass

from bench.conversation import Conversation, turn_samples
from bench.inbox import BenchError
from bench.measure import FRAME_S
from bench.recording import Recording
from bench.resources import Usage, watching
from bench.result import Curve, Figure, Result
from bench.run import Told
from bench.script import Script
from bench.serverproc import Server, more
from bench.stats import NEEDED, percentile
from bench.turn import TYPED
from bench.userproc import perform_apart

TURNS = 4
"""Of each session at each step."""

TALK_S = 2.5
"""Seconds of her voice each turn."""

FPS = 24
LATE_SHARE = 0.01
SLOWER = 2.0


@dataclass(frozen=True, slots=True)
class Load:
    """What so many sessions got."""

    sessions: int
    fps: float
    """Of the session that got fewest."""
    late_share: float | None
    latencies: list[float]
    usage: Usage
    lag: list[float]

    def at(self, q: int) -> float | None:
        return percentile(self.latencies, q)


async def measure(server: Server, told: Told, *, most: int) -> Result:
    """
    Raises:
        BenchError: not even one session can be held.
    """
    loads: list[Load] = []
    broken: str | None = None
    sessions = 1
    while sessions <= most and broken is None:
        told(len(loads), most.bit_length())
        try:
            loads.append(await _load(server, sessions))
        except BenchError as error:
            if not loads:
                raise
            broken = f"{sessions} sessions could not be held: {str(error)[:200]}"
        else:
            broken = _broken(loads)
            sessions *= 2
    told(1, 1)
    knee = loads[-1].sessions if broken is None else _last_good(loads, broken)
    figures: dict[str, Figure] = {"sweep_knee_sessions": knee, "sweep_knee_found": broken is not None}
    figures["sessions_per_core"] = round(knee / (os.cpu_count() or 1), 2)
    for load in loads:
        name = f"sweep_{load.sessions}"
        figures |= {f"{name}_fps": round(load.fps, 2), f"{name}_first_audio_ms_p50": load.at(50)}
        figures |= {f"{name}_late_share": load.late_share} | load.usage.figures(name)
        figures[f"{name}_bench_lag_ms_p95"] = percentile(load.lag, 95)
    ends = f"The knee is at {knee}: {broken}." if broken else f"No knee up to {knee} sessions."
    return Result("sweep", {}, figures, curves=[_curve(loads)], notes=[ends])


def script() -> Script:
    """A silent face, and then answers that are cut off."""
    stop = {"interrupt": {"after": TALK_S, "by": "request"}}
    return Script.model_validate({"steps": [{"silence": 1}, {"repeat": TURNS, "steps": [{"type": list(TYPED)}, stop]}]})


async def _load(server: Server, sessions: int) -> Load:
    before = await server.counters()
    async with watching(server.pid) as usage, asyncio.TaskGroup() as users:
        one = perform_apart
        tasks = [
            users.create_task(_told_plainly(one(server.url, server.key, server.protocol, script(), lambda *_: None)))
            for _ in range(sessions)
        ]
    found = [task.result() for task in tasks]
    failed = next((outcome for outcome in found if isinstance(outcome, BenchError)), None)
    if failed is not None:
        raise failed
    talks = [Conversation(outcome) for outcome in found if not isinstance(outcome, BenchError)]
    media = [talk.media()[1] for talk in talks]
    late = more(before, await server.counters())["late_frames"]
    spoken = sum(float(one["speech_s"] or 0) for one in media)
    return Load(
        sessions=sessions,
        fps=min(float(one["fps"] or 0) for one in media),
        late_share=None if late is None else round(late / max(1.0, spoken / FRAME_S), 4),
        latencies=[value for talk in talks for value in turn_samples(talk.answers[1:], "")[0]["first_audio_ms"]],
        usage=usage,
        lag=[1000 * float(value) for talk in talks for value in talk.recording.lag],
    )


async def _told_plainly(performing: Awaitable[Recording]) -> Recording | BenchError:
    """A user's failure is an outcome, which must not end the others."""
    try:
        return await performing
    except BenchError as error:
        return error


def _broken(loads: list[Load]) -> str | None:
    """The rule that the last step broke, in words."""
    first, last = loads[0], loads[-1]
    if last.fps < FPS:
        return f"{last.sessions} sessions get {last.fps:.1f} pictures a second"
    if last.late_share is not None and last.late_share > LATE_SHARE:
        return f"with {last.sessions} sessions {100 * last.late_share:.1f} % of the frames are late"
    q = next(q for q in (95, 90, 50) if min(len(first.latencies), len(last.latencies)) >= NEEDED[q] or q == 50)
    one, now = first.at(q), last.at(q)
    if one is not None and now is not None and now > SLOWER * one:
        return f"with {last.sessions} sessions first audio takes {now:.0f} ms instead of {one:.0f} (p{q})"
    return None


def _last_good(loads: list[Load], broken: str) -> int:
    refused = "could not be held" in broken
    good = loads if refused else loads[:-1]
    return good[-1].sessions if good else 0


def _curve(loads: list[Load]) -> Curve:
    lines = {
        "pictures a second": [(float(load.sessions), load.fps) for load in loads],
        "first audio, ms": [(float(load.sessions), load.at(50) or 0.0) for load in loads],
        "server's cores": [(float(load.sessions), load.usage.cores or 0.0) for load in loads if load.usage.costs],
    }
    return Curve("Sessions that talk at once", "sessions", lines)
