"""The Realtime `session` object: what a client may set of it, and the whole of it as it holds.

Shapes are those of `openai.types.realtime.RealtimeSessionCreateRequest`. Our own keys live in `session.visavis`:
`events` (names of our own event groups to receive), `emotion`, `intensity`, `manner` and `punctuation` (how she feels
and moves where no tag says otherwise), and `ai_generated` (read only).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast

from pipeline.options import SessionOptions, TurnDetection
from server.realtime.values import (
    EXPRESSION,
    AudioFormat,
    Json,
    Problem,
    format_to_wire,
    read_format,
    read_max_tokens,
    read_modalities,
    read_number,
    read_temperature,
    read_text,
)

AI_GENERATED = "The person you see and hear is AI-generated: her face and her voice are synthetic."
"""The disclosure that every session carries."""

EVENT_GROUPS = ("state", "timing", "ended", "motion", "warning")
"""Our own events: `visavis.state`, `visavis.turn.timing`, `visavis.ended`, `visavis.motion`, `visavis.warning`."""

MAX_NAME = 100
"""Characters of a model or voice name that is echoed back."""

MAX_SILENCE_MS = 10_000

EAGERNESS_MS = {"low": 800, "high": 300}
"""Silence that ends a turn under `semantic_vad`, where it is not the configured one (`medium`, `auto`): we have no
semantic model, so eagerness becomes patience."""


@dataclass(frozen=True, slots=True)
class SessionDefaults:
    """What holds for a session until its client changes it."""

    options: SessionOptions
    model: str
    voice: str
    transcription_model: str
    text_max_chars: int
    """Characters of instructions, and of one typed message."""


class SessionSettings:
    """The effective settings of one session.

    Unknown keys are ignored. Names of models and voices are echoed and served by the configured ones; a `tools` list
    that is not empty and values that are not allowed are left out and reported; numbers out of range become the nearest
    that is allowed.
    """

    def __init__(self, defaults: SessionDefaults) -> None:
        self.id = f"sess_{secrets.token_urlsafe(12)}"
        self.defaults = defaults
        self.options = defaults.options
        self.events: frozenset[str] = frozenset()
        self.input_format: AudioFormat = "audio/pcm"
        self.output_format: AudioFormat = "audio/pcm"
        self.model = defaults.model
        self.voice = defaults.voice
        self.transcription_model = defaults.transcription_model
        self.vad_type: Literal["server_vad", "semantic_vad"] = "server_vad"
        self.eagerness = "auto"
        self.tool_choice = "auto"

    def update(self, patch: Mapping[str, Any]) -> list[Problem]:
        """Take over what can be; what can't is returned and keeps its former value."""
        problems: list[Problem] = []
        for path, take in _TAKERS.items():
            found, value = _dig(patch, path)
            if not found:
                continue
            try:
                take(self, value)
            except ValueError as error:
                code = "tools_not_supported" if path == "tools" else "invalid_value"
                problems.append(Problem(str(error), f"session.{path}", code))
        return problems

    def echo(self) -> Json:
        """The whole effective session, as `session.created` and `session.updated` carry it."""
        options = self.options
        session: Json = {
            "type": "realtime",
            "object": "realtime.session",
            "id": self.id,
            "model": self.model,
            "instructions": options.instructions,
            "output_modalities": list(options.modalities),
            "max_output_tokens": "inf" if options.max_output_tokens is None else options.max_output_tokens,
            "tools": [],
            "tool_choice": self.tool_choice,
            "truncation": "auto",
            "tracing": None,
            "audio": {
                "input": {
                    "format": format_to_wire(self.input_format),
                    "noise_reduction": None,
                    "transcription": {"model": self.transcription_model} if options.transcribe else None,
                    "turn_detection": self._turn_detection(),
                },
                "output": {"format": format_to_wire(self.output_format), "voice": self.voice, "speed": 1.0},
            },
            "visavis": {
                "ai_generated": AI_GENERATED,
                "events": sorted(self.events),
                **asdict(options.expression),
            },
        }
        if options.temperature is not None:
            session["temperature"] = options.temperature
        return session

    def _turn_detection(self) -> Json | None:
        detection = self.options.turn_detection
        if detection is None:
            return None
        answer: Json = {
            "type": self.vad_type,
            "create_response": detection.create_response,
            "interrupt_response": detection.interrupt_response,
        }
        if self.vad_type == "semantic_vad":
            return answer | {"eagerness": self.eagerness}
        return answer | {
            "threshold": detection.threshold,
            "prefix_padding_ms": detection.prefix_ms,
            "silence_duration_ms": detection.silence_ms,
            "idle_timeout_ms": None,
        }


def _take_instructions(settings: SessionSettings, value: object) -> None:
    if value is not None:
        text = read_text(value, settings.defaults.text_max_chars, "instructions")
        settings.options = replace(settings.options, instructions=text)


def _take_modalities(settings: SessionSettings, value: object) -> None:
    if value is not None:
        settings.options = replace(settings.options, modalities=read_modalities(value))


def _take_temperature(settings: SessionSettings, value: object) -> None:
    settings.options = replace(settings.options, temperature=read_temperature(value))


