"""The bench against a scripted server whose figures are known: real WebRTC, a drawn face, a tone for a voice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pytest
import uvicorn
from rich.console import Console
from rich.progress import Progress
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench import turn
from bench.serverproc import free_port
from bench.user import BenchError, call, fetch
from engines.media import SAMPLE_RATE
from server.rtc import MediaSettings, Peer

pytestmark = pytest.mark.e2e

TICK = SAMPLE_RATE // 50


@dataclass(frozen=True)
class Script:
    """What the scripted server does; seconds."""

    think_s: float = 0.2
    picture_delay_s: float = 0.0
    """Pictures leave this much after the sound of their moment, with that moment's time stamp."""
    fade_s: float = 0.1
    """Speech after an interruption."""


class Scripted:
    """One call of a server that answers everything with a tone and a moving mouth."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.talks_from: float | None = None
        self.talks_until = float("inf")
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
                moment = np.arange(tick * TICK, (tick + 1) * TICK) / SAMPLE_RATE
                tone = 8000 * np.sin(2 * np.pi * 300 * moment) * talking
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

    def _picture(self, tick: int, talking: bool) -> np.ndarray:
        picture = self._face.copy()
        picture[100 : 100 + tick % 40, 40:60] = 90
        if talking:
            picture[360:392, 224 : 288 + 8 * (tick % 4)] = 20 + 60 * (tick // 2 % 2)
        return picture

    def _on_message(self, message: str | bytes) -> None:
        now = asyncio.get_running_loop().time()
        match json.loads(message)["type"]:
            case "response.create":
                self.talks_from, self.talks_until = now + self.script.think_s, float("inf")
            case "response.cancel":
                self.talks_until = now + self.script.fade_s
                self._peer.send(json.dumps({"type": "response.done"}))


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[str]:
    calls: list[asyncio.Task[None]] = []

    async def accept(request: Request) -> Response:
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        calls.append(asyncio.create_task(Scripted(script).run((await request.body()).decode(), answered)))
        return Response(await answered, 201, media_type="application/sdp")

    port = free_port()
    app = Starlette(routes=[Route("/v1/realtime/calls", accept, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off", ws="none"))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 (uvicorn tells by a flag)
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
        for running in calls:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def measured(script: Script, turns: int = 2) -> tuple[list[turn.Answer], dict[str, Any]]:
    async with serving(script) as url, call(url, None) as user:
        with Progress(console=Console(stderr=True, quiet=True)) as progress:
            face = await turn.Face.learn(user, progress)
        answers = [await turn._typed(user, face, "Hello.") for _ in range(turns)]  # pyright: ignore[reportPrivateUsage]
    return answers, turn._figures(answers, "")  # pyright: ignore[reportPrivateUsage]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("CALIBRATION_S", 1.2), ("SETTLE_S", 0.6), ("LISTEN_S", 0.6)):
        monkeypatch.setattr(turn, name, seconds)


async def test_what_the_peer_measures_is_what_the_server_did() -> None:
    answers, figures = await measured(Script(think_s=0.3, fade_s=0.2))
    for answer in answers:
        # At least what the script waits; a loaded machine only adds.
        assert 300 <= answer.first_audio < 800
        assert answer.first_frame is not None
        assert -20 <= answer.first_frame - answer.first_audio < 200
        assert 150 <= answer.silence < 600
        assert len(answer.offsets) > 15
    assert figures["first_audio_ms_p50"] == pytest.approx(median(a.first_audio for a in answers), abs=0.01)
    assert figures["frames_not_found"] == 0


async def test_pictures_delayed_by_100_ms_are_seen() -> None:
    """Their time stamps say when they should have been there; the media clock of both tracks is one."""
    prompt = median(o for answer in (await measured(Script(), 1))[0] for o in answer.offsets)
    late = median(o for answer in (await measured(Script(picture_delay_s=0.1), 1))[0] for o in answer.offsets)
    assert 70 <= late - prompt <= 170


async def test_a_server_that_is_not_there_is_told_plainly() -> None:
    with pytest.raises(BenchError, match="can't be reached"):
        fetch(f"http://127.0.0.1:{free_port()}/metrics")
