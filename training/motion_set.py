"""Examples for the motion model: what it hears of a recording, and the mouth that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLES_PER_FRAME, Pcm, TimedPhone
from engines.motion.features import HEARD, STEPS, TAIL, Analysis, Heard, analyse, begin, compare, read_phones
from engines.motion.model import LOOKAHEAD
from training.motion_augment import FASTEST, SLOWEST, disturbed, faster
from training.motion_rules import LOOKAHEAD as RULES_LOOKAHEAD
from training.motion_rules_track import PhoneTrack

FRAMES = 100
"""Of an example: four seconds; longer recordings are cut, shorter ones padded."""
AHEAD = LOOKAHEAD * SAMPLES_PER_FRAME
LATE = 480
"""Samples by which the tracked faces lag their sound: the lips of GRID's speaker 1 are closest 20 ms after the middle
of his b and p, which begin closed. A mouth may lead its sound, viewers notice one that lags (ITU-R BT.1359)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A recording of T frames and its truth.

    Attributes:
        pcm: int16[960·T]. lips: float32[T, n], in the order of `LIPS`. known: float32[T], 0 where it isn't.
        phones: empty where they aren't known.
        weak: the lips are the teacher's, not a person's.
    """

    pcm: Pcm
    lips: NDArray[np.float32]
    known: NDArray[np.float32]
    phones: tuple[TimedPhone, ...]
    weak: bool


@dataclass(frozen=True, slots=True)
class Example:
    """`FRAMES` frames, of which the first `LOOKAHEAD` blocks of sound answer for none.

    Attributes:
        heard: float16[FRAMES · STEPS, HEARD]. phones: uint8[FRAMES · STEPS], a class, or the number of them.
        lips: float16[FRAMES, n]: of block b the mouth of frame b - LOOKAHEAD. known: float16[FRAMES].
    """

    heard: NDArray[np.float16]
    phones: NDArray[np.uint8]
    lips: NDArray[np.float16]
    known: NDArray[np.float16]
    weak: bool


def sped(source: Source, speed: Fraction) -> Source:
    """The recording played faster, the face with it."""
    pcm = (np.clip(faster(source.pcm.astype(np.float32) / np.float32(32768), speed), -1, 1) * 32767).astype(np.int16)
    frames = len(pcm) // SAMPLES_PER_FRAME
    # Frame k shows the middle of its 40 ms.
    places = np.clip((np.arange(frames) + 0.5) * float(speed) - 0.5, 0, len(source.lips) - 1)
    before = places.astype(int)
    share = (places - before)[:, None]
    after = np.minimum(before + 1, len(source.lips) - 1)
    lips = (1 - share) * source.lips[before] + share * source.lips[after]
    known = source.known[before] * source.known[after]
    phones = tuple(
        TimedPhone(one.symbol, round(one.start / speed), round(one.end / speed), one.stress) for one in source.phones
    )
    return Source(pcm[: frames * SAMPLES_PER_FRAME], lips.astype(np.float32), known, phones, source.weak)


def varied(source: Source, random: np.random.Generator) -> Source:
    """The recording as somebody else's, somewhere else."""
    if random.random() < 0.85:
        source = sped(source, Fraction(random.uniform(SLOWEST, FASTEST)).limit_denominator(40))
    pcm = disturbed(source.pcm.astype(np.float32) / np.float32(32768), random)
    return Source((pcm * 32767).astype(np.int16), source.lips, source.known, source.phones, source.weak)


def blocks(heard: Heard, pcm: Pcm) -> NDArray[np.float32]:
    """What the model hears of whole blocks, [T · STEPS, HEARD]: as `features.hear` step by step, only faster."""
    found = analyse(np.concatenate([heard.tail, pcm.astype(np.float32)]))
    out = np.empty((len(found.bands), HEARD), np.float32)
    for start in range(0, len(out), STEPS):
        block = slice(start, start + STEPS)
        heard, out[block] = compare(heard, Analysis(found.bands[block], found.pitch[block]))
    return out


def examples(source: Source, spectrum: NDArray[np.float32], random: np.random.Generator | None = None) -> list[Example]:
    """Pieces of `FRAMES`; each but the first goes on from where a voice is known already."""
    late = 0 if source.weak else LATE
    pcm = np.concatenate([np.zeros(late, np.int16), source.pcm, np.zeros(AHEAD, np.int16)])
    heard = blocks(begin(spectrum), pcm[: len(source.pcm) + AHEAD])
    phones = [replace(phone, start=phone.start + late, end=phone.end + late) for phone in source.phones]
    classes = phone_classes(phones, len(heard) // STEPS)
    lips = np.pad(source.lips, ((LOOKAHEAD, 0), (0, 0)))
    known = np.pad(source.known, (LOOKAHEAD, 0))
    out: list[Example] = []
    for start in range(0, len(lips), FRAMES):
        stop = min(start + FRAMES, len(lips))
        short = FRAMES - (stop - start)
        if short > FRAMES // 2 and out:
            break
        steps = slice(start * STEPS, stop * STEPS)
        out.append(
            Example(
                np.pad(heard[steps], ((0, short * STEPS), (0, 0))).astype(np.float16),
                np.pad(classes[steps], (0, short * STEPS)).astype(np.uint8),
                np.pad(lips[start:stop], ((0, short), (0, 0))).astype(np.float16),
                np.pad(known[start:stop], (0, short)).astype(np.float16),
                source.weak,
            )
        )
    return out


def phone_classes(phones: Sequence[TimedPhone], count: int) -> NDArray[np.uint8]:
    """uint8[count · STEPS]: as `read_phones`, as an index."""
    return np.concatenate([read_phones(phones, block).argmax(1) for block in range(count)]).astype(np.uint8)


def ruled(phones: Sequence[TimedPhone], frames: int) -> NDArray[np.float32]:
    """The rules' mouth for a phrase whose phones are known, float32[frames, 10] in the order of `visemes.LIPS`."""
    track = PhoneTrack()
    track.add(phones)
    track.end(frames * SAMPLES_PER_FRAME)
    out: list[NDArray[np.float32]] = []
    for frame in range(frames):
        moment = (frame + 0.5) * SAMPLES_PER_FRAME
        horizon = (frame + 1 + RULES_LOOKAHEAD) * SAMPLES_PER_FRAME
        out.append(track.sealed(track.shape(moment, horizon), moment, horizon, 1.0))
    return np.stack(out)


def average_spectrum(pcms: Sequence[Pcm]) -> NDArray[np.float32]:
    """float32[BANDS], dB: of speech in recordings at the level of our voices."""
    total = []
    for pcm in pcms:
        bands = analyse(np.pad(pcm.astype(np.float32), (TAIL, 0))).bands
        level = bands.mean(1)
        total.append(bands[level > level.max() - 25].mean(0))
    return np.mean(total, axis=0).astype(np.float32)