def _take_max_tokens(settings: SessionSettings, value: object) -> None:
    bound = settings.defaults.options.max_output_tokens
    settings.options = replace(settings.options, max_output_tokens=read_max_tokens(value, bound))


def _take_model(settings: SessionSettings, value: object) -> None:
    if isinstance(value, str) and value:
        settings.model = value[:MAX_NAME]


def _take_voice(settings: SessionSettings, value: object) -> None:
    name = cast(Json, value).get("id") if isinstance(value, dict) else value
    if isinstance(name, str) and name:
        settings.voice = name[:MAX_NAME]


def _take_transcription(settings: SessionSettings, value: object) -> None:
    settings.options = replace(settings.options, transcribe=value is not None)
    name = cast(Json, value).get("model") if isinstance(value, dict) else None
    if isinstance(name, str) and name:
        settings.transcription_model = name[:MAX_NAME]


def _take_input_format(settings: SessionSettings, value: object) -> None:
    if value is not None:
        settings.input_format = read_format(value)


def _take_output_format(settings: SessionSettings, value: object) -> None:
    if value is not None:
        settings.output_format = read_format(value)


def _take_turn_detection(settings: SessionSettings, value: object) -> None:
    if value is None:
        settings.options = replace(settings.options, turn_detection=None)
        return
    if not isinstance(value, dict):
        raise ValueError("turn_detection must be an object or null")
    wanted = cast(Json, value)
    vad_type = wanted.get("type", settings.vad_type)
    if vad_type not in ("server_vad", "semantic_vad"):
        raise ValueError("turn_detection.type must be server_vad or semantic_vad")
    eagerness = wanted.get("eagerness", "auto")
    if eagerness not in ("low", "medium", "high", "auto"):
        raise ValueError("turn_detection.eagerness must be low, medium, high or auto")
    base = settings.options.turn_detection
    if base is None or vad_type != settings.vad_type:
        base = settings.defaults.options.turn_detection or TurnDetection()
    if vad_type == "semantic_vad":
        silence = EAGERNESS_MS.get(eagerness, (settings.defaults.options.turn_detection or base).silence_ms)
        wanted = {"silence_duration_ms": silence} | {
            key: wanted[key] for key in ("create_response", "interrupt_response") if key in wanted
        }
    settings.options = replace(settings.options, turn_detection=_merge_detection(base, wanted))
    settings.vad_type = vad_type
    settings.eagerness = eagerness


def _merge_detection(base: TurnDetection, wanted: Json) -> TurnDetection:
    changes: dict[str, Any] = {}
    if wanted.get("threshold") is not None:
        changes["threshold"] = read_number(wanted["threshold"], 0, 1, "turn_detection.threshold")
    for key, name in (("prefix_padding_ms", "prefix_ms"), ("silence_duration_ms", "silence_ms")):
        if wanted.get(key) is not None:
            changes[name] = round(read_number(wanted[key], 0, MAX_SILENCE_MS, f"turn_detection.{key}"))
    for key in ("create_response", "interrupt_response"):
        if isinstance(wanted.get(key), bool):
            changes[key] = wanted[key]
    merged = replace(base, **changes)
    return replace(merged, known_phrase_silence_ms=min(merged.known_phrase_silence_ms, merged.silence_ms))


def _take_tools(_: SessionSettings, value: object) -> None:
    if value:
        raise ValueError("tools are not supported and were left out; the rest of the update holds")


def _take_tool_choice(settings: SessionSettings, value: object) -> None:
    settings.tool_choice = value if value in ("none", "auto", "required") else "auto"


def _take_events(settings: SessionSettings, value: object) -> None:
    names = cast(list[object], value) if isinstance(value, list) else []
    settings.events = frozenset(name for name in EVENT_GROUPS if name in names)
    settings.options = replace(settings.options, report_motion="motion" in settings.events)


def _take_expression(key: str, read: Callable[[object], object]) -> Callable[[SessionSettings, Any], None]:
    def take(settings: SessionSettings, value: object) -> None:
        if value is None:
            value = getattr(settings.defaults.options.expression, key)
        expression = replace(settings.options.expression, **{key: read(value)})
        settings.options = replace(settings.options, expression=expression)

    return take


def _check_type(_: SessionSettings, value: object) -> None:
    if value not in (None, "realtime"):
        raise ValueError("session.type must be realtime: sessions that only transcribe are not served")


_TAKERS: dict[str, Callable[[SessionSettings, Any], None]] = {
    "type": _check_type,
    "model": _take_model,
    "instructions": _take_instructions,
    "output_modalities": _take_modalities,
    "temperature": _take_temperature,
    "max_output_tokens": _take_max_tokens,
    "tools": _take_tools,
    "tool_choice": _take_tool_choice,
    "audio.input.format": _take_input_format,
    "audio.input.transcription": _take_transcription,
    "audio.input.turn_detection": _take_turn_detection,
    "audio.output.format": _take_output_format,
    "audio.output.voice": _take_voice,
    "visavis.events": _take_events,
    **{f"visavis.{key}": _take_expression(key, read) for key, read in EXPRESSION.items()},
}
"""Everything that a client may set, by its path in the session object."""


def _dig(patch: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    value: Any = patch
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return False, None
        value = cast(Json, value)[key]
    return True, value
