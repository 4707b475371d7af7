"""uvicorn's WebSocket protocol, with an ear for signs of life: a client that has nothing to say still answers pings."""

from __future__ import annotations

from typing import cast

from starlette.types import Scope
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

PING_S = 1.0
"""Between pings: three go unanswered before a client's place may be taken."""

LAST_PACKET = "visavis.last_packet"
"""Where the scope tells when the client was last heard of, in seconds of the loop's clock."""


class LivelyWebSocket(WebSocketsSansIOProtocol):
    """Puts a callable for its client's last packet (any bytes: events, pongs) into the scope as `LAST_PACKET`."""

    def data_received(self, data: bytes) -> None:
        self._last_packet = self.loop.time()
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        # Absent where the handshake failed. The application starts in the next turn of the loop.
        scope = cast(Scope | None, getattr(self, "scope", None))
        if scope is not None:
            scope[LAST_PACKET] = lambda: self._last_packet
