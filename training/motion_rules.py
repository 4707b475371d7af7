"""Speech to lips by rules: the motion model's weak teacher for sounds that no tracked face has made, and its baseline.

Phone times where the voice gives them, the sound itself where it doesn't.

Phones become curves by dominance functions (Cohen & Massaro 1993): every phone pulls each parameter of the mouth
towards its target with a strength that falls exponentially with the distance in time. What the eye does not forgive is
enforced afterwards: lips meet on m b p, lip and teeth on f v, the teeth on sibilants.

Frame k is a function of the samples before `(k + 1 + LOOKAHEAD) * 960`, of the phones that begin before that sample,
and of the frames before it; never of how the audio was cut into chunks.
"""

from __future__ import annotations

import numpy as np

from engines import Gesture
from engines.media import SAMPLES_PER_FRAME, AudioChunk, Prosody
from engines.motion.visemes import LIPS, Shape, expand
from training.motion_rules_sound import Level, Sound
from training.motion_rules_track import PhoneTrack

LOOKAHEAD = 3
"""Frames (120 ms) by which motion lags the audio that it has heard, the most that `MotionStream` allows."""

_EASE_FRAMES = 3
"""A phrase grows out of rest, or out of the phrase before it, within 120 ms: JALI's onset of a lip gesture."""

_MAX_JAW = 0.43
"""The widest of tracked speech at ease is 0.39; beyond, a mouth looks shouted, and the default avatar's throat dark."""

_JAW = LIPS.index("jaw")


class RuleMotion:
    """See `engines.Motion`."""

    def stream(self) -> RuleStream:
        return RuleStream()


class RuleStream:
    """See `engines.MotionStream`. Motion float32[58]: mouth and jaw 0..1, everything else 0."""

    def __init__(self) -> None:
        self._level = Level()
        self._last: Shape = np.zeros(len(LIPS), np.float32)
        self._begin()

    def push(self, chunk: AudioChunk) -> list[Gesture]:
        """Take a piece of the phrase; returns the frames that are now certain."""
        self._sound.add(chunk.pcm)
        self._track.add(chunk.phones)
        certain = self._sound.samples // SAMPLES_PER_FRAME - LOOKAHEAD
        return [self._next() for _ in range(certain - self._frame)]

    def flush(self) -> list[Gesture]:
        """End the phrase: the rest of its frames; ready for the next phrase."""
        self._track.end(self._sound.samples)
        count = -(-self._sound.samples // SAMPLES_PER_FRAME)
        frames = [self._next() for _ in range(count - self._frame)]
        self._begin()
        return frames

    def _begin(self) -> None:
        self._track = PhoneTrack()
        self._sound = Sound(self._level)
        self._frame = 0
        self._from = self._last

    def _next(self) -> Gesture:
        frame = self._frame
        self._frame += 1
        moment = (frame + 0.5) * SAMPLES_PER_FRAME
        horizon = (frame + 1 + LOOKAHEAD) * SAMPLES_PER_FRAME
        onset = min(1.0, (frame + 1) / (_EASE_FRAMES + 1))
        if self._track.known(horizon):
            shape = self._track.shape(moment, horizon)
            shape[_JAW] *= np.clip(0.75 + 0.5 * self._sound.level(frame), 0.75, 1.1)
            shape = self._track.sealed(self._eased(shape, onset), moment, horizon, onset)
        else:
            shape = self._eased(self._sound.mouth(frame), onset)
        shape[_JAW] = min(shape[_JAW], _MAX_JAW)
        loudness = float(np.clip(self._sound.level(frame), 0.0, 1.0))
        self._sound.forget(frame)
        self._last = shape
        return Gesture(expand(np.clip(shape, 0.0, 1.0)), Prosody(loudness, 0.0, 0.0, boundary=False))

    def _eased(self, shape: Shape, onset: float) -> Shape:
        """Out of where the last phrase ended; out of rest for the first one."""
        return np.asarray(self._from + onset * (shape - self._from), np.float32)
