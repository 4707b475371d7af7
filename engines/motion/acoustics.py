"""A mouth from sound alone, for voices that tell no phones: energy opens the jaw, the spectrum shapes the lips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE, SAMPLES_PER_FRAME, Pcm
from engines.motion.visemes import LIPS, Shape

WINDOW = 2 * SAMPLES_PER_FRAME
"""80 ms: a frame and the one after it, so that the lips lead the sound by half a frame as they do in people."""

LOUD_RMS = 0.1
"""Of full scale (-20 dBFS): where the level of a voice is taken to be before it has been heard."""
_FORGET = 0.995
"""Per frame: the remembered level falls by half in 5.5 s, so that one shout doesn't close the mouth for good."""
_SILENT_DB, _OPEN_DB = -30.0, -3.0
"""Against the voice's loud parts: below the first it is breath and room, from the second on the jaw is open."""

# Hz. The first formant rises as the jaw opens; the second falls with rounding and rises with spreading; hiss is /s/.
_VOICED, _OPEN, _BACK, _FRONT, _HISS = (100, 450), (550, 1100), (500, 1100), (1700, 3200), (4000, 10_000)

_SMOOTHING = np.array([0.25, 0.5, 0.25], np.float32)
"""Over three frames: the spectrum of 80 ms flickers, lips don't."""

_BINS = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
_HANN = np.hanning(WINDOW)


class Sound:
    """One phrase's samples, as the mouth needs them: the window that begins with a frame, and its level."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._pcm: Pcm = np.zeros(0, np.int16)
        self._offset = 0
        self._levels: list[float] = []
        self.samples = 0

    def add(self, pcm: Pcm) -> None:
        self._pcm = np.concatenate([self._pcm, pcm])
        self.samples += len(pcm)

    def level(self, frame: int) -> float:
        """Of the frame's window, against the voice's own loud parts: 0 silent, 1 loud."""
        while len(self._levels) <= frame:
            self._levels.append(self._level.relative(self._window(len(self._levels))))
        return self._levels[frame]

    def mouth(self, frame: int) -> Shape:
        """The lips of the frame's window and of its neighbours', smoothed."""
        frames = (max(frame - 1, 0), frame, frame + 1)
        return _SMOOTHING @ np.stack([mouth(self._window(near), self.level(near)) for near in frames])

    def forget(self, frame: int) -> None:
        """Drop what no later frame than `frame` needs."""
        spare = (frame - 1) * SAMPLES_PER_FRAME - self._offset
        if spare > 0:
            self._pcm = self._pcm[spare:]
            self._offset += spare

    def _window(self, frame: int) -> Pcm:
        """int16[WINDOW] from the frame's first sample on; silence where the phrase is over."""
        start = frame * SAMPLES_PER_FRAME - self._offset
        pcm = self._pcm[start : start + WINDOW]
        return np.concatenate([pcm, np.zeros(WINDOW - len(pcm), np.int16)])


class Level:
    """Follows how loud a voice is, so that quiet and loud ones open the mouth alike."""

    def __init__(self) -> None:
        self._peak = LOUD_RMS

    def relative(self, pcm: Pcm) -> float:
        """Root mean square of `pcm` against the loudest of late."""
        rms = float(np.sqrt(np.mean(np.square(pcm, dtype=np.float64)))) / 32768
        self._peak = max(rms, self._peak * _FORGET, LOUD_RMS / 10)
        return rms / self._peak


def mouth(pcm: Pcm, level: float) -> Shape:
    """The lips for 80 ms of sound of the given relative level.

    The jaw's law, opening in decibels times openness by the first formant, correlates 0.61 with the tracked jaw of
    GRID's speaker 1 (energy alone 0.50). Rounding and spreading by the second formant are rules of thumb.
    """
    opened = np.clip((20 * np.log10(level + 1e-4) - _SILENT_DB) / (_OPEN_DB - _SILENT_DB), 0.0, 1.0)
    power = np.square(np.abs(np.fft.rfft(pcm * _HANN))) + 1e-9
    voiced, wide, back, front, hiss = (_band(power, band) for band in (_VOICED, _OPEN, _BACK, _FRONT, _HISS))
    hissing = np.clip(2.5 * hiss / (voiced + wide + front + hiss) - 0.5, 0.0, 1.0)
    openness = np.clip(1.0 + 0.2 * np.log10(wide / voiced), 0.2, 1.0)
    brightness = np.clip(0.7 + 0.22 * np.log10(front / back), 0.0, 1.0)
    rounding = opened * (1 - hissing) * np.clip(1 - 2.2 * brightness, 0.0, 1.0)
    spreading = opened * np.clip(2 * brightness - 0.8, 0.0, 1.0)
    shape = {
        "jaw": 0.42 * opened**1.5 * openness * (1 - 0.7 * hissing),
        "funnel": 0.3 * rounding,
        "pucker": 0.4 * rounding,
        "lower": opened * (0.12 + 0.14 * spreading) * (1 - rounding),
        "upper": 0.09 * opened * (1 - rounding),
        "stretch": 0.2 * spreading,
        "smile": 0.08 * spreading,
    }
    return np.array([shape.get(name, 0.0) for name in LIPS], np.float32)


def _band(power: NDArray[np.float64], band: tuple[int, int]) -> float:
    low, high = np.searchsorted(_BINS, band)
    return float(power[low:high].sum())
