"""What a client may set for its session, and what it may ask of one response."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engines import Message
from engines.tags import NEUTRAL
from pipeline.conversation import Item

Modality = Literal["audio", "text"]


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """When the server decides that the user has finished. None in its place means push to talk."""

    threshold: float = 0.5
    """Probability of speech above which a window counts as speech."""
    prefix_ms: int = 300
    """Audio kept from before the detected onset: a word's first consonant is weaker than the threshold."""
    silence_ms: int = 500
    """Silence that ends a turn."""
    known_phrase_silence_ms: int = 300
    """Silence that suffices when the words so far are a whole known phrase."""
    create_response: bool = True
    interrupt_response: bool = True


@dataclass(frozen=True, slots=True)
class Expression:
    """Her own way: how she feels and moves while no tag says otherwise."""

    emotion: str = NEUTRAL
    """One of `EMOTIONS`."""
    intensity: float = 1.0
    """0..1, of the emotion."""
    manner: str = NEUTRAL
    """One of `MANNERS`, or `neutral` for none in particular."""
    punctuation: bool = True
    """Sentences that end in ! or ? show it on a face that feels nothing in particular."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The whole of what a `session.update` can change."""

    instructions: str = ""
    """System prompt."""
    modalities: tuple[Modality, ...] = ("audio",)
    turn_detection: TurnDetection | None = field(default_factory=TurnDetection)
    temperature: float | None = None
    max_output_tokens: int | None = None
    """Tokens after which a response ends as `incomplete`; None for the server's own bound."""
    transcribe: bool = True
    """Tell the client what was understood."""
    expression: Expression = field(default_factory=Expression)
    report_motion: bool = False
    """Tell the client how her face moves, frame by frame."""


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """One `response.create`: what it overrides for this response alone."""

    instructions: str | None = None
    modalities: tuple[Modality, ...] | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    metadata: dict[str, str] | None = None
    """Echoed in `response.created` and `response.done`."""
    in_conversation: bool = True
    """False for an out-of-band response (`conversation: "none"`), which leaves the history alone."""
    input: tuple[Item | Message, ...] | None = None
    """Items of the conversation, or messages of its own, to answer instead of the whole conversation."""
