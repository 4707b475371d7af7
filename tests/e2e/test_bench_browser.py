"""What the bench counts in real Chromium, against a scripted server whose pictures are known."""

from __future__ import annotations

import pytest

from bench.browser import watch_speech
from bench.measure import Shown
from tests.e2e.bench_server import Script, serving

pytestmark = pytest.mark.e2e


async def watched(script: Script) -> Shown:
    async with serving(script) as url:
        return (await watch_speech(url, None, 4, 0)).shown


async def test_pictures_that_differ_are_told_from_repeated_ones() -> None:
    fresh = await watched(Script(speech_s=3))
    repeated = await watched(Script(speech_s=3, repeats=4))
    # Ratios, not speeds: a loaded machine shows fewer of both.
    assert 5 < fresh.distinct_fps <= 26
    assert 0.1 * fresh.distinct_fps < repeated.distinct_fps < 0.5 * fresh.distinct_fps
    assert repeated.longest_gap_ms >= 110
