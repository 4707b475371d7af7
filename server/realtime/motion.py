"""Her face's motion as events: how she moves, and how a client moves her. `docs/motion.md` describes both."""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from engines.media import BLENDSHAPES, Coeffs
from pipeline.events import Moved
from server.realtime.decode import BadEvent
from server.realtime.values import Json

POSE = 6
"""yaw, pitch, roll in radians, then tx, ty, tz in centimetres."""

ROUNDING = 1e-3
"""Trackers that smooth or calibrate end a hair beside 0..1; what is further out is another scale."""

POSE_BOUNDS = (math.pi, math.pi, math.pi, 100.0, 100.0, 100.0)
"""Beyond, it is no head in front of a camera, or in other units. The avatar's own range is far narrower: a pose beyond
that is shown as the nearest within."""

FRAMES_PER_S = 120
"""Frames a second that a client may send: twice ARKit's own 60, so that a late burst of them is no offence."""


class FrameGate:
    """Bounds the rate of a client's frames, and how often it is told so."""

    def __init__(self) -> None:
        self._second = -1
        self._count = 0

    def admit(self, now: float) -> bool:
        """Whether the frame is within the rate; the first of a second that isn't is an error.

        Args:
            now: seconds, monotonic.

        Raises:
            BadEvent: it is the first too many.
        """
        if int(now) != self._second:
            self._second, self._count = int(now), 0
        self._count += 1
        if self._count == FRAMES_PER_S + 1:
            raise BadEvent(
                f"a face takes at most {FRAMES_PER_S} frames a second; the rest of this second's are dropped",
                "coefficients",
                "rate_limit_exceeded",
            )
        return self._count <= FRAMES_PER_S


def read_motion_frame(event: Json) -> tuple[Coeffs, Coeffs | None]:
    """Blendshapes float32[52] and, where given, the head's pose float32[6].

    Raises:
        BadEvent: another number of them, no numbers, or numbers out of range.
    """
    face = _numbers(event, "coefficients", BLENDSHAPES)
    if not (face.min() >= -ROUNDING and face.max() <= 1 + ROUNDING):
        raise BadEvent("coefficients must be numbers from 0 to 1, as ARKit's blendshapes are", "coefficients")
    face = np.clip(face, 0, 1)
    if event.get("pose") is None:
        return face, None
    pose = _numbers(event, "pose", POSE)
    if not (np.abs(pose) <= POSE_BOUNDS).all():
        raise BadEvent("pose must be yaw, pitch, roll in radians and tx, ty, tz in centimetres", "pose")
    return face, pose


def motion_to_wire(moved: Moved) -> Json:
    face, pose = moved.coeffs[:BLENDSHAPES], moved.coeffs[BLENDSHAPES:]
    return {
        "pts": moved.pts,
        "response_id": moved.response_id,
        "coefficients": [round(value, 3) for value in face.tolist()],
        "pose": [round(value, 4) for value in pose.tolist()],
    }


def _numbers(event: Json, key: str, count: int) -> Coeffs:
    value = event.get(key)
    entries = cast(list[object], value) if isinstance(value, list) else []
    if len(entries) != count:
        raise BadEvent(f"{event['type']} needs a list '{key}' of {count} numbers", key)
    if not all(isinstance(entry, int | float) and not isinstance(entry, bool) for entry in entries):
        raise BadEvent(f"{key} must be numbers", key)
    # In double precision, where no JSON number but a huge integer overflows; NaN fails the checks of range.
    try:
        numbers = np.array(entries, np.float64)
    except OverflowError:
        raise BadEvent(f"{key} holds a number that is far too large", key) from None
    return np.clip(numbers, -1e6, 1e6).astype(np.float32)
