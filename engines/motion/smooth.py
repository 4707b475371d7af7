"""Motion without jumps: filters whose output and its speed are continuous, stepped once a frame."""

from __future__ import annotations

import math

import numpy as np

from engines.media import FPS


class Smooth:
    """A critically damped follower: approaches its target without overshoot, in exact discrete time."""

    def __init__(self, seconds: float, start: float = 0.0) -> None:
        """`seconds` is the time constant; nine tenths of the way take 3.9 of them."""
        self._rate = 1 / (seconds * FPS)
        self._decay = math.exp(-self._rate)
        self.value, self._speed = start, 0.0

    def towards(self, target: float) -> float:
        """One frame on."""
        away = self.value - target
        pull = self._speed + self._rate * away
        self.value = target + (away + pull) * self._decay
        self._speed = (self._speed - self._rate * pull) * self._decay
        return self.value

    def rest_at(self, value: float) -> None:
        """Be at `value`, without speed."""
        self.value, self._speed = value, 0.0


class Noise:
    """Smooth random motion about 0 with standard deviation 1: white noise through two equal low-passes, so it is an
    Ornstein-Uhlenbeck process of second order; stationary from its first frame on."""

    def __init__(self, seconds: float, random: np.random.Generator) -> None:
        """`seconds` is each low-pass's time constant."""
        self._random = random
        self._frames = seconds * FPS
        self._pace(1.0)
        first, both, second = _covariance(self._keep)
        start, rest = random.standard_normal(2)
        self._first = math.sqrt(first) * start
        self._second = both / math.sqrt(first) * start + math.sqrt(second - both**2 / first) * rest

    def next(self, tempo: float = 1.0) -> float:
        """The next frame's value; `tempo` 2 moves twice as fast, as far."""
        if tempo != self._tempo:
            self._pace(tempo)
        keep = self._keep
        self._first = keep * self._first + (1 - keep) * self._random.standard_normal()
        self._second = keep * self._second + (1 - keep) * self._first
        return self._second / self._spread

    def _pace(self, tempo: float) -> None:
        self._tempo = tempo
        self._keep = math.exp(-tempo / self._frames)
        self._spread = math.sqrt(_covariance(self._keep)[2])


def _covariance(keep: float) -> tuple[float, float, float]:
    """Stationary variance of the first low-pass, covariance of both, variance of the second: each is
    y = keep·y + (1 − keep)·x, the first's x white noise, the second's x the first."""
    fresh, left = 1 - keep, 1 - keep * keep
    first = fresh**2 / left
    both = fresh * first / left
    second = fresh * (fresh * first + 2 * keep**2 * both) / left
    return first, both, second


class Pulse:
    """A movement there and back that begins and ends at rest: half a cosine each way."""

    def __init__(self) -> None:
        self._since = self._rise = self._fall = self._size = 0.0

    @property
    def over(self) -> bool:
        return self._since >= self._rise + self._fall

    def begin(self, rise: float, fall: float, size: float) -> None:
        """Seconds up and down."""
        self._since, self._rise, self._fall, self._size = 0.0, rise, fall, size

    def next(self) -> float:
        """Its next frame."""
        if self.over:
            return 0.0
        self._since = min(self._since + 1 / FPS, self._rise + self._fall)
        if self._since < self._rise:
            return self._size * (0.5 - 0.5 * math.cos(math.pi * self._since / self._rise))
        return self._size * (0.5 + 0.5 * math.cos(math.pi * (self._since - self._rise) / self._fall))
