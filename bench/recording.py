"""What one synthetic user did and received: the only thing that the measures look at, so that they can look again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.measure import Picture, Sound


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One question of the server's clocks and its answer."""

    sent: float
    """Seconds on the user's clock."""
    received: float
    now_s: float
    """The server's monotonic clock."""
    ntp_s: float
    """The clock of its sender reports."""
    heard_ms: float
    """How much of the microphone it had."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that the user did. Times are seconds on her clock; None where the step has no such moment."""

    kind: str
    """`type`, `say`, `interrupt`, `cough`, `listen` or `silence`."""
    began: float
    """It was sent, or its first sample spoken."""
    text: str = ""
    spoken: bool = False
    onset: float | None = None
    """First voiced sample spoken."""
    ends: float | None = None
    """Last voiced sample spoken."""


@dataclass(frozen=True)
class Recording:
    """Times are seconds on the user's monotonic clock. `n` packets of 20 ms of sound, `m` pictures."""

    sound_arrived: NDArray[np.float64]
    """[n]"""
    sound_media: NDArray[np.float64]
    """[n]: on the sender's clock, NaN before its first report."""
    pcm: NDArray[np.int16]
    """[n, 480] at 24 kHz; of a blind user [n, 1], each packet's peak."""
    picture_arrived: NDArray[np.float64]
    """[m]: the last packet's."""
    picture_began: NDArray[np.float64]
    """[m]: the first packet's."""
    picture_media: NDArray[np.float64]
    cells: NDArray[np.float16]
    """[m, 64, 64]: mean luma; of a blind user [m, 0, 0]."""
    lag: NDArray[np.float64]
    """Seconds by which the user's own event loop was late, every 20 ms: what arrival times are blurred by."""
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """Arrival and event, in the Realtime API's terms."""
    steps: list[Step] = field(default_factory=list)
    readings: list[ClockReading] = field(default_factory=list)
    notes: dict[str, float] = field(default_factory=dict)
    """Single moments: `called`, `answered`, `microphone` (its first sample), `ended`."""

    @cached_property
    def sounds(self) -> list[Sound]:
        peaks = np.abs(self.pcm.astype(np.int32)).max(axis=1, initial=0)
        return [
            Sound(arrived, _known(media), peak)
            for arrived, media, peak in zip(
                self.sound_arrived.tolist(), self.sound_media.tolist(), peaks.tolist(), strict=True
            )
        ]

    @cached_property
    def pictures(self) -> list[Picture]:
        return [
            Picture(arrived, _known(media), cells)
            for arrived, media, cells in zip(
                self.picture_arrived.tolist(), self.picture_media.tolist(), self.cells.astype(np.float32), strict=True
            )
        ]

    def save(self, path: Path) -> None:
        """Write one `.npz`; what is no array is JSON inside it."""
        rest = {
            "events": self.events,
            "steps": [asdict(step) for step in self.steps],
            "readings": [asdict(reading) for reading in self.readings],
            "notes": self.notes,
        }
        text = np.frombuffer(json.dumps(rest).encode(), np.uint8)
        np.savez(path, rest=text, **{name: getattr(self, name) for name in ARRAYS})

    @classmethod
    def load(cls, path: Path) -> Recording:
        with np.load(path, allow_pickle=False) as file:
            rest = json.loads(file["rest"].tobytes())
            arrays: dict[str, Any] = {name: file[name] for name in ARRAYS}
        return cls(
            **arrays,
            events=[(arrived, event) for arrived, event in rest["events"]],
            steps=[Step(**step) for step in rest["steps"]],
            readings=[ClockReading(**reading) for reading in rest["readings"]],
            notes=rest["notes"],
        )


ARRAYS = (
    "sound_arrived", "sound_media", "pcm", "picture_arrived", "picture_began", "picture_media", "cells", "lag",
)  # fmt: skip


def _known(media: float) -> float | None:
    return None if np.isnan(media) else media
