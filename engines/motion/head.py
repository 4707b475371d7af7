"""How the head moves: posture, sway, stress, nods, breath; or as it is told to.

A head that speaks moves almost all the time; rapid movements mark stress, wide ones begin an utterance, and it is still
where a phrase ends (Hadar, Steiner, Grant & Rose 1983; Munhall et al. 2004). Nods begin with the stressed word and peak
after it (Kim, Cvejic & Davis 2014). Spectra of the sway, and what loudness, pitch and stress do to the pose, are fitted
to tracked speech by `training/body.py` (`engines/data/head.json`); the speaker there reads single sentences in a
studio, so how far it all goes is set here, for a conversation.
"""

from __future__ import annotations

import json
import math
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from engines import Mood
from engines.media import BLENDSHAPES, COEFFS, FPS, Coeffs, Prosody
from engines.motion.compose import POSE_LIMITS
from engines.motion.manner import Manner
from engines.motion.smooth import Noise, Pulse, Smooth

Pose = NDArray[np.float64]
"""float64[6]: yaw, pitch, roll in radians, tx, ty, tz in centimetres; or its first three."""

YAW, PITCH, ROLL, TX, TY, TZ = range(6)

_POSTURE_SECONDS = 7.0
_POSTURE = np.array([*np.radians((1.2, 0.8, 0.7)), 0.12, 0.05, 0.25])
"""Standard deviations of the slow changes of posture: angles half of those between the clips that the sway is fitted
to, which were recorded over hours."""

_SWAY: dict[Mood, float] = {"idle": 0.6, "listening": 0.5, "thinking": 0.7, "speaking": 2.0}
"""Factors on the fitted sway."""
_TEMPO: dict[Mood, float] = {"idle": 0.6, "listening": 0.6, "thinking": 0.6, "speaking": 0.8}
"""Factors on its tempo: what goes further takes longer, and who rests takes her time."""
_STRESS = 2.0
"""Factor on the fitted response to the voice: by as much as a speaker's sway exceeds the reader's."""

_LEAN = np.radians((2.4, 1.1, 1.6))
"""Standard deviations of where an utterance, and some phrases within it, turn to."""
_LEAN_SECONDS = 0.3
_LEANS_AGAIN = 0.4
"""Of the phrases within an utterance."""
_SIDES = 0.5
"""Correlation, negative, of one lean with the next: who turned to one side turns to the other."""
_PAUSE_FRAMES = 12
"""Half a second without a sound of hers: what comes is a new utterance."""

_AUDIBLE = 0.1
"""Loudness from which she is heard."""

_NOD_SHARE = 0.35
"""Of stressed words that come with a nod, while none is under way."""
_STRESSED = 0.5
"""An accent from here on is one."""
_NOD = np.radians((0.9, 2.2))
_NOD_RISE, _NOD_FALL = 0.2, 0.36
"""Seconds down and up: a nod peaks after the stressed vowel's middle."""

_HEARS_EVERY = 6.0
"""Seconds between a listener's nods, on average: rare enough to mean something."""
_HEARS = np.radians((2.0, 3.6))
_HEARS_RISE, _HEARS_FALL = 0.2, 0.24
_HEARS_AGAIN = 0.5
"""Size of a listener's second nod, which follows the first."""

_BREATHS_PER_SECOND = 0.25
"""15 a minute: an adult at rest (12 to 20)."""
_BREATH_RISE = 0.07
"""Centimetres by which the head rises with a breath; its pitch follows by `_BREATH_PITCH` radians."""
_BREATH_PITCH = np.radians(0.25)

_WITH_EYES = 0.22
"""Of a gaze shift that the head takes part in, after the eyes: small shifts are made mostly with the eyes."""
_WITH_EYES_SECONDS = 0.25

_TAKE_OVER_SECONDS = 0.2
"""Time constant of giving the head to somebody else's poses, and of taking it back."""
_GIVEN_SECONDS = 0.03
"""Time constant of following them: 60 ms behind, and a pose that is given once doesn't jump."""

_LIMITS = np.array(POSE_LIMITS)
_KNEE = 0.7
"""Share of a limit up to which motion is free; beyond, it is bent towards the limit, which it never meets."""

_UNSEEN = 1e-4

_FIT = json.loads(files("engines").joinpath("data/head.json").read_text(encoding="utf-8"))
_MIX = np.radians(np.array(_FIT["sway_mix"]))
"""[3, 3]: independent motions to yaw, pitch and roll."""
_KEEP = np.exp(-1 / (FPS * np.array(_FIT["voice_seconds"])))[:, None]
_GAIN = np.radians(np.array(_FIT["voice_gain"]))
"""[3 axes, time constants × (loudness, pitch, accent)]."""


