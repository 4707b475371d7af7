"""One turn: what she says in answer, from the first token to the last frame of motion."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar, cast

from engines import LanguageModelError, Motion, ReplyTruncated
from engines.media import SAMPLE_RATE, SAMPLES_PER_FRAME, MotionFrame
from engines.tags import Tag
from pipeline.conversation import Item
from pipeline.events import ResponseStatus, TurnTiming, Usage
from pipeline.options import Modality, ResponseRequest
from pipeline.phrases import Phrase, TagReader
from pipeline.script import Script
from pipeline.stages import Speech, Synthesize, act, speak, think
from pipeline.stream import Stream
from pipeline.worker import Worker

log = logging.getLogger(__name__)

T = TypeVar("T")

PHRASES_BOUND = 400
"""Characters of text ahead of the voice: about 25 s of speech, so that a reply that never ends stops being read."""

SPEECH_BOUND_MS = 500
"""Audio ahead of the motion: over the motion's 120 ms look-ahead and one 250 ms chunk."""

MOTION_BOUND_MS = 600
"""Motion ahead of the renderer: rides out a phrase boundary, and is all that an interruption throws away."""

APOLOGY = " Sorry, I lost my train of thought. Please ask me again."
"""Said when the language model breaks off; short, and true whatever the reason."""

TurnState = Literal["thinking", "speaking", "ended"]


@dataclass(slots=True)
class Timings:
    """Moments of one turn, in seconds of the session's clock."""

    start: float
    """End of the user's speech, or the request of a typed turn."""
    spoken: bool = False
    decided: float | None = None
    transcript: float | None = None
    first_token: float | None = None
    first_phrase: float | None = None
    first_audio: float | None = None
    first_audio_out: float | None = None
    first_frame_out: float | None = None
    first_motion: float | None = None
    ducked: float | None = None
    interrupted: float | None = None
    silent: float | None = None

    def report(self, response_id: str, *, final: bool) -> TurnTiming:
        def since(moment: float | None) -> float | None:
            return None if moment is None else round((moment - self.start) * 1000, 1)

        quiet = None
        if self.interrupted is not None and self.silent is not None:
            quiet = round((self.silent - self.interrupted) * 1000, 1)
        return TurnTiming(
            response_id, self.spoken, final, since(self.decided), since(self.transcript), since(self.first_token),
            since(self.first_phrase), since(self.first_audio), since(self.first_audio_out),
            since(self.first_frame_out), quiet, since(self.ducked), since(self.interrupted), self.start,
            since(self.first_motion),
        )  # fmt: skip


