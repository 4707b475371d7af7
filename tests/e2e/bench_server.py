"""A scripted server whose figures are known: real WebRTC, a drawn face, a tone for a voice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.serverproc import free_port
from engines.media import SAMPLE_RATE
from server.rtc import MediaSettings, Peer
from tests.e2e.uvicorn_server import listening

TICK = SAMPLE_RATE // 50


@dataclass(frozen=True)
class Script:
    """What the scripted server does; seconds."""

    think_s: float = 0.2
    picture_delay_s: float = 0.0
    """Pictures leave this much after the sound of their moment, with that moment's time stamp."""
    fade_s: float = 0.1
    """Speech after an interruption."""
    speech_s: float = float("inf")
    """Speech of one response."""
    repeats: int = 1
    """How often each picture is sent while she talks."""
    skew_s: float | None = None
    """Her voice swells as syllables do, and her mouth follows so much later; None for a steady voice."""


def swell(seconds: np.ndarray) -> np.ndarray:
    """How loud she is, 0.02 to 1: never the same for 20 s, at the pace of syllables."""
    waves = (
        np.sin(2 * np.pi * 3.1 * seconds) + np.sin(2 * np.pi * 4.37 * seconds + 1) + np.sin(2 * np.pi * 1.7 * seconds)
    )
    return np.clip(0.5 + waves / 5, 0.02, 1)


class Scripted:
    """One call of a server that answers everything with a tone and a moving mouth."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.talks_from: float | None = None
        self.talks_until = float("inf")
        self._talked = False
        random = np.random.default_rng(1)
        self._face = np.full((768, 512), 128, np.uint8)
        self._face[:512] = np.kron(random.integers(60, 180, (64, 64)), np.ones((8, 8))).astype(np.uint8)

    async def run(self, offer: str, answered: asyncio.Future[str]) -> None:
        loop = asyncio.get_running_loop()
        peer = await Peer.accept(offer, MediaSettings(), on_pcm=lambda _: None, on_message=self._on_message)
        self._peer = peer
        peer.send(json.dumps({"type": "session.created"}))
        answered.set_result(peer.answer_sdp)
        start, tick = loop.time(), 0
        pictures: list[tuple[float, np.ndarray, int]] = []
        ended = asyncio.create_task(peer.wait_closed())
        try:
            while not ended.done():
                await asyncio.sleep(start + tick * 0.02 - loop.time())
                talking = self.talks_from is not None and self.talks_from <= loop.time() < self.talks_until
                self._announce(talking)
                moment = np.arange(tick * TICK, (tick + 1) * TICK) / SAMPLE_RATE
                loudness = 8000 if self.script.skew_s is None else 6000 * swell(moment)
                tone = loudness * np.sin(2 * np.pi * 300 * moment) * talking
                peer.audio(tone.astype(np.int16), tick * TICK)
                if tick % 2 == 0:
                    pictures.append(
                        (loop.time() + self.script.picture_delay_s, self._picture(tick, talking), tick * TICK)
                    )
                while pictures and pictures[0][0] <= loop.time():
                    _, image, pts = pictures.pop(0)
                    peer.picture(image, pts)
                tick += 1
        finally:
            ended.cancel()
            await peer.close()

    def _announce(self, talking: bool) -> None:
        if talking != self._talked:
            self._talked = talking
            self._peer.send(json.dumps({"type": f"output_audio_buffer.{'started' if talking else 'stopped'}"}))

    def _picture(self, tick: int, talking: bool) -> np.ndarray:
        picture = self._face.copy()
        drawn = tick // 2 // (self.script.repeats if talking else 1)
        picture[100 : 100 + drawn % 40, 40:60] = 90
        picture[360:392, 224:288] = 20
        if talking:
            opened = drawn % 2
            if self.script.skew_s is not None:
                opened = float(swell(np.array([drawn * 0.04 - self.script.skew_s]))[0])
            picture[360:392, 224:288] = 20 + int(120 * opened)
        return picture

    def _on_message(self, message: str | bytes) -> None:
        self.act(json.loads(message)["type"])

    def act(self, kind: str) -> None:
        """Do as an event of the protocol asks."""
        now = asyncio.get_running_loop().time()
        match kind:
            case "response.create":
                self.talks_from = now + self.script.think_s
                self.talks_until = self.talks_from + self.script.speech_s
            case "response.cancel":
                self.talks_until = now + self.script.fade_s
                self._peer.send(json.dumps({"type": "response.done"}))


class Calls:
    """The signalling of three kinds of server, in front of the same scripted calls."""

    def __init__(self, script: Script) -> None:
        self.running: list[asyncio.Task[None]] = []
        self._script = script
        self._last = Scripted(script)

    async def _answer(self, offer: str) -> str:
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._last = Scripted(self._script)
        self.running.append(asyncio.create_task(self._last.run(offer, answered)))
        return await answered

    async def accept(self, request: Request) -> Response:
        """`POST /v1/realtime/calls`, and a WHEP endpoint."""
        return Response(await self._answer((await request.body()).decode()), 201, media_type="application/sdp")

    async def offer(self, request: Request) -> Response:
        """LiveTalking's."""
        answer = await self._answer((await request.json())["sdp"])
        return JSONResponse({"sdp": answer, "type": "answer", "sessionid": "one"})

    async def human(self, request: Request) -> Response:
        body = await request.json()
        assert (body["sessionid"], body["type"]) == ("one", "chat")
        self._last.act("response.create")
        return JSONResponse({"code": 0, "msg": "ok"})

    async def interrupt_talk(self, request: Request) -> Response:
        assert (await request.json())["sessionid"] == "one"
        self._last.act("response.cancel")
        return JSONResponse({"code": 0, "msg": "ok"})


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[str]:
    calls = Calls(script)
    port = free_port()
    routes = [
        *(Route(path, calls.accept, methods=["POST"]) for path in ("/v1/realtime/calls", "/whep")),
        *(Route(f"/{name}", getattr(calls, name), methods=["POST"]) for name in ("offer", "human", "interrupt_talk")),
        Route("/healthz", lambda _: Response("fine")),
    ]
    app = Starlette(routes=routes)
    try:
        async with listening(uvicorn.Config(app, port=port, log_level="error", lifespan="off", ws="none")):
            yield f"http://127.0.0.1:{port}"
    finally:
        for running in calls.running:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
