"""Motion without jumps: filters whose output and its speed are continuous, stepped once a frame."""

from __future__ import annotations

import numpy as np

from engines.media import FPS


class Smooth:
    """A critically damped follower: approaches its target without overshoot, in exact discrete time."""

    def __init__(self, seconds: float, start: float = 0.0) -> None:
        """`seconds` is the time constant; nine tenths of the way take 3.9 of them."""
        self._rate = 1 / (seconds * FPS)
        self._decay = float(np.exp(-self._rate))
        self._value, self._speed = start, 0.0

    def towards(self, target: float) -> float:
        """One frame on."""
        away = self._value - target
        pull = self._speed + self._rate * away
        self._value = target + (away + pull) * self._decay
        self._speed = (self._speed - self._rate * pull) * self._decay
        return self._value


class Noise:
    """Smooth random motion about 0 with standard deviation 1: white noise through two equal low-passes, so it is an
    Ornstein-Uhlenbeck process of second order; stationary from its first frame on."""

    def __init__(self, seconds: float, random: np.random.Generator) -> None:
        """`seconds` is each low-pass's time constant."""
        self._random = random
        self._keep = float(np.exp(-1 / (seconds * FPS)))
        keep2 = self._keep**2
        # Variance of a cascade of two filters y = k·y + (1−k)·x on white noise: (1−k)⁴ (1+k²) / (1−k²)³.
        self._scale = float(np.sqrt((1 - keep2) ** 3 / ((1 - self._keep) ** 4 * (1 + keep2))))
        self._first = self._second = 0.0
        for _ in range(int(8 * seconds * FPS)):
            self.next()

    def next(self) -> float:
        """The next frame's value."""
        self._first = self._keep * self._first + (1 - self._keep) * self._random.standard_normal()
        self._second = self._keep * self._second + (1 - self._keep) * self._first
        return self._scale * self._second
