"""The body's own life: breath, blinks, gaze, small head motion, a listener's nods, a thinker's look aside.

Everything is drawn from one seeded generator, and every state either decays or wraps, so that the motion is the same
after ten hours as after ten seconds. Nothing jumps: moods fade over half a second, and only eyes and lids, which are
fast in people too, move more than a few hundredths a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines import Mood
from engines.media import ARKIT_NAMES, BLENDSHAPES, COEFFS, FPS, Coeffs, Prosody
from engines.motion.blink import Blinks
from engines.motion.compose import limited
from engines.motion.gaze import Gaze, eye_channels
from engines.motion.smooth import Noise, Smooth

MOODS: tuple[Mood, ...] = ("idle", "listening", "thinking", "speaking")

_YAW, _PITCH, _ROLL, _TX, _TY, _TZ = range(BLENDSHAPES, COEFFS)

_MOOD_SECONDS = 0.35
"""Time constant of a change of mood: done after about a second, as a posture shift in conversation is."""

_BREATHS_PER_SECOND = 0.25
"""15 a minute: an adult at rest (12 to 20)."""
_BREATH_RISE = 0.07
"""Centimetres by which the head rises with a breath; its pitch follows by `_BREATH_PITCH` radians."""
_BREATH_PITCH = np.radians(0.25)

_SWAY_SECONDS = (1.1, 0.9, 1.4)
"""Time constants of yaw, pitch and roll: heads of people who sit still sway below 1 Hz."""
_SWAY = np.radians((1.1, 0.8, 0.7))
"""Standard deviations at rest."""

_NOD_SECONDS = 0.72
_NODS_EVERY = 6.0
"""Seconds between a listener's nods, on average: rare enough to mean something."""


@dataclass(frozen=True, slots=True)
class _Posture:
    """How a mood looks. Angles in degrees; positive pitch looks down, positive yaw turns to the picture's right."""

    face: dict[str, float]
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    forward: float = 0.0
    """Centimetres towards the viewer."""
    liveliness: float = 1.0
    """Factor on the sway."""


_POSTURES: dict[Mood, _Posture] = {
    "idle": _Posture({"mouthSmileLeft": 0.06, "mouthSmileRight": 0.05}),
    "listening": _Posture(
        {"mouthSmileLeft": 0.07, "mouthSmileRight": 0.06, "browInnerUp": 0.08,
         "eyeWideLeft": 0.03, "eyeWideRight": 0.03},
        pitch=0.8, roll=1.8, forward=0.35, liveliness=0.8,
    ),
    "thinking": _Posture(
        {"browInnerUp": 0.1, "browDownLeft": 0.1, "browDownRight": 0.08, "eyeSquintLeft": 0.08, "eyeSquintRight": 0.08,
         "mouthPressLeft": 0.05, "mouthPressRight": 0.07},
        yaw=-3.0, pitch=-1.5, roll=-1.2, liveliness=0.9,
    ),
    "speaking": _Posture({"browInnerUp": 0.04}, pitch=0.2, liveliness=1.5),
}  # fmt: skip

_BROWS = ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")


class IdleBody:
    """Begins bodies that differ by their seed."""

    def start(self, seed: int) -> IdleLife:
        return IdleLife(seed)


