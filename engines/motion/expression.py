"""Emotions over the whole face: what each looks like, how it comes and goes.

Which muscles belong to an emotion follows the prototypes of the Facial Action Coding System (Ekman & Friesen, "Facial
Action Coding System", 1978; EMFACS): joy 6+12, sadness 1+4+15 (+17), surprise 1+2+5+26, anger 4+7+23/24 (+9+17).
Concern (1+4, lips pressed, head tilted towards the viewer) and thinking (one brow up, one down, eyes aside) are
conversational faces without a prototype. Action units read as ARKit's blendshapes: 1 browInnerUp, 2 browOuterUp, 4
browDown, 5 eyeWide, 6 cheekSquint, 7 eyeSquint, 9 noseSneer, 10 mouthUpperUp, 12 mouthSmile, 15 mouthFrown, 17
mouthShrugLower, 23/24 mouthPress, 26 jawOpen, 41 to 43 eyeBlink. Amounts were chosen by eye on the default avatar, so
that 0.6 can't be mistaken and 1.0 is no mask; its capture holds mixtures of this kind and size.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engines.media import ARKIT_NAMES, BLENDSHAPES, COEFFS, FPS, Coeffs
from engines.motion.smooth import Smooth
from engines.tags import EMOTIONS, NEUTRAL

_ONSET_SECONDS = 0.16
"""Time constant: nine tenths after 0.6 s; in a third of that a smile looks like a switch, in twice that like syrup."""

_FADE_SECONDS = 2.5
"""In which an apex relaxes to what is kept of it."""


@dataclass(frozen=True, slots=True)
class Emotion:
    """How an emotion looks at its apex. Angles in degrees; positive pitch looks down, positive yaw to the right."""

    face: dict[str, float] = field(default_factory=dict)
    """Blendshapes 0..1; a name without a side means both."""
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    forward: float = 0.0
    """Centimetres towards the viewer."""
    gaze: tuple[float, float] = (0.0, 0.0)
    """Yaw and pitch by which the eyes look beside what they would."""
    lids: float = 0.0
    """How far they hang, 0..1 of a blink."""
    blinks: float = 1.0
    """Factor on their rate."""
    head: float = 1.0
    """Factor on how far the head moves."""
    tempo: float = 1.0
    """Factor on how fast it does."""
    kept: float = 0.85
    """What stays once the apex is over: nobody holds a face at its height."""


_LOOKS: dict[str, Emotion] = {
    NEUTRAL: Emotion(),
    "joy": Emotion(
        {"mouthSmile": 0.75, "cheekSquint": 0.55, "eyeSquint": 0.3, "mouthUpperUp": 0.15, "browOuterUp": 0.1},
        pitch=-0.8, roll=1.5, blinks=1.1, head=1.2, tempo=1.1,
    ),
    "sadness": Emotion(
        {"mouthFrown": 0.6, "mouthShrugLower": 0.34, "browInnerUp": 0.85, "browDown": 0.1},
        pitch=3.0, yaw=-1.5, roll=-1.5, gaze=(0.0, 4.0), lids=0.16, blinks=0.9, head=0.6, tempo=0.7,
    ),
    "surprise": Emotion(
        {"eyeWide": 0.65, "browInnerUp": 0.7, "browOuterUp": 0.75, "jawOpen": 0.16},
        pitch=-2.2, blinks=0.6, head=0.9, kept=0.6,
    ),
    "anger": Emotion(
        {"browDown": 0.85, "eyeSquint": 0.36, "mouthPress": 0.42, "noseSneer": 0.3, "mouthFrown": 0.2,
         "mouthShrugLower": 0.2},
        pitch=2.6, forward=0.5, blinks=0.7, head=1.1, tempo=1.2,
    ),
    "concern": Emotion(
        {"browInnerUp": 0.8, "browDown": 0.45, "mouthFrown": 0.25, "mouthPress": 0.22, "eyeSquint": 0.12},
        pitch=1.2, roll=3.6, forward=0.7, head=0.8, tempo=0.85,
    ),
    "thinking": Emotion(
        {"browDownLeft": 0.5, "browOuterUpRight": 0.55, "browInnerUp": 0.12, "mouthLeft": 0.28, "mouthPress": 0.34,
         "eyeSquint": 0.15},
        yaw=-4.0, pitch=-2.0, roll=-1.5, gaze=(-13.0, -8.0), blinks=0.8, head=0.8, tempo=0.8,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Felt:
    """What the emotion of the moment asks of the body."""

    coeffs: Coeffs
    """float32[58]: the face, and where the head leans."""
    gaze: tuple[float, float]
    """Radians."""
    lids: float
    blinks: float
    head: float
    tempo: float


class Expression:
    """The emotion of the moment; every change is eased, and what was felt before fades meanwhile."""

    def __init__(self) -> None:
        self._wanted = NEUTRAL
        self._intensity = 0.0
        self._since = 0.0
        self._weights = [Smooth(_ONSET_SECONDS) for _ in EMOTIONS]

    def feel(self, name: str, intensity: float) -> None:
        """Ease to an emotion; the same again renews its apex.

        Raises:
            ValueError: no emotion has this name, or the intensity is not within 0..1.
        """
        if name not in EMOTIONS:
            raise ValueError(f"emotion {name!r} is unknown, give one of {', '.join(EMOTIONS)}")
        if not 0 <= intensity <= 1:
            raise ValueError(f"an emotion's intensity is {intensity}, give 0 to 1")
        self._wanted, self._intensity, self._since = name, intensity, 0.0

    def next(self, amplitude: float) -> Felt:
        """This frame's, with the manner's `amplitude`."""
        self._since += 1 / FPS
        kept = _LOOKS[self._wanted].kept
        height = self._intensity * (kept + (1 - kept) * float(np.exp(-self._since / _FADE_SECONDS)))
        weights = np.array(
            [
                weight.towards(height if name == self._wanted else 0.0)
                for name, weight in zip(EMOTIONS, self._weights, strict=True)
            ]
        )
        coeffs = amplitude * (weights @ _FACES)
        yaw, pitch, lids, blinks, head, tempo = weights @ _HABITS
        return Felt(coeffs, (yaw, pitch), amplitude * lids, 1 + blinks, 1 + head, 1 + tempo)


def _vector(look: Emotion) -> Coeffs:
    coeffs = np.zeros(COEFFS, np.float32)
    for name, value in look.face.items():
        sides = (name,) if name in ARKIT_NAMES else (f"{name}Left", f"{name}Right")
        for side in sides:
            coeffs[ARKIT_NAMES.index(side)] = value
    coeffs[BLENDSHAPES : BLENDSHAPES + 3] = np.radians((look.yaw, look.pitch, look.roll))
    coeffs[COEFFS - 1] = look.forward
    return coeffs


def _habits(look: Emotion) -> tuple[float, ...]:
    yaw, pitch = np.radians(look.gaze)
    return yaw, pitch, look.lids, look.blinks - 1, look.head - 1, look.tempo - 1


_FACES = np.stack([_vector(_LOOKS[name]) for name in EMOTIONS])
_HABITS = np.array([_habits(_LOOKS[name]) for name in EMOTIONS], np.float32)
