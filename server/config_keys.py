"""Every key of the configuration, with its unit, its default and what is allowed.

The descriptions are the documentation: `config.example.toml` carries them word for word (a test keeps it so),
and an error message names what is allowed from the same declarations.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from server.config_motion import Motion
from server.config_network import Media, Server
from server.config_types import MAX_TEXT, Pronunciation, Section

OPENAI_URL = "https://api.openai.com/v1"

Milliseconds = Annotated[int, Field(ge=0, le=10_000)]

IDLE_FPS = (5.0, 12.5, 25.0)
"""Pictures leave on the 40 ms grid of the clock, so their period is a multiple of it."""


def _whole_frames(fps: float) -> float:
    if fps not in IDLE_FPS:
        raise ValueError("not a divisor of 25 pictures/s")
    return fps


class LanguageModel(Section):
    """Who thinks: an OpenAI-compatible server, or the offline answers of [knowledge]."""

    provider: Literal["knowledge", "openai"] = Field(
        default="knowledge",
        description="`openai` (any compatible server) is implied by `base_url` or `model`.",
    )
    base_url: str = Field(
        default=OPENAI_URL,
        pattern=r"^https?://\S+$",
        description="Where chat completions are served, up to and including /v1.",
        examples=["http://127.0.0.1:11434/v1"],
    )
    model: str | None = Field(default=None, description="Name of the model.", examples=["llama3.2"])
    key: SecretStr | None = Field(
        default=None,
        description="Only from VISAVIS_LLM_KEY; for OpenAI's own server also from OPENAI_API_KEY.",
    )
    instructions: str = Field(
        default="You are Visavis, a friendly woman on a video call. Answer in one to three short spoken "
        "sentences, without lists, markup or emoji.",
        max_length=MAX_TEXT,
        description="System prompt; the knowledge file is added to it.",
    )
    expressive: bool = Field(
        default=True,
        description="Tell the model of the tags by which it says what she feels; she answers with some herself.",
    )
    temperature: float | None = Field(
        default=None, ge=0, le=2, description="Sampling temperature; unset: the model's own.", examples=[0.7]
    )
    think_ahead: bool = Field(
        default=False,
        description="Ask the model as soon as the user has probably finished, 160 ms into a pause: she answers sooner, "
        "and a request is thrown away where the user goes on.",
    )
    history: int = Field(default=20, ge=1, le=1000, description="Messages of the conversation that the model sees.")
    timeout_s: float = Field(
        default=15,
        ge=1,
        le=300,
        description="Seconds without a token after which she apologises and gives up the turn.",
    )
    max_output_tokens: int = Field(default=1000, ge=16, le=32_000, description="Tokens of one reply.")


class Knowledge(Section):
    """The Markdown file of questions and answers: the offline answers, and a configured model's context."""

    path: Path | None = Field(
        default=None, description="Markdown file; unset: the one about Visavis itself.", examples=["kiosk.md"]
    )
    tokens_per_second: float = Field(
        default=50,
        ge=0,
        le=10_000,
        description="Tokens per second of the offline answers; 0 gives them at once.",
    )


class Recogniser(Section):
    """How speech becomes text."""

    provider: Literal["pocketsphinx", "openai"] = Field(
        default="pocketsphinx",
        description="`openai` (any compatible server) is implied by `base_url` or `model`.",
    )
    base_url: str = Field(
        default=OPENAI_URL,
        pattern=r"^https?://\S+$",
        description="Where /audio/transcriptions is served, up to and including /v1.",
        examples=["http://127.0.0.1:8001/v1"],
    )
    model: str = Field(default="gpt-4o-mini-transcribe", description="Name of the remote model.")
    key: SecretStr | None = Field(
        default=None,
        description="Only from VISAVIS_ASR_KEY; for OpenAI's own server also from OPENAI_API_KEY.",
    )
    timeout_s: float = Field(default=15, ge=1, le=120, description="Seconds for one remote transcription.")


class Voice(Section):
    """How text becomes speech."""

    provider: Literal["neural", "piper", "espeak", "openai"] = Field(
        default="neural",
        description="`neural` is a voice of our own, `piper` one in Piper's format, `espeak` needs the extra of that "
        "name, `openai` (any compatible server) is implied by `base_url` or `model`.",
    )
    base_url: str = Field(
        default=OPENAI_URL,
        pattern=r"^https?://\S+$",
        description="Where /audio/speech is served, up to and including /v1.",
        examples=["http://127.0.0.1:8002/v1"],
    )
    model: str = Field(default="gpt-4o-mini-tts", description="Name of the remote model.")
    key: SecretStr | None = Field(
        default=None,
        description="Only from VISAVIS_TTS_KEY; for OpenAI's own server also from OPENAI_API_KEY.",
    )
    voice: str | None = Field(
        default=None,
        description="The voice's folder (neural; unset: the avatar's own, or the shipped one) or MODEL.onnx (piper), "
        "or its name, as the provider spells it.",
        examples=["voices/anna"],
    )
    rate: float = Field(default=1, ge=0.5, le=2, description="Times as fast as the voice's own pace (not openai).")
    pitch: float = Field(
        default=0, ge=-12, le=12, description="Semitones above the voice's own pitch (neural, espeak)."
    )
    energy: float = Field(default=0, ge=-12, le=12, description="Decibels louder than -20 LUFS (neural).")
    pronunciations: tuple[Pronunciation, ...] = Field(
        default=(),
        description="Words that are said otherwise than she would (neural).",
        examples=[["Nguyen: W IH1 N"]],
    )
    timeout_s: float = Field(default=15, ge=1, le=120, description="Seconds without audio from a remote voice.")


class Turn(Section):
    """When the user has finished."""

    silence_ms: Milliseconds = Field(default=500, description="Milliseconds of silence that end a turn.")
    known_phrase_silence_ms: Milliseconds = Field(
        default=300, description="Milliseconds of silence that suffice after a whole known phrase."
    )
    threshold: float = Field(
        default=0.5, ge=0.05, le=0.95, description="Probability above which sound counts as speech."
    )
    prefix_ms: Milliseconds = Field(
        default=300, description="Milliseconds of sound kept from before the detected onset."
    )


class Avatar(Section):
    """Her face."""

    path: Path = Field(default=Path("avatars/default"), description="Folder of the avatar.")
    engine: Literal["openvino", "tensorrt"] = Field(
        default="openvino",
        description="What draws: the CPU (openvino), or an NVIDIA GPU (tensorrt, after `visavis compile`).",
    )
    threads: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None,
        description="Threads of the CPU that render one picture; unset: one, or two where a picture takes longer than "
        "20 ms on one.",
        examples=[1],
    )
    idle_fps: Annotated[float, AfterValidator(_whole_frames)] = Field(
        default=12.5,
        description="Pictures per second rendered while nobody speaks.",
        json_schema_extra={"enum": [*IDLE_FPS]},
    )


class Privacy(Section):
    """What is kept of a conversation."""

    log_transcripts: bool = Field(
        default=False,
        description="Write what both sides say to the log. Speech itself is never written anywhere.",
    )


class Config(Section):
    """The whole configuration. Build it with `server.config.load_config`."""

    server: Server = Server()
    media: Media = Media()
    llm: LanguageModel = LanguageModel()
    knowledge: Knowledge = Knowledge()
    asr: Recogniser = Recogniser()
    tts: Voice = Voice()
    turn: Turn = Turn()
    motion: Motion = Motion()
    avatar: Avatar = Avatar()
    privacy: Privacy = Privacy()
