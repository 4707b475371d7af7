"""Python `openai`, unmodified, over the WebSocket and the calls' REST routes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from openai import APIStatusError, AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from engines.media import SAMPLE_RATE
from tests.e2e.clients.talk import Record, chunks, speech, visavis

pytestmark = pytest.mark.e2e

KEY = "correct horse battery staple"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with visavis(tmp_path_factory.mktemp("openai"), VISAVIS_ACCESS_KEY=KEY) as address:
        yield address


def client(url: str, key: str = KEY) -> AsyncOpenAI:
    return AsyncOpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[AsyncRealtimeConnection, Record]]:
    record = Record()

    async def read(connection: AsyncRealtimeConnection) -> None:
        async for event in connection:
            record.add(event.model_dump())

    async with client(url) as api, api.realtime.connect(model="gpt-realtime") as connection:
        reading = asyncio.create_task(read(connection))
        await record.wait("session.created")
        yield connection, record
        reading.cancel()


async def ask(connection: AsyncRealtimeConnection, text: str) -> None:
    content: Any = [{"type": "input_text", "text": text}]
    await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    await connection.response.create()


async def say(connection: AsyncRealtimeConnection, text: str) -> None:
    for chunk in chunks(speech(text)):
        await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())


def audio_seconds(record: Record, since: int) -> float:
    deltas = record.all("response.output_audio.delta", since)
    return sum(len(base64.b64decode(event["delta"])) for event in deltas) / 2 / SAMPLE_RATE


async def test_a_conversation(url: str) -> None:
    async with connected(url) as (connection, record):
        await ask(connection, "What is Visavis?")
        done = await record.wait("response.done")
        assert done["response"]["status"] == "completed"
        transcript = done["response"]["output"][0]["content"][0]["transcript"]
        assert transcript
        deltas = [event["delta"] for event in record.all("response.output_audio_transcript.delta")]
        assert "".join(deltas).strip() == transcript.strip()
        assert audio_seconds(record, 0) > 1

        place = len(record.events)
        await say(connection, "How do you work?")
        started = await record.wait("input_audio_buffer.speech_started", place)
        understood = await record.wait("conversation.item.input_audio_transcription.completed", place)
        assert understood["item_id"] == started["item_id"]
        assert "work" in understood["transcript"].lower()

        await record.wait("response.output_audio.delta", place)
        place = len(record.events)
        await say(connection, "Who are you?")
        cut = await record.wait("response.done", place)
        assert (cut["response"]["status"], cut["response"]["status_details"]["reason"]) == (
            "cancelled",
            "turn_detected",
        )
        item = cut["response"]["output"][0]
        await connection.conversation.item.truncate(item_id=item["id"], content_index=0, audio_end_ms=300)
        await record.wait("conversation.item.truncated", place, lambda event: event["audio_end_ms"] == 300)
        await connection.conversation.item.retrieve(item_id=item["id"])
        kept = (await record.wait("conversation.item.retrieved", place))["item"]["content"][0]["transcript"]
        assert len(kept) < 20
        answered = await record.wait("response.done", place, lambda event: event is not cut)
        assert answered["response"]["status"] == "completed"

        place = len(record.events)
        await connection.response.create(response={"output_modalities": ["text"], "metadata": {"turn": "last"}})
        last = await record.wait("response.done", place)
        assert (last["response"]["status"], last["response"]["metadata"]) == ("completed", {"turn": "last"})
        assert record.all("response.output_text.delta", place)
        assert record.all("error") == []


async def test_push_to_talk(url: str) -> None:
    async with connected(url) as (connection, record):
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        await record.wait("session.updated")
        await say(connection, "Are you a real person?")
        await connection.input_audio_buffer.commit()
        committed = await record.wait("input_audio_buffer.committed")
        await connection.response.create()
        assert (await record.wait("response.done"))["response"]["status"] == "completed"
        added = [event["item"]["id"] for event in record.all("conversation.item.added")]
        assert added[0] == committed["item_id"]
        assert record.all("input_audio_buffer.speech_started") == []
        assert record.all("error") == []


async def test_calls_are_created_and_hung_up(url: str) -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        peer.addTransceiver("audio", "sendrecv")
        peer.createDataChannel("oai-events")
        await peer.setLocalDescription(await peer.createOffer())
        async with client(url) as api:
            secret = await api.realtime.client_secrets.create(session={"type": "realtime", "model": "gpt-realtime"})
            async with client(url, secret.value) as browser:
                offer = peer.localDescription.sdp
                answer = await browser.realtime.calls.create(sdp=offer, session={"type": "realtime"})
                assert answer.text.startswith("v=0")
                call_id = answer.response.headers["location"].rpartition("/")[2]
                assert call_id.startswith("rtc_")
                await browser.realtime.calls.hangup(call_id)
            with pytest.raises(APIStatusError) as gone:
                await api.realtime.calls.hangup(call_id)
            assert gone.value.status_code == 404
    finally:
        await peer.close()


async def test_strangers_stay_out(url: str) -> None:
    async with client(url, "wrong") as api:
        with pytest.raises(APIStatusError) as refusal:
            await api.realtime.client_secrets.create()
    assert refusal.value.status_code == 401
