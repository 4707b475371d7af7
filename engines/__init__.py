"""What the pipeline asks of its models, and nothing more.

Local engines are synchronous and know nothing of sessions: the pipeline steps each from one worker thread. Network
clients (a language model, a remote voice, a remote recogniser) are async generators instead.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from engines.media import AudioChunk, Coeffs, Image, Pcm, Prosody
from engines.tags import Tag

Mood = Literal["idle", "listening", "thinking", "speaking"]
"""What she is doing, as the client sees it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation as a language model reads it."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recogniser understood."""

    text: str
    confidence: float = 1.0
    """0..1; 1 where the recogniser gives none."""


class LanguageModelError(Exception):
    """The reply broke off: the model stalled, failed, or sent garbage. The message is fit for a client to read."""


class ReplyTruncated(LanguageModelError):
    """The reply reached the bound on its tokens; what came before stands."""


class TranscriptionError(Exception):
    """A recogniser could not do its work. The message is fit for a client to read."""


class LLM(Protocol):
    """A language model. `instructions` is the system prompt; closing the iterator stops the generation."""

    async def warm(self) -> None:
        """Make the first turn as quick as the others.

        Raises:
            LanguageModelError: the model can't be reached.
        """

    def stream(
        self, messages: Sequence[Message], *, instructions: str = "", temperature: float | None = None
    ) -> AsyncGenerator[str, None]: ...

    async def close(self) -> None:
        """Let go of connections."""


class TTS(Protocol):
    """A local voice: chunks of 20..250 ms, the first as soon as it can be made."""

    def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> Iterator[AudioChunk]:
        """Say one phrase.

        Args:
            tags: by their place in `text`. A voice acts on the styles that it knows (`VOICE_STYLES`; `neutral` ends
                one) and ignores every other name.
        """
        ...


class RemoteTTS(Protocol):
    """A voice behind a network."""

    def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> AsyncGenerator[AudioChunk, None]:
        """As `TTS.synthesize`."""
        ...


@dataclass(frozen=True, slots=True)
class Gesture:
    """What speech does to the face in one frame."""

    coeffs: Coeffs
    """float32[58]: mouth, jaw and cheeks; everything else 0."""
    prosody: Prosody


class MotionStream(Protocol):
    """The face's motion for one turn: `push` returns the frames it is now sure of, in order.

    Frame k of a phrase covers samples 960·k .. 960·(k+1) of it. `push` may lag the audio by at most 3 frames
    (120 ms); `flush` ends the phrase: it returns the remaining frames, ceil(phrase samples / 960) in all, and the next
    `push` begins a new phrase, whose word and phone times count from zero again.
    """

    def push(self, chunk: AudioChunk) -> list[Gesture]: ...

    def flush(self) -> list[Gesture]: ...


class Motion(Protocol):
    """Speech to face motion."""

    def stream(self) -> MotionStream: ...


class IdleMotion(Protocol):
    """The body's own life (breath, blinks, gaze, small head motion), endless: one vector per 40 ms.

    While speaking it leaves the mouth alone: speech is added on top.
    """

    def next(self, mood: Mood, prosody: Prosody | None = None) -> Coeffs:
        """
        Args:
            prosody: of the speech in this frame, None where she says nothing.
        """
        ...

    def feel(self, emotion: str, intensity: float) -> None:
        """Ease to one of `EMOTIONS`, with intensity 0..1."""

    def behave(self, manner: str) -> None:
        """Ease to one of `MANNERS`, or to `neutral`, which is her own."""

    def pose(self, given: Coeffs | None) -> None:
        """Hold the head as in `given` (float32[58], of which yaw, pitch, roll and the shifts count) until the next
        call; None gives the head back to her. Eased in and out."""


class Idle(Protocol):
    """Begins the body of one session."""

    def start(self, seed: int) -> IdleMotion: ...


class Renderer(Protocol):
    """Motion to pictures: float32[58] in, uint8[768, 512] (I420) out; called by the threads of all sessions."""

    def render(self, coeffs: Coeffs) -> Image: ...


class VADStream(Protocol):
    """Voice activity of one microphone: 512 samples (32 ms) at `MIC_RATE` in, the probability of speech out."""

    def step(self, pcm: Pcm) -> float: ...

    def reset(self) -> None: ...


class VAD(Protocol):
    """A voice activity detector."""

    def stream(self) -> VADStream: ...


@dataclass(frozen=True, slots=True)
class Partial:
    """What was understood so far."""

    text: str
    complete: bool
    """The text is a whole known phrase: the speaker may well be done."""


class ASRStream(Protocol):
    """Recognition of one utterance (int16 at `MIC_RATE`)."""

    def feed(self, pcm: Pcm) -> None: ...

    def partial(self) -> Partial: ...

    def finish(self) -> Transcript: ...


class ASR(Protocol):
    """A local recogniser."""

    def stream(self) -> ASRStream: ...


class RemoteASR(Protocol):
    """A recogniser behind a network: one whole utterance (int16 at `MIC_RATE`) at a time."""

    async def transcribe(self, pcm: Pcm) -> Transcript: ...
