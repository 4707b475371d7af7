"""A face that its client moves, frame by frame, in the place of her own expression."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines import IdleMotion
from engines.media import BLENDSHAPES, COEFFS, Coeffs

SILENT_S = 0.3
"""Without a frame for so long she takes over again: a few lost messages, but no frozen face."""

EASE_FRAMES = 6
"""240 ms from her face to the given one and back."""

FOLLOW = 0.7
"""Share of the way to the newest given face that one frame goes: takes the jitter out of a client's 30 a second."""


class Puppet:
    """Replaces blendshapes by given ones; a given head pose goes to the body, whose eyes then make up for it."""

    def __init__(self, body: IdleMotion, clock: Callable[[], float]) -> None:
        self._body = body
        self._clock = clock
        self._until = float("-inf")
        self._given: Coeffs = np.zeros(BLENDSHAPES, np.float32)
        self._shown: Coeffs = self._given
        self._step = 0
        self._posed = False

    @property
    def moving(self) -> bool:
        """The face is not entirely her own."""
        return self._step > 0 or self._driven

    @property
    def _driven(self) -> bool:
        return self._clock() < self._until

    def drive(self, face: Coeffs, pose: Coeffs | None) -> None:
        """The face to show from now on.

        Args:
            face: float32[52], 0..1.
            pose: float32[6]: yaw, pitch, roll in radians, tx, ty, tz in centimetres; None leaves the head to her.
        """
        if not self.moving:
            self._shown = face
        self._given = face
        self._until = self._clock() + SILENT_S
        if pose is not None:
            posed = np.zeros(COEFFS, np.float32)
            posed[BLENDSHAPES:] = pose
            self._body.pose(posed)
            self._posed = True
        elif self._posed:
            self._let_go()

    def over(self, own: Coeffs) -> Coeffs:
        """The next frame: `own` (float32[58]), or the given face, or what lies between. Call once for each frame."""
        if not self._driven and self._posed:
            self._let_go()
        self._step = min(max(self._step + (1 if self._driven else -1), 0), EASE_FRAMES)
        if not self._step:
            return own
        self._shown = np.asarray(self._shown + FOLLOW * (self._given - self._shown), np.float32)
        share = np.float32(0.5 - 0.5 * np.cos(np.pi * self._step / EASE_FRAMES))
        face = own.copy()
        face[:BLENDSHAPES] += share * (self._shown - face[:BLENDSHAPES])
        return face

    def _let_go(self) -> None:
        self._body.pose(None)
        self._posed = False
