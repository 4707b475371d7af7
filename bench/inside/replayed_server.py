"""The whole server with engines that cost nothing: they hand out a reel of recorded frames and audio.

`python -m bench.inside.replayed_server --port 8100 --reel reel.npz` serves it on the loopback interface.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import uvicorn

from engines import Gesture, Message, Mood
from engines.fake import FakeASR, FakeVAD
from engines.media import COEFFS, SAMPLES_PER_FRAME, AudioChunk, Coeffs, Image, Pcm, Prosody
from engines.tags import Tag
from pipeline.session import Engines
from server.app import create_app
from server.config import Config, load_config

SPEECH_S = 120
"""She speaks for longer than anybody measures."""

CHUNK = 5 * SAMPLES_PER_FRAME
"""200 ms, as voices give them."""


class Model:
    """One short answer, which the voice makes long."""

    async def warm(self) -> None: ...

    async def close(self) -> None: ...

    async def stream(
        self, messages: Sequence[Message], *, instructions: str = "", temperature: float | None = None
    ) -> AsyncGenerator[str, None]:
        yield "Go on."


class Voice:
    """The reel's sound, over and over."""

    def __init__(self, pcm: Pcm) -> None:
        self._pcm = pcm

    def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> Iterator[AudioChunk]:
        place = 0
        for _ in range(SPEECH_S * 5):
            yield AudioChunk(self._pcm[place : place + CHUNK])
            place = (place + CHUNK) % (len(self._pcm) // CHUNK * CHUNK)


class Stream:
    """One gesture for each 960 samples, all alike."""

    _GESTURE = Gesture(np.full(COEFFS, 0.1, np.float32), Prosody(0.5, 0.0, 0.0, boundary=False))

    def __init__(self) -> None:
        self._samples = 0

    def push(self, chunk: AudioChunk) -> list[Gesture]:
        self._samples += len(chunk.pcm)
        frames, self._samples = divmod(self._samples, SAMPLES_PER_FRAME)
        return [self._GESTURE] * frames

    def flush(self) -> list[Gesture]:
        left, self._samples = bool(self._samples), 0
        return [self._GESTURE] * left


class Motion:
    def stream(self) -> Stream:
        return Stream()


class Body:
    """Always the same vector; a session starts one, and so does this."""

    _REST = np.zeros(COEFFS, np.float32)

    def start(self, seed: int) -> Body:
        return self

    def next(self, mood: Mood, prosody: Prosody | None = None) -> Coeffs:
        return self._REST

    def feel(self, emotion: str, intensity: float) -> None: ...

    def behave(self, manner: str) -> None: ...

    def pose(self, given: Coeffs | None) -> None: ...


class Reel:
    """The reel's pictures, over and over."""

    def __init__(self, images: Image) -> None:
        self._images = images
        self._next = 0

    def render(self, coeffs: Coeffs) -> Image:
        self._next = (self._next + 1) % len(self._images)
        return self._images[self._next]


def engines(reel: Path) -> Engines:
    with np.load(reel, allow_pickle=False) as file:
        images, pcm = file["images"], file["pcm"]
    return Engines(
        llm=Model(),
        tts=Voice(pcm),
        asr=FakeASR(""),
        vad=FakeVAD(),
        motion=Motion(),
        idle=Body(),
        renderer=Reel(images),
    )


def main(
    port: Annotated[int, typer.Option(help="Loopback port.")],
    reel: Annotated[Path, typer.Option(help="Frames and audio, as bench/inside/replay.py keeps them.")],
) -> None:
    """Serve until interrupted."""
    config: Config = load_config(None, {"server.port": port, "server.max_sessions": 2})
    uvicorn.run(create_app(config, engines(reel)), host="127.0.0.1", port=port, log_level="warning", ws="none")


if __name__ == "__main__":
    typer.run(main)
