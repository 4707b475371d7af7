"""What a client's events do to the session, and which of them are answered with an error."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest

from engines import Message, Mood
from engines.media import Coeffs, Pcm
from pipeline import events as ev
from pipeline.conversation import Conversation, Item, Part
from pipeline.options import ResponseRequest, SessionOptions
from pipeline.refused import Refused
from pipeline.session import Session
from server.config_types import MAX_TEXT
from server.realtime.audio import Microphone
from server.realtime.codec import Codec
from server.realtime.decode import MAX_PARTS
from server.realtime.encode import Encoder
from server.realtime.session import SessionDefaults, SessionSettings
from server.rtc import MAX_MESSAGE
from tests.unit import wire

pytestmark = pytest.mark.unit

TEXT_MAX = 200
MESSAGE_MAX = 300_000


@dataclass
class ScriptedSession:
    """Keeps what it is asked, and tells what a session would."""

    emit: Any
    conversation: Conversation = field(default_factory=Conversation)
    asked: list[Any] = field(default_factory=list)
    mood: Mood = "idle"
    busy: bool = False

    def update(self, options: SessionOptions) -> None:
        self.asked.append(options)

    def add_item(self, item: Item, after: str | None) -> None:
        previous = self.conversation.add(item, after)
        self.emit(ev.ItemAdded(item, previous))
        self.emit(ev.ItemDone(item, previous))

    def delete_item(self, item_id: str) -> None:
        self.conversation.delete(item_id)
        self.emit(ev.ItemDeleted(item_id))

    def truncate_item(self, item_id: str, audio_end_ms: int) -> None:
        self.conversation.get(item_id)
        self.emit(ev.ItemTruncated(item_id, audio_end_ms))

    def respond(self, request: ResponseRequest) -> str:
        if self.busy:
            raise Refused("one is in progress", "conversation_already_has_active_response")
        self.asked.append(request)
        return "resp_1"

    def cancel(self, response_id: str | None) -> None:
        if not self.busy:
            raise Refused("none is in progress", "response_cancel_not_active", "response_id")
        self.asked.append(("cancel", response_id))

    def clear_output(self) -> None:
        self.asked.append("clear_output")

    def drive(self, face: Coeffs, pose: Coeffs | None) -> None:
        self.asked.append((face, pose))

    def hear(self, pcm: Pcm) -> None:
        self.asked.append(len(pcm))

    async def caught_up(self) -> None:
        """Hears at once."""

    def commit_audio(self) -> None:
        if not any(isinstance(entry, int) for entry in self.asked):
            raise Refused("nothing to commit", "input_audio_buffer_commit_empty")
        self.asked.append("commit")

    def clear_audio(self) -> None:
        self.asked.append("clear")
        self.emit(ev.AudioCleared())


class Client:
    """A client at the other end of the codec."""

    def __init__(self, text_max: int = TEXT_MAX) -> None:
        options = SessionOptions(max_output_tokens=1000)
        settings = SessionSettings(SessionDefaults(options, "visavis", "visavis", "pocketsphinx", text_max))
        self.texts: list[str] = []
        encoder = Encoder(settings, self.texts.append, webrtc=False)
        self.session = ScriptedSession(encoder.emit)
        self.microphone = Microphone(self.session.hear, asyncio.get_running_loop().time)
        session = cast(Session, self.session)
        self.codec = Codec(session, settings, encoder, self.microphone, message_max=MESSAGE_MAX)

    async def send(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return await self.raw(json.dumps({"type": kind, "event_id": "mine", **fields}))

    async def raw(self, message: str | bytes) -> list[dict[str, Any]]:
        await self.codec.receive(message)
        texts, self.texts[:] = [text.encode().decode() for text in self.texts], []
        return [json.loads(text) if '"visavis.' in text else wire.read(text) for text in texts]

    async def refused(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The one error that answers an event."""
        (event,) = await self.send(kind, **fields)
        assert event["type"] == "error"
        assert event["error"]["event_id"] == "mine"
        return event["error"]


