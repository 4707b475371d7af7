"""A voice's folder: its networks and `voice.json`, checked before anything in it is run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from engines.media import SAMPLE_RATE
from engines.onnx_scan import operators
from engines.tts import SpeechError
from engines.tts.features import CONTEXT, HOP, PHONES
from engines.tts.source import N_FFT

FORMAT = "visavis-voice/1"
DESCRIPTION = "voice.json"
GRAPHS = ("plan.onnx", "prosody.onnx", "decode.onnx")
"""What serving runs; `timbre.onnx` lies with them for whoever teaches the voice another speaker."""

MAX_DESCRIPTION = 256 * 1024
MAX_GRAPH = 64 * 1024 * 1024
"""Bytes; ten times what the shipped voice needs."""

TIMBRE = 64
"""Numbers that say who speaks."""

Number = Annotated[float, Field(ge=-10, le=10)]
Words = Annotated[str, StringConstraints(max_length=4000)]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Style(_Checked):
    """Prosody of a manner of speaking, against plain reading."""

    rate: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    """Times as fast."""
    pitch: Number = 0.0
    """Added, in standard deviations of the speaker's log F0."""
    range: Annotated[float, Field(ge=0, le=3)] = 1.0
    """Times as wide a melody."""
    energy: Number = 0.0
    """Added, in standard deviations of the speaker's energy."""
    breath: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of the voiced sound that is whispered instead."""

    def scaled(self, intensity: float) -> Style:
        """The same manner at 0..1 of its strength."""
        return Style(
            rate=self.rate**intensity,
            pitch=self.pitch * intensity,
            range=self.range**intensity if self.range > 0 else 1 - intensity,
            energy=self.energy * intensity,
            breath=self.breath * intensity,
        )


class VoiceMeta(_Checked):
    """`voice.json`."""

    format: Literal["visavis-voice/1"]
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    language: Literal["en"]
    sample_rate: int
    hop: int
    n_fft: int
    phones: list[str]
    features: list[str]
    hidden: Annotated[int, Field(ge=1, le=4096)]
    """Channels between the networks."""
    left: Annotated[int, Field(ge=0, le=200)]
    right: Annotated[int, Field(ge=0, le=12)]
    """Frames before and after a window that its sound depends on; 12 (120 ms) are what may be waited for."""
    timbre: Annotated[list[Annotated[float, Field(ge=-100, le=100)]], Field(min_length=TIMBRE, max_length=TIMBRE)]
    log_f0_mean: Annotated[float, Field(ge=3.5, le=6.5)]
    """Of ln(Hz): 33 to 665 Hz."""
    log_f0_sd: Annotated[float, Field(gt=0, le=1)]
    gain_db: Annotated[float, Field(ge=-40, le=40)]
    """What brings this voice to -20 LUFS."""
    styles: dict[str, Style]
    licence: Words
    consent: Words | None
    source: Words
    sha256: dict[str, Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]]

    @model_validator(mode="after")
    def _same_terms(self) -> VoiceMeta:
        ours = {"sample_rate": SAMPLE_RATE, "hop": HOP, "n_fft": N_FFT, "phones": [*PHONES], "features": [*CONTEXT]}
        for key, value in ours.items():
            if getattr(self, key) != value:
                raise ValueError(f"{key} is not what this version computes with")
        absent = [name for name in GRAPHS if name not in self.sha256]
        if absent:
            raise ValueError(f"sha256 of {absent[0]} is missing")
        return self


def read_voice(folder: Path) -> VoiceMeta:
    """The `voice.json` of a voice's folder, after checking that it and the networks belong together.

    Raises:
        SpeechError: a file is missing, too large, of another format, or not the one that was exported.
    """
    for name in (DESCRIPTION, *GRAPHS):
        path = folder / name
        if not path.is_file():
            raise SpeechError(f"{path} is missing: give the folder of a voice, or make one with `visavis train-voice`")
        if path.stat().st_size > (MAX_DESCRIPTION if name == DESCRIPTION else MAX_GRAPH):
            raise SpeechError(f"{path} is far larger than a voice's: copy the voice again")
    path = folder / DESCRIPTION
    try:
        meta = VoiceMeta.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise SpeechError(
            f"{path} describes no voice that this version speaks with (format {FORMAT}): {place}: {first['msg']}; "
            "export the voice again"
        ) from error
    for name in GRAPHS:
        _check_graph(folder / name, meta.sha256[name])
    return meta


def _check_graph(path: Path, digest: str) -> None:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise SpeechError(f"{path} is not the one that {DESCRIPTION} describes, or only a part: copy the voice again")
    try:
        foreign = sorted(name for name in operators(path) if "::" in name)
    except ValueError as error:
        raise SpeechError(f"{path}: {error}") from error
    if foreign:
        raise SpeechError(f"{path} asks for the operator {foreign[0]}, which no voice needs: export the voice again")
