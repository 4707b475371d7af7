"""Python `openai-agents`, unmodified: it validates every event, and calls a bad one an error."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from agents.tracing import set_tracing_disabled

from tests.e2e.clients.talk import Record, chunks, speech, visavis

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with visavis(tmp_path_factory.mktemp("agents")) as address:
        yield address


async def read(session: RealtimeSession, record: Record) -> None:
    """Every event of the session by its type, and the server's own events below it by theirs."""
    async for event in session:
        record.add({"type": f"agents.{event.type}", "event": event})
        data: Any = getattr(event, "data", None)
        raw = getattr(data, "data", None)
        if event.type == "raw_model_event" and data.type == "raw_server_event" and isinstance(raw, dict):
            record.add(raw)


def errors(record: Record) -> list[Any]:
    return [*record.all("error"), *record.all("agents.error")]


async def test_a_conversation(url: str) -> None:
    set_tracing_disabled(True)
    record = Record()
    runner = RealtimeRunner(RealtimeAgent(name="Visavis", instructions="Be brief."))
    address = f"{url.replace('http', 'ws')}/v1/realtime?model=gpt-realtime"
    session = await runner.run(model_config={"url": address, "api_key": "unused"})
    async with session:
        reading = asyncio.create_task(read(session, record))
        await record.wait("session.updated")

        await session.send_message("What is Visavis?")
        assert (await record.wait("response.done"))["response"]["status"] == "completed"
        assert record.all("agents.audio")

        place = len(record.events)
        for chunk in chunks(speech("How do you work?")):
            await session.send_audio(chunk)
        completed = "conversation.item.input_audio_transcription.completed"
        assert "work" in (await record.wait(completed, place))["transcript"].lower()
        await record.wait("response.output_audio.delta", place)

        place = len(record.events)
        await session.interrupt()
        cut = await record.wait("response.done", place)
        assert cut["response"]["status"] == "cancelled"
        await record.wait("agents.audio_interrupted", place)

        place = len(record.events)
        await session.send_message("Who are you?")
        assert (await record.wait("response.done", place))["response"]["status"] == "completed"
        await asyncio.sleep(0.5)
        reading.cancel()
    assert errors(record) == []
    history = record.all("agents.history_updated")[-1]["event"].history
    roles = [item.role for item in history]
    assert roles == ["user", "assistant"] * 3
    assert "work" in history[2].content[0].transcript.lower()
