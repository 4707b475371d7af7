"""A conversation as a synthetic user performs it, written in YAML.

steps:
  - silence: 3                       # seconds
  - type: Hello, who are you?        # typed, and answered
  - listen: end                      # to the last word; or so many seconds of her voice
  - repeat: 40
    steps:
      - say: ["What is Visavis?", "How do you [pause 0.4] work?"]     # taken in turn
      - cough: {after: 1.0}          # seconds of her voice
      - interrupt: {after: 1.2, by: request}      # as a client's stop button does
      - interrupt: {after: 1.2, by: voice, say: "Can I interrupt you?"}
  - say: {wav: question.wav}         # beside the script
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.inbox import BenchError

SCRIPTS = Path(__file__).parent / "scripts"

MAX_BYTES = 65_536
"""Of a script: what a person would write by hand."""

Seconds = Annotated[float, Field(ge=0, le=3600)]
Line = Annotated[str, Field(min_length=1, max_length=2000)]
Lines = Line | Annotated[list[Line], Field(min_length=1, max_length=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wav(_Strict):
    """A recording to be played."""

    wav: Path


class Interrupt(_Strict):
    """She is interrupted after so many seconds of her voice."""

    after: Seconds = 1.2
    by: Literal["voice", "request"] = "request"
    say: Lines | None = None
    """By voice: what is said, which she answers."""

    @model_validator(mode="after")
    def _said(self) -> Interrupt:
        if (self.say is not None) != (self.by == "voice"):
            raise ValueError("an interruption by voice needs `say`, one by request takes none")
        return self


class Cough(_Strict):
    """Somebody coughs after so many seconds of her voice; she should go on."""

    after: Seconds = 1.0


class Act(_Strict):
    """One step: exactly one of these."""

    silence: Seconds | None = None
    type: Lines | None = None
    say: Wav | Lines | None = None
    listen: Seconds | Literal["end"] | None = None
    interrupt: Interrupt | None = None
    cough: Cough | None = None
    repeat: Annotated[int, Field(ge=0, le=10_000)] | None = None
    steps: tuple[Act, ...] | None = None
    """What is repeated."""

    @model_validator(mode="after")
    def _one(self) -> Act:
        given = self.model_fields_set - {"steps"}
        if len(given) != 1 or (self.repeat is None) != (self.steps is None):
            raise ValueError("a step is one of silence, type, say, listen, interrupt, cough, or repeat with steps")
        return self


class Script(_Strict):
    """A whole conversation."""

    steps: Annotated[tuple[Act, ...], Field(min_length=1)]
    base: Path = Field(default=Path(), exclude=True)
    """Folder that recordings are looked for in."""

    def flat(self) -> list[Act]:
        """Its steps with repetitions written out, and one line of each list, in turn."""
        turns: dict[int, int] = {}

        def line(lines: Any) -> Any:
            if not isinstance(lines, list):
                return lines
            turns[id(lines)] = turns.get(id(lines), -1) + 1
            return lines[turns[id(lines)] % len(lines)]

        def one(act: Act) -> list[Act]:
            if act.steps is not None:
                return [step for _ in range(act.repeat or 0) for inner in act.steps for step in one(inner)]
            if act.type is not None:
                return [Act(type=line(act.type))]
            if act.say is not None:
                return [Act(say=line(act.say))]
            if act.interrupt is not None and act.interrupt.say is not None:
                return [Act(interrupt=Interrupt(after=act.interrupt.after, by="voice", say=line(act.interrupt.say)))]
            return [act]

        return [step for act in self.steps for step in one(act)]


def load_script(path: Path) -> Script:
    """
    Raises:
        BenchError: it can't be read, or is no script; says what to change.
    """
    try:
        text = path.read_text()
        if len(text) > MAX_BYTES:
            raise BenchError(f"{path} has {len(text)} characters; a script may have {MAX_BYTES}")
        return read_script(text, path.parent)
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} can't be read: {error}") from None


def read_script(text: str, base: Path = Path()) -> Script:
    """
    Args:
        text: YAML.
        base: folder that its recordings are looked for in.

    Raises:
        BenchError: it is no script; says what to change.
    """
    try:
        data = yaml.safe_load(text)
        return Script.model_validate({**data, "base": base} if isinstance(data, dict) else data)
    except yaml.YAMLError as error:
        raise BenchError(f"the script is no YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BenchError(f"the script's {place or 'content'}: {first['msg']}") from None
