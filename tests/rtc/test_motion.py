"""A face's motion over a real data channel: told frame by frame, and moved by its client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from engines.fake import JAW, FakeLLM
from engines.media import BLENDSHAPES, SAMPLES_PER_FRAME
from server.calls import CallTable
from server.config import Config
from server.connection import converse_webrtc
from server.observe import Metrics
from server.service import Service
from tests.rtc.client import Client
from tests.unit.stage import fakes

pytestmark = pytest.mark.rtc

FACE = [0.0] * JAW + [0.5] + [0.0] * (BLENDSHAPES - JAW - 1)


@asynccontextmanager
async def conversation(reply: str, *, video: str | None = "recvonly") -> AsyncIterator[Client]:
    """A client that is told her motion and her warnings."""
    table = CallTable(1, 3.0, asyncio.get_running_loop().time)
    service = Service(Config(), fakes(llm=FakeLLM(reply)), Metrics(lambda: len(table)))
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[str] = loop.create_future()
    answered: asyncio.Future[str] = loop.create_future()
    client = Client(video=video)
    wishes = [{"visavis": {"events": ["motion", "warning"]}}]
    talk = asyncio.ensure_future(
        converse_webrtc(service, table.reserve(None, lambda _: None), await client.offer(), wishes, ended, answered)
    )
    try:
        await client.answer(await answered)
        await client.opened()
        yield client
    finally:
        ended.set_result("done")
        await talk
        await client.close()


async def told(client: Client, seconds: float) -> list[dict[str, Any]]:
    await asyncio.sleep(seconds)
    return [json.loads(client.messages.get_nowait()) for _ in range(client.messages.qsize())]


@pytest.mark.parametrize("video", ["recvonly", None])
async def test_motion_comes_with_her_speech_and_her_tags_don_t(video: str | None) -> None:
    async with conversation("[joy] Hello there, [laughs] my dear friend of old.", video=video) as client:
        client.channel.send(json.dumps({"type": "response.create"}))
        events = await told(client, 2.0)
        spoken = [event for event in events if event["type"] == "visavis.motion" and event["response_id"]]
        assert len(spoken) > 12
        assert all((b["pts"] - a["pts"]) % SAMPLES_PER_FRAME == 0 for a, b in pairwise(spoken))
        assert max(event["coefficients"][JAW] for event in spoken) > 0.3
        said = [event["transcript"] for event in events if event["type"] == "response.output_audio_transcript.done"]
        assert said == ["Hello there, my dear friend of old."]
        assert [event["tag"] for event in events if event["type"] == "visavis.warning"] == ["[laughs]"]


async def test_a_client_moves_the_face_and_a_bad_frame_does_not() -> None:
    async with conversation("Hello.") as client:
        for _ in range(20):
            client.channel.send(json.dumps({"type": "visavis.motion.frame", "coefficients": FACE}))
            await asyncio.sleep(0.04)
        client.channel.send(json.dumps({"type": "visavis.motion.frame", "coefficients": FACE[1:]}))
        events = await told(client, 0.1)
        jaws = [event["coefficients"][JAW] for event in events if event["type"] == "visavis.motion"]
        assert jaws[-1] == pytest.approx(0.5, abs=0.01)
        assert [event["error"]["param"] for event in events if event["type"] == "error"] == ["coefficients"]
        events = await told(client, 1.0)
        jaws = [event["coefficients"][JAW] for event in events if event["type"] == "visavis.motion"]
        assert jaws[-1] == 0
