"""`visavis show`: half a minute of everything the face does, through the same voice, motion and renderer as a
conversation, to be looked at."""

# PyAV's own types are generic over what it does not say.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from engines import TTS, Idle, IdleMotion, Mood, Motion, RemoteTTS, Renderer
from engines.media import BLENDSHAPES, COEFFS, FPS, SAMPLES_PER_FRAME, Coeffs, Image, Pcm
from engines.motion.compose import compose
from pipeline.avatar import EASE
from pipeline.expression import Expressions
from pipeline.options import Expression
from pipeline.script import Script
from pipeline.stages import act, speak, synthesizer, think
from pipeline.worker import Worker
from server.film import Film

TURN_DEGREES = 12.0
"""How far the head is turned by given poses: four fifths of what the avatar was trained on."""

Picture = NDArray[np.uint8]
"""uint8[512, 512, 3], sRGB."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What she does for a while: `says` something, or is in `mood` for `seconds`."""

    name: str
    mood: Mood = "idle"
    seconds: float = 0.0
    says: str = ""
    turns: bool = False
    """Given poses turn the head to one side and the other meanwhile."""


SCENES = (
    Scene("idle", seconds=3.0),
    Scene("listening", "listening", 4.0),
    Scene("thinking", "thinking", 1.8),
    Scene("speech", says="Hello. This is how I speak when nothing in particular has happened, more or less."),
    Scene("joy", says="[joy] But today is a wonderful day, and my best friends are coming!"),
    Scene("after joy", seconds=1.2),
    Scene("sadness", says="[sadness] Somebody I know moved far away. I miss him very much."),
    Scene("after sadness", seconds=1.2),
    Scene("surprise", says="[surprise] What? Is that really for me? I never expected it!"),
    Scene("idle", seconds=1.5),
    Scene("turn of the head", seconds=4.0, turns=True),
    Scene("idle", seconds=1.2),
)


def show(
    output: Path, tts: TTS | RemoteTTS, motion: Motion, idle: Idle, renderer: Renderer, stills_per_s: float
) -> tuple[float, list[tuple[str, Picture]]]:
    """Write an MP4 of `SCENES`. The file appears whole or not at all.

    Returns:
        Its length in seconds, and stills with their time and scene.

    Raises:
        SpeechError, ValueError, OSError: the voice or the disk failed.
    """
    unfinished = output.with_name(f".{output.name}.partial")
    try:
        with Film(unfinished) as film:
            stage = _Stage(film, motion, idle.start(seed=0), renderer, stills_per_s)
            asyncio.run(stage.play(tts))
        unfinished.replace(output)
        return film.frames / FPS, stage.stills
    finally:
        unfinished.unlink(missing_ok=True)


class _Stage:
    """Plays scenes one after another, with one body."""

    def __init__(self, film: Film, motion: Motion, body: IdleMotion, renderer: Renderer, stills_per_s: float) -> None:
        self.stills: list[tuple[str, Picture]] = []
        self._film = film
        self._motion = motion
        self._body = body
        self._renderer = renderer
        self._every = max(1, round(FPS / stills_per_s))
        self._expressions = Expressions(body, Expression(punctuation=False))
        self._speech: Coeffs = np.zeros(COEFFS, np.float32)

    async def play(self, tts: TTS | RemoteTTS) -> None:
        worker = Worker("show")
        try:
            for scene in SCENES:
                if scene.says:
                    await self._say(scene, tts, worker)
                else:
                    self._live(scene)
        finally:
            worker.close()

    async def _say(self, scene: Scene, tts: TTS | RemoteTTS, worker: Worker) -> None:
        async def tokens() -> AsyncIterator[str]:
            yield scene.says

        speech = speak(think(tokens()), synthesizer(tts, worker))
        async with aclosing(act(speech, self._motion.stream(), worker, Script(), punctuation=False)) as frames:
            async for frame in frames:
                assert frame.coeffs is not None
                self._expressions.follow(frame.tags)
                self._speech = frame.coeffs
                self._add(scene, compose(self._body.next("speaking", frame.prosody), frame.coeffs), frame.pcm)
        self._expressions.rest()

    def _live(self, scene: Scene) -> None:
        silence = np.zeros(SAMPLES_PER_FRAME, np.int16)
        frames = round(scene.seconds * FPS)
        for frame in range(frames):
            if scene.turns:
                self._body.pose(_turned(frame / frames))
            self._speech = self._speech * np.float32(EASE)
            self._add(scene, compose(self._body.next(scene.mood), self._speech), silence)
        self._body.pose(None)

    def _add(self, scene: Scene, coeffs: Coeffs, pcm: Pcm) -> None:
        image = self._renderer.render(coeffs)
        if self._film.frames % self._every == 0:
            self.stills.append((f"{self._film.frames / FPS:.1f} s  {scene.name}", rgb(image)))
        self._film.add(image, pcm)


def _turned(share: float) -> Coeffs:
    """To the one side, to the other, and back."""
    pose = np.zeros(COEFFS, np.float32)
    pose[BLENDSHAPES] = math.radians(TURN_DEGREES) * math.sin(2 * math.pi * share)
    return pose


def rgb(image: Image) -> Picture:
    """I420 as sRGB."""
    frame = av.VideoFrame.from_ndarray(image, format="yuv420p")
    return np.asarray(
        frame.reformat(format="rgb24", src_colorspace="ITU601", dst_color_range="JPEG").to_ndarray(), np.uint8
    )
