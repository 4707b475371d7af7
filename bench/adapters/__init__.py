"""The kinds of server that the bench can talk to: one small file each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, get_args

from bench.inbox import BenchError, Inbox
from bench.microphone import Microphone

Kind = Literal["realtime", "realtime-ws", "whep", "livetalking"]


class Adapter(Protocol):
    """One call to one server. What arrives goes to the inbox, events in the Realtime API's terms."""

    @property
    def microphone(self) -> Microphone | None:
        """None where the server takes no sound."""

    async def open(self) -> None:
        """Place the call and wait until it stands.

        Raises:
            BenchError: the server can't be reached or turns the caller away.
        """

    def ask(self, text: str) -> None:
        """Type a question and have it answered."""

    def interrupt(self) -> None:
        """Have her stop, as this server's own clients do."""

    def read_clock(self) -> None:
        """Ask for the server's clocks, where it tells them: a `ClockReading` follows in the inbox."""

    async def close(self) -> None:
        """Hang up."""


def dial(kind: str, url: str, key: str | None, inbox: Inbox) -> Adapter:
    """
    Raises:
        BenchError: there is no such kind of server.
    """
    from bench.adapters.livetalking import LiveTalking
    from bench.adapters.realtime import Realtime
    from bench.adapters.realtime_ws import RealtimeSocket
    from bench.adapters.whep import Whep

    kinds: dict[str, Callable[[str, str | None, Inbox], Adapter]] = {
        "realtime": Realtime,
        "realtime-ws": RealtimeSocket,
        "whep": Whep,
        "livetalking": LiveTalking,
    }
    if kind not in kinds:
        raise BenchError(f"--protocol {kind}: allowed are {', '.join(get_args(Kind))}")
    return kinds[kind](url.rstrip("/"), key, inbox)
