"""`visavis bench voice`: how soon the voice begins, and how fast it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from bench.stats import summary
from engines import TTS, RemoteTTS
from engines.media import SAMPLE_RATE

PHRASES = (
    "Certainly.",
    "Well, of course,",
    "I can tell you what I know about that.",
    "The words that you hear are made one piece after the other, while the rest is still being written.",
    "Is there anything else that you would like to know?",
    "In short, it takes what somebody says, asks a language model, and answers with a voice and a moving face.",
    "Yes, on weekdays from nine to five,",
    "and if you interrupt me, I stop at once.",
)
"""Cut as the pipeline cuts: first clauses, and the sentences after them."""

ROUNDS = 5
"""Over `PHRASES`: 40 phrases, enough for a p95."""


def measure(voice: TTS | RemoteTTS) -> dict[str, Any]:
    """Speaks every phrase `ROUNDS` times, after one that only warms it up.

    Returns:
        ``voice_first_chunk_ms`` and ``voice_chunk_gap_ms`` (by how much a chunk came after the sound before it had
        run out; 0 where it had not) as percentiles, ``voice_realtime`` (computing time over the sound's length) and
        ``voice_first_load_ms`` (the very first chunk).
    """
    return asyncio.run(_measure(voice))


async def _measure(voice: TTS | RemoteTTS) -> dict[str, Any]:
    cold, *_ = await _speak(voice, PHRASES[0])
    firsts: list[float] = []
    gaps: list[float] = []
    computed = spoken = 0.0
    for phrase in PHRASES * ROUNDS:
        first, gap, took, length = await _speak(voice, phrase)
        firsts.append(1000 * first)
        gaps.append(1000 * gap)
        computed += took
        spoken += length
    figures = summary("voice_first_chunk_ms", firsts) | summary("voice_chunk_gap_ms", gaps)
    return figures | {"voice_realtime": round(computed / spoken, 4), "voice_first_load_ms": round(1000 * cold, 1)}


async def _speak(voice: TTS | RemoteTTS, phrase: str) -> tuple[float, float, float, float]:
    """Seconds to the first chunk, of the longest gap, to the last chunk, and of sound."""
    began = time.perf_counter()
    first = longest = 0.0
    samples = 0
    async for size in _sizes(voice, phrase):
        now = time.perf_counter() - began
        first = first or now
        longest = max(longest, now - first - samples / SAMPLE_RATE)
        samples += size
    return first, longest, time.perf_counter() - began, samples / SAMPLE_RATE


async def _sizes(voice: TTS | RemoteTTS, phrase: str) -> AsyncIterator[int]:
    """Samples of each chunk."""
    chunks = voice.synthesize(phrase)
    if isinstance(chunks, AsyncIterator):
        async for chunk in chunks:
            yield len(chunk.pcm)
    else:
        for chunk in chunks:
            yield len(chunk.pcm)
