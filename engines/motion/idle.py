"""The body's own life: head, brows, lids, gaze and emotion, in every mood, whether she speaks or not.

Everything is drawn from one seeded generator, and every state either decays or wraps, so that the motion is the same
after ten hours as after ten seconds. Nothing jumps: moods, manners and emotions are eased, and only eyes and lids,
which are fast in people too, cross their range within two frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines import Mood
from engines.media import ARKIT_NAMES, BLENDSHAPES, COEFFS, Coeffs, Prosody
from engines.motion.blink import PER_MINUTE, Blinks
from engines.motion.brows import Brows
from engines.motion.compose import PARTING, PRESSING, SPREADING, limited
from engines.motion.expression import Expression
from engines.motion.gaze import Gaze, eye_channels
from engines.motion.head import GivenPose, Head, bounded
from engines.motion.manner import Easing, Manner
from engines.motion.smooth import Smooth

MOODS: tuple[Mood, ...] = ("idle", "listening", "thinking", "speaking")

_MOOD_SECONDS = 0.35
"""Time constant of a change of mood: done after about a second, as a posture shift in conversation is."""

_SPEECH_SECONDS = 0.12
"""Time constant of leaving the mouth to speech and of taking it back."""
_LEFT = np.ones(BLENDSHAPES, np.float32)
"""What is left of an emotion's face while she speaks: little of what parts the lips, most of a smile or a frown."""
_LEFT[PARTING] = 0.2
_LEFT[SPREADING] = 0.75
_LEFT[PRESSING] = 0.6
_LEFT[[ARKIT_NAMES.index(name) for name in ("noseSneerLeft", "noseSneerRight")]] = 0.4


@dataclass(frozen=True, slots=True)
class _Posture:
    """How a mood looks. Angles in degrees; positive pitch looks down, positive yaw turns to the picture's right."""

    face: dict[str, float]
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    forward: float = 0.0
    """Centimetres towards the viewer."""


_POSTURES: dict[Mood, _Posture] = {
    "idle": _Posture({}),
    "listening": _Posture(
        {"browInnerUp": 0.08, "eyeWideLeft": 0.03, "eyeWideRight": 0.03}, pitch=0.8, roll=1.8, forward=0.35
    ),
    "thinking": _Posture(
        {"browInnerUp": 0.1, "browDownLeft": 0.1, "browDownRight": 0.08, "eyeSquintLeft": 0.08, "eyeSquintRight": 0.08,
         "mouthPressLeft": 0.05, "mouthPressRight": 0.07},
        yaw=-3.0, pitch=-1.5, roll=-1.2,
    ),
    "speaking": _Posture({"browInnerUp": 0.04}, pitch=0.2),
}  # fmt: skip

_SMILES = {"mouthSmileLeft": 1.1, "mouthSmileRight": 0.9}
"""Nobody's resting smile is the same on both sides."""


class IdleBody:
    """Begins bodies of one manner that differ by their seed."""

    def __init__(self, own: Manner | None = None) -> None:
        """`own` is what `neutral` means: a person's manner, by default the default one."""
        self._own = own or Manner()

    def start(self, seed: int) -> IdleLife:
        return IdleLife(seed, self._own)


class IdleLife:
    """One body. `next` gives 40 ms of it: float32[58], the mouth left to speech while she speaks."""

    def __init__(self, seed: int, own: Manner) -> None:
        random = np.random.default_rng(seed)
        self._moods = {mood: Smooth(_MOOD_SECONDS, float(mood == "idle")) for mood in MOODS}
        self._speaks = Smooth(_SPEECH_SECONDS)
        self._manner = Easing(own)
        self._expression = Expression()
        self._head = Head(random)
        self._given = GivenPose()
        self._brows = Brows(random)
        self._gaze = Gaze(random)
        self._blinks = Blinks(random)

    def feel(self, emotion: str, intensity: float) -> None:
        """Ease to an emotion of `engines.tags.EMOTIONS`, 0..1.

        Raises:
            ValueError: there is no such emotion, or the intensity is out of range.
        """
        self._expression.feel(emotion, intensity)

    def behave(self, manner: str) -> None:
        """Ease to a manner of `engines.tags.MANNERS`, or back to `neutral`.

        Raises:
            ValueError: there is no such manner.
        """
        self._manner.behave(manner)

    def pose(self, given: Coeffs | None) -> None:
        """Hold the head as in `given`, float32[58], until the next call; None gives it back.

        Raises:
            ValueError: `given` has another shape, or its pose is not finite.
        """
        self._given.give(given)

    def next(self, mood: Mood, prosody: Prosody | None = None) -> Coeffs:
        """The next frame in `mood`; `prosody` is of the speech in it."""
        manner = self._manner.next()
        felt = self._expression.next(manner.amplitude)
        weights = np.array([self._moods[name].towards(float(name == mood)) for name in MOODS])
        coeffs = (weights @ _VECTORS + felt.coeffs).astype(np.float32)
        for name, share in _SMILES.items():
            coeffs[_INDEX[name]] += share * manner.smile
        speaks = self._speaks.towards(float(mood == "speaking"))
        coeffs[:BLENDSHAPES] *= 1 - (1 - _LEFT) * speaks

        self._brows.next(coeffs, prosody, manner)
        moved = manner.times(Manner(head=felt.head, tempo=felt.tempo))
        pose = coeffs[BLENDSHAPES:] + self._head.next(mood, prosody, moved, self._gaze.target)
        coeffs[BLENDSHAPES:] = bounded(self._given.next(pose))

        boundary = prosody is not None and prosody.boundary
        head = (float(coeffs[BLENDSHAPES]), float(coeffs[BLENDSHAPES + 1]))
        yaw, pitch, shift = self._gaze.next(mood, head, felt.gaze, boundary)
        eye_channels(coeffs, yaw, pitch)
        self._blinks.next(coeffs, PER_MINUTE[mood] * manner.blinks * felt.blinks, shift, boundary, felt.lids)
        return limited(coeffs)


_INDEX = {name: index for index, name in enumerate(ARKIT_NAMES)}


def _vector(posture: _Posture) -> Coeffs:
    coeffs = np.zeros(COEFFS, np.float32)
    for name, value in posture.face.items():
        coeffs[_INDEX[name]] = value
    coeffs[BLENDSHAPES : BLENDSHAPES + 3] = np.radians((posture.yaw, posture.pitch, posture.roll))
    coeffs[COEFFS - 1] = posture.forward
    return coeffs


_VECTORS = np.stack([_vector(_POSTURES[mood]) for mood in MOODS])
