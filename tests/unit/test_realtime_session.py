"""What a client may set of its session, and how the whole of it is echoed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.options import SessionOptions, TurnDetection
from server.realtime.session import SessionDefaults, SessionSettings

pytestmark = pytest.mark.unit

OPTIONS = SessionOptions(instructions="Be brief.", max_output_tokens=1000)

AGENTS = {
    "type": "realtime",
    "model": "gpt-realtime-2",
    "instructions": "You are a pirate.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "noise_reduction": None,
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "semantic_vad"},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1},
    },
    "tools": [],
    "tool_choice": "auto",
    "tracing": "auto",
    "prompt": {"id": "pmpt_1"},
    "nonsense": {"deep": [1, 2]},
}
"""The first update of `@openai/agents-realtime`, and some more."""


def settings(options: SessionOptions = OPTIONS) -> SessionSettings:
    return SessionSettings(SessionDefaults(options, "visavis", "visavis", "pocketsphinx", 200))


def test_what_real_clients_send_first_is_taken_without_a_word() -> None:
    session = settings()
    assert session.update(AGENTS) == []
    echo = session.echo()
    assert (echo["model"], echo["audio"]["output"]["voice"]) == ("gpt-realtime-2", "marin")
    assert echo["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    assert session.options.instructions == "You are a pirate."
    assert session.options.turn_detection is not None


def test_an_update_changes_only_what_it_names() -> None:
    session = settings()
    session.update({"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 800}}}})
    session.update({"output_modalities": ["text"]})
    assert session.options.modalities == ("text",)
    assert session.options.instructions == "Be brief."
    assert session.options.turn_detection == replace(TurnDetection(), silence_ms=800)


def test_push_to_talk_and_back() -> None:
    session = settings()
    session.update({"audio": {"input": {"turn_detection": None}}})
    assert session.options.turn_detection is None
    assert session.echo()["audio"]["input"]["turn_detection"] is None
    session.update({"audio": {"input": {"turn_detection": {"type": "server_vad"}}}})
    assert session.options.turn_detection == TurnDetection()


@pytest.mark.parametrize(("eagerness", "silence"), [("low", 800), ("medium", 500), ("high", 300), ("auto", 500)])
def test_eagerness_becomes_patience(eagerness: str, silence: int) -> None:
    session = settings()
    session.update({"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": eagerness}}}})
    detection = session.options.turn_detection
    assert detection is not None
    assert detection.silence_ms == silence
    assert detection.known_phrase_silence_ms <= silence


def test_tools_are_left_out_and_the_rest_holds() -> None:
    session = settings()
    (problem,) = session.update({"tools": [{"type": "function", "name": "f"}], "instructions": "Hi."})
    assert (problem.param, problem.code) == ("session.tools", "tools_not_supported")
    assert session.echo()["tools"] == []
    assert session.options.instructions == "Hi."


@pytest.mark.parametrize(
    ("patch", "param"),
    [
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}}, "session.audio.input.format"),
        ({"audio": {"input": {"format": {"type": "audio/opus"}}}}, "session.audio.input.format"),
        ({"audio": {"output": {"format": {"type": "audio/pcm", "rate": 8000}}}}, "session.audio.output.format"),
        ({"audio": {"input": {"format": "audio/opus"}}}, "session.audio.input.format"),
        ({"audio": {"input": {"format": 7}}}, "session.audio.input.format"),
        ({"output_modalities": ["video"]}, "session.output_modalities"),
        ({"temperature": float("nan")}, "session.temperature"),
        ({"temperature": True}, "session.temperature"),
        ({"max_output_tokens": "many"}, "session.max_output_tokens"),
        ({"max_output_tokens": 0.5}, "session.max_output_tokens"),
        ({"instructions": "x" * 201}, "session.instructions"),
        ({"instructions": ["x"]}, "session.instructions"),
        ({"type": "transcription"}, "session.type"),
        ({"audio": {"input": {"turn_detection": {"type": "psychic"}}}}, "session.audio.input.turn_detection"),
        ({"audio": {"input": {"turn_detection": "on"}}}, "session.audio.input.turn_detection"),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": "high"}}}},
            "session.audio.input.turn_detection",
        ),
    ],
)
def test_a_bad_value_is_named_and_changes_nothing(patch: dict[str, Any], param: str) -> None:
    session = settings()
    before = session.echo()
    assert [problem.param for problem in session.update(patch)] == [param]
    assert session.echo() == before


@pytest.mark.parametrize("patch", [{}, {"audio": 7}, {"audio": {"input": None}}, {"visavis": "all"}, {"include": []}])
def test_what_we_do_not_know_is_ignored(patch: dict[str, Any]) -> None:
    session = settings()
    before = session.echo()
    assert session.update(patch) == []
    assert session.echo() == before


@pytest.mark.parametrize(("asked", "taken"), [(5, 2), (-1, 0), (float("inf"), 2), (10**400, 2), (0.7, 0.7)])
def test_a_temperature_out_of_range_becomes_the_nearest(asked: float, taken: float) -> None:
    session = settings()
    assert session.update({"temperature": asked}) == []
    assert session.echo()["temperature"] == taken


def test_patience_out_of_range_becomes_the_nearest() -> None:
    session = settings()
    wanted = {"type": "server_vad", "threshold": 7, "silence_duration_ms": 20_000, "prefix_padding_ms": -5}
    assert session.update({"audio": {"input": {"turn_detection": wanted}}}) == []
    echo = session.echo()["audio"]["input"]["turn_detection"]
    assert (echo["threshold"], echo["silence_duration_ms"], echo["prefix_padding_ms"]) == (1, 10_000, 0)


def test_tokens_are_bounded_by_the_configuration() -> None:
    session = settings()
    for asked, taken in ((50, 50), (4096, 1000), (0, 1), ("inf", 1000), (None, 1000)):
        session.update({"max_output_tokens": asked})
        assert session.options.max_output_tokens == taken


def test_both_modalities_are_audio_with_its_transcript() -> None:
    session = settings()
    session.update({"output_modalities": ["text", "audio"]})
    assert session.options.modalities == ("audio",)


def test_transcripts_can_be_switched_off() -> None:
    session = settings()
    session.update({"audio": {"input": {"transcription": None}}})
    assert session.options.transcribe is False
    assert session.echo()["audio"]["input"]["transcription"] is None
    session.update({"audio": {"input": {"transcription": {"model": "whisper-1"}}}})
    assert session.options.transcribe is True


def test_nothing_of_the_server_can_be_set() -> None:
    session = settings()
    before = session.echo()
    session.update({"base_url": "http://evil", "api_key": "k", "visavis": {"avatar": "/etc", "ai_generated": ""}})
    assert session.echo() == before


@pytest.mark.parametrize("audio_format", [{"type": "audio/pcmu"}, "g711_ulaw"])
def test_telephones_speak_g711_both_ways(audio_format: object) -> None:
    session = settings()
    assert session.update({"audio": {"input": {"format": audio_format}, "output": {"format": audio_format}}}) == []
    audio = session.echo()["audio"]
    assert audio["input"]["format"] == audio["output"]["format"] == {"type": "audio/pcmu"}
