"""What the motion model hears: spectrum, level and pitch at 100 Hz, and the phones where they are known.

Everything is measured against the speaker's own running average, so that neither level nor microphone matters. Sound
comes in blocks of one picture (960 samples) and a block is always computed by itself: how the audio was cut into chunks
can't change a bit of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines import pitch
from engines.media import SAMPLES_PER_FRAME, Pcm, TimedPhone
from engines.mel import BANDS, HOP, WINDOW, log_mel

STEPS = SAMPLES_PER_FRAME // HOP
"""Feature vectors a block: four, 10 ms apart, the last window ending with the block."""

CLASSES = (
    ("SIL",), ("AA", "AO", "AW"), ("AE", "AY", "EH"), ("AH", "HH"), ("EY", "IH", "Y"), ("IY",), ("OW", "OY"),
    ("UH", "UW", "W"), ("ER", "R"), ("P", "B", "M"), ("F", "V"), ("TH", "DH"), ("T", "D", "N"), ("L",), ("S", "Z"),
    ("SH", "ZH", "CH", "JH"), ("K", "G", "NG"),
)  # fmt: skip
"""Phones that look alike, as Microsoft SAPI's 22 visemes group them, the rarest joined with their neighbours."""
CLASS_OF = {symbol: index for index, symbols in enumerate(CLASSES) for symbol in symbols}

HEARD = BANDS + 3
"""Spectrum, level, how surely voiced, pitch."""
FEATURES = HEARD + len(CLASSES) + 1
"""And the class of the phone, one of them 1, or the last one where no phone is known."""

TAIL = max(WINDOW - HOP, pitch.NEEDS - HOP)
"""Samples that a block looks back at beyond itself."""

UNIT_DB = 12.0
"""A level's unit in what is heard."""
_LOWEST_DB, _HIGHEST_DB = -36.0, 24.0
"""Of a band, against its average in speech; below are pauses, whose noise must not matter."""
_GATE_DB = 28.0
"""Below the running peak: quieter steps are pauses and count for no average."""
_PEAK_FALL_DB = 0.03
"""A step: 3 dB a second, so that one shout doesn't silence what follows."""
_QUIETEST_PEAK_DB = -45.0
"""Mean band level of the quietest voice that is taken for one."""
_PRIOR, _MEMORY = 60.0, 800.0
"""Steps of speech that the assumed average counts for, and that the running one remembers (8 s)."""
_PITCH_SD, _PITCH = 0.22, float(np.log(155.0))
"""Of log F0, of a speaker who hasn't been heard yet."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is remembered of a voice; a plain value.

    Attributes:
        tail: float32[TAIL], the last samples.
        spectrum: float32[BANDS], dB, the average in speech; `counted` steps of it.
        peak: dB, the loudest of late.
        pitch, spread: mean of log F0 and its variance; `voiced` steps of them.
        hertz: the last pitch, 0 where unvoiced.
    """

    tail: NDArray[np.float32]
    spectrum: NDArray[np.float32]
    counted: float
    peak: float
    pitch: float
    spread: float
    voiced: float
    hertz: float


def begin(spectrum: NDArray[np.float32]) -> Heard:
    """Before anything was heard.

    Args:
        spectrum: float32[BANDS], dB: the average speaker's.
    """
    return Heard(np.zeros(TAIL, np.float32), spectrum, _PRIOR, _QUIETEST_PEAK_DB, _PITCH, _PITCH_SD**2, _PRIOR, 0.0)


def after_pause(heard: Heard) -> Heard:
    """The same voice, at the start of its next phrase."""
    return replace(heard, tail=np.zeros(TAIL, np.float32), hertz=0.0)


@dataclass(frozen=True, slots=True)
class Analysis:
    """n steps of sound as it is, before it is compared with the speaker's average.

    Attributes:
        bands: float32[n, BANDS], dB.
        pitch: float32[n, 2], Hz and how surely voiced.
    """

    bands: NDArray[np.float32]
    pitch: NDArray[np.float32]


def analyse(samples: NDArray[np.float32], hertz: float = 0.0) -> Analysis:
    """
    Args:
        samples: float32[TAIL + n·HOP].
        hertz: the pitch before.
    """
    count = (len(samples) - TAIL) // HOP
    recent = samples[len(samples) - pitch.NEEDS - (count - 1) * HOP :]
    bands = log_mel(pitch.windows(samples, WINDOW, HOP, count))
    return Analysis(bands, pitch.follow(pitch.correlate(recent, count, HOP), hertz))


def compare(heard: Heard, found: Analysis) -> tuple[Heard, NDArray[np.float32]]:
    """One block against the speaker's average, which takes it in.

    Returns:
        What is now remembered, and float32[STEPS, HEARD].
    """
    level = found.bands.mean(1)
    peak = max(float(level.max()), heard.peak - _PEAK_FALL_DB * len(level), _QUIETEST_PEAK_DB)
    speech = (level > peak - _GATE_DB).astype(np.float32)
    spectrum, counted = heard.spectrum, heard.counted
    fresh = float(speech.sum())
    if fresh:
        counted = min(counted + fresh, _MEMORY)
        spectrum = spectrum + (speech @ (found.bands - spectrum)) / np.float32(counted)
    hertz, sure = found.pitch[:, 0], found.pitch[:, 1]
    mean, spread, voiced = heard.pitch, heard.spread, heard.voiced
    octave = np.log(np.maximum(hertz, pitch.LOWEST))
    weight = np.where(hertz > 0, sure, 0.0)
    fresh = float(weight.sum())
    if fresh:
        voiced = min(voiced + fresh, _MEMORY)
        away = octave - mean
        spread += (float((weight * np.square(away)).sum()) - fresh * spread) / voiced
        mean += float((weight * away).sum()) / voiced
    out = np.empty((len(level), HEARD), np.float32)
    out[:, :BANDS] = np.clip(found.bands - spectrum, _LOWEST_DB, _HIGHEST_DB) / UNIT_DB
    out[:, BANDS] = np.clip(level - float(spectrum.mean()), _LOWEST_DB, _HIGHEST_DB) / UNIT_DB
    out[:, BANDS + 1] = sure
    out[:, BANDS + 2] = np.clip(weight * (octave - mean) / max(spread, 0.01) ** 0.5, -3.0, 3.0)
    last = float(hertz[-1])
    return Heard(heard.tail, spectrum, counted, peak, mean, spread, voiced, last), out


def hear(heard: Heard, pcm: Pcm) -> tuple[Heard, NDArray[np.float32]]:
    """One block, int16[960]: what is now remembered, and float32[STEPS, HEARD]."""
    samples = np.concatenate([heard.tail, pcm.astype(np.float32)])
    heard, out = compare(heard, analyse(samples, heard.hertz))
    return replace(heard, tail=samples[-TAIL:]), out


def read_phones(phones: Sequence[TimedPhone], block: int) -> NDArray[np.float32]:
    """float32[STEPS, classes + 1] for a phrase's block; a phone counts from its start to the next one's."""
    out = np.zeros((STEPS, len(CLASSES) + 1), np.float32)
    for step in range(STEPS):
        moment = block * SAMPLES_PER_FRAME + (step + 1) * HOP - WINDOW // 2
        known = [phone for phone in phones if phone.start <= moment]
        out[step, CLASS_OF[known[-1].symbol] if known else -1] = 1.0
    return out
