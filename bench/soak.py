"""`visavis bench soak`: one conversation for hours, for what minutes don't show.

- `drift_ms_per_hour`: slope of the A/V offset by arrival. `offset_change_ms`: median of its last tenth minus the
  first's.
- `rss_mb_per_hour`, `threads_per_hour`, `fds_per_hour`: slopes of what the server holds, without the first tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from bench.conversation import Conversation, turn_samples
from bench.lipsync import arrival_offsets_ms, drift_ms_per_hour
from bench.resources import Cost, watching
from bench.result import Curve, Figure, Result
from bench.run import Told
from bench.script import Script
from bench.serverproc import Server, more
from bench.stats import slope
from bench.turn import TYPED
from bench.userproc import perform_apart

ROUND_S = 20
"""About what one round of the script lasts: an answer of 14 s, a pause, and the next."""

POINTS = 120
"""Of each curve."""


async def measure(server: Server, told: Told, *, hours: float) -> Result:
    """
    Raises:
        BenchError: the call was lost.
    """
    rounds = max(1, round(3600 * hours / ROUND_S))
    steps = [{"silence": 1}, {"repeat": rounds, "steps": [{"type": list(TYPED)}, {"listen": "end"}, {"silence": 4}]}]
    script = Script.model_validate({"steps": steps})
    before = await server.counters()
    async with watching(server.pid) as usage:
        recording = await perform_apart(server.url, server.key, server.protocol, script, told, blind=True)
    talk = Conversation(recording)
    samples, figures = turn_samples(talk.answers, "")
    media_samples, media_figures = talk.media()
    offsets = arrival_offsets_ms(recording)
    tenth = max(1, len(offsets) // 10)
    figures |= media_figures | more(before, await server.counters()) | usage.figures("server")
    drift = drift_ms_per_hour(recording)
    figures["soak_hours"] = round((recording.notes["ended"] - recording.notes["called"]) / 3600, 3)
    figures["drift_ms_per_hour"] = None if drift is None else round(drift, 3)
    figures["offset_change_ms"] = round(median(offsets[-tenth:]) - median(offsets[:tenth]), 3) if offsets else None
    figures |= _slopes(usage.costs)
    return Result(
        "soak",
        samples | media_samples,
        figures,
        curves=_curves(offsets, usage.costs, recording.picture_arrived.tolist()),
    )


def _slopes(costs: Sequence[Cost]) -> dict[str, Figure]:
    late = costs[len(costs) // 10 :]
    found: dict[str, Figure] = {}
    kinds: tuple[tuple[str, Callable[[Cost], float]], ...] = (
        ("rss_mb", lambda cost: cost.rss_mb), ("threads", lambda cost: cost.threads), ("fds", lambda cost: cost.fds)
    )  # fmt: skip
    for name, value in kinds:
        grown = slope([cost.at for cost in late], [value(cost) for cost in late]) if late else None
        found[f"{name}_per_hour"] = None if grown is None else round(3600 * grown, 3)
    return found


def _curves(offsets: Sequence[float], costs: Sequence[Cost], arrived: Sequence[float]) -> list[Curve]:
    moments = arrived[-len(offsets) :] if offsets else []
    curves = [Curve("Picture against sound", "hours", {"offset, ms": _thin(moments, offsets)})]
    if costs:
        at = [cost.at for cost in costs]
        lines = {"memory, MB": _thin(at, [cost.rss_mb for cost in costs])}
        curves.append(Curve("What the server holds", "hours", lines))
    return curves


def _thin(moments: Sequence[float], values: Sequence[float]) -> list[tuple[float, float]]:
    """Medians of equal pieces; the curve is drawn from them."""
    size = max(1, len(values) // POINTS)
    return [
        (round((moments[place] - moments[0]) / 3600, 4), round(median(values[place : place + size]), 3))
        for place in range(0, len(values) - size + 1, size)
    ]