def user(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **fields}


async def test_an_item_keeps_its_clients_id_and_place() -> None:
    client = Client()
    added, done = await client.send("conversation.item.create", item=user("Hello", id="msg_1"))
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    assert (added["item"]["id"], added["previous_item_id"]) == ("msg_1", None)
    added, _ = await client.send("conversation.item.create", item=user("Bye"))
    assert added["previous_item_id"] == "msg_1"
    assert added["item"]["id"].startswith("item_")
    added, _ = await client.send("conversation.item.create", item=user("First", id="msg_0"), previous_item_id="root")
    assert added["previous_item_id"] is None
    assert [message.text for message in client.session.conversation.messages()] == ["First", "Hello", "Bye"]


async def test_items_of_every_role_come_back_as_they_are() -> None:
    client = Client()
    for role, kind in (("system", "input_text"), ("user", "input_text"), ("assistant", "output_text")):
        item = {"type": "message", "role": role, "content": [{"type": kind, "text": "x"}]}
        added, _ = await client.send("conversation.item.create", item=item)
        assert added["item"]["content"] == [{"type": kind, "text": "x"}]


async def test_images_are_left_out_and_the_item_stays() -> None:
    item = user("What is this?")
    item["content"].append({"type": "input_image", "image_url": "data:image/png;base64,AAAA"})
    added, _ = await Client().send("conversation.item.create", item=item)
    assert added["item"]["content"] == [{"type": "input_text", "text": "What is this?"}]


async def test_audio_inside_an_item_is_said_to_be_unheard() -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]}
    added, _, failed = await Client().send("conversation.item.create", item=item)
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert failed["type"] == "conversation.item.input_audio_transcription.failed"
    item["content"] = [{"type": "input_audio", "audio": "AAAA", "transcript": "good morning"}]
    assert len(await Client().send("conversation.item.create", item=item)) == 2


async def test_an_item_can_be_retrieved_truncated_and_deleted() -> None:
    client = Client()
    client.session.conversation.add(Item("item_1", "assistant", [Part("output_audio", "Hello")]))
    (retrieved,) = await client.send("conversation.item.retrieve", item_id="item_1")
    assert retrieved["type"] == "conversation.item.retrieved"
    (truncated,) = await client.send(
        "conversation.item.truncate", item_id="item_1", content_index=0, audio_end_ms=700.6
    )
    assert (truncated["type"], truncated["audio_end_ms"]) == ("conversation.item.truncated", 700)
    (deleted,) = await client.send("conversation.item.delete", item_id="item_1")
    assert deleted["type"] == "conversation.item.deleted"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("conversation.item.retrieve", "item_retrieve_invalid_item_id"),
        ("conversation.item.truncate", "item_truncate_invalid_item_id"),
        ("conversation.item.delete", "item_delete_invalid_item_id"),
    ],
)
async def test_an_unknown_item_is_refused_by_the_code_that_clients_tolerate(kind: str, code: str) -> None:
    assert (await Client().refused(kind, item_id="nope", audio_end_ms=1))["code"] == code


async def test_a_response_takes_its_own_settings() -> None:
    client = Client()
    response = {
        "instructions": "Greet.",
        "output_modalities": ["text"],
        "metadata": {"k": "v"},
        "max_output_tokens": 5000,
        "conversation": "none",
        "input": [user("Say hi"), {"type": "item_reference", "id": "msg_1"}],
        "tools": [{"type": "function", "name": "f"}],
    }
    assert (await client.refused("response.create", response=response))["param"] == "item_id"
    await client.send("conversation.item.create", item=user("Hello", id="msg_1"))
    assert await client.send("response.create", response=response) == []
    assert client.session.asked == [
        ResponseRequest(
            instructions="Greet.",
            modalities=("text",),
            metadata={"k": "v"},
            max_output_tokens=1000,
            in_conversation=False,
            input=(Message("user", "Say hi"), client.session.conversation.get("msg_1")),
        )
    ]


