"""Her side of a session: the one open turn, from its request to its last released sample."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from engines import ASR, LLM, TTS, VAD, Idle, Motion, RemoteASR, RemoteTTS, Renderer
from engines.media import SAMPLE_RATE
from engines.tags import NEUTRAL
from pipeline import events as ev
from pipeline.body import Outlet
from pipeline.conversation import Conversation, Item, Part
from pipeline.meter import Meter
from pipeline.options import ResponseRequest, SessionOptions
from pipeline.refused import Refused
from pipeline.script import Script
from pipeline.stages import Align, synthesizer
from pipeline.thinking import Thinking
from pipeline.turn import Timings, Turn, Voice, reply, reply_text
from pipeline.worker import Worker

MAX_OUTPUT_TOKENS = 4096
"""A reply that never ends is ended here: about half an hour of speech."""

SETTLE_S = 0.5
"""How long a cancelled turn may hold an engine's thread before the thread is left to it."""

SCRIPTS_KEPT = 8
"""Replies that can still be truncated: clients truncate the one that they play, or the one before."""


TAGS_TOLD = 20
"""Different tags without a meaning that are told of: whoever reads more reads none."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Engines:
    """One of each: chosen in one place from one configuration, shared by all sessions."""

    llm: LLM
    tts: TTS | RemoteTTS
    asr: ASR | RemoteASR
    vad: VAD
    motion: Motion
    idle: Idle
    renderer: Renderer
    align: Align | None = None
    """For a voice that gives no word times."""


class Speaking:
    """Owns the open turn. What it does to the history and says to the client is done in one loop turn."""

    def __init__(
        self,
        engines: Engines,
        conversation: Conversation,
        thinking: Thinking,
        outlet: Outlet,
        meter: Meter,
        clock: Callable[[], float],
        *,
        watched: bool,
        emit: Callable[[ev.SessionEvent], None],
        changed: Callable[[], None],
    ) -> None:
        """
        Args:
            watched: a face moves with the voice.
            changed: told when a turn begins, becomes audible, or ends.
        """
        self.turn: Turn | None = None
        self.last: Turn | None = None
        """The turn before."""
        self._engines = engines
        self._conversation = conversation
        self._thinking = thinking
        self._outlet = outlet
        self._meter = meter
        self._clock = clock
        self._watched = watched
        self._emit = emit
        self._changed = changed
        self._tasks: asyncio.TaskGroup | None = None
        self._scripts: OrderedDict[str, Script] = OrderedDict()
        self._ignored_tags: set[str] = set()
        self._speak_worker = Worker("speak")
        self._act_worker = Worker("act")
        self._synthesize = synthesizer(engines.tts, self._speak_worker, engines.align)

    @property
    def audible(self) -> bool:
        return self._outlet.playing is not None

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await self._outlet.run(self._released, self._played)
        finally:
            self._speak_worker.close()
            self._act_worker.close()

    def start(self, request: ResponseRequest, options: SessionOptions, timings: Timings) -> Turn:
        """Begin to answer. The caller made sure that no other turn is open."""
        if self._tasks is None:
            raise Refused("the session is just starting; ask again")
        modalities = request.modalities or options.modalities
        kind = "output_audio" if "audio" in modalities else "output_text"
        item = Item(f"item_{secrets.token_hex(12)}", "assistant", [Part(kind, "")], "in_progress")
        limit = request.max_output_tokens or options.max_output_tokens or MAX_OUTPUT_TOKENS
        turn = Turn(f"resp_{secrets.token_hex(12)}", request, modalities, item, timings, min(limit, MAX_OUTPUT_TOKENS))
        self.turn = turn
        self._emit(ev.ResponseCreated(turn.id, request, modalities))
        previous = self._conversation.add(item) if request.in_conversation else None
        self._emit(ev.OutputItemAdded(turn.id, item, previous))
        if turn.audible:
            self._keep_script(turn)
        turn.task = self._tasks.create_task(self._answer(turn, options))
        if turn.audible:
            self._outlet.begin(turn)
        self._changed()
        return turn

    def expect(self, text: str, options: SessionOptions) -> None:
        """The user has probably finished, having said `text`: think of the answer. Nobody hears of it yet."""
        if self._tasks is not None and self.turn is None:
            self._thinking.expect(text, options, self._tasks)

    def interrupt(self, reason: str) -> Turn | None:
        """End the open turn in this loop turn: sound stops, history keeps what was heard; producers unwind after.

        Returns:
            The turn that ended.
        """
        turn = self.turn
        if turn is None or self._tasks is None:
            return None
        heard = self._outlet.heard(turn)
        turn.timings.interrupted = self._clock()
        turn.status, turn.reason = "cancelled", reason
        if turn.audible:
            self._outlet.stop(lambda: self._silent(turn, heard))
        else:
            self._silent(turn, heard)
        turn.motion.close()
        if turn.task is not None:
            turn.task.cancel()
        if turn.audible:
            turn.item.parts[0].text = turn.script.heard(heard)
            self._emit(ev.OutputAudioCleared(turn.id))
        self._finish(turn)
        if heard and turn.item.id in self._conversation:
            self._emit(ev.ItemTruncated(turn.item.id, heard * 1000 // SAMPLE_RATE))
        self._tasks.create_task(self._settle())
        return turn

    def cut_tail(self) -> None:
        """Drop what the client still plays of the turn before (it takes its audio as events)."""
        turn = self._outlet.playing
        if turn is None:
            return
        heard = self._outlet.heard(turn)
        self._outlet.stop(lambda: None)
        self._truncate(turn.item, turn.script, heard)

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Keep only what was heard of a reply's first `audio_end_ms`.

        Raises:
            ItemError: there is no such item.
            Refused: it is none of her last replies.
        """
        item = self._conversation.get(item_id)
        script = self._scripts.get(item_id)
        if script is None:
            raise Refused(f"item '{item_id}' is no recent reply with audio; only those can be truncated")
        if self.turn is not None and self.turn.item is item:
            self.interrupt("client_cancelled")
        self._truncate(item, script, audio_end_ms * SAMPLE_RATE // 1000)

    async def _answer(self, turn: Turn, options: SessionOptions) -> None:
        tokens = self._thinking.reply(turn.request, options, turn.count_input)
        if turn.audible:
            own = options.expression
            voice = Voice(
                self._synthesize,
                self._engines.motion if self._outlet.moving else None,
                self._act_worker,
                self._ignore_tag,
                own.punctuation and own.emotion == NEUTRAL,
            )
            await reply(turn, tokens, voice, self._clock)
        else:
            await reply_text(turn, tokens, lambda text: self._write(turn, text), self._ignore_tag, self._clock)
            if turn is self.turn:
                self._finish(turn)

    def _released(self, turn: Turn) -> None:
        """Samples of the turn left."""
        if turn is not self.turn:
            return
        if turn.state == "thinking":
            turn.state = "speaking"
            self._emit(ev.OutputAudioStarted(turn.id))
            self._changed()
        self._caption(turn, turn.script.captions(turn.released))
        turn.item.parts[0].text = turn.script.heard(turn.released)
        timings = turn.timings
        if not turn.reported and timings.first_audio_out and (timings.first_frame_out or not self._watched):
            turn.reported = True
            self._emit(turn.timings.report(turn.id, final=False))

    def _played(self, turn: Turn) -> None:
        """Its last sample left."""
        if turn is not self.turn:
            return
        said = turn.script.captions(turn.released)
        self._caption(turn, said)
        turn.item.parts[0].text = said.strip()
        if not turn.script.samples and any(char.isalnum() for char in said) and turn.status == "completed":
            turn.status, turn.reason = "failed", "the voice returned no audio for this reply"
        self._finish(turn)

    def _caption(self, turn: Turn, text: str) -> None:
        delta = text[turn.captioned :]
        if delta:
            turn.captioned = len(text)
            self._emit(ev.OutputTextDelta(turn.id, turn.item.id, delta))

    def _write(self, turn: Turn, text: str) -> None:
        part = turn.item.parts[0]
        part.text = (part.text or "") + text
        self._emit(ev.OutputTextDelta(turn.id, turn.item.id, text))

    def _ignore_tag(self, tag: str) -> None:
        if tag not in self._ignored_tags and len(self._ignored_tags) < TAGS_TOLD:
            self._ignored_tags.add(tag)
            log.warning("a reply holds the tag %s, which has no meaning: it is left out", tag)
            self._emit(ev.TagIgnored(tag))

    def _finish(self, turn: Turn) -> None:
        spoke = turn.state == "speaking"
        turn.state = "ended"
        self.turn, self.last = None, turn
        turn.item.status = "completed" if turn.status == "completed" else "incomplete"
        self._emit(ev.OutputItemDone(turn.id, turn.item))
        done = ev.ResponseDone(
            turn.id, turn.request, turn.modalities, turn.status, turn.reason, turn.item, turn.usage
        )  # fmt: skip
        self._emit(done)
        if turn.status != "cancelled":
            if spoke:
                self._emit(ev.OutputAudioStopped(turn.id))
            self._report(turn)
        self._changed()

    def _silent(self, turn: Turn, heard: int) -> None:
        turn.timings.silent = self._clock()
        if heard and turn.timings.interrupted is not None:
            self._meter.barge_in(turn.timings.silent - turn.timings.interrupted)
        self._report(turn)

    def _report(self, turn: Turn) -> None:
        timing = turn.timings.report(turn.id, final=True)
        self._emit(timing)
        self._meter.turn(timing)

    def _truncate(self, item: Item, script: Script, samples: int) -> None:
        item.parts[0].text = script.heard(samples)
        item.status = "incomplete"
        self._emit(ev.ItemTruncated(item.id, samples * 1000 // SAMPLE_RATE))

    def _keep_script(self, turn: Turn) -> None:
        self._scripts[turn.item.id] = turn.script
        while len(self._scripts) > SCRIPTS_KEPT:
            self._scripts.popitem(last=False)

    async def _settle(self) -> None:
        await self._speak_worker.settle(SETTLE_S)
        await self._act_worker.settle(SETTLE_S)
