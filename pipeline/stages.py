"""The three stages between a language model and a face: think, speak, act."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from engines import MotionStream
from engines.media import SAMPLES_PER_FRAME, AudioChunk, Coeffs, MotionFrame, Pcm, TimedWord
from pipeline.phrases import Phraser
from pipeline.script import Script
from pipeline.worker import Worker

Synthesize = Callable[[str], AsyncGenerator[AudioChunk, None]]
"""A voice as the pipeline sees it, wherever it runs."""


Align = Callable[[str, Pcm], tuple[TimedWord, ...]]
"""Finds the words of a finished phrase in its sound."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of a phrase's audio, or, where `chunk` is None, its end."""

    phrase: str
    chunk: AudioChunk | None


async def think(tokens: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """Tokens of a reply -> speakable phrases, the first as early as a clause allows."""
    phraser = Phraser()
    async for token in tokens:
        for phrase in phraser.feed(token):
            yield phrase
    rest = phraser.flush()
    if rest is not None:
        yield rest


async def speak(phrases: AsyncIterator[str], synthesize: Synthesize) -> AsyncGenerator[Speech, None]:
    """Phrases -> audio with the words' and phones' times, phrase by phrase."""
    async for phrase in phrases:
        async with aclosing(synthesize(phrase)) as chunks:
            async for chunk in chunks:
                yield Speech(phrase, chunk)
        yield Speech(phrase, None)


def aligned(synthesize: Synthesize, align: Align, worker: Worker) -> Synthesize:
    """A voice that gives no word times, with those that alignment finds once a phrase is whole."""

    async def timed(text: str) -> AsyncGenerator[AudioChunk, None]:
        heard: list[Pcm] = []
        async with aclosing(synthesize(text)) as chunks:
            async for chunk in chunks:
                heard.append(chunk.pcm)
                yield chunk
        if heard:
            words = await worker.call(align, text, np.concatenate(heard))
            yield AudioChunk(np.zeros(0, np.int16), words)

    return timed


async def act(
    speech: AsyncIterator[Speech], motion: MotionStream | None, worker: Worker, script: Script
) -> AsyncGenerator[MotionFrame, None]:
    """Audio -> frames of motion, each with its 960 samples; writes the script as it goes.

    A phrase begins on a frame; its last frame is filled up with silence. Without `motion` nobody watches.
    """
    pcm = np.zeros(0, np.int16)
    coeffs: list[Coeffs] = []
    phrase = None
    async for piece in speech:
        phrase = phrase or script.begin(piece.phrase)
        if piece.chunk is not None:
            pcm = np.concatenate([pcm, piece.chunk.pcm])
            phrase.samples += len(piece.chunk.pcm)
            phrase.words.extend(piece.chunk.words)
            if motion is not None:
                coeffs += await worker.call(motion.push, piece.chunk)
        else:
            padding = -len(pcm) % SAMPLES_PER_FRAME
            pcm = np.concatenate([pcm, np.zeros(padding, np.int16)])
            phrase.samples += padding
            phrase.whole = True
            if motion is not None:
                coeffs += await worker.call(motion.flush)
            phrase = None
        while len(pcm) >= SAMPLES_PER_FRAME and (coeffs or motion is None):
            frame, pcm = pcm[:SAMPLES_PER_FRAME], pcm[SAMPLES_PER_FRAME:]
            yield MotionFrame(coeffs.pop(0) if motion is not None else None, frame)