async def test_a_bare_response_create_greets() -> None:
    client = Client()
    assert await client.send("response.create") == []
    assert client.session.asked == [ResponseRequest()]


async def test_refusals_carry_the_codes_that_clients_tolerate() -> None:
    client = Client()
    assert (await client.refused("response.cancel"))["code"] == "response_cancel_not_active"
    assert (await client.refused("input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"
    client.session.busy = True
    assert (await client.refused("response.create"))["code"] == "conversation_already_has_active_response"
    assert await client.send("response.cancel", response_id="resp_1") == []
    assert client.session.asked[-1] == ("cancel", "resp_1")


async def test_an_update_is_answered_with_the_whole_session_and_one_error_for_tools() -> None:
    client = Client()
    session = {"type": "realtime", "instructions": "Hi.", "tools": [{"type": "function", "name": "f"}]}
    updated, error = await client.send("session.update", session=session)
    assert updated["type"] == "session.updated"
    assert (updated["session"]["tools"], updated["session"]["instructions"]) == ([], "Hi.")
    assert (error["type"], error["error"]["event_id"], error["error"]["param"]) == ("error", "mine", "session.tools")
    assert client.session.asked[-1].instructions == "Hi."


async def test_who_asks_for_states_is_told_the_present_one() -> None:
    updated, state = await Client().send("session.update", session={"visavis": {"events": ["state"]}})
    assert updated["session"]["visavis"]["events"] == ["state"]
    assert (state["type"], state["state"]) == ("visavis.state", "idle")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ("7", "invalid_json"),
        (b"\xff\x00\xfejunk", "invalid_json"),
        ("[" * 50_000, "invalid_json"),
        ("{}", "missing_required_parameter"),
        ('{"type": 7}', "missing_required_parameter"),
        ('{"type": "transcription_session.update"}', "unknown_event_type"),
        ('{"type": "session.update"}', "missing_required_parameter"),
        ('{"type": "session.update", "session": "all"}', "missing_required_parameter"),
        ('{"type": "conversation.item.create"}', "missing_required_parameter"),
        ('{"type": "conversation.item.retrieve", "item_id": {}}', "missing_required_parameter"),
        ('{"type": "conversation.item.create", "item": {"type": "function_call_output"}}', "invalid_value"),
        ('{"type": "conversation.item.create", "item": {"role": "god"}}', "invalid_value"),
        ('{"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": -1}', "invalid_value"),
        ('{"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": NaN}', "invalid_value"),
        ('{"type": "response.create", "response": []}', "missing_required_parameter"),
        ('{"type": "response.create", "response": {"input": [7]}}', "invalid_value"),
        ('{"type": "response.create", "response": {"metadata": {"k": 7}}}', "invalid_value"),
        ('{"type": "input_audio_buffer.append", "audio": "%%%"}', "invalid_value"),
        ('{"type": "input_audio_buffer.append"}', "invalid_value"),
    ],
)
async def test_junk_is_answered_and_forgotten(message: str | bytes, code: str) -> None:
    client = Client()
    (event,) = await client.raw(message)
    assert (event["type"], event["error"]["code"]) == ("error", code)
    assert event["error"]["message"]
    assert len(await client.send("conversation.item.create", item=user("Still there?"))) == 2


async def test_too_much_text_is_refused_with_the_bound() -> None:
    client = Client()
    error = await client.refused("conversation.item.create", item=user("x" * (TEXT_MAX + 1)))
    assert str(TEXT_MAX) in error["message"]
    halves = user("x" * TEXT_MAX)
    halves["content"] *= 2
    assert (await client.refused("conversation.item.create", item=halves))["param"] == "item.content"
    many = user("") | {"content": [{"type": "input_text", "text": ""}] * (MAX_PARTS + 1)}
    assert str(MAX_PARTS) in (await client.refused("conversation.item.create", item=many))["message"]
    (event,) = await client.raw(json.dumps({"type": "conversation.item.create", "item": user("x" * 10_000_000)}))
    assert event["error"]["code"] == "message_too_large"
    assert len(client.session.conversation) == 0


