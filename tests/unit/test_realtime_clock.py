"""The server's clocks on request: what a client joins a turn's spans with."""

from __future__ import annotations

import asyncio

import pytest

from engines.media import MIC_RATE
from tests.unit.test_realtime_codec import Client

pytestmark = pytest.mark.unit


async def test_a_clock_is_told_at_once_with_the_name_of_the_question() -> None:
    client = Client()
    vars(client.session)["heard_samples"] = MIC_RATE // 2
    before = asyncio.get_running_loop().time()
    (told,) = await client.send("visavis.clock")
    assert (told["type"], told["question_id"], told["heard_ms"]) == ("visavis.clock", "mine", 500.0)
    assert before - 1e-3 <= told["now_s"] <= asyncio.get_running_loop().time() + 1e-3
    assert told["ntp_s"] > 3.9e9
