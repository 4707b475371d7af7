"""One conversation with one client: what it may ask, and the policy between her ears and her mouth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engines import Mood
from engines.media import Coeffs, Pcm
from pipeline import events as ev
from pipeline.avatar import Avatar
from pipeline.body import Body, Outlet
from pipeline.conversation import Conversation, Item
from pipeline.deltas import Deltas
from pipeline.hearing import Hearing
from pipeline.meter import Meter
from pipeline.options import ResponseRequest, SessionOptions
from pipeline.playout import MediaSink, Playout
from pipeline.refused import Refused
from pipeline.speaking import Engines, Speaking
from pipeline.thinking import Thinking
from pipeline.turn import Timings, Turn
from pipeline.worker import Worker

__all__ = ["Engines", "Refused", "Session"]


class Session:
    """Lives as long as its connection: `run` is the connection's coroutine. Every call is made in its event loop."""

    def __init__(
        self,
        engines: Engines,
        options: SessionOptions,
        emit: Callable[[ev.SessionEvent], None],
        *,
        media: MediaSink | None,
        meter: Meter,
        history: int = 40,
        think_ahead: bool = True,
        seed: int = 0,
        idle_stride: int = 1,
    ) -> None:
        """
        Args:
            emit: told everything, in order; never blocks.
            media: None for a client that takes its audio as events.
            history: items of the conversation that the language model is given.
            think_ahead: the model is asked once the user has probably finished.
            seed: of the idle motion.
            idle_stride: one idle picture every so many frames.
        """
        clock = asyncio.get_running_loop().time
        watched = media is not None and media.video
        self.options = options
        self.conversation = Conversation()
        self.tell = emit
        self._clock = clock
        self._think_ahead = think_ahead
        self._mood: Mood = "idle"
        self._listen_worker = Worker("listen")
        self._recognise_worker = Worker("recognise")
        self._paint_worker = Worker("paint")
        self._outlet: Outlet
        if media is None:
            self._outlet = Deltas(
                lambda turn, pcm: emit(ev.OutputAudioDelta(turn.id, turn.item.id, pcm)), clock
            )  # fmt: skip
        else:
            playout = Playout(media, clock, meter)
            idle = engines.idle.start(seed)
            renderer = engines.renderer if watched else None
            avatar = Avatar(playout, idle, renderer, self._paint_worker, meter, clock, idle_stride)
            self._outlet = Body(avatar, playout, clock, self._moved)
        self._outlet.set(options)
        self._hearing = Hearing(self, engines.vad, engines.asr, (self._listen_worker, self._recognise_worker), clock)
        thinking = Thinking(engines.llm, self.conversation, history, meter, self._hearing.understood.wait)
        self._speaking = Speaking(
            engines, self.conversation, thinking, self._outlet, meter, clock, watched=watched, emit=emit,
            changed=self.show_mood,
        )  # fmt: skip

    @property
    def mood(self) -> Mood:
        return self._mood

    @property
    def response_id(self) -> str | None:
        """The response in progress."""
        turn = self._speaking.turn
        return turn.id if turn else None

    @property
    def heard_samples(self) -> int:
        """Samples of the microphone so far, at `MIC_RATE`, lost ones included."""
        return self._hearing.received

    async def run(self) -> None:
        """Until cancelled: the connection is gone."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._speaking.run())
                tasks.create_task(self._hearing.run())
        finally:
            self._listen_worker.close()
            self._recognise_worker.close()
            self._paint_worker.close()

    def update(self, options: SessionOptions) -> None:
        self.options = options
        self._outlet.set(options)
        self._hearing.detect(options.turn_detection)

    # What the user says.

    def hear(self, pcm: Pcm) -> None:
        """Samples of the microphone (int16 at `MIC_RATE`), any number of them."""
        self._hearing.feed(pcm)

    async def caught_up(self) -> None:
        """Until everything that `hear` was given has been heard: what is asked next then means all of it."""
        await self._hearing.caught_up()

    def commit_audio(self) -> None:
        """End the user's utterance here (push to talk).

        Raises:
            Refused: nothing was said since the last one.
        """
        self._hearing.commit()

    def clear_audio(self) -> None:
        """Forget what was said since the last utterance."""
        self._hearing.clear()

    def add_item(self, item: Item, after: str | None = None) -> None:
        """Add to the conversation; does not start a response.

        Raises:
            ItemError: the predecessor is not there, or the item's id is taken.
        """
        previous = self.conversation.add(item, after)
        self.tell(ev.ItemAdded(item, previous))
        self.tell(ev.ItemDone(item, previous))

    def delete_item(self, item_id: str) -> None:
        """
        Raises:
            ItemError: there is no such item.
        """
        self.conversation.delete(item_id)
        self.tell(ev.ItemDeleted(item_id))

    # What she says.

    def respond(self, request: ResponseRequest) -> str:
        """Begin a response; returns its id.

        Raises:
            Refused: another one is in progress.
        """
        if self._speaking.turn is not None:
            raise Refused(
                f"response '{self._speaking.turn.id}' is in progress; cancel it first or wait for its response.done",
                "conversation_already_has_active_response",
            )
        return self._speaking.start(request, self.options, Timings(self._clock())).id

    def cancel(self, response_id: str | None = None) -> None:
        """Interrupt the response in progress.

        Raises:
            Refused: there is none, or another one.
        """
        turn = self._speaking.turn
        if turn is None or response_id not in (None, turn.id):
            raise Refused("no such response is in progress", "response_cancel_not_active", "response_id")
        self._speaking.interrupt("client_cancelled")

    def clear_output(self) -> None:
        """Silence her, whatever she is saying."""
        if self._speaking.turn is not None:
            self._speaking.interrupt("client_cancelled")
        elif self._speaking.last is not None:
            self.tell(ev.OutputAudioCleared(self._speaking.last.id))

    def truncate_item(self, item_id: str, audio_end_ms: int) -> None:
        """Keep only what was heard of a reply's first `audio_end_ms`.

        Raises:
            ItemError: there is no such item.
            Refused: it is none of her last replies.
        """
        self._speaking.truncate(item_id, audio_end_ms)

    def drive(self, face: Coeffs, pose: Coeffs | None) -> None:
        """Show this face for now, in the place of hers (see `Puppet.drive`).

        Raises:
            Refused: there is no picture that it could be seen in.
        """
        if not self._outlet.drive(face, pose):
            raise Refused("this session shows no face: call over WebRTC with a video section, or ask for its motion")

    def _moved(self, coeffs: Coeffs, pts: int, turn: Turn | None) -> None:
        self.tell(ev.Moved(pts, turn.id if turn else None, coeffs))

    # Policy: what the ears may do to the mouth.

    @property
    def audible(self) -> bool:
        return self._speaking.audible

    def duck(self, ducked: bool) -> None:
        """Speak softly while somebody may be starting to speak."""
        if ducked and self._speaking.turn is not None:
            self._speaking.turn.timings.ducked = self._clock()
        self._outlet.duck(ducked)

    def barge_in(self) -> Timings | None:
        """The user speaks: whatever she is saying, or about to say, ends.

        Returns:
            The timings of a spoken question that she had not begun to answer.
        """
        turn = self._speaking.interrupt("turn_detected")
        if turn is None:
            self._speaking.cut_tail()
            return None
        return turn.timings if turn.timings.spoken and not turn.released else None

    def expect(self, text: str) -> None:
        """The user has probably finished, having said `text`."""
        if self._think_ahead:
            self._speaking.expect(text, self.options)

    def answer(self, timings: Timings) -> None:
        """The user has finished: her turn, unless she is speaking still."""
        if self._speaking.turn is None:
            self._speaking.start(ResponseRequest(), self.options, timings)

    def show_mood(self) -> None:
        """Let the client and the face know what she is doing, where that changed."""
        turn = self._speaking.turn
        mood: Mood = "idle"
        if self._hearing.user_speaks:
            mood = "listening"
        elif turn is not None and turn.audible:
            mood = "speaking" if turn.state == "speaking" else "thinking"
        if mood != self._mood:
            self._mood = mood
            self._outlet.show(mood)
            self.tell(ev.StateChanged(mood))
