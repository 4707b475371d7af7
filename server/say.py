"""`visavis say`: the same voice, motion and face as in a conversation, written to a file instead of played."""

# PyAV's own types are generic over what it does not say.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType

from engines import TTS, Idle, Motion, RemoteTTS, Renderer
from engines.media import COEFFS, FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Coeffs, Image, MotionFrame, Pcm
from engines.motion.compose import compose
from engines.tts import SpeechError
from pipeline.avatar import EASE
from pipeline.script import Script
from pipeline.stages import act, speak, synthesizer, think
from pipeline.worker import Worker
from server.config import Config
from server.engines import build_engines
from server.realtime_session import AI_GENERATED

BEFORE_S, AFTER_S = 0.4, 0.8
"""Seconds of idle life around the speech: players swallow the first frames, and a mouth needs 160 ms to close."""

QUALITY = "18"
"""x264's constant rate factor: visually lossless; a minute is about 4 MB."""

AUDIO_BIT_RATE = 96_000
"""AAC, mono: transparent for speech."""


class SayError(Exception):
    """The file can't be made. The message says what to do."""


def say(text: str, output: Path, config: Config) -> float:
    """Write an MP4 (H.264, AAC) of her saying `text`.

    Returns:
        Its length in seconds.

    Raises:
        SayError: there is nothing to say, the path can't be written, or an engine is missing.
    """
    _check(text, output, config.server.text_max_chars)
    try:
        engines = build_engines(config)
        renderer = engines.renderers.lend()
    except (OSError, ValueError, SpeechError) as error:
        raise SayError(str(error)) from error
    try:
        return record(text, output, engines.tts, engines.motion, engines.idle, renderer)
    except OSError as error:
        # Its own words may name the file that is still being written.
        raise SayError(f"{output} can't be written: {error.strerror or error}") from error
    except (ValueError, SpeechError) as error:
        raise SayError(str(error)) from error


def record(text: str, output: Path, tts: TTS | RemoteTTS, motion: Motion, idle: Idle, renderer: Renderer) -> float:
    """As `say`, with these engines. The file appears whole or not at all.

    Raises:
        SayError: the voice has nothing to say.
        SpeechError, OSError: the voice or the disk failed.
    """
    partial = output.with_name(f".{output.name}.partial")
    try:
        with _Film(partial) as film:
            asyncio.run(_play(text, film, tts, motion, idle, renderer))
            seconds = film.frames / FPS
        partial.replace(output)
        return seconds
    finally:
        partial.unlink(missing_ok=True)


def _check(text: str, output: Path, most: int) -> None:
    if not text.strip():
        raise SayError("there is nothing to say: give a text")
    if len(text) > most:
        raise SayError(f"the text has {len(text)} characters; server.text_max_chars allows {most}")
    if output.suffix.lower() != ".mp4":
        raise SayError(f"{output}: give a file name that ends in .mp4")
    if output.is_dir() or not output.parent.is_dir():
        raise SayError(f"{output}: " + ("is a folder" if output.is_dir() else f"no such folder: {output.parent}"))


async def _play(text: str, film: _Film, tts: TTS | RemoteTTS, motion: Motion, idle: Idle, renderer: Renderer) -> None:
    worker = Worker("say")
    body = idle.start(seed=0)
    silence = np.zeros(SAMPLES_PER_FRAME, np.int16)
    try:
        for _ in range(round(BEFORE_S * FPS)):
            film.add(renderer.render(body.next("idle")), silence)
        speech: Coeffs = np.zeros(COEFFS, np.float32)
        spoken = 0
        async with aclosing(_act(text, tts, motion, worker)) as frames:
            async for frame in frames:
                assert frame.coeffs is not None
                speech = frame.coeffs
                film.add(renderer.render(compose(body.next("speaking", frame.prosody), speech)), frame.pcm)
                spoken += 1
        if not spoken:
            raise SayError("there is nothing to say in this text: give words")
        for _ in range(round(AFTER_S * FPS)):
            speech = speech * np.float32(EASE)
            film.add(renderer.render(compose(body.next("idle"), speech)), silence)
    finally:
        worker.close()


def _act(text: str, tts: TTS | RemoteTTS, motion: Motion, worker: Worker) -> AsyncGenerator[MotionFrame, None]:
    async def tokens() -> AsyncIterator[str]:
        yield text

    speech = speak(think(tokens()), synthesizer(tts, worker))
    return act(speech, motion.stream(), worker, Script())


class _Film:
    """An MP4 being written: frames of one picture and 960 samples."""

    def __init__(self, path: Path) -> None:
        self.frames = 0
        # The index goes first, so that a browser can begin to play before it has everything.
        self._file = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._file.metadata["comment"] = AI_GENERATED
        self._file.metadata["description"] = AI_GENERATED
        self._video = self._file.add_stream("libx264", rate=FPS, options={"crf": QUALITY, "preset": "veryfast"})
        self._video.pix_fmt = "yuv420p"
        self._video.width, self._video.height = 512, 512
        # What the renderer's matrix is (engines/nerf/color.py): BT.601, limited range.
        self._video.codec_context.color_range = 1
        self._video.codec_context.colorspace = 6
        self._audio = self._file.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        self._audio.bit_rate = AUDIO_BIT_RATE

    def __enter__(self) -> _Film:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._file.mux(self._video.encode(None))
            self._file.mux(self._audio.encode(None))
        self._file.close()

    def add(self, image: Image, pcm: Pcm) -> None:
        picture = av.VideoFrame.from_ndarray(image, format="yuv420p")
        picture.pts, picture.time_base = self.frames, Fraction(1, FPS)
        picture.pict_type = PictureType.NONE
        sound = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        sound.sample_rate = SAMPLE_RATE
        sound.pts, sound.time_base = self.frames * SAMPLES_PER_FRAME, Fraction(1, SAMPLE_RATE)
        self._file.mux(self._video.encode(picture))
        self._file.mux(self._audio.encode(sound))
        self.frames += 1
