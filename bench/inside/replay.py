"""One recorded turn through the pipeline in counted time, and what came out of it.

Nothing waits: the loop's clock jumps to the next timer, and engines run in the loop, so that their speed changes
nothing and the same recording gives the same frames. `python -m bench.inside.replay < job.json` prints JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import selectors
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from bench.inbox import BenchError
from bench.inside.quiet import Uncounted
from bench.inside.recorded import RecordedModel, RecordedTurn, RecordedVoice, record
from bench.userproc import FAILED
from engines.fake import FakeASR, FakeVAD
from engines.media import Image, Pcm
from engines.nerf.load import load_service
from pipeline import worker
from pipeline.conversation import Item, Part
from pipeline.events import SessionEvent
from pipeline.options import ResponseRequest, SessionOptions
from pipeline.session import Engines, Session
from server.config import Config, load_config
from server.engines import build_body, build_engines, build_motion

SETTLE_S = 1.0
"""Of idle life before the question and after the answer."""

LIMIT_S = 600.0
"""Of counted time: a longer turn never ends."""

REEL_FRAMES = 150
"""Six seconds of pictures: enough for an encoder to see every kind of them, and 59 MB."""


class _Jumping(selectors.DefaultSelector):
    """Never waits: what the loop would wait for becomes elapsed time."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None:
            self.elapsed += max(timeout, 0.0)
        return ready


class _CountedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed


class _InTheLoop:
    """Stands where a worker keeps its thread: runs each call at once."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def submit(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(function(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done

    def shutdown(self, *_: object, **__: object) -> None: ...


class Timed:
    """Passes every call on to an engine and adds up the processor's time for it under a stage's name."""

    def __init__(self, engine: Any, stage: str, spent: dict[str, float]) -> None:
        self._engine = engine
        self._stage = stage
        self._spent = spent

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._engine, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            found = method(*args, **kwargs)
            self._spent[self._stage] = self._spent.get(self._stage, 0.0) + time.thread_time() - began
            return Timed(found, self._stage, self._spent) if name in ("stream", "start") else found

        return call


class Sink:
    """Hashes what leaves, and keeps the first frames where they are wanted."""

    video = True

    def __init__(self, *, keep: bool) -> None:
        self._hashes = {name: hashlib.sha256() for name in ("pictures", "pcm", "pts")}
        self._keep = keep
        self.frames = 0
        self.images: list[Image] = []
        self.sound: list[Pcm] = []

    def audio(self, pcm: Pcm, pts: int) -> None:
        self._hashes["pcm"].update(np.ascontiguousarray(pcm).tobytes())
        self._hashes["pts"].update(pts.to_bytes(8, "little"))
        if self._keep and self.images and len(self.sound) < 2 * REEL_FRAMES:
            self.sound.append(pcm.copy())

    def picture(self, image: Image | None, pts: int) -> None:
        self.frames += 1
        self._hashes["pts"].update(pts.to_bytes(8, "little"))
        if image is None:
            self._hashes["pictures"].update(b"held")
            return
        self._hashes["pictures"].update(np.ascontiguousarray(image).tobytes())
        if self._keep and len(self.images) < REEL_FRAMES:
            self.images.append(image.copy())

    def figures(self) -> dict[str, Any]:
        return {"frames": self.frames} | {f"{name}_sha256": one.hexdigest() for name, one in self._hashes.items()}


def replay(turn: RecordedTurn, config: Config, reel: Path | None) -> dict[str, Any]:
    """The turn's frames through motion, body and renderer of this configuration.

    Args:
        reel: where the first frames go, if they are wanted (.npz).

    Raises:
        BenchError: this version cuts the reply into other phrases than were recorded.
    """
    worker.ThreadPoolExecutor = _InTheLoop
    spent: dict[str, float] = {}
    voice = RecordedVoice(turn)
    # Never by the machine's speed: with other threads a sum may come out otherwise.
    renderer = load_service(config.avatar.path, config.avatar.engine, config.avatar.threads or 1)
    engines: Any = Engines(
        llm=RecordedModel(turn),
        tts=voice,
        asr=FakeASR(""),
        vad=FakeVAD(),
        motion=Timed(build_motion(config), "motion", spent),  # pyright: ignore[reportArgumentType]
        idle=Timed(build_body(config), "body", spent),  # pyright: ignore[reportArgumentType]
        renderer=Timed(renderer, "renderer", spent),  # pyright: ignore[reportArgumentType]
    )
    sink = Sink(keep=reel is not None)
    began = time.thread_time()
    with asyncio.Runner(loop_factory=_CountedLoop) as runner:
        runner.run(_perform(engines, sink))
    if voice.unknown is not None:
        raise BenchError(f"the phrase {voice.unknown!r} was not recorded: this version cuts replies otherwise")
    spent["pipeline"] = time.thread_time() - began - sum(spent.values())
    if reel is not None:
        np.savez(reel, images=np.stack(sink.images), pcm=np.concatenate(sink.sound))
    return sink.figures() | {"stages_s": spent}


async def _perform(engines: Engines, sink: Sink) -> None:
    session = Session(engines, SessionOptions(), _ignore, media=sink, meter=Uncounted(), seed=1)
    running = asyncio.create_task(session.run())
    await asyncio.sleep(SETTLE_S)
    session.add_item(Item("question", "user", [Part("input_text", "Go on.")]))
    session.respond(ResponseRequest())
    async with asyncio.timeout(LIMIT_S):
        while session.response_id is not None:  # noqa: ASYNC110  (time is counted: nobody waits)
            await asyncio.sleep(0.02)
    await asyncio.sleep(SETTLE_S)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _ignore(event: SessionEvent) -> None:
    """Nobody is told."""


def main() -> None:
    """Do the job on stdin: record a turn first where it says so, then replay it."""
    job = json.load(sys.stdin)
    overrides: dict[str, object] = dict(setting.split("=", 1) for setting in job["settings"])
    config = load_config(Path(job["config"]) if job["config"] else None, overrides)
    path = Path(job["recording"])
    try:
        if job["record"]:
            asyncio.run(record(job["reply"], job["rate"], build_engines(config).tts)).save(path)
        found = replay(RecordedTurn.load(path), config, Path(job["reel"]) if job["reel"] else None)
    except (BenchError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(FAILED) from None
    print(json.dumps(found))


if __name__ == "__main__":
    main()
