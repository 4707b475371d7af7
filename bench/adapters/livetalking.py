"""LiveTalking (github.com/lipku/LiveTalking): `POST /offer` opens a call, `POST /human` has it speak or stop."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bench.inbox import BenchError, Inbox
from bench.peer import Peer, fetch


class LiveTalking:
    """Its stock client sends no microphone (it records and posts a file), so that it is asked by text."""

    microphone = None

    def __init__(self, url: str, key: str | None, inbox: Inbox) -> None:
        self._url = url
        self._key = key
        self._inbox = inbox
        self._peer = Peer(inbox, None)
        self._session: Any = None
        self._requests: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        offer = {"sdp": await self._peer.offer(), "type": "offer"}
        self._inbox.notes["called"] = self._inbox.clock()
        answer = await asyncio.to_thread(self._post, "offer", offer)
        self._inbox.notes["answered"] = self._inbox.clock()
        if "sdp" not in answer:
            raise BenchError(f"{self._url}/offer turned the call away: {str(answer)[:200]}")
        self._session = answer["sessionid"]
        await self._peer.accept(answer["sdp"])

    def ask(self, text: str) -> None:
        self._later("human", {"text": text, "type": "chat", "sessionid": self._session})

    def interrupt(self) -> None:
        self._later("interrupt_talk", {"sessionid": self._session})

    def read_clock(self) -> None:
        """It tells none."""

    async def close(self) -> None:
        await self._peer.close()
        await asyncio.gather(*self._requests, return_exceptions=True)

    def _later(self, path: str, body: dict[str, Any]) -> None:
        async def send() -> None:
            try:
                await asyncio.to_thread(self._post, path, body)
            except BenchError as error:
                self._inbox.fail(str(error))

        task = asyncio.create_task(send())
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return json.loads(fetch(f"{self._url}/{path}", self._key, json.dumps(body).encode(), "application/json"))