class IdleLife:
    """One body. `next` gives 40 ms of it: float32[58], the mouth at rest while speaking."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._moods = {mood: Smooth(_MOOD_SECONDS, float(mood == "idle")) for mood in MOODS}
        self._sway = [Noise(seconds, self._random) for seconds in _SWAY_SECONDS]
        self._breath = self._random.random()
        self._breath_rate = Noise(8.0, self._random)
        self._gaze = Gaze(self._random)
        self._blinks = Blinks(self._random)
        self._nod = _Gesture()
        self._flash = _Gesture()
        self._postures = np.stack([_vector(_POSTURES[mood]) for mood in MOODS])

    def feel(self, emotion: str, intensity: float) -> None:
        """Nothing: its face is the mood's."""

    def behave(self, manner: str) -> None:
        """Nothing: it has one manner."""

    def pose(self, given: Coeffs | None) -> None:
        """Nothing: its head is its own."""

    def next(self, mood: Mood, prosody: Prosody | None = None) -> Coeffs:
        """The next frame in `mood`."""
        weights = np.array([self._moods[name].towards(float(name == mood)) for name in MOODS])
        coeffs = (weights @ self._postures).astype(np.float32)
        self._move_head(coeffs, weights)
        self._gesture(coeffs, dict(zip(MOODS, weights, strict=True)))
        head = (float(coeffs[_YAW]), float(coeffs[_PITCH]))
        yaw, pitch, shift = self._gaze.next(mood, head)
        eye_channels(coeffs, yaw, pitch)
        self._blinks.next(coeffs, mood, shift)
        return limited(coeffs)

    def _move_head(self, coeffs: Coeffs, weights: np.ndarray) -> None:
        liveliness = sum(w * _POSTURES[m].liveliness for m, w in zip(MOODS, weights, strict=True))
        for axis, noise, size in zip((_YAW, _PITCH, _ROLL), self._sway, _SWAY, strict=True):
            coeffs[axis] += liveliness * size * noise.next()
        rate = _BREATHS_PER_SECOND * (1 + 0.12 * float(np.clip(self._breath_rate.next(), -2, 2)))
        self._breath = (self._breath + rate / FPS) % 1.0
        chest = 0.5 - 0.5 * np.cos(2 * np.pi * self._breath**0.8)  # in for two fifths of it, out for three
        coeffs[_TY] += _BREATH_RISE * chest
        coeffs[_PITCH] -= _BREATH_PITCH * chest

    def _gesture(self, coeffs: Coeffs, weights: dict[Mood, float]) -> None:
        """A listener nods, a speaker's brows flash with what she stresses."""
        if self._nod.over and weights["listening"] > 0.8 and self._random.random() < 1 / (_NODS_EVERY * FPS):
            self._nod.begin(_NOD_SECONDS * self._random.uniform(0.9, 1.3), np.radians(self._random.uniform(2.0, 3.6)))
        if self._flash.over and weights["speaking"] > 0.5 and self._random.random() < 1 / (2.5 * FPS):
            self._flash.begin(self._random.uniform(0.5, 0.9), self._random.uniform(0.08, 0.24))
        coeffs[_PITCH] += weights["listening"] * self._nod.next(bounces=2)
        raised = self._flash.next(bounces=1)
        for name, share in zip(_BROWS, (1.0, 0.7, 0.7), strict=True):
            coeffs[ARKIT_NAMES.index(name)] += share * raised


class _Gesture:
    """A movement that begins and ends at rest with no speed."""

    def __init__(self) -> None:
        self._at, self._length, self._size = 1.0, 1.0, 0.0

    @property
    def over(self) -> bool:
        return self._at >= 1.0

    def begin(self, seconds: float, size: float) -> None:
        self._at, self._length, self._size = 0.0, seconds, size

    def next(self, bounces: int) -> float:
        """Its next frame; each bounce is half as large as the one before."""
        if self.over:
            return 0.0
        self._at = min(1.0, self._at + 1 / (FPS * self._length))
        bounce = min(int(self._at * bounces), bounces - 1)
        phase = self._at * bounces - bounce
        return self._size * 0.5**bounce * (0.5 - 0.5 * np.cos(2 * np.pi * phase))


def _vector(posture: _Posture) -> Coeffs:
    coeffs = np.zeros(COEFFS, np.float32)
    for name, value in posture.face.items():
        coeffs[ARKIT_NAMES.index(name)] = value
    coeffs[_YAW], coeffs[_PITCH], coeffs[_ROLL] = np.radians((posture.yaw, posture.pitch, posture.roll))
    coeffs[_TZ] = posture.forward
    return coeffs
