"""One turn as it was made: when each token came, and what the voice made of each phrase, chunk by chunk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bench.inbox import BenchError
from engines import TTS, Message, RemoteTTS
from engines.media import AudioChunk, TimedPhone, TimedWord
from engines.tags import Tag
from pipeline.stages import synthesizer, think
from pipeline.worker import Worker

FORMAT = "visavis-replay/1"

MAX_BYTES = 64 * 1024 * 1024
"""Of a recording: twenty minutes of speech."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One chunk of a phrase's audio."""

    after_s: float
    """From the request of the phrase, or the chunk before."""
    chunk: AudioChunk


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    tokens: list[tuple[float, str]]
    """Seconds from the question, and the token."""
    phrases: dict[str, list[Piece]]

    def save(self, path: Path) -> None:
        chunks = [piece.chunk for pieces in self.phrases.values() for piece in pieces]
        about = {
            "format": FORMAT,
            "tokens": self.tokens,
            "phrases": [[text, [_described(piece) for piece in pieces]] for text, pieces in self.phrases.items()],
        }
        pcm = np.concatenate([chunk.pcm for chunk in chunks])
        with path.open("wb") as file:
            np.savez_compressed(file, about=np.frombuffer(json.dumps(about).encode(), np.uint8), pcm=pcm)

    @classmethod
    def load(cls, path: Path) -> RecordedTurn:
        """
        Raises:
            BenchError: the file can't be read, or is none.
        """
        try:
            if path.stat().st_size > MAX_BYTES:
                raise BenchError(f"{path} is larger than any turn that --record writes")
            with np.load(path, allow_pickle=False) as file:
                about, pcm = json.loads(file["about"].tobytes()), file["pcm"].astype(np.int16)
            if about["format"] != FORMAT:
                raise BenchError(f"{path} is of format {about['format']}, this bench reads {FORMAT}: record anew")
            place = 0
            phrases: dict[str, list[Piece]] = {}
            for text, pieces in about["phrases"]:
                phrases[text] = []
                for one in pieces:
                    phrases[text].append(_piece(one, pcm[place : place + one["samples"]]))
                    place += one["samples"]
            return cls([(float(at), str(token)) for at, token in about["tokens"]], phrases)
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            raise BenchError(f"{path} is no turn that --record wrote: {error}") from None


def _described(piece: Piece) -> dict[str, Any]:
    return {
        "after_s": piece.after_s,
        "samples": len(piece.chunk.pcm),
        "words": [asdict(word) for word in piece.chunk.words],
        "phones": [asdict(phone) for phone in piece.chunk.phones],
    }


def _piece(one: dict[str, Any], pcm: np.ndarray) -> Piece:
    words = tuple(TimedWord(**word) for word in one["words"])
    phones = tuple(TimedPhone(**phone) for phone in one["phones"])
    return Piece(float(one["after_s"]), AudioChunk(pcm, words, phones))


async def record(reply: str, rate: float, voice: TTS | RemoteTTS) -> RecordedTurn:
    """Have a reply written and spoken now.

    Args:
        rate: tokens a second; the first is due at once.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    tokens: list[tuple[float, str]] = []

    async def written() -> AsyncGenerator[str, None]:
        for place, word in enumerate(reply.split(" ")):
            await asyncio.sleep(max(0.0, began + place / rate - clock()))
            token = word if place == 0 else " " + word
            tokens.append((clock() - began, token))
            yield token

    worker = Worker("speak")
    synthesize = synthesizer(voice, worker)
    phrases: dict[str, list[Piece]] = {}
    async for phrase in think(written()):
        pieces = phrases.setdefault(phrase.text, [])
        since = clock()
        async for chunk in synthesize(phrase.text, phrase.tags):
            pieces.append(Piece(clock() - since, chunk))
            since = clock()
    worker.close()
    return RecordedTurn(tokens, phrases)


class RecordedModel:
    """Gives the tokens when they came."""

    def __init__(self, turn: RecordedTurn) -> None:
        self._tokens = turn.tokens

    async def warm(self) -> None:
        """Nothing is cold."""

    async def close(self) -> None:
        """Nothing is held."""

    async def stream(
        self, messages: Sequence[Message], *, instructions: str = "", temperature: float | None = None
    ) -> AsyncGenerator[str, None]:
        clock = asyncio.get_running_loop().time
        began = clock()
        for at, token in self._tokens:
            await asyncio.sleep(max(0.0, began + at - clock()))
            yield token


class RecordedVoice:
    """Gives each phrase's chunks as they came."""

    def __init__(self, turn: RecordedTurn) -> None:
        self._phrases = turn.phrases
        self.unknown: str | None = None
        """A phrase that was not recorded."""

    async def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> AsyncGenerator[AudioChunk, None]:
        if text not in self._phrases:
            self.unknown = text
            return
        for piece in self._phrases[text]:
            await asyncio.sleep(piece.after_s)
            yield piece.chunk
