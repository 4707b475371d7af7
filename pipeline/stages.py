"""The three stages between a language model and a face: think, speak, act."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import numpy as np

from engines import TTS, Gesture, MotionStream, RemoteTTS
from engines.media import SAMPLES_PER_FRAME, AudioChunk, MotionFrame, Pcm, TimedWord
from engines.tags import Tag
from pipeline.cues import Cues
from pipeline.phrases import Phrase, Phraser
from pipeline.script import Script
from pipeline.worker import Worker

LEAD_IN = 2 * SAMPLES_PER_FRAME
"""Silence before a turn's first sound, 80 ms, in which the lips begin to move: speakers' do so 100 to 200 ms before
their voice (Chandrasekaran et al., The natural statistics of audiovisual speech, PLoS Comput Biol 5(7), 2009)."""

Synthesize = Callable[[str, Sequence[Tag]], AsyncGenerator[AudioChunk, None]]
"""A voice as the pipeline sees it, wherever it runs."""


Align = Callable[[str, Pcm], tuple[TimedWord, ...]]
"""Finds the words of a finished phrase in its sound."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of a phrase's audio, or, where `chunk` is None, its end."""

    phrase: Phrase
    chunk: AudioChunk | None


async def think(
    tokens: AsyncIterator[str], unknown: Callable[[str], None] = lambda _: None
) -> AsyncGenerator[Phrase, None]:
    """Tokens of a reply -> speakable phrases with their tags, the first as early as a clause allows.

    Args:
        unknown: told of each tag that has no meaning.
    """
    phraser = Phraser(unknown)
    async for token in tokens:
        for phrase in phraser.feed(token):
            yield phrase
    for phrase in phraser.flush():
        yield phrase


async def speak(phrases: AsyncIterator[Phrase], synthesize: Synthesize) -> AsyncGenerator[Speech, None]:
    """Phrases -> audio with the words' and phones' times, phrase by phrase."""
    async for phrase in phrases:
        async with aclosing(synthesize(phrase.text, phrase.tags)) as chunks:
            async for chunk in chunks:
                yield Speech(phrase, chunk)
        yield Speech(phrase, None)


def synthesizer(tts: TTS | RemoteTTS, worker: Worker, align: Align | None = None) -> Synthesize:
    """A voice behind a network is an async generator already; a local one is stepped by its thread.

    Args:
        align: for a voice behind a network, which gives no word times.
    """
    synthesize = tts.synthesize
    if not inspect.isasyncgenfunction(synthesize):
        return lambda text, tags: worker.iterate(synthesize, text, tags)  # pyright: ignore
    return aligned(synthesize, align, worker) if align else synthesize


def aligned(synthesize: Synthesize, align: Align, worker: Worker) -> Synthesize:
    """A voice that gives no word times, with those that alignment finds once a phrase is whole."""

    async def timed(text: str, tags: Sequence[Tag]) -> AsyncGenerator[AudioChunk, None]:
        heard: list[Pcm] = []
        async with aclosing(synthesize(text, tags)) as chunks:
            async for chunk in chunks:
                heard.append(chunk.pcm)
                yield chunk
        if heard:
            words = await worker.call(align, text, np.concatenate(heard))
            yield AudioChunk(np.zeros(0, np.int16), words)

    return timed


def _later(chunk: AudioChunk, lead: int, *, first: bool) -> AudioChunk:
    """A phrase's chunk with everything `lead` samples later; the first one brings the silence."""
    if not lead:
        return chunk
    return AudioChunk(
        np.concatenate([np.zeros(lead, np.int16), chunk.pcm]) if first else chunk.pcm,
        tuple(replace(word, start=word.start + lead, end=word.end + lead) for word in chunk.words),
        tuple(replace(phone, start=phone.start + lead, end=phone.end + lead) for phone in chunk.phones),
    )


async def act(
    speech: AsyncIterator[Speech], motion: MotionStream | None, worker: Worker, script: Script, *, punctuation: bool
) -> AsyncGenerator[MotionFrame, None]:
    """Audio -> frames of motion, each with its 960 samples; writes the script as it goes.

    A phrase begins on a frame; its last frame is filled up with silence. Without `motion` nobody watches.

    Args:
        punctuation: it gives a light emotion to what has none.
    """
    pcm = np.zeros(0, np.int16)
    gestures: list[Gesture] = []
    phrase = cues = None
    place = 0
    lead = script.lead = LEAD_IN if motion is not None else 0
    async for piece in speech:
        if phrase is None or cues is None:
            phrase = script.begin(piece.phrase.text)
            cues, place = Cues(piece.phrase, lead, punctuation=punctuation), 0
        if piece.chunk is not None:
            chunk = _later(piece.chunk, lead, first=not phrase.samples)
            pcm = np.concatenate([pcm, chunk.pcm])
            phrase.samples += len(chunk.pcm)
            phrase.words.extend(chunk.words)
            if motion is not None:
                gestures += await worker.call(motion.push, chunk)
        else:
            padding = -len(pcm) % SAMPLES_PER_FRAME
            pcm = np.concatenate([pcm, np.zeros(padding, np.int16)])
            phrase.samples += padding
            phrase.whole = True
            lead = 0
            if motion is not None:
                gestures += await worker.call(motion.flush)
        while len(pcm) >= SAMPLES_PER_FRAME and (gestures or motion is None):
            frame, pcm = pcm[:SAMPLES_PER_FRAME], pcm[SAMPLES_PER_FRAME:]
            place += SAMPLES_PER_FRAME
            tags = cues.until(place, phrase.words)
            gesture = gestures.pop(0) if motion is not None else None
            if gesture is None:
                yield MotionFrame(None, frame, None, tags)
            else:
                yield MotionFrame(gesture.coeffs, frame, gesture.prosody, tags)
        if phrase.whole:
            phrase = None
