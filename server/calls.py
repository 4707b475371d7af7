"""Who is on the line: at most so many sessions at a time, reserved before anything is built for them."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

HEADROOM = 0.8
"""Share of the cores that sessions may fill: beyond it frames begin to come late."""

SPEECH_CORES = 0.12
"""Cores of one session besides its pictures: voice, ears, Opus, packets."""

PLACE_TAKEN = "another caller took the place of a silent one"
"""Why a session ended that had to go."""


@dataclass(slots=True, eq=False)
class Call:
    """One session's place."""

    owner: str | None
    """Digest of the credential that opened it, which may also end it; None where nobody is asked."""
    last_packet: Callable[[], float]
    """When the client was last heard of, in seconds of the table's clock."""
    hang_up: Callable[[str], None]
    """Ends the session; takes the reason."""
    id: str = field(default_factory=lambda: f"rtc_{secrets.token_urlsafe(16)}")


class Busy(Exception):
    """Every place is taken by somebody who is there."""


class CallTable:
    """The places. Reserving is one step without an await, so two callers can't share one."""

    def __init__(self, places: int, stale_after_s: float, clock: Callable[[], float]) -> None:
        """
        Args:
            stale_after_s: seconds without a packet after which a session gives its place to the next caller.
            clock: seconds, monotonic.
        """
        self.places = places
        self._stale_after_s = stale_after_s
        self._clock = clock
        self._calls: dict[str, Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def reserve(self, owner: str | None, hang_up: Callable[[str], None]) -> Call:
        """Take a place; the caller counts as there from now on, until `last_packet` is replaced.

        Raises:
            Busy: none is free, and nobody has gone silent.
        """
        if len(self._calls) >= self.places:
            self._evict()
        now = self._clock()
        call = Call(owner, lambda: now, hang_up)
        self._calls[call.id] = call
        return call

    def get(self, call_id: str) -> Call | None:
        return self._calls.get(call_id)

    def release(self, call: Call) -> None:
        """Give the place back; fine if it was taken meanwhile."""
        self._calls.pop(call.id, None)

    def _evict(self) -> None:
        quietest = min(self._calls.values(), key=lambda call: call.last_packet())
        if self._clock() - quietest.last_packet() < self._stale_after_s:
            raise Busy(f"all {self.places} places are taken")
        self.release(quietest)
        quietest.hang_up(PLACE_TAKEN)


def measured_capacity(render_ms: float, encode_ms: float, fps: float, cores: int) -> int:
    """How many sessions the machine carries, at least 1.

    Args:
        render_ms: of the processor for one picture.
        encode_ms: likewise.
        fps: pictures a second that a session in conversation needs.
        cores: of the machine, as far as this process may use them.
    """
    per_session = (render_ms + encode_ms) / 1000 * fps + SPEECH_CORES
    return max(1, math.floor(HEADROOM * cores / per_session))
