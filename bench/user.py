"""A synthetic user: performs a scripted conversation on one call, and keeps everything that arrived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bench.adapters import Adapter, dial
from bench.inbox import PATIENCE_S, BenchError, Inbox
from bench.network_line import Line
from bench.recording import Recording, Step
from bench.script import Act, Cough, Interrupt, Script, Wav
from bench.speech import Speaker, Utterance, cough

SETTLE_S = 0.8
"""Seconds of silence before the next question: her face must be idle again, and the last packets here."""

GONE_S = 1.5
"""Silence after which she counts as having finished, where the server never says so: longer than a pause of speech."""

ANSWER_S = 12.0
"""Seconds until a question counts as unanswered: what was said may not have been understood at all."""

STOP_S = 3.0
"""Seconds after which an interruption has plainly not worked, and she is stopped by request."""

PROMPT = "Please tell me more about yourself."
"""Typed where she is to be talked over and is silent."""

COUGH_WATCH_S = 1.2
"""Seconds after a cough in which she must go on: past the server's own decision that it was nothing."""

READ_CLOCK_S = 1.0
"""How often the server's clocks are asked for."""

LAG_S = 0.02


class User:
    """One call."""

    def __init__(self, adapter: Adapter, inbox: Inbox) -> None:
        self._adapter = adapter
        self._inbox = inbox
        self._clock = inbox.clock
        self._speaker = Speaker()
        self._answered: float | None = None
        """Arrival of the first voiced packet of the answer that is being given."""

    async def join(self) -> None:
        """Wait until both media flow and sender reports have told their clocks, where there are any."""
        await self._adapter.open()
        microphone = self._adapter.microphone
        if microphone is not None:
            await microphone.live()
            self._inbox.notes["microphone"] = microphone.started

    async def settle_in(self) -> None:
        await self._inbox.until(lambda: self._inbox.heard and self._inbox.pictured and self._inbox.timed, "media")

    async def perform(self, script: Script, told: Callable[[int, int], None]) -> None:
        """
        Args:
            told: how many steps are done, of how many.

        Raises:
            BenchError: the call was lost, or the server refused.
        """
        acts = script.flat()
        for done, act in enumerate(acts):
            told(done, len(acts))
            await self._act(act, script.base)
        await self._quiet()
        told(len(acts), len(acts))

    async def _act(self, act: Act, base: Path) -> None:
        if act.silence is not None:
            await self._quiet()
            self._note("silence", self._clock())
            await self._for(act.silence)
        elif act.type is not None:
            await self._quiet()
            self._type(str(act.type))
            await self._answer(self._clock())
        elif act.say is not None:
            await self._quiet()
            await self._answer(await self._say("say", self._utterance(act.say, base)))
        elif act.listen is not None:
            await self._listen(act.listen)
        elif act.interrupt is not None:
            await self._interrupt(act.interrupt, base)
        elif act.cough is not None:
            await self._cough(act.cough)

    def _utterance(self, said: object, base: Path) -> Utterance:
        return self._speaker.play(base / said.wav) if isinstance(said, Wav) else self._speaker.say(str(said))

    def _type(self, text: str) -> None:
        began = self._clock()
        self._adapter.ask(text)
        self._note("type", began, text=text)

    async def _say(self, kind: str, utterance: Utterance) -> float:
        """Speak, and wait until it is said; when its last voiced sample was."""
        if self._adapter.microphone is None:
            raise BenchError("this server takes no microphone: use `type` and `interrupt` by request")
        began = self._adapter.microphone.play(utterance.pcm)
        onset, ends = (began + seconds for seconds in utterance.voiced_s)
        self._note(kind, began, text=utterance.text, spoken=True, onset=onset, ends=ends)
        await self._for(ends - self._clock())
        return ends

    def _note(self, kind: str, began: float, **rest: object) -> None:
        self._inbox.steps.append(Step(kind, began, **rest))  # pyright: ignore[reportArgumentType]

    async def _answer(self, since: float) -> None:
        """Wait for her first sound; a question that she leaves unanswered is the measures' business."""
        try:
            self._answered = await self._inbox.until(lambda: self._inbox.voiced_since(since), "answer", ANSWER_S)
        except BenchError:
            self._answered = None
            if self._inbox.failure is not None:
                raise

    async def _listen(self, wanted: float | str) -> None:
        self._note("listen", self._clock())
        if isinstance(wanted, str):
            while await self._talking():
                pass
        elif self._answered is not None:
            await self._for(self._answered + wanted - self._clock())

    async def _interrupt(self, interrupt: Interrupt, base: Path) -> None:
        if self._answered is None and interrupt.say is not None:
            # The question before was not understood: there is nobody to talk over until she is asked again.
            await self._quiet()
            self._type(PROMPT)
            await self._answer(self._clock())
        if not await self._speaks_for(interrupt.after):
            return
        if interrupt.say is None:
            self._stop()
            self._answered = None
            return
        before = len(self._inbox.events)
        ends = await self._say("interrupt", self._utterance(interrupt.say, base))
        if await self._stopped(before, ends):
            await self._answer(ends)
        else:
            self._stop()
            self._answered = None

    async def _stopped(self, before: int, ends: float) -> bool:
        """Whether she let herself be interrupted: by her server's word, or by a gap in her voice."""

        def look() -> bool:
            told = self._inbox.event_since(before, "response.done", "output_audio_buffer.cleared") is not None
            return told or (self._inbox.speaking is None and self._clock() - self._inbox.last_voiced() > LAG_S * 15)

        try:
            return await self._inbox.until(look, "stop", max(0.1, ends + STOP_S - self._clock()))
        except BenchError:
            if self._inbox.failure is not None:
                raise
            return False

    def _stop(self) -> None:
        began = self._clock()
        self._adapter.interrupt()
        self._note("interrupt", began)

    async def _cough(self, act: Cough) -> None:
        if await self._speaks_for(act.after):
            ends = await self._say("cough", cough())
            await self._for(ends + COUGH_WATCH_S - self._clock())

    async def _speaks_for(self, seconds: float) -> bool:
        """Wait for so many seconds of her voice, and then for the middle of a word; False where she had finished."""
        if self._answered is None:
            return False
        since = max(
            [self._answered, *(step.ends for step in self._inbox.steps[-1:] if step.kind == "cough" and step.ends)]
        )
        await self._for(since + seconds - self._clock())
        return await self._talking()

    async def _talking(self) -> bool:
        """Wait for the next voiced packet, across the pauses of her speech; False once she has finished."""
        since = self._clock()

        def look() -> tuple[bool] | None:
            if self._inbox.voiced_since(since) is not None:
                return (True,)
            silent = self._inbox.speaking is False
            if self._inbox.speaking is None:
                silent = self._clock() - max(since, self._inbox.last_voiced()) > GONE_S
            return (False,) if silent else None

        return (await self._inbox.until(look, "voice"))[0]

    async def _quiet(self) -> None:
        """Wait until she has finished, and her face has settled."""
        since = self._clock()
        while True:
            if self._inbox.speaking:
                await self._inbox.until(lambda: not self._inbox.speaking, "end of her speech", 4 * PATIENCE_S)
            left = max(since, self._inbox.last_voiced()) + SETTLE_S - self._clock()
            if left <= 0:
                return
            await self._for(left)

    async def _for(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
        if self._inbox.failure is not None:
            raise BenchError(self._inbox.failure)

    async def read_clocks(self) -> None:
        """Forever."""
        while True:
            self._adapter.read_clock()
            await asyncio.sleep(READ_CLOCK_S)

    async def watch_lag(self) -> None:
        """Forever: how late this process's own event loop is."""
        due = self._clock()
        while True:
            due = max(due + LAG_S, self._clock())
            await asyncio.sleep(due - self._clock())
            self._inbox.lag.append(self._clock() - due)


@asynccontextmanager
async def calling(url: str, key: str | None, protocol: str, inbox: Inbox) -> AsyncIterator[User]:
    """A user on a call that stands; it is hung up on the way out."""
    adapter = dial(protocol, url, key, inbox)
    user = User(adapter, inbox)
    tasks: list[asyncio.Task[None]] = []
    try:
        await user.join()
        tasks = [asyncio.create_task(user.read_clocks()), asyncio.create_task(user.watch_lag())]
        yield user
    finally:
        inbox.notes["ended"] = inbox.clock()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await adapter.close()


async def perform(
    url: str,
    key: str | None,
    protocol: str,
    script: Script,
    told: Callable[[int, int], None],
    *,
    blind: bool = False,
    line: Line | None = None,
) -> Recording:
    """One whole call.

    Args:
        blind: keep times and loudness alone, for hours of it.
        line: a bad one, for what comes by WebRTC.

    Raises:
        BenchError: the server can't be reached, refuses, or stays silent.
    """
    inbox = Inbox(asyncio.get_running_loop().time, blind=blind, line=line)
    async with calling(url, key, protocol, inbox) as user:
        if protocol != "realtime-ws":
            await user.settle_in()
        await user.perform(script, told)
    return inbox.recording()
