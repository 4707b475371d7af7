"""A mouth from sound alone, for voices that tell no phones: energy opens the jaw, the spectrum shapes the lips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.media import SAMPLE_RATE, SAMPLES_PER_FRAME, Pcm
from engines.motion.visemes import LIPS, Shape

WINDOW = 2 * SAMPLES_PER_FRAME
"""80 ms about the middle of a frame: long enough for a low voice's spectrum, weighted to its middle 40."""

# Hz. Vowels sound between 600 and 3000, where an m or a voiced b is silent; the first formant rises as the jaw opens;
# the second falls with rounding and rises with spreading; hiss is /s/.
_OPEN_MOUTH, _VOICED, _WIDE = (600, 3000), (100, 450), (550, 1100)
_BACK, _FRONT, _HISS = (500, 1100), (1700, 3200), (4000, 10_000)

_LOUD = 0.05
"""Of full scale, within `_OPEN_MOUTH`: the vowels of a voice of -20 LUFS, assumed before a voice has been heard."""
_FORGET = 0.995
"""Per frame: the remembered level falls by half in 5.5 s, so that one shout doesn't close the mouth for good."""
_SHUT_DB, _OPEN_DB = -28.0, -8.0
"""Against the voice's loudest: at the first the lips are closed, from the second on the jaw is open."""

_SMOOTHING = np.array([0.15, 0.7, 0.15], np.float32)
"""Over three frames: the spectrum of 80 ms flickers, lips don't; more would smear the closures."""

_HANN = np.hanning(WINDOW)
_BINS = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
_EDGES = [tuple(np.searchsorted(_BINS, band)) for band in (_OPEN_MOUTH, _VOICED, _WIDE, _BACK, _FRONT, _HISS)]
_FULL_SCALE = 32768.0**2 * WINDOW * float(np.square(_HANN).sum()) / 2


@dataclass(frozen=True, slots=True)
class _Bands:
    """Mean squares of a window's bands, full scale 1."""

    open_mouth: float
    voiced: float
    wide: float
    back: float
    front: float
    hiss: float


class Level:
    """Follows how loud a voice's vowels are, so that quiet and loud voices open the mouth alike."""

    def __init__(self) -> None:
        self._peak = _LOUD

    def relative(self, amplitude: float) -> float:
        """`amplitude` against the loudest of late: 0 silent, 1 loud."""
        self._peak = max(amplitude, self._peak * _FORGET, _LOUD / 10)
        return amplitude / self._peak


class Sound:
    """One phrase's samples, as the mouth needs them: for each frame the window about it."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._pcm: Pcm = np.zeros(0, np.int16)
        self._offset = 0
        self._heard: list[tuple[float, _Bands]] = []
        self.samples = 0

    def add(self, pcm: Pcm) -> None:
        self._pcm = np.concatenate([self._pcm, pcm])
        self.samples += len(pcm)

    def level(self, frame: int) -> float:
        """Of the frame's window, against the voice's vowels: 0 silent, 1 loud."""
        return self._hear(frame)[0]

    def mouth(self, frame: int) -> Shape:
        """The lips of the frame's window and of its neighbours', smoothed."""
        frames = (max(frame - 1, 0), frame, frame + 1)
        return _SMOOTHING @ np.stack([_mouth(*self._hear(near)) for near in frames])

    def forget(self, frame: int) -> None:
        """Drop the samples that no later frame than `frame` needs."""
        spare = frame * SAMPLES_PER_FRAME - self._offset
        if spare > 0:
            self._pcm = self._pcm[spare:]
            self._offset += spare

    def _hear(self, frame: int) -> tuple[float, _Bands]:
        while len(self._heard) <= frame:
            bands = _bands(self._window(len(self._heard)))
            self._heard.append((self._level.relative(bands.open_mouth**0.5), bands))
        return self._heard[frame]

    def _window(self, frame: int) -> Pcm:
        """int16[WINDOW] about the frame's middle; silence outside the phrase."""
        start = frame * SAMPLES_PER_FRAME - (WINDOW - SAMPLES_PER_FRAME) // 2 - self._offset
        pcm = np.zeros(WINDOW, np.int16)
        found = self._pcm[max(start, 0) : start + WINDOW]
        first = max(-start, 0)
        pcm[first : first + len(found)] = found
        return pcm


def _bands(pcm: Pcm) -> _Bands:
    power = np.square(np.abs(np.fft.rfft(pcm * _HANN)))
    return _Bands(*(float(power[low:high].sum()) / _FULL_SCALE + 1e-12 for low, high in _EDGES))


def _mouth(level: float, bands: _Bands) -> Shape:
    """The lips for one window.

    The jaw's law, opening in decibels times openness by the first formant, correlates 0.6 with the tracked jaw of
    GRID's speaker 1 (total energy alone: 0.5). Rounding and spreading by the second formant are rules of thumb.
    """
    opened = np.clip((20 * np.log10(level + 1e-4) - _SHUT_DB) / (_OPEN_DB - _SHUT_DB), 0.0, 1.0)
    if not opened:
        return np.zeros(len(LIPS), np.float32)
    everything = bands.voiced + bands.wide + bands.front + bands.hiss
    hissing = np.clip(2.5 * bands.hiss / everything - 0.5, 0.0, 1.0)
    openness = np.clip(1.0 + 0.4 * np.log10(bands.wide / bands.voiced), 0.2, 1.0)
    brightness = np.clip(0.7 + 0.22 * np.log10(bands.front / bands.back), 0.0, 1.0)
    rounding = opened * (1 - hissing) * np.clip(1 - 2.2 * brightness, 0.0, 1.0)
    spreading = opened * np.clip(2 * brightness - 0.8, 0.0, 1.0)
    shape = {
        "jaw": 0.42 * opened * openness * (1 - 0.7 * hissing),
        "funnel": 0.3 * rounding,
        "pucker": 0.4 * rounding,
        "lower": opened * (0.12 + 0.14 * spreading) * (1 - rounding),
        "upper": 0.09 * opened * (1 - rounding),
        "stretch": 0.2 * spreading,
        "smile": 0.08 * spreading,
    }
    return np.array([shape.get(name, 0.0) for name in LIPS], np.float32)
