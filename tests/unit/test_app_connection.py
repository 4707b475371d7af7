"""One connection from its first event to its end, in virtual time."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, cast

import pytest
from starlette.websockets import WebSocket, WebSocketState

from engines.fake import FakeLLM
from server.calls import PLACE_TAKEN, Call, CallTable
from server.config import Config
from server.config_network import Server
from server.connection import Conversation, converse_websocket
from server.endings import HungUp
from server.observe import Metrics
from server.service import Service
from server.websocket import LAST_PACKET
from tests.unit.stage import Sink, fakes

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("inline_workers")]


class DeafSocket:
    """A client that sends, and never reads."""

    client_state = WebSocketState.CONNECTED

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.scope: dict[str, Any] = {}
        self._messages = [*messages]
        self.closed: tuple[int, str] | None = None
        self.emptied: float | None = None
        """When the last message was taken."""

    async def receive(self) -> dict[str, Any]:
        if not self._messages:
            self.emptied = asyncio.get_running_loop().time()
            await asyncio.Event().wait()
        return {"type": "websocket.receive", "text": json.dumps(self._messages.pop(0))}

    async def send_text(self, text: str) -> None:
        await asyncio.Event().wait()

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


def conversation(
    *, llm: FakeLLM | None = None, media: Sink | None = None, **server: Any
) -> tuple[Conversation, Call, list[str]]:
    config = Config(server=Server(**server))
    loop = asyncio.get_running_loop()
    table = CallTable(1, 3.0, loop.time)
    call = table.reserve(None, lambda reason: None)
    call.last_packet = loop.time
    sent: list[str] = []
    service = Service(config, fakes(llm=llm), Metrics(lambda: len(table)))
    return Conversation(service, [], sent.append, media), call, sent


async def at(seconds: float, *messages: dict[str, Any], to: Conversation) -> None:
    await asyncio.sleep(seconds)
    for message in messages:
        await to.inbox.put(json.dumps(message))


def hello() -> list[dict[str, Any]]:
    content = [{"type": "input_text", "text": "Hello"}]
    item = {"type": "message", "role": "user", "content": content}
    return [{"type": "conversation.item.create", "item": item}, {"type": "response.create"}]


async def test_a_session_has_its_longest_time() -> None:
    talk, call, _ = conversation(max_session_s=30)
    assert "30 s" in await talk.run(call)
    assert asyncio.get_running_loop().time() == pytest.approx(30, abs=1)


async def test_silence_ends_a_session_and_a_turn_keeps_it() -> None:
    talk, call, sent = conversation(idle_timeout_s=10)

    async def visitor() -> None:
        await at(8, *hello(), to=talk)
        await asyncio.Event().wait()

    assert "10 s" in await talk.run(call, visitor())
    ended = asyncio.get_running_loop().time()
    # Three sentences last about eight seconds in the fake voice; ten more pass in silence.
    assert 18.5 < ended < 30
    assert any('"response.done"' in text for text in sent)


def subscribe() -> dict[str, Any]:
    return {"type": "session.update", "session": {"visavis": {"events": ["ended"]}}}


def told_end(sent: list[str]) -> list[str]:
    return [event["reason"] for event in map(json.loads, sent) if event["type"] == "visavis.ended"]


@pytest.mark.parametrize(
    ("server", "limit", "reason"),
    [({"idle_timeout_s": 10}, "idle_timeout", "10 s"), ({"max_session_s": 11}, "max_session", "11 s")],
)
async def test_a_client_that_asked_is_told_the_limit_before_it_is_hung_up(
    server: dict[str, Any], limit: str, reason: str
) -> None:
    talk, call, sent = conversation(**server)
    heard: list[str] = []

    async def visitor() -> None:
        await at(0.5, subscribe(), to=talk)
        await asyncio.sleep(11.5)
        heard.extend(told_end(sent))
        raise HungUp("closed")

    assert reason in await talk.run(call, visitor())
    assert heard == [limit]


async def test_a_client_whose_place_was_taken_is_told() -> None:
    talk, call, sent = conversation()
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def visitor() -> None:
        await at(0.5, subscribe(), to=talk)
        await asyncio.sleep(0.5)
        ended.set_result(PLACE_TAKEN)
        await asyncio.Event().wait()

    assert await talk.run(call, talk.until(ended), visitor()) == PLACE_TAKEN
    assert told_end(sent) == ["place_taken"]


@pytest.mark.parametrize(("events", "reason"), [([], PLACE_TAKEN), (["ended"], "the server stops")])
async def test_nobody_else_is_told_and_other_ends_are_silent(events: list[str], reason: str) -> None:
    talk, call, sent = conversation()
    talk.settings.update({"visavis": {"events": events}})
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    ended.set_result(reason)
    assert await talk.run(call, talk.until(ended)) == reason
    assert told_end(sent) == []
    assert asyncio.get_running_loop().time() < 1


async def test_an_open_microphone_alone_is_no_sign_of_life() -> None:
    talk, call, _ = conversation(idle_timeout_s=10)

    async def visitor() -> None:
        while True:
            await at(0.2, {"type": "input_audio_buffer.append", "audio": ""}, to=talk)

    assert "10 s" in await talk.run(call, visitor())
    assert asyncio.get_running_loop().time() == pytest.approx(10, abs=1)


async def test_a_client_that_vanishes_is_hung_up_after_ten_seconds() -> None:
    talk, call, _ = conversation()
    call.last_packet = lambda: 2.0
    assert await talk.run(call) == "the client has gone silent"
    assert asyncio.get_running_loop().time() == pytest.approx(12, abs=1)


async def test_hanging_up_mid_word_leaves_no_task_behind() -> None:
    llm = FakeLLM("word " * 500, token_s=0.05)
    talk, call, sent = conversation(llm=llm, media=Sink(video=False))

    async def visitor() -> None:
        await at(1, *hello(), to=talk)
        await asyncio.sleep(4)
        raise HungUp("closed")

    assert await talk.run(call, visitor()) == "closed"
    assert any('"response.output_audio_transcript.delta"' in text for text in sent)
    assert llm.closed == 1
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_failure_ends_this_session_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    talk, call, _ = conversation()

    async def broken() -> None:
        raise OSError("the cable is out")

    assert await talk.run(call, broken()) == "the session failed"
    assert "the cable is out" in caplog.text


async def test_cancelling_reaches_everything_below() -> None:
    talk, call, _ = conversation()
    running = asyncio.create_task(talk.run(call))
    await at(1, *hello(), to=talk)
    await asyncio.sleep(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_session_begins_with_session_created() -> None:
    _, _, sent = conversation()
    assert json.loads(sent[0])["type"] == "session.created"


async def test_a_client_that_never_reads_is_hung_up() -> None:
    loop = asyncio.get_running_loop()
    table = CallTable(1, 3.0, loop.time)
    call = table.reserve(None, lambda reason: None)
    service = Service(Config(), fakes(llm=FakeLLM("word " * 900)), Metrics(lambda: 0))
    socket = DeafSocket(*hello())
    await converse_websocket(service, call, cast(WebSocket, socket), [], loop.create_future())
    assert socket.closed == (1000, "the client does not read what it is sent")


async def test_a_client_that_waits_to_be_read_counts_as_there() -> None:
    """Five minutes of recording at once: nothing is heard of the client while its socket is not read."""
    loop = asyncio.get_running_loop()
    call = CallTable(1, 3.0, loop.time).reserve(None, lambda reason: None)
    second = {"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(48_000)).decode()}
    socket = DeafSocket(*[second] * 300)
    socket.scope = {LAST_PACKET: lambda: 0.0}
    service = Service(Config(), fakes(), Metrics(lambda: 0))
    await converse_websocket(service, call, cast(WebSocket, socket), [], loop.create_future())
    assert socket.closed == (1000, "the client has gone silent")
    assert socket.emptied is not None
    assert socket.emptied > 60
    assert loop.time() == pytest.approx(socket.emptied + 10, abs=1)
