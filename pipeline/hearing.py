"""From what the listener notices to what comes of it: items, transcripts, barge-in, the next turn."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engines import ASR, VAD, RemoteASR
from engines.media import MIC_RATE, Pcm
from pipeline import events as ev
from pipeline.conversation import Conversation, Item, Part
from pipeline.listener import (
    Confirmed,
    Dismissed,
    Ended,
    Expected,
    Heard,
    Listener,
    ListenerEvent,
    Misunderstood,
    Onset,
    Understood,
)
from pipeline.options import SessionOptions, TurnDetection
from pipeline.refused import Refused
from pipeline.turn import Timings
from pipeline.worker import Worker


class Host(Protocol):
    """What the ears need of their session."""

    options: SessionOptions
    conversation: Conversation

    @property
    def audible(self) -> bool: ...
    def duck(self, ducked: bool) -> None: ...
    def barge_in(self) -> Timings | None: ...
    def expect(self, text: str) -> None: ...
    def answer(self, timings: Timings) -> None: ...
    @property
    def tell(self) -> Callable[[ev.SessionEvent], None]: ...
    def show_mood(self) -> None: ...


@dataclass(slots=True)
class Utterance:
    """Something said that is not understood yet."""

    item: Item
    timings: Timings
    answer: bool
    """A response follows by itself."""


class Hearing:
    """The user's side of a session."""

    def __init__(
        self, host: Host, vad: VAD, asr: ASR | RemoteASR, workers: tuple[Worker, Worker], clock: Callable[[], float]
    ) -> None:
        self.user_speaks = False
        self.understood = asyncio.Event()
        """Nothing that was said still waits for its transcript."""
        self.understood.set()
        self._host = host
        self._clock = clock
        self.received = 0
        """Samples of the microphone so far."""
        self._item_id = _new_id()
        self._partial = ""
        self._waiting: deque[Utterance] = deque()
        self._owed: Timings | None = None
        """Something was asked and not answered: by whatever comes next, it is."""
        self._listener = Listener(vad.stream(), asr, *workers, self._on_event, host.options.turn_detection)

    async def run(self) -> None:
        await self._listener.run()

    def detect(self, detection: TurnDetection | None) -> None:
        self._listener.detection = detection
        if detection is None:
            self._stop_listening()
            self._host.duck(False)
            self._host.show_mood()

    def feed(self, pcm: Pcm) -> None:
        self.received += len(pcm)
        self._listener.playing = self._host.audible
        self._listener.feed(pcm)

    async def caught_up(self) -> None:
        await self._listener.caught_up()

    def commit(self) -> None:
        """End the utterance here.

        Raises:
            Refused: nothing was said since the last one.
        """
        if not self._listener.commit():
            raise Refused(
                "the input audio buffer is empty; append audio before you commit it", "input_audio_buffer_commit_empty"
            )
        self._stop_listening()
        self._commit_item(Timings(self._clock(), spoken=True), answer=False)

    def clear(self) -> None:
        self._listener.clear()
        self._partial = ""
        self._owed = None
        self._stop_listening()
        self._host.tell(ev.AudioCleared())
        self._host.show_mood()

    def _on_event(self, event: ListenerEvent) -> None:
        match event:
            case Onset():
                if self._host.audible and self._interrupts:
                    self._host.duck(True)
            case Dismissed():
                self._host.duck(False)
            case Confirmed(at):
                self._speech_started(at)
            case Heard(text):
                self._partially(text)
            case Expected(text):
                if self._answers and not self._waiting:
                    self._host.expect(text)
            case Ended(at):
                self._speech_stopped(at)
            case Understood(transcript, seconds):
                self._understood(transcript.text, seconds)
            case Misunderstood(message, _):
                self._misunderstood(message)

    @property
    def _interrupts(self) -> bool:
        detection = self._host.options.turn_detection
        return detection is not None and detection.interrupt_response

    @property
    def _answers(self) -> bool:
        detection = self._host.options.turn_detection
        return detection is not None and detection.create_response

    def _speech_started(self, at: int) -> None:
        self.user_speaks = True
        self._partial = ""
        detection = self._host.options.turn_detection
        prefix_ms = detection.prefix_ms if detection is not None else 0
        self._host.tell(ev.SpeechStarted(self._item_id, max(0, at * 1000 // MIC_RATE - prefix_ms)))
        if self._interrupts:
            self._owed = self._host.barge_in() or self._owed
        self._host.duck(False)
        self._host.show_mood()

    def _partially(self, text: str) -> None:
        # Deltas can only append: where the recogniser changed its mind, the client waits for the whole.
        if self._host.options.transcribe and text.startswith(self._partial) and text != self._partial:
            self._host.tell(ev.InputTranscriptDelta(self._item_id, text[len(self._partial) :]))
            self._partial = text

    def _stop_listening(self, at: int | None = None) -> None:
        """Tell that speech is over, where its start was told: at `at`, or here where the client itself ends it."""
        if self.user_speaks:
            self.user_speaks = False
            self._host.tell(ev.SpeechStopped(self._item_id, (self.received if at is None else at) * 1000 // MIC_RATE))

    def _speech_stopped(self, at: int) -> None:
        self._stop_listening(at)
        now = self._clock()
        timings = Timings(now - (self.received - at) / MIC_RATE, spoken=True, decided=now)
        self._commit_item(timings, answer=self._answers)

    def _commit_item(self, timings: Timings, *, answer: bool) -> None:
        item = Item(self._item_id, "user", [Part("input_audio", None)])
        self._item_id = _new_id()
        self._partial = ""
        previous = self._host.conversation.add(item)
        self._waiting.append(Utterance(item, timings, answer))
        self.understood.clear()
        self._host.tell(ev.AudioCommitted(item.id, previous))
        self._host.tell(ev.ItemAdded(item, previous))
        self._host.tell(ev.ItemDone(item, previous))
        self._host.show_mood()

    def _understood(self, text: str, seconds: float) -> None:
        said = self._next_waiting()
        said.item.parts[0].text = text
        said.timings.transcript = self._clock()
        if self._host.options.transcribe:
            self._host.tell(ev.InputTranscriptCompleted(said.item.id, text, seconds))
        if said.answer and text:
            self._owed = said.timings
        self._answer()
        self._host.show_mood()

    def _misunderstood(self, message: str) -> None:
        said = self._next_waiting()
        self._host.tell(ev.InputTranscriptFailed(said.item.id, message))
        self._answer()
        self._host.show_mood()

    def _answer(self) -> None:
        """Somebody who goes on talking gets one answer to all of it; a breath meanwhile doesn't cost the answer."""
        if self._owed is not None and not self.user_speaks and not self._waiting:
            owed, self._owed = self._owed, None
            self._host.answer(owed)

    def _next_waiting(self) -> Utterance:
        said = self._waiting.popleft()
        if not self._waiting:
            self.understood.set()
        return said


def _new_id() -> str:
    return f"item_{secrets.token_hex(12)}"
