"""`visavis say`: the same voice, motion and face as in a conversation, written to a file instead of played."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

import numpy as np

from engines import TTS, Idle, Motion, RemoteTTS, Renderer
from engines.media import COEFFS, FPS, SAMPLES_PER_FRAME, Coeffs
from engines.motion.compose import compose
from engines.tts import SpeechError
from pipeline.avatar import EASE
from pipeline.expression import Expressions
from pipeline.options import Expression
from pipeline.script import Script
from pipeline.stages import Speech, act, speak, synthesizer, think
from pipeline.worker import Worker
from server.config import Config
from server.engines import build_engines
from server.film import Film
from server.recording import recorded

BEFORE_S, AFTER_S = 0.4, 0.8
"""Seconds of idle life around the speech: players swallow the first frames, and a mouth needs 160 ms to close."""

Source = Callable[[Worker], AsyncGenerator[Speech, None]]
"""What she says, stepped by a worker."""


log = logging.getLogger(__name__)


class SayError(Exception):
    """The file can't be made. The message says what to do."""


def say(text: str | None, output: Path, config: Config, audio: Path | None = None) -> float:
    """Write an MP4 (H.264, AAC) of her saying `text`, or of her face moved by the voice in the file `audio`.

    Returns:
        Its length in seconds.

    Raises:
        SayError: there is nothing to say, the path can't be written, or an engine is missing.
    """
    _check_output(output)
    if audio is None:
        _check_text(text or "", config.server.text_max_chars)
    try:
        engines = build_engines(config)
    except (OSError, ValueError, SpeechError) as error:
        raise SayError(str(error)) from error
    try:
        source = spoken(text or "", engines.tts) if audio is None else partial(recorded, audio)
        return record(source, output, engines.motion, engines.idle, engines.renderer, config.motion.expression)
    except OSError as error:
        # Its own words may name the file that is still being written.
        raise SayError(f"{output} can't be written: {error.strerror or error}") from error
    except (ValueError, SpeechError) as error:
        raise SayError(str(error)) from error


def spoken(text: str, tts: TTS | RemoteTTS) -> Source:
    """`text`, its tags included, in this voice."""

    async def tokens() -> AsyncIterator[str]:
        yield text

    return lambda worker: speak(think(tokens(), _tell_unknown), synthesizer(tts, worker))


def _tell_unknown(tag: str) -> None:
    log.warning("the tag %s has no meaning: it is left out", tag)


def record(source: Source, output: Path, motion: Motion, idle: Idle, renderer: Renderer, own: Expression) -> float:
    """As `say`, with these engines. The file appears whole or not at all.

    Args:
        own: how she feels and moves where no tag says otherwise.

    Raises:
        SayError: there is nothing to say.
        SpeechError, ValueError, OSError: the voice, the recording or the disk failed.
    """
    unfinished = output.with_name(f".{output.name}.partial")
    try:
        with Film(unfinished) as film:
            asyncio.run(_play(source, film, motion, idle, renderer, own))
            seconds = film.frames / FPS
        unfinished.replace(output)
        return seconds
    finally:
        unfinished.unlink(missing_ok=True)


def _check_text(text: str, most: int) -> None:
    if not text.strip():
        raise SayError("there is nothing to say: give a text")
    if len(text) > most:
        raise SayError(f"the text has {len(text)} characters; server.text_max_chars allows {most}")


def _check_output(output: Path) -> None:
    if output.suffix.lower() != ".mp4":
        raise SayError(f"{output}: give a file name that ends in .mp4")
    if output.is_dir() or not output.parent.is_dir():
        raise SayError(f"{output}: " + ("is a folder" if output.is_dir() else f"no such folder: {output.parent}"))


async def _play(source: Source, film: Film, motion: Motion, idle: Idle, renderer: Renderer, own: Expression) -> None:
    worker = Worker("say")
    body = idle.start(seed=0)
    expressions = Expressions(body, own)
    silence = np.zeros(SAMPLES_PER_FRAME, np.int16)
    speech: Coeffs = np.zeros(COEFFS, np.float32)
    said = 0
    try:
        for _ in range(round(BEFORE_S * FPS)):
            film.add(renderer.render(body.next("idle")), silence)
        async with aclosing(source(worker)) as sound:
            frames = act(sound, motion.stream(), worker, Script(), punctuation=own.punctuation)
            async with aclosing(frames) as moving:
                async for frame in moving:
                    assert frame.coeffs is not None
                    speech = frame.coeffs
                    expressions.follow(frame.tags)
                    film.add(renderer.render(compose(body.next("speaking", frame.prosody), speech)), frame.pcm)
                    said += 1
        if not said:
            raise SayError("there is nothing to say in this: give words, or a recording that is not empty")
        expressions.rest()
        for _ in range(round(AFTER_S * FPS)):
            speech = speech * np.float32(EASE)
            film.add(renderer.render(compose(body.next("idle"), speech)), silence)
    finally:
        worker.close()
