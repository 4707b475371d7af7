"""Values of the Realtime protocol, read from untrusted JSON. A reader raises ValueError with what is allowed.

Numbers out of range are taken as the nearest that is allowed, as the echo of the session tells: clients that are made
for other models send them, and some end on any `error`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from engines.media import SAMPLE_RATE
from engines.tags import EMOTIONS, MANNERS, NEUTRAL
from engines.unicode import repair
from pipeline.options import Modality

Json = dict[str, Any]

AudioFormat = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
AUDIO_FORMATS: tuple[AudioFormat, ...] = ("audio/pcm", "audio/pcmu", "audio/pcma")

BETA_FORMATS: dict[str, AudioFormat] = {
    "pcm16": "audio/pcm",
    "g711_ulaw": "audio/pcmu",
    "g711_alaw": "audio/pcma",
}
"""What they were called before the GA interface; some clients' users still write them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A part of an update that can't be met; the rest of the update holds."""

    message: str
    param: str
    code: str = "invalid_value"


def read_json(data: str | bytes) -> object:
    """Any JSON value, all its text fit for UTF-8.

    Raises:
        ValueError: no JSON, or too deeply nested.
    """
    try:
        return _repaired(json.loads(data))
    except RecursionError:
        raise ValueError("too deeply nested") from None


def _repaired(value: object) -> object:
    match value:
        case str():
            return repair(value)
        case list():
            return [_repaired(entry) for entry in cast(list[object], value)]
        case dict():
            return {repair(key): _repaired(entry) for key, entry in cast(dict[str, object], value).items()}
        case _:
            return value


def format_to_wire(name: AudioFormat) -> Json:
    return {"type": name, "rate": SAMPLE_RATE} if name == "audio/pcm" else {"type": name}


def read_modalities(value: object) -> tuple[Modality, ...]:
    """`["text"]` is text alone; whatever else names audio is audio (which carries its transcript).

    Raises:
        ValueError: nothing in it that she can answer with.
    """
    names = cast(list[object], value) if isinstance(value, list) else []
    if "audio" in names:
        return ("audio",)
    if "text" in names:
        return ("text",)
    raise ValueError('output_modalities must be ["audio"] or ["text"]')


def read_max_tokens(value: object, bound: int | None) -> int | None:
    """`"inf"` and null are the server's own bound, and so is any number above it; the least is 1.

    Raises:
        ValueError: neither an integer nor `"inf"`.
    """
    if value is None or value == "inf":
        return bound
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError('max_output_tokens must be an integer or "inf"')
    return max(1, value if bound is None else min(value, bound))


def read_temperature(value: object) -> float | None:
    """
    Raises:
        ValueError: not a number.
    """
    return None if value is None else read_number(value, 0, 2, "temperature")


def read_text(value: object, limit: int, name: str) -> str:
    """
    Raises:
        ValueError: no text, or one longer than `limit`.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string")
    if len(value) > limit:
        raise ValueError(f"{name} has {len(value)} characters; at most {limit} are taken, send less")
    return value


def read_number(value: object, low: float, high: float, name: str) -> float:
    """The number, or the bound that it is beyond.

    Raises:
        ValueError: not a number.
    """
    # Of all numbers only NaN is on neither side of a bound.
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value < low or value >= low):
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}")
    return float(min(max(value, low), high))


def read_choice(value: object, names: Sequence[str], name: str) -> str:
    """
    Raises:
        ValueError: none of `names`.
    """
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name} must be {', '.join(names[:-1])} or {names[-1]}")
    return value


def read_flag(value: object, name: str) -> bool:
    """
    Raises:
        ValueError: neither true nor false.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")
    return value


def read_format(value: object) -> AudioFormat:
    """
    Raises:
        ValueError: none of `AUDIO_FORMATS`, or PCM at another rate.
    """
    if isinstance(value, str) and value in BETA_FORMATS:
        return BETA_FORMATS[value]
    declared = cast(Json, value) if isinstance(value, dict) else {"type": value}
    name, rate = declared.get("type", "audio/pcm"), declared.get("rate")
    for known in AUDIO_FORMATS:
        if name != known:
            continue
        if known == "audio/pcm" and rate not in (None, SAMPLE_RATE):
            raise ValueError(f"audio/pcm is mono at {SAMPLE_RATE} Hz here, not {str(rate)[:20]}: resample it")
        return known
    raise ValueError(f"format.type must be {' or '.join(AUDIO_FORMATS)}")


EXPRESSION: dict[str, Callable[[object], object]] = {
    "emotion": lambda value: read_choice(value, EMOTIONS, "visavis.emotion"),
    "intensity": lambda value: read_number(value, 0, 1, "visavis.intensity"),
    "manner": lambda value: read_choice(value, (NEUTRAL, *MANNERS), "visavis.manner"),
    "punctuation": lambda value: read_flag(value, "visavis.punctuation"),
}
"""The fields of `Expression`, each with its reader."""