@pytest.mark.parametrize("text", ["", "🙂🏳️‍🌈", "مرحبا بالعالم", "\u202e\x00\x07\x1b[31m", "<script>alert(1)</script>"])
async def test_any_text_is_an_item(text: str) -> None:
    added, _ = await Client().send("conversation.item.create", item=user(text))
    assert added["item"]["content"][0]["text"] == text


async def test_the_largest_item_fits_a_data_channel() -> None:
    client = Client(text_max=MAX_TEXT)
    part = {"type": "input_text", "text": "\x01" * (MAX_TEXT // MAX_PARTS)}
    item = user("") | {"content": [part] * MAX_PARTS}
    await client.codec.receive(json.dumps({"type": "conversation.item.create", "item": item}))
    assert len(client.texts) == 2
    assert max(len(text.encode()) for text in client.texts) <= MAX_MESSAGE


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("conversation.item.create", {"item": {"role": "user"}, "previous_item_id": "x" * 100_000}),
        ("conversation.item.retrieve", {"item_id": "x" * 100_000}),
        ("x" * 100_000, {}),
    ],
)
async def test_an_error_never_echoes_at_length(kind: str, fields: dict[str, Any]) -> None:
    (event,) = await Client().send(kind, **fields)
    assert event["type"] == "error"
    assert len(event["error"]["message"]) < 300


async def test_half_a_character_is_repaired_wherever_it_stands() -> None:
    client = Client()
    half = "a\ud800"
    added, _ = await client.send("conversation.item.create", item=user(half, id=half))
    assert (added["item"]["id"], added["item"]["content"][0]["text"]) == ("a\ufffd", "a\ufffd")
    await client.send("response.create", response={"metadata": {half: half}, "instructions": half})
    assert client.session.asked[-1].metadata == {"a\ufffd": "a\ufffd"}
    assert client.session.asked[-1].instructions == "a\ufffd"
    (updated,) = await client.send("session.update", session={"model": half, "audio": {"output": {"voice": half}}})
    assert (updated["session"]["model"], updated["session"]["audio"]["output"]["voice"]) == ("a\ufffd", "a\ufffd")
    (error,) = await client.raw(json.dumps({"type": half, "event_id": half}))
    assert error["error"]["event_id"] == "a\ufffd"


async def test_what_an_engine_lets_through_leaves_as_utf_8() -> None:
    client = Client()
    client.session.emit(ev.InputTranscriptCompleted("item_1", "\ud83d\ude42 \ud83d", 1.0))
    (text,) = client.texts
    assert json.loads(text.encode())["transcript"] == "🙂 \ufffd"


async def test_audio_reaches_the_ears_and_a_commit_waits_for_it() -> None:
    client = Client()
    seconds = 3
    audio = base64.b64encode(np.zeros(24_000 * seconds, "<i2").tobytes()).decode()
    running = asyncio.create_task(client.microphone.run())
    assert await client.codec.receive(json.dumps({"type": "input_audio_buffer.append", "audio": audio})) is False
    assert await client.send("input_audio_buffer.commit") == []
    assert client.session.asked[-1] == "commit"
    heard = sum(entry for entry in client.session.asked if isinstance(entry, int))
    assert abs(heard - 16_000 * seconds) < 50
    running.cancel()


async def test_clearing_drops_what_the_ears_have_not_had_yet() -> None:
    client = Client()
    audio = base64.b64encode(np.zeros(24_000, "<i2").tobytes()).decode()
    await client.send("input_audio_buffer.append", audio=audio)
    (cleared,) = await client.send("input_audio_buffer.clear")
    assert cleared["type"] == "input_audio_buffer.cleared"
    assert client.session.asked == ["clear"]
    await client.microphone.drained()


async def test_clearing_her_voice_reaches_the_session() -> None:
    client = Client()
    assert await client.send("output_audio_buffer.clear") == []
    assert client.session.asked == ["clear_output"]
