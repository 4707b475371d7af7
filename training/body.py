"""Fits the head's sway, and its response to the voice, to a folder of tracked speech (`engines/data/head.json`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, FPS, SAMPLES_PER_FRAME, Pcm
from engines.motion.features import begin, hear
from engines.motion.model import LOOKAHEAD
from engines.motion.prosody import ProsodyReader
from engines.motion.smooth import Noise
from training.motion_data import arkit, held_out, sound, table
from training.motion_set import average_spectrum

Array = NDArray[np.float64]

AXES = ("yaw", "pitch", "roll")
VOICE_SECONDS = (0.05, 0.1, 0.2)
"""Time constants of the low-pass pairs through which the voice moves the head; slower ones are posture."""
_RIDGE = 2.0
"""Weight of small gains against fit, in frames' worth of evidence at unit variance times the number of clips."""

_SWAY_SECONDS = np.geomspace(0.08, 1.0, 18)
_SWAY_BAND = (0.3, 2.0)
"""Hz: below, a clip is too short to tell; above, it is syllables, and the jaw that a tracker takes for the head."""
_SWAY_WINDOWS = 200


@dataclass(frozen=True)
class Clips:
    """Tracked speech.

    Attributes:
        angles: [n, t, 3], yaw, pitch, roll in degrees.
        jaw: [n, t], jawOpen 0..1.
        voice: [n, t, 3], loudness, pitch and accent as `engines.media.Prosody` has them.
        good: [n], every frame of the clip was tracked.
    """

    angles: Array
    jaw: Array
    voice: Array
    good: NDArray[np.bool_]


@dataclass(frozen=True)
class HeadFit:
    """What `engines/motion/head.py` reads.

    Attributes:
        values: its JSON.
        figures: how well it fits: per axis, correlation of the response with the pose of held-out clips, and the share
            of power within `_SWAY_BAND` by which the sway's spectrum misses the real one.
    """

    values: dict[str, Any]
    figures: dict[str, float]


def read_clips(folder: Path) -> Clips:
    """A folder of tracked speech, as `training.motion_data` describes it, with the prosody that serving hears.

    Raises:
        ValueError: a file is missing, or holds something else.
    """
    found = table(folder)
    shapes = arkit(found["blendshapes"].astype(np.float32), [str(name) for name in found["blendshape_names"]])
    count, frames = shapes.shape[:2]
    pcm = sound(folder)
    pcm = np.pad(pcm, (0, max(0, count * frames * SAMPLES_PER_FRAME - len(pcm))))
    cut = pcm[: count * frames * SAMPLES_PER_FRAME].reshape(count, -1)
    usual = average_spectrum(list(cut))
    return Clips(
        angles_of(found["pose"]),
        shapes[..., ARKIT_NAMES.index("jawOpen")].astype(np.float64),
        np.stack([_prosody(clip, usual) for clip in cut]),
        np.array([clip.all() for clip in found["tracked"]], bool),
    )


def _prosody(pcm: Pcm, usual: NDArray[np.float32]) -> Array:
    """[frames, 3]: loudness, pitch, accent."""
    heard, reader = begin(usual), ProsodyReader()
    blocks = [*pcm.reshape(-1, SAMPLES_PER_FRAME), *np.zeros((LOOKAHEAD, SAMPLES_PER_FRAME), np.int16)]
    out: list[tuple[float, float, float]] = []
    for index, block in enumerate(blocks):
        heard, features = hear(heard, block)
        reader.hear(features)
        frame = index - LOOKAHEAD
        if frame >= 0:
            prosody = reader.next((), frame, last=False)
            out.append((prosody.loudness, prosody.pitch, prosody.accent))
    return np.array(out)


def write_fit(fit: HeadFit, path: Path) -> None:
    """The JSON that `engines/motion/head.py` reads."""
    lines = ",\n".join(f'  "{name}": {json.dumps(value)}' for name, value in fit.values.items())
    path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def angles_of(pose: NDArray[np.floating]) -> Array:
    """Yaw, pitch and roll in degrees of rotations [..., 4, 4] or [..., 3, 3]: R = Ry(yaw)·Rx(pitch)·Rz(roll)."""
    r = np.asarray(pose, np.float64)
    yaw = np.arctan2(r[..., 0, 2], r[..., 2, 2])
    pitch = np.arcsin(np.clip(-r[..., 1, 2], -1.0, 1.0))
    roll = np.arctan2(r[..., 1, 0], r[..., 1, 1])
    return np.degrees(np.stack([yaw, pitch, roll], axis=-1))


