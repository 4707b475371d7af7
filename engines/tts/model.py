"""The voice's networks at run time: text units in, the filters of the sound out, window by window."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.runtime import Graph, Part, weights_are_finite
from engines.tts import SpeechError
from engines.tts.bundle import GRAPHS, read_voice
from engines.tts.features import PHONES, Units
from engines.tts.source import BINS

WINDOWS = (12, 24, 48, 96)
"""Frames of the first windows (120 ms, so that the first sound leaves early), the last of them for all that follow:
larger ones spend less on the frames around them."""

UNITS, FRAMES = (48, 96, 160), (96, 256, 512)
"""Lengths to which units and frames are filled up, and tried out at load: each other one would cost some milliseconds
when it is first met, and memory from then on. Longer ones are filled up to multiples of the last."""

PROSODY_REACH = 60
"""Frames before and after each that `prosody.onnx` sees at most (`Prosody` in training/voice_nets.py)."""

LONGEST_UNIT = 100.0
"""Frames (1 s): no phone lasts longer, whatever a network says."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the first network says of a phrase of N units."""

    hidden: NDArray[np.float32]
    """float32[C, N]"""
    duration: NDArray[np.float32]
    """float32[N], frames."""


@dataclass(frozen=True, slots=True)
class Track:
    """Prosody of a phrase of T frames."""

    f0: NDArray[np.float32]
    """float32[T], log F0 in standard deviations of the speaker's, around the speaker's mean."""
    voicing: NDArray[np.float32]
    """float32[T], 1 where the voice sounds, else 0: what the later networks were trained on."""
    energy: NDArray[np.float32]
    """float32[T], in standard deviations of the speaker's."""


def windows(count: int, left: int) -> Iterator[tuple[int, int, int]]:
    """How a phrase of `count` frames is cut: (frames read before it, first frame, its frames, beyond the end too).

    Nothing is read before the phrase, where the networks take everything for 0: so the first window is the quickest.
    """
    begin = 0
    for size in itertools.chain(WINDOWS, itertools.repeat(WINDOWS[-1])):
        if begin >= count:
            return
        yield min(begin, left), begin, size
        begin += size


