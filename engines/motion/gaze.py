"""Where she looks: at the viewer, mostly; aside while she thinks. The eyes hold their target while the head moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engines import Mood
from engines.media import ARKIT_NAMES, FPS, Coeffs

FULL_LOOK = np.radians((34.0, 25.0))
"""What `eyeLook… = 1` turns an eye by, sideways and up or down: measured on the default avatar's irises."""
_LOOK_LIMIT = 0.8

_SACCADE_SPEED = np.radians(280.0) / FPS
"""Radians a frame: a saccade of 10 degrees takes 50 ms (Bahill, Clark & Stark 1975, main sequence), two frames."""


@dataclass(frozen=True, slots=True)
class _Habit:
    """How long she looks at the viewer and away, in seconds, and how far away, in degrees."""

    at_viewer: float
    away: float
    reach: float


# People look at a face for about 2 s at a time (Rogers et al. 2018), listeners far longer than speakers (Argyle & Cook
# 1976; Lee, Badler & Badler 2002: 7.9 s and 3.1 s at the partner, 0.4 s and 0.9 s away). Idle is a listener who waits.
_HABITS: dict[Mood, _Habit] = {
    "idle": _Habit(6.0, 0.9, 6.0),
    "listening": _Habit(8.0, 0.5, 4.0),
    "thinking": _Habit(0.5, 1.6, 14.0),
    "speaking": _Habit(3.1, 0.8, 7.0),
}

_FEATURES = np.radians(((-1.6, -0.6), (1.6, -0.6), (-1.6, -0.6), (1.6, -0.6), (0.0, 1.4), (0.0, 0.2)))
"""Yaw and pitch of what is looked at in a face: its eyes, now and then the mouth and the nose."""
_FIXATION = (0.35, 1.6)
"""Seconds on one feature of the face."""
_DRIFT = np.radians(0.12)
"""Fixational drift and microsaccades: below half a degree."""


class Gaze:
    """Fixations and saccades in the viewer's space; angles in radians, pitch positive downwards."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._mood: Mood = "idle"
        self._at_viewer = True
        self._leave = 3.0
        self._refix = 0.5
        self._target = np.zeros(2)
        self._eyes = np.zeros(2)

    @property
    def target(self) -> tuple[float, float]:
        """Yaw and pitch of what she looks at, in the viewer's space."""
        return float(self._target[0]), float(self._target[1])

    def next(
        self, mood: Mood, head: tuple[float, float], beside: tuple[float, float], boundary: bool
    ) -> tuple[float, float, float]:
        """One frame.

        Args:
            head: its yaw and pitch.
            beside: yaw and pitch by which an emotion turns the eyes from what they would look at.
            boundary: a phrase ends or a pause begins: a speaker looks back at the listener (Kendon 1967).

        Returns:
            The eyes' yaw and pitch in the head, and the size of a gaze shift that begins in this frame (else 0).
        """
        before = self._target
        if boundary and not self._at_viewer:
            self._leave = min(self._leave, self._random.uniform(0.05, 0.3))
        self._choose(mood)
        shift = math.hypot(*(self._target - before))
        step = self._target - self._eyes
        distance = math.hypot(*step)
        self._eyes = self._eyes + step * min(1.0, _SACCADE_SPEED / max(distance, 1e-9))
        # The vestibulo-ocular reflex: the head turns, the gaze stays.
        yaw, pitch = self._eyes + np.array(beside) - np.array(head)
        return float(yaw), float(pitch), shift

    def _choose(self, mood: Mood) -> None:
        habit = _HABITS[mood]
        if mood != self._mood:
            self._mood = mood
            # A change of mood shows in the eyes first: a thinker looks away, everybody else comes back.
            self._leave = min(self._leave, self._random.uniform(0.1, 0.4))
            self._at_viewer = mood == "thinking"
        self._leave -= 1 / FPS
        self._refix -= 1 / FPS
        if self._leave <= 0:
            self._at_viewer = not self._at_viewer
            mean = habit.at_viewer if self._at_viewer else habit.away
            self._leave = mean * self._random.lognormal(-0.125, 0.5)  # mean 1
            self._refix = 0.0
            if not self._at_viewer:
                self._target = self._aside(habit.reach)
        if self._refix <= 0:
            self._refix = self._random.uniform(*_FIXATION)
            if self._at_viewer:
                self._target = _FEATURES[self._random.integers(len(_FEATURES))]
            self._target = self._target + self._random.normal(0.0, _DRIFT, 2)

    def _aside(self, reach: float) -> np.ndarray:
        """A point beside the viewer; a thinker's lies up or down to one side, most often up."""
        if self._mood == "thinking":
            side = -1.0 if self._random.random() < 0.7 else 1.0
            height = -0.6 if self._random.random() < 0.75 else 0.5
            direction = np.array([side, height])
        else:
            angle = self._random.uniform(0.0, 2 * np.pi)
            direction = np.array([np.cos(angle), 0.5 * np.sin(angle)])
        return np.radians(reach) * self._random.uniform(0.7, 1.1) * direction


_INDEX = {name: index for index, name in enumerate(ARKIT_NAMES)}


def eye_channels(coeffs: Coeffs, yaw: float, pitch: float) -> None:
    """Turn both eyes together. Yaw to the picture's right, which is her left: the left eye looks out, the right in."""
    aside = max(-_LOOK_LIMIT, min(yaw / FULL_LOOK[0], _LOOK_LIMIT))
    down = max(-_LOOK_LIMIT, min(pitch / FULL_LOOK[1], _LOOK_LIMIT))
    coeffs[_INDEX["eyeLookOutLeft"]] = coeffs[_INDEX["eyeLookInRight"]] = max(0.0, aside)
    coeffs[_INDEX["eyeLookInLeft"]] = coeffs[_INDEX["eyeLookOutRight"]] = max(0.0, -aside)
    coeffs[_INDEX["eyeLookDownLeft"]] = coeffs[_INDEX["eyeLookDownRight"]] = max(0.0, down)
    coeffs[_INDEX["eyeLookUpLeft"]] = coeffs[_INDEX["eyeLookUpRight"]] = max(0.0, -down)
