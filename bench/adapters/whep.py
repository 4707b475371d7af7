"""Any WHEP server (draft-ietf-wish-whep): a spectator, who can watch how sound and pictures come, and nothing else."""

from __future__ import annotations

import asyncio

from bench.inbox import BenchError, Inbox
from bench.peer import Peer, fetch


class Whep:
    """Plays the stream whose endpoint is the URL itself."""

    microphone = None

    def __init__(self, url: str, key: str | None, inbox: Inbox) -> None:
        self._url = url
        self._key = key
        self._inbox = inbox
        self._peer = Peer(inbox, None)

    async def open(self) -> None:
        offer = (await self._peer.offer()).encode()
        self._inbox.notes["called"] = self._inbox.clock()
        answer = await asyncio.to_thread(fetch, self._url, self._key, offer)
        self._inbox.notes["answered"] = self._inbox.clock()
        await self._peer.accept(answer)

    def ask(self, text: str) -> None:
        raise BenchError("a WHEP stream can only be watched: use a script of `silence` steps")

    def interrupt(self) -> None:
        raise BenchError("a WHEP stream can only be watched: use a script of `silence` steps")

    def read_clock(self) -> None:
        """It tells none."""

    async def close(self) -> None:
        await self._peer.close()