class Head:
    """The head of one body, relative to where its mood and its emotion hold it."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._posture = [Noise(_POSTURE_SECONDS, random) for _ in range(6)]
        self._sway = [Noise(seconds, random) for seconds in _FIT["sway_seconds"]]
        self._reach = Smooth(0.3, _SWAY["idle"])
        self._voice = _Voice()
        self._lean = [Smooth(_LEAN_SECONDS) for _ in range(3)]
        self._leaning = self._last_lean = np.zeros(3)
        self._silent = _PAUSE_FRAMES
        self._begins = True
        self._nod = Pulse()
        self._stressed = False
        self._hears = Pulse()
        self._hears_again = 0.0
        self._breath = random.random()
        self._breath_rate = Noise(8.0, random)
        self._eyes = [Smooth(_WITH_EYES_SECONDS) for _ in range(2)]

    def next(self, mood: Mood, prosody: Prosody | None, manner: Manner, gaze: tuple[float, float]) -> Pose:
        """One frame.

        Args:
            manner: the emotion's factors on `head` and `tempo` included.
            gaze: yaw and pitch, in radians, of what she looks at.
        """
        pose = _POSTURE * [noise.next(manner.tempo) for noise in self._posture]
        sway = _MIX @ [noise.next(manner.tempo * _TEMPO[mood]) for noise in self._sway]
        pose[:3] += self._reach.towards(_SWAY[mood]) * sway + self._speak(mood, prosody)
        pose *= manner.head
        pose[PITCH] += self._listen(mood)
        pose[:2] += [_WITH_EYES * eye.towards(angle) for eye, angle in zip(self._eyes, gaze, strict=True)]
        self._breathe(pose)
        return pose

    def _speak(self, mood: Mood, prosody: Prosody | None) -> Pose:
        """Yaw, pitch and roll of what the voice does, leans and nods."""
        heard = prosody is not None and prosody.loudness > _AUDIBLE
        if heard and self._begins and (self._silent >= _PAUSE_FRAMES or self._random.random() < _LEANS_AGAIN):
            fresh = _LEAN * self._random.standard_normal(3)
            self._last_lean = (1 - _SIDES**2) ** 0.5 * fresh - _SIDES * self._last_lean
            self._leaning = self._last_lean
        if mood != "speaking":
            self._leaning = np.zeros(3)
        self._silent = 0 if heard else self._silent + 1
        self._begins = (self._begins and not heard) or (prosody is not None and prosody.boundary)
        stressed = prosody is not None and prosody.accent >= _STRESSED
        if stressed and not self._stressed and self._nod.over and self._random.random() < _NOD_SHARE:
            self._nod.begin(_NOD_RISE, _NOD_FALL, self._random.uniform(*_NOD))
        self._stressed = stressed
        pose = _STRESS * self._voice.next(prosody)
        pose += [lean.towards(where) for lean, where in zip(self._lean, self._leaning, strict=True)]
        pose[PITCH] += self._nod.next()
        return pose

    def _listen(self, mood: Mood) -> float:
        """Pitch of a listener's nods, which come in twos."""
        if self._hears.over and self._hears_again > 0:
            self._hears.begin(_HEARS_RISE, _HEARS_FALL, self._hears_again)
            self._hears_again = 0.0
        elif self._hears.over and mood == "listening" and self._random.random() < 1 / (_HEARS_EVERY * FPS):
            size = self._random.uniform(*_HEARS)
            self._hears.begin(_HEARS_RISE, _HEARS_FALL, size)
            self._hears_again = _HEARS_AGAIN * size
        return self._hears.next()

    def _breathe(self, pose: Pose) -> None:
        rate = _BREATHS_PER_SECOND * (1 + 0.12 * max(-2.0, min(self._breath_rate.next(), 2.0)))
        self._breath = (self._breath + rate / FPS) % 1.0
        chest = 0.5 - 0.5 * math.cos(2 * math.pi * self._breath**0.8)  # in for two fifths of it, out for three
        pose[TY] += _BREATH_RISE * chest
        pose[PITCH] -= _BREATH_PITCH * chest


class _Voice:
    """The fitted response of yaw, pitch and roll to the voice: loudness, pitch and accent, each through pairs of equal
    low-passes, weighted."""

    def __init__(self) -> None:
        self._first = np.zeros((len(_KEEP), 3))
        self._second = np.zeros((len(_KEEP), 3))

    def next(self, prosody: Prosody | None) -> Pose:
        heard = (prosody.loudness, prosody.pitch, prosody.accent) if prosody else (0.0, 0.0, 0.0)
        self._first += (1 - _KEEP) * (heard - self._first)
        self._second += (1 - _KEEP) * (self._first - self._second)
        return _GAIN @ self._second.ravel()


class GivenPose:
    """Hands the head to somebody else's poses and takes it back, as DAE-Talker does with its pose input."""

    def __init__(self) -> None:
        self._given: Pose | None = None
        self._share = Smooth(_TAKE_OVER_SECONDS)
        self._follow = [Smooth(_GIVEN_SECONDS) for _ in range(6)]

    def give(self, given: Coeffs | None) -> None:
        """
        Raises:
            ValueError: `given` is not float[58], or not finite.
        """
        if given is None:
            self._given = None
            return
        values = np.asarray(given, np.float64)
        if values.shape != (COEFFS,) or not np.isfinite(values[BLENDSHAPES:]).all():
            raise ValueError(f"a pose is {COEFFS} finite numbers, of which the last 6 count")
        self._given = np.clip(values[BLENDSHAPES:], -_LIMITS, _LIMITS)
        if self._share.value < _UNSEEN:
            for follow, value in zip(self._follow, self._given, strict=True):
                follow.rest_at(float(value))

    def next(self, own: Pose) -> Pose:
        """This frame's pose: `own`, the given one, or between them."""
        share = self._share.towards(float(self._given is not None))
        if share < _UNSEEN:
            return own
        if self._given is not None:
            for follow, value in zip(self._follow, self._given, strict=True):
                follow.towards(float(value))
        return own + share * (np.array([follow.value for follow in self._follow]) - own)


def bounded(pose: Pose) -> Pose:
    """`pose` within the limits, without a corner where it meets them."""
    knee = _KNEE * _LIMITS
    over = np.maximum(np.abs(pose) - knee, 0.0)
    return np.sign(pose) * (np.minimum(np.abs(pose), knee) + (_LIMITS - knee) * np.tanh(over / (_LIMITS - knee)))
