"""The values that travel from the voice to the wire. Time is counted in samples at `SAMPLE_RATE`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.tags import Tag

SAMPLE_RATE = 24_000
"""Samples a second of everything she says: the Realtime protocol's PCM rate, and a multiple of 25 frames/s."""

FPS = 25
"""Pictures a second: what the avatar was captured at."""

SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
"""960: the samples that ride with one picture (40 ms)."""

MIC_RATE = 16_000
"""Samples a second of what she hears: the rate of the recognisers and of the voice activity detector."""

BLENDSHAPES = 52
"""ARKit blendshapes, in the order of `ARKIT_NAMES`."""

COEFFS = BLENDSHAPES + 6
"""A motion vector: the blendshapes (0..1), then yaw, pitch, roll in radians and tx, ty, tz in centimetres."""

ARKIT_NAMES = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft",
    "eyeSquintLeft", "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight",
    "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft",
    "jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft",
    "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight",
    "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""Apple's ARKit face blendshapes, in the order of every coefficient vector here."""

Pcm = NDArray[np.int16]
Coeffs = NDArray[np.float32]
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TimedWord:
    """One spoken word, in samples from the first sample of its phrase."""

    text: str
    start: int
    end: int
    text_end: int
    """Index into the phrase's text just past this word: `phrase[:text_end]` is what was said once it ended."""


@dataclass(frozen=True, slots=True)
class TimedPhone:
    """One ARPAbet phone (upper case, no stress digit; `SIL` is a pause), in samples from its phrase's first sample."""

    symbol: str
    start: int
    end: int
    stress: int = 0
    """0 none, 1 primary, 2 secondary."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of a phrase's audio. Words and phones may come ahead of their samples, each exactly once a phrase."""

    pcm: Pcm
    """int16[n], mono, `SAMPLE_RATE`."""
    words: tuple[TimedWord, ...] = ()
    phones: tuple[TimedPhone, ...] = ()


@dataclass(frozen=True, slots=True)
class Prosody:
    """How one frame (40 ms) of speech is said: what head, brows and lids follow."""

    loudness: float
    """0..1, against this speaker's own running level."""
    pitch: float
    """-2..2, running z-score of log F0; 0 where unvoiced."""
    accent: float
    """0..1: the nucleus of a stressed word (the phone's stress where it is known, else a peak of energy and pitch)."""
    boundary: bool
    """The phrase ends with this frame, or a pause of at least 150 ms begins."""


@dataclass(frozen=True, slots=True)
class MotionFrame:
    """40 ms of speech: its samples, and what the face does meanwhile."""

    coeffs: Coeffs | None
    """float32[58], the speech's part of the motion; None where nobody watches."""
    pcm: Pcm
    """int16[960]."""
    prosody: Prosody | None = None
    """None where nobody watches."""
    tags: tuple[Tag, ...] = ()
    """Those that begin with this frame; where it is a phrase's first, also those still in force."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """40 ms for the viewer: one picture and its samples."""

    image: Image | None
    """uint8[768, 512], planar YUV 4:2:0 (I420); None holds the last picture."""
    pcm: Pcm
    """int16[960]."""