class VoiceModel:
    """The networks of one voice. Any thread may call; calls wait for each other (a window takes some milliseconds)."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Loads `folder` and runs every network once, so that the first phrase is as quick as later ones.

        Raises:
            SpeechError: the folder holds no voice that this version can run; the message says why and what to do.
        """
        self.meta = read_voice(folder)
        self._lock = threading.Lock()
        self._timbre = np.array([self.meta.timbre], np.float32)
        outputs = (("hidden", "duration"), ("f0", "voicing", "energy"), ("filters",))
        try:
            for name in GRAPHS:
                if not weights_are_finite(folder / name):
                    raise SpeechError(
                        f"{folder / name} holds weights that are not numbers: train or copy the voice again"
                    )
            self._plan, self._prosody, self._decode = (
                Graph(folder / name, (Part(ends, "f32"),), threads) for name, ends in zip(GRAPHS, outputs, strict=True)
            )
            self._try_out(folder)
        except (RuntimeError, ValueError, KeyError) as error:
            raise SpeechError(f"{folder} can't be run as a voice: {error}") from error

    def plan(self, units: Units) -> Plan:
        """Hidden vectors and durations of a phrase's units."""
        count = len(units.phones)
        size = _filled(count, UNITS)
        found = self._run(
            self._plan,
            {
                "phones": _filled_up(units.phones, size),
                "stress": _filled_up(units.stress, size),
                "context": _filled_up(units.context.T, size).transpose(0, 2, 1),
                "inside": _filled_up(np.ones(count, np.float32), size),
            },
        )
        duration = np.clip(found["duration"][0, :count], 0, LONGEST_UNIT)
        return Plan(found["hidden"][0, :, :count], duration)

    def prosody(self, hidden: NDArray[np.float32], place: NDArray[np.float32]) -> Track:
        """Pitch, voicing and energy of every frame.

        Args:
            hidden: float32[C, T], of the unit that each frame belongs to.
            place: float32[3, T], as `engines.tts.features.place` gives it.
        """
        count = hidden.shape[1]
        size = _filled(count, FRAMES)
        inside = np.ones(count, np.float32)
        rows = {"hidden": hidden, "place": place, "inside": inside}
        found = self._run(self._prosody, {name: _filled_up(row, size) for name, row in rows.items()})
        voiced = found["voicing"][0, :count] > 0.5
        return Track(found["f0"][0, :count], voiced.astype(np.float32), found["energy"][0, :count])

    def prosody_ahead(self, hidden: NDArray[np.float32], place: NDArray[np.float32]) -> Iterator[tuple[int, Track]]:
        """As `prosody`, in parts, each made when asked for: the first is short, and has what the first window needs.

        Yields:
            The first frame of a part, and its tracks.
        """
        count, begin, size = hidden.shape[1], 0, FRAMES[0]
        while begin < count:
            start = max(begin - PROSODY_REACH, 0)
            stop = start + size
            end = count if stop >= count else stop - PROSODY_REACH
            found = self.prosody(hidden[:, start:stop], place[:, start:stop])
            kept = slice(begin - start, end - start)
            yield begin, Track(found.f0[kept], found.voicing[kept], found.energy[kept])
            begin, size = end, FRAMES[-1]

    def filters(
        self, hidden: NDArray[np.float32], place: NDArray[np.float32], track: Track, hertz: NDArray[np.float32]
    ) -> Iterator[NDArray[np.float32]]:
        """The filters of the phrase's sources, in windows of 12, 24, 48, then 96 frames; each is made when asked for.

        Args:
            hidden, place: as for `prosody`.
            track: as `prosody` gave it, or steered. Only what a window sees is read, when the window is asked for.
            hertz: float32[T], the fundamental; as `track`.

        Yields:
            float32[3, 481, W], as `engines.tts.source.Vocoder.push` takes them.
        """
        right, count = self.meta.right, hidden.shape[1]
        rows = {"f0": track.f0, "voicing": track.voicing, "energy": track.energy, "hidden": hidden, "place": place}
        for before, begin, size in windows(count, self.meta.left):
            window, length = slice(begin - before, begin + size + right), before + size + right
            inputs = {name: _filled_up(row[..., window], length) for name, row in rows.items()}
            inputs["inside"] = _filled_up(np.ones(count, np.float32)[window], length)
            inputs["hertz"] = _filled_up(hertz[window], length, float(hertz[0]))
            found = self._run(self._decode, inputs)
            yield found["filters"][0, :, :, before : before + min(size, count - begin)]

    def _run(self, graph: Graph, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        with self._lock:
            found = graph.run({**inputs, "timbre": self._timbre})
            return {name: value.copy() for name, value in found.items()}

    def _try_out(self, folder: Path) -> None:
        """Every phone, every usual length, every window: what is not finite here would be noise at full scale."""
        channels, width = self.meta.hidden, len(self.meta.features)
        vectors = np.zeros((channels, 0), np.float32)
        for count in UNITS:
            phones = np.arange(count, dtype=np.int64) % len(PHONES)
            blank = np.zeros((count, width), np.float32)
            plan = self.plan(Units(phones, phones % 3, blank, phones))
            self._check(folder, plan.hidden, plan.duration, shape=(channels, count))
            vectors = plan.hidden
        vectors = vectors[:, np.arange(FRAMES[-1]) % UNITS[-1]]
        place = np.zeros((3, FRAMES[-1]), np.float32)
        for count in FRAMES:
            track = self.prosody(vectors[:, :count], place[:, :count])
            self._check(folder, track.f0, track.energy, shape=(count,))
            *_, (begin, late) = self.prosody_ahead(vectors[:, :count], place[:, :count])
            if np.abs(late.f0 - track.f0[begin:]).max() > 1e-3:
                raise SpeechError(f"{folder}: prosody.onnx sees farther than {PROSODY_REACH} frames: export it again")
        count = sum(WINDOWS) + WINDOWS[-1]
        hidden, place = vectors[:, :count], place[:, :count]
        for filters in self.filters(hidden, place, self.prosody(hidden, place), np.full(count, 160, np.float32)):
            self._check(folder, filters, shape=(3, BINS, filters.shape[-1]))

    def _check(self, folder: Path, *results: NDArray[np.float32], shape: tuple[int, ...]) -> None:
        if results[0].shape != shape:
            raise SpeechError(f"{folder}: a network answers in the shape {results[0].shape}, not {shape}")
        if not all(np.isfinite(result).all() for result in results):
            raise SpeechError(f"{folder}: a network answers with values that are not numbers: train or copy it again")


def _filled(count: int, lengths: Sequence[int]) -> int:
    return next((length for length in lengths if count <= length), -(-count // lengths[-1]) * lengths[-1])


def _filled_up(values: NDArray[Any], size: int, by: float = 0) -> NDArray[Any]:
    """[..., n] to [1, ..., size]."""
    out = np.full((1, *values.shape[:-1], size), by, values.dtype)
    out[0, ..., : values.shape[-1]] = values
    return out
