"""When lips and teeth must meet: the contacts that the eye does not forgive, timed by the phones that make them."""

from __future__ import annotations

from dataclasses import dataclass

from engines.media import SAMPLE_RATE, TimedPhone
from engines.motion.visemes import VISEMES, Seal

# In seconds. Rhubarb begins to close 40..120 ms early; of a short vowel before it takes no more than these shares.
_CLOSE_EARLY, _EARLY_SHARE = 0.03, 0.15
_RAMP, _RAMP_SHARE = 0.06, 0.45
_RELEASE = 0.05
_CLOSED_SHARE = 0.6
_HALF_FRAME = 0.02


@dataclass(frozen=True, slots=True)
class _Closure:
    """One contact, in seconds: begins to close, is closed, opens, is open."""

    known: int
    """The phone's first sample, before whose hearing nothing may be known of it."""
    close: float
    closed: float
    release: float
    opened: float
    seal: Seal

    def at(self, time: float) -> float:
        """0 open, 1 closed."""
        if time <= self.close or time >= self.opened:
            return 0.0
        return min(1.0, (time - self.close) / (self.closed - self.close), (self.opened - time) / _RELEASE)


class Closures:
    """The contacts of one phrase. Times are samples of it."""

    def __init__(self) -> None:
        self._coming: list[_Closure] = []
        self._previous: TimedPhone | None = None

    def add(self, phone: TimedPhone) -> None:
        """Take the next phone."""
        seal = VISEMES[phone.symbol][0].seal
        if seal is not None:
            self._coming.append(self._closure(phone, seal))
        self._previous = phone

    def at(self, seal: Seal, moment: float, horizon: int) -> float:
        """How firmly `seal` holds at sample `moment`, 0..1, from the phones that begin before sample `horizon`."""
        time = moment / SAMPLE_RATE
        while self._coming and self._coming[0].opened < time:
            del self._coming[0]
        return max((one.at(time) for one in self._coming if one.seal == seal and one.known < horizon), default=0.0)

    def _closure(self, phone: TimedPhone, seal: Seal) -> _Closure:
        """Closed a little before the sound and through its middle; the vowel before keeps most of itself."""
        start, end = phone.start / SAMPLE_RATE, phone.end / SAMPLE_RATE
        room = 1.0
        if self._previous and VISEMES[self._previous.symbol][-1].vowel:
            room = (self._previous.end - self._previous.start) / SAMPLE_RATE
        closed = start - min(_CLOSE_EARLY, _EARLY_SHARE * room)
        close = closed - max(min(_RAMP, _RAMP_SHARE * room), 1e-3)
        release = max(start + _CLOSED_SHARE * (end - start), (start + end) / 2 + _HALF_FRAME)
        return _Closure(phone.start, close, closed, release, release + _RELEASE, seal)