def fit_head(clips: Clips, random: np.random.Generator) -> HeadFit:
    """Fits the response by ridge regression within clips, and the sway to what it leaves."""
    test = np.array([held_out(index) for index in range(len(clips.angles))])
    train, test = clips.good & ~test, clips.good & test
    angles = _without_jaw(_centred(clips.angles), _centred(clips.jaw[..., None]), train)
    heard = _centred(_lowpassed(clips.voice))
    gain = _ridge(_own(heard, train)[train], _own(angles, train)[train])
    said, angles = _own(heard, train) @ gain.T, _own(angles, train)
    figures = {
        f"{axis}_correlation": float(np.corrcoef(said[test][..., k].ravel(), angles[test][..., k].ravel())[0, 1])
        for k, axis in enumerate(AXES)
    }
    left = angles - said
    seconds, spread = [], []
    made = _noises(left.shape[1], random)
    for k, axis in enumerate(AXES):
        tau, size, miss = _sway(left[train][..., k], made)
        seconds.append(tau)
        spread.append(size)
        figures[f"{axis}_spectrum_miss"] = miss
    flat = left[train].reshape(-1, 3)
    mix = np.array(spread)[:, None] * np.linalg.cholesky(np.corrcoef(flat.T))
    values = {
        "sway_seconds": _rounded(seconds),
        "sway_mix": _rounded(mix),
        "voice_seconds": list(VOICE_SECONDS),
        "voice_gain": _rounded(gain),
    }
    return HeadFit(values, figures)


def _centred(values: Array) -> Array:
    """Within each clip about its mean: where a head rests is posture, not speech."""
    return values - values.mean(axis=1, keepdims=True)


def _without_jaw(angles: Array, jaw: Array, train: NDArray[np.bool_]) -> Array:
    """A tracker takes a part of every opening of the jaw for a turn of the head: what goes with it, goes."""
    x, y = jaw[train].ravel(), angles[train].reshape(-1, 3)
    return angles - jaw * (x @ y / (x @ x))


def _own(values: Array, train: NDArray[np.bool_]) -> Array:
    """What a clip does beyond the mean of all: every sentence of the folder has the same rhythm, and what goes with
    the rhythm says nothing of the voice."""
    return values - values[train].mean(axis=0)


def _lowpassed(voice: Array) -> Array:
    """[n, t, time constants × 3] as `engines.motion.head` filters it, from a silence before each clip."""
    keep = np.exp(-1 / (FPS * np.array(VOICE_SECONDS)))[:, None]
    first = np.zeros((len(voice), len(keep), 3))
    second = np.zeros_like(first)
    out: list[Array] = []
    for heard in voice.transpose(1, 0, 2):
        first += (1 - keep) * (heard[:, None] - first)
        second += (1 - keep) * (first - second)
        out.append(second.reshape(len(voice), -1).copy())
    return np.stack(out, axis=1)


def _ridge(heard: Array, angles: Array) -> Array:
    """[3, features], degrees per unit."""
    x, y = heard.reshape(-1, heard.shape[-1]), angles.reshape(-1, 3)
    weights = x.T @ x + _RIDGE * len(heard) * np.diag(x.var(axis=0))
    return np.asarray(np.linalg.solve(weights, x.T @ y).T, np.float64)


def _spectrum(windows: Array) -> Array:
    """Mean power of [n, t] windows, each about its mean."""
    centred = windows - windows.mean(axis=1, keepdims=True)
    return (np.abs(np.fft.rfft(centred * np.hanning(windows.shape[1]), axis=1)) ** 2).mean(axis=0)


def _noises(length: int, random: np.random.Generator) -> list[Array]:
    """Spectra of windows of `Noise`, for each of `_SWAY_SECONDS`."""
    spectra: list[Array] = []
    for seconds in _SWAY_SECONDS:
        noise = Noise(float(seconds), random)
        windows = np.array([noise.next() for _ in range(_SWAY_WINDOWS * length)]).reshape(-1, length)
        spectra.append(_spectrum(windows))
    return spectra


def _sway(angle: Array, made: list[Array]) -> tuple[float, float, float]:
    """The `Noise` whose windows look like these, [n, t]: its time constant, its standard deviation, and the share of
    the real power within the band by which its spectrum misses."""
    hertz = np.fft.rfftfreq(angle.shape[1], 1 / FPS)
    band = (hertz >= _SWAY_BAND[0]) & (hertz <= _SWAY_BAND[1])
    real = _spectrum(angle)[band]
    best = (0.0, 0.0, np.inf)
    for seconds, spectrum in zip(_SWAY_SECONDS, made, strict=True):
        shape = spectrum[band]
        power = float(real @ shape / (shape @ shape))
        miss = float(np.abs(real - power * shape).sum() / real.sum())
        if miss < best[2]:
            best = (float(seconds), power**0.5, miss)
    return best


def _rounded(values: Any) -> Any:
    return np.round(values, 4).tolist()
