"""The shape and the order of what the server tells, against the installed `openai` types."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from pipeline import events as ev
from pipeline.conversation import Item, Part
from pipeline.options import ResponseRequest, SessionOptions
from server.realtime.encode import Encoder
from server.realtime.session import SessionDefaults, SessionSettings
from server.realtime.values import Problem
from tests.unit import wire

pytestmark = pytest.mark.unit


class Sent:
    """What a client receives."""

    def __init__(self, *, webrtc: bool = False) -> None:
        defaults = SessionDefaults(SessionOptions(), "visavis", "visavis", "pocketsphinx", 1000)
        self.settings = SessionSettings(defaults)
        self.texts: list[str] = []
        self.encoder = Encoder(self.settings, self.texts.append, webrtc=webrtc)

    def emit(self, *events: ev.SessionEvent) -> list[dict[str, Any]]:
        for event in events:
            self.encoder.emit(event)
        return self.take()

    def take(self) -> list[dict[str, Any]]:
        texts, self.texts[:] = [*self.texts], []
        return [wire.read(text) for text in texts]


def reply(*, text: str = "Hello there.", audible: bool = True, status: str = "completed", **request: Any) -> list[Any]:
    """Everything that a session tells of one response."""
    kind: Any = "output_audio" if audible else "output_text"
    modalities: Any = ("audio",) if audible else ("text",)
    ending: Any = status
    item = Item("item_1", "assistant", [Part(kind, "")], "in_progress")
    done = Item("item_1", "assistant", [Part(kind, text)], "completed")
    asked = ResponseRequest(**request)
    reason = {"cancelled": "turn_detected", "failed": "the model stalled", "incomplete": "max_output_tokens"}
    told: list[Any] = [
        ev.ResponseCreated("resp_1", asked, modalities),
        ev.OutputItemAdded("resp_1", item, "item_0"),
        ev.OutputTextDelta("resp_1", "item_1", text),
    ]
    if audible:
        told.insert(2, ev.OutputAudioStarted("resp_1"))
        told.append(ev.OutputAudioDelta("resp_1", "item_1", np.arange(4800, dtype=np.int16)))
    told.append(ev.OutputItemDone("resp_1", done))
    told.append(ev.ResponseDone("resp_1", asked, modalities, ending, reason.get(status), done, ev.Usage(7, 3)))
    return [*told, ev.OutputAudioStopped("resp_1")] if audible else told


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def test_a_spoken_reply_over_a_websocket() -> None:
    told = Sent().emit(*reply())
    assert kinds(told) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert told[1]["item"]["content"] == []
    assert told[2]["previous_item_id"] == told[9]["previous_item_id"] == "item_0"
    assert told[10]["item"]["content"] == [{"type": "output_audio", "transcript": "Hello there."}]
    pcm = np.frombuffer(base64.b64decode(told[5]["delta"]), "<i2")
    assert np.array_equal(pcm, np.arange(4800))
    done = told[-1]["response"]
    assert (done["status"], done["status_details"], done["usage"]["total_tokens"]) == ("completed", None, 10)
    assert [item["id"] for item in done["output"]] == ["item_1"]


def test_over_webrtc_buffer_events_take_the_place_of_deltas() -> None:
    events = [event for event in reply() if not isinstance(event, ev.OutputAudioDelta)]
    told = kinds(Sent(webrtc=True).emit(*events))
    assert told[4] == "output_audio_buffer.started"
    assert told[-2:] == ["response.done", "output_audio_buffer.stopped"]
    assert "response.output_audio.done" in told
    assert "response.output_audio.delta" not in told


def test_a_written_reply() -> None:
    told = Sent().emit(*reply(audible=False))
    assert kinds(told)[3:7] == [
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
    ]
    assert told[3]["part"] == {"type": "text", "text": ""}
    assert told[-1]["response"]["output_modalities"] == ["text"]


@pytest.mark.parametrize(
    ("status", "details"),
    [
        ("cancelled", {"type": "cancelled", "reason": "turn_detected"}),
        ("incomplete", {"type": "incomplete", "reason": "max_output_tokens"}),
        (
            "failed",
            {
                "type": "failed",
                "error": {"type": "server_error", "code": "response_failed", "message": "the model stalled"},
            },
        ),
    ],
)
def test_how_a_response_ends(status: str, details: dict[str, Any]) -> None:
    done = Sent().emit(*reply(status=status))[-1]["response"]
    assert (done["status"], done["status_details"]) == (status, details)


def test_metadata_and_limits_are_echoed() -> None:
    told = Sent().emit(*reply(metadata={"topic": "greeting"}, max_output_tokens=20))
    for event in (told[0], told[-1]):
        assert event["response"]["metadata"] == {"topic": "greeting"}
        assert event["response"]["max_output_tokens"] == 20
        assert event["response"]["conversation_id"].startswith("conv_")


def test_a_response_outside_the_conversation_adds_no_item_to_it() -> None:
    told = Sent().emit(*reply(in_conversation=False))
    assert "conversation.item.added" not in kinds(told)
    assert "conversation.item.done" not in kinds(told)
    assert told[-1]["response"]["conversation_id"] is None


def test_a_spoken_turn_of_the_user() -> None:
    item = Item("item_2", "user", [Part("input_audio", None)])
    told = Sent().emit(
        ev.SpeechStarted("item_2", 320),
        ev.SpeechStopped("item_2", 1500),
        ev.AudioCommitted("item_2", "item_1"),
        ev.ItemAdded(item, "item_1"),
        ev.ItemDone(item, "item_1"),
        ev.InputTranscriptDelta("item_2", "good"),
        ev.InputTranscriptCompleted("item_2", "good morning", 1.1804),
    )
    assert kinds(told) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert (told[0]["audio_start_ms"], told[1]["audio_end_ms"]) == (320, 1500)
    # AR under Node dies of a missing key, not of a null.
    assert told[3]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert told[6]["usage"] == {"type": "duration", "seconds": 1.18}


def test_the_small_ones() -> None:
    sent = Sent()
    told = sent.emit(
        ev.AudioCleared(),
        ev.ItemDeleted("item_1"),
        ev.ItemTruncated("item_1", 700),
        ev.InputTranscriptFailed("item_2", "nothing was understood"),
    )
    assert kinds(told) == [
        "input_audio_buffer.cleared",
        "conversation.item.deleted",
        "conversation.item.truncated",
        "conversation.item.input_audio_transcription.failed",
    ]
    assert told[2]["audio_end_ms"] == 700


def test_an_item_is_retrieved_whole() -> None:
    sent = Sent()
    sent.encoder.item_retrieved(Item("item_9", "system", [Part("input_text", "Be kind.")]))
    (event,) = sent.take()
    assert event["item"]["content"] == [{"type": "input_text", "text": "Be kind."}]


def test_clearing_while_nothing_plays_needs_no_answer() -> None:
    assert Sent(webrtc=True).emit(ev.OutputAudioCleared(None)) == []
    assert Sent(webrtc=True).emit(ev.OutputAudioCleared("resp_1"))[0]["response_id"] == "resp_1"
    assert Sent().emit(ev.OutputAudioCleared("resp_1")) == []


def test_an_error_names_the_event_that_it_answers() -> None:
    sent = Sent()
    sent.encoder.error(Problem("no such item", "item_id", "item_retrieve_invalid_item_id"), "mine_7")
    (event,) = sent.take()
    assert event["error"] == {
        "type": "invalid_request_error",
        "code": "item_retrieve_invalid_item_id",
        "message": "no such item",
        "param": "item_id",
        "event_id": "mine_7",
    }
    assert event["event_id"] != "mine_7"


def test_event_ids_differ() -> None:
    told = Sent().emit(*reply())
    assert len({event["event_id"] for event in told}) == len(told)


def test_the_session_says_that_she_is_generated() -> None:
    sent = Sent()
    sent.encoder.session_created()
    (event,) = sent.take()
    assert "AI-generated" in event["session"]["visavis"]["ai_generated"]
    assert event["session"]["audio"]["input"]["turn_detection"]["interrupt_response"] is True


def test_our_own_events_go_only_to_whom_asked() -> None:
    timing = ev.TurnTiming("resp_1", False, True, None, None, 12.0, 30.0, 60.0, 80.0, 90.0, None)
    sent = Sent()
    assert sent.emit(ev.StateChanged("thinking"), timing) == []
    sent.settings.update({"visavis": {"events": ["timing", "secrets"]}})
    sent.encoder.emit(ev.StateChanged("thinking"))
    sent.encoder.emit(timing)
    (text,) = sent.texts
    event = json.loads(text)
    assert event["type"] == "visavis.turn.timing"
    assert (event["response_id"], event["first_audio_out_ms"], event["decided_ms"]) == ("resp_1", 80.0, None)
    sent.texts.clear()
    sent.settings.update({"visavis": {"events": ["state"]}})
    sent.encoder.emit(ev.StateChanged("speaking"))
    assert json.loads(sent.texts[0])["state"] == "speaking"


def test_deltas_stay_far_below_what_clients_take_in_one_message() -> None:
    sent = Sent()
    sent.emit(*reply()[:3])
    sent.encoder.emit(ev.OutputAudioDelta("resp_1", "item_1", np.zeros(4800, np.int16)))
    assert len(sent.texts[0]) < 65_536
