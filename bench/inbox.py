"""Where everything that reaches a synthetic user lands, whatever server and transport it came from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.measure import CELLS, VOICED, Cells
from bench.network_line import Line
from bench.recording import ClockReading, Recording, Step

PATIENCE_S = 30
"""Seconds until something expected counts as never coming: longer than a server's own patience with its model."""

SILENCE_S = 0.25
"""How often somebody who waits looks although nothing arrived."""

PACKET = 480
"""Samples of one packet at 24 kHz: 20 ms."""

BLANK = np.zeros((0, 0), np.float32)
"""A picture's cells where nobody looks."""

T = TypeVar("T")


class BenchError(Exception):
    """The measurement can't be made. The message says what to do."""


class Inbox:
    """Sound, pictures and events in the order of their arrival, and a way to wait for them."""

    def __init__(self, clock: Callable[[], float], *, blind: bool = False, line: Line | None = None) -> None:
        """
        Args:
            clock: seconds, for instance `asyncio.get_running_loop().time`.
            blind: keep times and loudness alone, for hours of it.
            line: a bad one, for what comes by WebRTC.
        """
        self._blind = blind
        self.line = line
        self.clock = clock
        self.steps: list[Step] = []
        self.readings: list[ClockReading] = []
        self.notes: dict[str, float] = {}
        self.lag: list[float] = []
        self.events: list[tuple[float, dict[str, Any]]] = []
        self.speaking: bool | None = None
        """She has begun and not yet finished, by her server's word; None where it never says."""
        self.failure: str | None = None
        """Why the call can't go on."""
        self._sounds: list[tuple[float, float, NDArray[np.int16]]] = []
        self._pictures: list[tuple[float, float, float, Cells]] = []
        self._voiced: list[float] = []
        self._arrived = asyncio.Event()

    def sound(self, arrived: float, media: float | None, pcm: NDArray[np.int16]) -> None:
        """Take int16[k * 480] at 24 kHz; `arrived` and `media` are the first sample's."""
        for place in range(len(pcm) // PACKET):
            packet = pcm[place * PACKET : (place + 1) * PACKET]
            moment = float("nan") if media is None else media + place * PACKET / 24_000
            peak = np.abs(packet.astype(np.int32)).max()
            if peak >= VOICED:
                self._voiced.append(arrived)
            kept = np.minimum([peak], 32767).astype(np.int16) if self._blind else packet
            self._sounds.append((arrived, moment, kept))
        self._arrived.set()

    def picture(self, arrived: float, began: float, media: float | None, cells: Cells) -> None:
        kept = BLANK if self._blind else cells
        self._pictures.append((arrived, began, float("nan") if media is None else media, kept))
        self._arrived.set()

    def event(self, event: dict[str, Any]) -> None:
        """Take one event in the Realtime API's terms."""
        match event["type"]:
            case "output_audio_buffer.started":
                self.speaking = True
            case "output_audio_buffer.stopped" | "output_audio_buffer.cleared":
                self.speaking = False
            case _:
                pass
        self.events.append((self.clock(), event))
        self._arrived.set()

    def fail(self, why: str) -> None:
        self.failure = self.failure or why
        self._arrived.set()

    @property
    def timed(self) -> bool:
        """Sound and, where pictures came at all, pictures know their sender's clock."""
        return all(not np.isnan(kind[-1][-2]) for kind in (self._sounds, self._pictures) if kind)

    @property
    def pictured(self) -> int:
        return len(self._pictures)

    @property
    def heard(self) -> int:
        return len(self._sounds)

    def voiced_since(self, since: float) -> float | None:
        """Arrival of the first voiced packet at or after `since`."""
        place = int(np.searchsorted(self._voiced, since)) if self._voiced else 0
        return self._voiced[place] if place < len(self._voiced) else None

    def last_voiced(self) -> float:
        """Arrival of the last voiced packet; minus infinity before any."""
        return self._voiced[-1] if self._voiced else float("-inf")

    def event_since(self, since: int, *kinds: str) -> dict[str, Any] | None:
        """The first event of one of these types, not counting the first `since` of all."""
        return next((event for _, event in self.events[since:] if event["type"] in kinds), None)

    async def until(self, look: Callable[[], T | None], what: str, patience: float = PATIENCE_S) -> T:
        """What `look` finds, trying again whenever something arrived.

        Raises:
            BenchError: `what` did not come within `patience` seconds, or the call failed.
        """
        try:
            async with asyncio.timeout(patience):
                while not (found := look()):
                    if self.failure is not None:
                        raise BenchError(self.failure)
                    self._arrived.clear()
                    with suppress(TimeoutError):
                        # Silence can be what is waited for, and over a socket nothing arrives in it.
                        await asyncio.wait_for(self._arrived.wait(), SILENCE_S)
                return found
        except TimeoutError:
            raise BenchError(f"no {what} came for {patience:g} s") from None

    def recording(self) -> Recording:
        """All of it, as it stands."""
        sounds, pictures = self._sounds, self._pictures
        return Recording(
            sound_arrived=np.array([sound[0] for sound in sounds]),
            sound_media=np.array([sound[1] for sound in sounds]),
            pcm=np.array([sound[2] for sound in sounds], np.int16).reshape(-1, 1 if self._blind else PACKET),
            picture_arrived=np.array([picture[0] for picture in pictures]),
            picture_began=np.array([picture[1] for picture in pictures]),
            picture_media=np.array([picture[2] for picture in pictures]),
            cells=np.array([picture[3] for picture in pictures], np.float16).reshape(
                len(pictures), *((0, 0) if self._blind else (CELLS, CELLS))
            ),
            lag=np.array(self.lag),
            events=list(self.events),
            steps=list(self.steps),
            readings=list(self.readings),
            notes=dict(self.notes),
        )
