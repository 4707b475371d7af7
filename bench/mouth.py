"""Her mouth, found in the pictures themselves: where it is, when it moves, and how far it is open."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.inbox import BenchError
from bench.measure import FRAME_S, Picture, changes, jerks, mouth_of, stillness
from bench.recording import Recording

ENOUGH = 12
"""Pictures of idle, and of speech, from which a mouth can be learnt; where fewer come, nothing can be measured."""

LESSON = 1500
"""Pictures from a recording's start that the mouth is learnt from: a minute."""

SLOW = 0.1
"""Share of its range by which a mouth may open or close in one picture and still count as resting: at that pace it
would take 400 ms to open, and no syllable does."""

QUIET_S = 0.5
"""From so long after her last sound on, her face is idle."""


class Mouth:
    """The mouth in one recording."""

    def __init__(
        self, pictures: Sequence[Picture], cells: NDArray[np.bool_], still: float, rest: NDArray[np.bool_]
    ) -> None:
        """
        Args:
            cells: bool[64, 64], where the mouth is.
            still: the change of a frame that counts as no movement.
            rest: bool[k], which of the first k pictures show it closed.
        """
        self._rest = rest
        self.cells = cells
        self.still = still
        self._luma = np.array([picture.cells[cells] for picture in pictures])
        self._arrived = np.array([picture.arrived for picture in pictures])

    @classmethod
    def learn(cls, recording: Recording) -> Mouth:
        """
        Raises:
            BenchError: too few pictures of idle or of speech came.
        """
        if not recording.cells.size:
            raise BenchError("no pictures were kept to find her mouth in")
        taught = recording.pictures[:LESSON]
        moved = changes(taught) if len(taught) > 1 else np.zeros((0, 64, 64), np.float32)
        arrived = [picture.arrived for picture in taught[1:]]
        voiced = np.array([sound.arrived for sound in recording.sounds if sound.voiced])
        silent = np.array([_silent_at(voiced, moment) for moment in arrived], bool)
        spoken = np.array([_spoken_at(voiced, moment) for moment in arrived], bool)
        if min(silent.sum(), spoken.sum()) < ENOUGH:
            raise BenchError(
                f"too few pictures came to find her mouth: {silent.sum()} while she was silent, {spoken.sum()} while "
                "she spoke; begin the script with `silence` and a whole answer"
            )
        sudden = jerks(taught)
        found = mouth_of(sudden[silent[:-1] & silent[1:]], sudden[spoken[:-1] & spoken[1:]])
        return cls(recording.pictures, found, stillness(moved[silent], found), np.concatenate([[False], silent]))

    @cached_property
    def moves(self) -> NDArray[np.bool_]:
        """bool[m]: each picture's mouth differs from the one before."""
        frames = np.maximum(1, np.round(np.diff(self._arrived) / FRAME_S))
        changed = np.abs(np.diff(self._luma, axis=0)).mean(axis=1) / frames > self.still
        return np.concatenate([[False], changed])

    def first_moving(self, since: float, until: float) -> int | None:
        """Index of the first picture in which the mouth moves, of those that arrived in a span of time."""
        inside = np.flatnonzero(self.moves & (self._arrived >= since) & (self._arrived < until))
        return int(inside[0]) if len(inside) else None

    def still_from(self, since: float, until: float, run: int) -> float | None:
        """Arrival of the last picture in which the mouth opens or closes before it rests for `run` pictures; `since`
        if it rests at once, None if it never does. A listening head may nod meanwhile."""
        frames = np.maximum(1, np.round(np.diff(self._arrived, prepend=self._arrived[0]) / FRAME_S))
        pace = np.abs(np.diff(self.aperture, prepend=self.aperture[0])) / frames
        low, high = np.percentile(self.aperture, [5, 95])
        inside = np.flatnonzero((self._arrived >= since) & (self._arrived < until))
        last, quiet = since, 0
        for place in inside:
            opening = pace[place] > SLOW * (high - low)
            quiet = 0 if opening else quiet + 1
            last = float(self._arrived[place]) if opening else last
            if quiet >= run:
                return last
        return None

    @cached_property
    def aperture(self) -> NDArray[np.float64]:
        """float64[m]: how far the mouth is open, in arbitrary units.

        The first principal component of its cells (lips, teeth and the dark between them change together), turned so
        that the resting mouth is the closed one.
        """
        centred = self._luma - self._luma.mean(axis=0)
        _, _, components = np.linalg.svd(centred, full_matrices=False)
        opened = (centred @ components[0]).astype(np.float64)
        closed = opened[: len(self._rest)][self._rest]
        return opened if np.median(closed) < opened.mean() else -opened


def _silent_at(voiced: NDArray[np.float64], moment: float) -> bool:
    place = int(np.searchsorted(voiced, moment))
    before = voiced[place - 1] if place else -np.inf
    after = voiced[place] if place < len(voiced) else np.inf
    return moment - before > QUIET_S and after - moment > QUIET_S


def _spoken_at(voiced: NDArray[np.float64], moment: float) -> bool:
    place = int(np.searchsorted(voiced, moment))
    return place > 0 and place < len(voiced) and voiced[place] - voiced[place - 1] < 0.1
