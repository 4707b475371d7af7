"""A bad line between the synthetic user and the server, inside the user's own transport: no rights are needed.

Whatever crosses a socket of the call goes through it, both ways: media, feedback, messages and connectivity checks.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiortc import RTCPeerConnection

from server.media_patches import transports

STRAGGLE_S = 0.03
"""By how much a packet that is out of order comes late: behind the next one of sound, 20 ms later."""

QUEUE_S = 0.2
"""What a narrow link queues before it drops: a home router's buffer, kindly sized."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the line does to each packet, in each direction."""

    loss: float = 0.0
    """Share that is lost, each by itself."""
    jitter_s: float = 0.0
    """Each is held for up to so long, evenly distributed; order is kept."""
    reorder: float = 0.0
    """Share that comes `STRAGGLE_S` late, behind its successors."""
    rate: float = 0.0
    """bit/s; 0 for no bound."""
    blackout_s: float = 0.0
    """Nothing passes for so long, at the beginning."""


@dataclass(frozen=True, slots=True)
class Line:
    """Bad for a time, and good before and after it."""

    conditions: Conditions
    begins_s: float
    """From the offer."""
    lasts_s: float
    seed: int = 0

    def lay(self, connection: RTCPeerConnection, now: float) -> None:
        """Put the line into a connection whose candidates are gathered.

        Args:
            now: the moment of the offer, in seconds of the running loop's clock.
        """
        loop = asyncio.get_running_loop()
        random = np.random.default_rng(self.seed)
        window = (now + self.begins_s, now + self.begins_s + self.lasts_s)
        for transport in transports(connection):
            for protocol in transport.transport._connection._protocols:
                outward, inward = (Way(self.conditions, window, random, loop) for _ in range(2))
                slots: Any = protocol
                slots.transport = _Outward(protocol.transport, outward)
                slots.datagram_received = _delayed(protocol.datagram_received, inward)


class Way:
    """One direction of a line."""

    def __init__(self, conditions: Conditions, window: tuple[float, float], random: np.random.Generator, loop: Any):
        """
        Args:
            window: when it is bad, in seconds of the loop's clock.
            loop: its `time` and `call_at` are used.
        """
        self._conditions = conditions
        self._begins, self._ends = window
        self._random = random
        self._loop = loop
        self._last = 0.0
        self._free = 0.0

    def send(self, size: int, deliver: Callable[[], None]) -> None:
        """Take a packet of so many bytes; `deliver` is called when it gets through, if it does."""
        now = self._loop.time()
        due = self._due(size, now) if self._begins <= now < self._ends else now
        if due is None:
            return
        # What is still on its way stays in front, also of what follows on the good line.
        due = max(due, self._last)
        self._last = due
        bad = self._conditions
        if bad.reorder and self._begins <= now < self._ends and self._random.random() < bad.reorder:
            due += STRAGGLE_S
        if due <= now:
            deliver()
        else:
            self._loop.call_at(due, deliver)

    def _due(self, size: int, now: float) -> float | None:
        """When it gets through, by the loop's clock; None where it does not."""
        bad = self._conditions
        if now < self._begins + bad.blackout_s or self._random.random() < bad.loss:
            return None
        due = now
        if bad.rate:
            begun = max(now, self._free)
            if begun - now > QUEUE_S:
                return None
            due = self._free = begun + 8 * size / bad.rate
        return due + bad.jitter_s * self._random.random()


class _Outward:
    """Stands where aioice keeps its datagram transport."""

    def __init__(self, transport: asyncio.DatagramTransport, way: Way) -> None:
        self._transport = transport
        self._way = way

    def sendto(self, data: bytes, addr: Any) -> None:
        def deliver() -> None:
            if not self._transport.is_closing():
                self._transport.sendto(data, addr)

        self._way.send(len(data), deliver)

    def close(self) -> None:
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()


def _delayed(receive: Callable[[bytes, Any], None], way: Way) -> Callable[[bytes, Any], None]:
    def received(data: bytes, addr: Any) -> None:
        way.send(len(data), lambda: receive(data, addr))

    return received


def read_line(text: str | None) -> Line | None:
    """A line from the JSON of its fields."""
    if text is None:
        return None
    fields = json.loads(text)
    return Line(Conditions(**fields.pop("conditions")), **fields)
