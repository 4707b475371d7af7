"""A session without anybody in it: hours of the body's motion, to see that it stays within its range, does not drift
and does not repeat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines import Mood
from engines.media import ARKIT_NAMES, BLENDSHAPES, FPS, Prosody
from engines.motion.compose import POSE_LIMITS, compose
from engines.motion.idle import MOODS, IdleBody
from engines.tags import EMOTIONS

_MOOD_SECONDS: dict[Mood, tuple[float, float]] = {
    "idle": (3.0, 40.0), "listening": (1.5, 12.0), "thinking": (0.3, 2.5), "speaking": (2.0, 20.0),
}  # fmt: skip
_PHRASE_SECONDS = (0.8, 4.0)
_PAUSE_FRAMES = (5, 15)
_ACCENT_SECONDS = (0.3, 0.8)
_EMOTIONAL = 0.4
"""Of the turns: they begin with a tag."""

_ENDS_S = 600
"""Drift is between the first and the last ten minutes; in a shorter session between its quarters."""
_WINDOW_S = 10
_LEAST_LAG_S = 60
"""Closer together, motion may well be alike: moods last that long."""

_EYES = np.array([name.startswith("eye") for name in ARKIT_NAMES])


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame of a made-up conversation."""

    mood: Mood
    prosody: Prosody | None = None
    feels: tuple[str, float] | None = None
    """What a tag asks for with this frame."""


def conversation(random: np.random.Generator) -> Iterator[Moment]:
    """Idle, listening, thinking and speaking in turns, forever; one turn in five is interrupted."""
    while True:
        for mood in MOODS:
            frames = int(random.uniform(*_MOOD_SECONDS[mood]) * FPS)
            if mood != "speaking":
                yield from (Moment(mood) for _ in range(frames))
                continue
            if random.random() < 0.2:
                frames = int(frames * random.random())
            feels = None
            if random.random() < _EMOTIONAL:
                feels = EMOTIONS[random.integers(len(EMOTIONS))], float(random.uniform(0.3, 1.0))
            for prosody in speech(frames, random):
                yield Moment(mood, prosody, feels)
                feels = None
            yield Moment("idle", None, (EMOTIONS[0], 1.0))


def speech(frames: int, random: np.random.Generator) -> Iterator[Prosody]:
    """Prosody of made-up speech: phrases with stressed words, falling pitch and pauses."""
    while frames > 0:
        length = min(frames, int(random.uniform(*_PHRASE_SECONDS) * FPS))
        stressed, accent = 0, 0.0
        for frame in range(length):
            if frame >= stressed:
                stressed = frame + int(random.uniform(*_ACCENT_SECONDS) * FPS)
                accent = random.uniform(0.3, 1.0)
            nucleus = accent if stressed - frame <= 3 else 0.0
            pitch = float(np.clip(0.8 - 1.6 * frame / length + 0.8 * nucleus + 0.4 * random.standard_normal(), -2, 2))
            voiced = random.random() < 0.75
            loudness = float(np.clip(0.45 + 0.4 * nucleus + 0.15 * random.standard_normal(), 0, 1))
            yield Prosody(loudness, pitch if voiced else 0.0, nucleus, frame == length - 1)
        pause = min(frames - length, int(random.integers(*_PAUSE_FRAMES)))
        yield from (Prosody(0.0, 0.0, 0.0, False) for _ in range(pause))
        frames -= length + pause


def simulate(hours: float, seed: int = 0) -> dict[str, float]:
    """Live `hours` of conversation and measure the body's motion.

    Returns:
        `pose_share`: the furthest the head went, as a share of what the avatar was trained on (at most 1);
        `drift_deg`, `drift_cm`: how far the mean pose moved between both ends; `usual_drift_deg`: how far two stretches
        of that length are apart on average, whichever they are; `trend_deg_per_hour`: the slope of a straight line
        through all of them; `autocorrelation`: the largest of yaw, pitch and roll at
        any lag from a minute to half the session; `nearest_deg`: rms distance of the two most alike stretches of 10 s
        that don't overlap; `step_face`, `step_deg`, `step_cm`: the largest change from one frame to the next of any
        blendshape but the eyes', of an angle and of a shift; `blinks_per_minute`.
    """
    frames = _live(int(hours * 3600 * FPS), seed)
    face, pose = frames[:, :BLENDSHAPES], frames[:, BLENDSHAPES:].astype(np.float64)
    degrees = np.degrees(pose[:, :3])
    steps = np.abs(np.diff(frames, axis=0)).max(axis=0)
    end = min(_ENDS_S * FPS, len(frames) // 4)
    moved = pose[-end:].mean(axis=0) - pose[:end].mean(axis=0)
    stretches = degrees[: len(degrees) // end * end].reshape(-1, end, 3).mean(axis=1)
    apart = np.abs(stretches[:, None] - stretches).max(axis=2)[np.triu_indices(len(stretches), 1)]
    middles = (np.arange(len(stretches)) + 0.5) * end / FPS / 3600
    lids = face[:, ARKIT_NAMES.index("eyeBlinkLeft")] > 0.5
    return {
        "pose_share": float((np.abs(pose) / np.array(POSE_LIMITS)).max()),
        "drift_deg": float(np.abs(np.degrees(moved[:3])).max()),
        "drift_cm": float(np.abs(moved[3:]).max()),
        "usual_drift_deg": float(apart.mean()),
        "trend_deg_per_hour": float(np.abs(np.polyfit(middles, stretches, 1)[0]).max()),
        "autocorrelation": max(_autocorrelation(degrees[:, axis]) for axis in range(3)),
        "nearest_deg": _nearest(degrees),
        "step_face": float(steps[:BLENDSHAPES][~_EYES].max()),
        "step_deg": float(np.degrees(steps[BLENDSHAPES : BLENDSHAPES + 3].max())),
        "step_cm": float(steps[BLENDSHAPES + 3 :].max()),
        "blinks_per_minute": float((lids[1:] & ~lids[:-1]).sum() / (len(frames) / FPS / 60)),
    }


def _live(frames: int, seed: int) -> NDArray[np.float32]:
    body = IdleBody().start(seed)
    out = np.empty((frames, BLENDSHAPES + 6), np.float32)
    for frame, moment in zip(out, conversation(np.random.default_rng(seed)), strict=False):
        if moment.feels:
            body.feel(*moment.feels)
        frame[:] = compose(body.next(moment.mood, moment.prosody), None)
    return out


def _autocorrelation(values: NDArray[np.float64]) -> float:
    centred = values - values.mean()
    power = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    product = np.fft.irfft(power)[: len(centred)]
    overlap = np.arange(len(centred), 0, -1)
    least, most = min(_LEAST_LAG_S * FPS, len(centred) // 4), len(centred) // 2
    return float(np.max((product / overlap)[least:most] / (product[0] / len(centred))))


def _nearest(degrees: NDArray[np.float64]) -> float:
    length = _WINDOW_S * FPS
    windows = degrees[: len(degrees) // length * length].reshape(-1, length * 3)
    squares = (windows**2).sum(axis=1)
    apart = squares[:, None] + squares - 2 * windows @ windows.T
    np.fill_diagonal(apart, np.inf)
    return float(np.sqrt(np.maximum(apart.min(), 0.0) / length))