@dataclass(slots=True)
class Turn:
    """Owns its streams: whatever a late producer still makes can't reach the next turn."""

    id: str
    request: ResponseRequest
    modalities: tuple[Modality, ...]
    item: Item
    timings: Timings
    max_tokens: int
    state: TurnState = "thinking"
    status: ResponseStatus = "completed"
    """How it ends, or ended."""
    reason: str | None = None
    tokens: int = 0
    input_tokens: int = 0
    script: Script = field(default_factory=Script)
    motion: Stream[MotionFrame] = field(
        default_factory=lambda: Stream(MOTION_BOUND_MS, lambda _: SAMPLES_PER_FRAME * 1000 // SAMPLE_RATE)
    )
    released: int = 0
    """Samples of it that have left."""
    reported: bool = False
    """The client has its first timings."""
    captioned: int = 0
    """Characters of its text that the client was given."""
    task: asyncio.Task[None] | None = None

    @property
    def audible(self) -> bool:
        return "audio" in self.modalities

    def count_input(self, words: int) -> None:
        """The model was given so many words."""
        self.input_tokens = words

    @property
    def usage(self) -> Usage:
        return Usage(self.input_tokens, self.tokens)


@dataclass(frozen=True, slots=True)
class Voice:
    """What turns text into speech and motion for one session."""

    synthesize: Synthesize
    motion: Motion | None
    """None where nobody watches."""
    act_worker: Worker
    unknown_tag: Callable[[str], None]
    """Told of each tag that has no meaning."""
    punctuation: bool
    """It gives a light emotion to what has none."""


async def reply(turn: Turn, tokens: AsyncGenerator[str, None], voice: Voice, clock: Callable[[], float]) -> None:
    """Run a turn's stages side by side until its last frame of motion is made; always closes its motion stream."""
    phrases: Stream[Phrase] = Stream(PHRASES_BOUND, lambda phrase: len(phrase.text))
    speech: Stream[Speech] = Stream(SPEECH_BOUND_MS, _duration_ms)
    stamped = _stamp(turn, clock)
    try:
        with _contained(turn):
            motion = voice.motion.stream() if voice.motion else None
            frames = act(speech, motion, voice.act_worker, turn.script, punctuation=voice.punctuation)
            async with asyncio.TaskGroup() as stages:
                stages.create_task(_pump_all(think(_guarded(turn, tokens, clock), voice.unknown_tag), phrases, stamped))
                stages.create_task(_pump_all(speak(phrases, voice.synthesize), speech, stamped))
                # Closed below, once it is known how the turn ends: whoever plays it asks then.
                stages.create_task(_pump(frames, turn.motion, stamped))
    finally:
        turn.motion.close()


async def reply_text(
    turn: Turn,
    tokens: AsyncGenerator[str, None],
    emit: Callable[[str], None],
    unknown_tag: Callable[[str], None],
    clock: Callable[[], float],
) -> None:
    """The same without a voice: the tokens go out as they come, but for their tags."""
    reader = TagReader(unknown_tag)
    with _contained(turn):
        async with aclosing(_guarded(turn, tokens, clock)) as guarded:
            async for token in guarded:
                _emit_text(reader.feed(token), emit)
        _emit_text(reader.flush(), emit)


def _emit_text(pieces: Iterable[str | Tag], emit: Callable[[str], None]) -> None:
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    if text:
        emit(text)


@contextmanager
def _contained(turn: Turn) -> Generator[None, None, None]:
    """What goes wrong becomes the turn's status and reason: a session outlives every turn."""
    try:
        yield
    except Exception as failure:
        error = _first(failure)
        log.warning("turn %s failed", turn.id, exc_info=error)
        turn.status, turn.reason = "failed", str(error) or type(error).__name__


def _first(error: Exception) -> Exception:
    """What began it, where several stages failed at once."""
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error


async def _guarded(
    turn: Turn, tokens: AsyncGenerator[str, None], clock: Callable[[], float]
) -> AsyncGenerator[str, None]:
    """The model's tokens, counted and bounded; a model that breaks off ends in an apology."""
    try:
        async with aclosing(tokens) as stream:
            async for token in stream:
                turn.timings.first_token = turn.timings.first_token or clock()
                turn.tokens += 1
                yield token
                if turn.tokens >= turn.max_tokens:
                    turn.status, turn.reason = "incomplete", "max_output_tokens"
                    return
    except ReplyTruncated:
        turn.status, turn.reason = "incomplete", "max_output_tokens"
    except LanguageModelError as error:
        turn.status, turn.reason = "failed", str(error)
        yield APOLOGY


async def _pump(items: AsyncGenerator[T, None], out: Stream[T], seen: Callable[[object], None]) -> None:
    """Drain a stage into its stream."""
    async with aclosing(items) as source:
        async for item in source:
            seen(item)
            await out.put(item)


async def _pump_all(items: AsyncGenerator[T, None], out: Stream[T], seen: Callable[[object], None]) -> None:
    """The same, and close the stream, even when the stage fails."""
    try:
        await _pump(items, out, seen)
    finally:
        out.close()


def _stamp(turn: Turn, clock: Callable[[], float]) -> Callable[[object], None]:
    def seen(item: object) -> None:
        timings = turn.timings
        if isinstance(item, Phrase):
            timings.first_phrase = timings.first_phrase or clock()
        elif isinstance(item, Speech) and item.chunk is not None:
            timings.first_audio = timings.first_audio or clock()
        elif isinstance(item, MotionFrame):
            timings.first_motion = timings.first_motion or clock()

    return seen


def _duration_ms(piece: Speech) -> int:
    return 0 if piece.chunk is None else len(piece.chunk.pcm) * 1000 // SAMPLE_RATE
