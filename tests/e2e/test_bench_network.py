"""A bad line inside the user's transport, against a scripted server: what it does is what was asked of it."""

from __future__ import annotations

import pytest

from bench.network import Case, figures, script
from bench.network_line import Conditions, Line
from bench.user import perform
from tests.e2e.bench_server import Script, serving

pytestmark = pytest.mark.e2e

SETTLE_S = 3.0


async def over(conditions: Conditions, seconds: float = 10.0) -> dict[str, float]:
    case = Case("line", conditions, seconds)
    async with serving(Script()) as url:
        recording = await perform(
            url, None, "realtime", script(case, SETTLE_S), lambda done, total: None,
            line=Line(conditions, SETTLE_S, seconds),
        )  # fmt: skip
    return dict(figures(recording, case, None, SETTLE_S))  # pyright: ignore[reportArgumentType, reportReturnType]


async def test_what_a_line_loses_is_missing_at_the_user() -> None:
    good = await over(Conditions())
    bad = await over(Conditions(loss=0.2))
    assert good["answered"] == bad["answered"] == good["questions"] == 1
    # A loaded machine sends a little less than it should. Of a fifth of the packets lost, aiortc's receiver makes more:
    # it throws away several for each (see docs/benchmarking.md).
    assert good["sound_share"] > 0.85
    assert 0.1 < bad["sound_share"] / good["sound_share"] < 0.9


async def test_a_call_survives_a_blackout_and_pictures_come_back() -> None:
    found = await over(Conditions(blackout_s=1.5))
    assert 0 <= found["recovery_ms"] < 3000
