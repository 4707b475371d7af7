"""The microphone's samples to what was said: voice activity, end of turn, recognition.

No clock is read: everything counts in samples of the microphone, so a file sent at once is heard like a person who
speaks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engines import ASR, RemoteASR, VADStream
from engines.media import MIC_RATE, Pcm
from pipeline.endpointing import (
    WINDOW,
    Boundary,
    Confirmed,
    Dismissed,
    Ended,
    Endpointer,
    Onset,
    in_samples,
    loudness,
)
from pipeline.options import TurnDetection
from pipeline.utterance import NOTHING, Expected, Heard, Misunderstood, Transcriber, Understood, Utterance
from pipeline.worker import Worker

ListenerEvent = Onset | Confirmed | Dismissed | Heard | Expected | Ended | Understood | Misunderstood

MAX_BACKLOG = 60 * MIC_RATE
"""Samples that may wait. A microphone in real time never has more than a few windows waiting; a client that sends a
recording over the WebSocket sends it at once. What exceeds a minute (2 MB) is dropped, the oldest first."""

MIN_COMMIT = MIC_RATE // 10
"""Shorter commits count as empty (100 ms), as OpenAI's do."""

MAX_PUSH_TO_TALK = 120 * MIC_RATE
"""Push to talk takes two minutes; what comes after is dropped until it is committed or cleared."""

MAX_PREFIX_MS = 5000
"""The most audio kept from before an onset, whatever a client asks for."""


@dataclass(frozen=True, slots=True)
class _Audio:
    at: int
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class _Commit:
    """End the utterance here."""


@dataclass(frozen=True, slots=True)
class _Clear:
    """Forget what came before."""


class Listener:
    """One session's ears. Positions are samples at `MIC_RATE` since the session began."""

    def __init__(
        self,
        vad: VADStream,
        asr: ASR | RemoteASR,
        vad_worker: Worker,
        asr_worker: Worker,
        on_event: Callable[[ListenerEvent], None],
        detection: TurnDetection | None,
    ) -> None:
        """
        Args:
            vad_worker: steps `vad`.
            asr_worker: steps `asr`, which may fall behind.
            on_event: called in the event loop, in order; must not block.
            detection: when a turn ends; None for push to talk.
        """
        self.detection = detection
        self.playing = False
        """She is audible: what is heard may be her echo."""
        self.dropped = 0
        """Samples that found no room."""
        self._vad = vad
        self._worker = vad_worker
        self._emit = on_event
        self._endpointer = Endpointer()
        self._transcriber = Transcriber(asr, asr_worker, on_event, self._on_partial)
        self._inbox: deque[_Audio | _Commit | _Clear] = deque()
        self._arrived = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._received = 0
        self._waiting = 0
        self._uncommitted = 0
        self._rest = _Audio(0, np.zeros(0, np.int16))
        self._recent: deque[Pcm] = deque()
        self._utterance: Utterance | None = None
        self._expected = ""

    def feed(self, pcm: Pcm) -> None:
        """Take int16[n], any n, at `MIC_RATE`. Never blocks."""
        excess = max(0, len(pcm) - MAX_BACKLOG)
        self.dropped += excess
        self._received += excess
        pcm = pcm[excess:]
        self._inbox.append(_Audio(self._received, pcm))
        self._received += len(pcm)
        self._waiting += len(pcm)
        self._uncommitted += len(pcm)
        while self._waiting > MAX_BACKLOG:
            self._drop_oldest()
        self._arrived.set()
        self._caught_up.clear()

    async def caught_up(self) -> None:
        """Until everything that was fed has been heard, and its events were told."""
        await self._caught_up.wait()

    def commit(self) -> bool:
        """End the utterance here; `Understood` or `Misunderstood` follows. False where there is nothing to end."""
        if self._uncommitted < MIN_COMMIT:
            return False
        self._uncommitted = 0
        self._inbox.append(_Commit())
        self._arrived.set()
        return True

    def clear(self) -> None:
        """Forget everything since the last commit."""
        self._uncommitted = 0
        self._inbox.append(_Clear())
        self._arrived.set()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._transcriber.run())
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._inbox:
                    await self._take(self._inbox.popleft())
                self._caught_up.set()

    async def _take(self, item: _Audio | _Commit | _Clear) -> None:
        match item:
            case _Audio(at, pcm):
                self._waiting -= len(pcm)
                await self._take_audio(at, pcm)
            case _Commit():
                self._hear_rest()
                self._finish()
                self._stop_waiting()
            case _Clear():
                self._abandon()

    async def _take_audio(self, at: int, pcm: Pcm) -> None:
        rest = self._rest
        if rest.at + len(rest.pcm) == at:
            at, pcm = rest.at, np.concatenate([rest.pcm, pcm])
        whole = len(pcm) // WINDOW * WINDOW
        for start in range(0, whole, WINDOW):
            await self._hear(at + start, pcm[start : start + WINDOW])
        self._rest = _Audio(at + whole, pcm[whole:])

    def _hear_rest(self) -> None:
        """The last part of a window, of an utterance that is committed."""
        rest, self._rest = self._rest, _Audio(self._rest.at + len(self._rest.pcm), np.zeros(0, np.int16))
        if self._utterance is not None and len(rest.pcm):
            self._transcriber.feed(self._utterance, rest.pcm)

    async def _hear(self, at: int, window: Pcm) -> None:
        detection = self.detection
        if detection is None:
            self._hold(window)
            return
        if self._utterance is not None and not self._endpointer.active:
            # Push to talk was switched off in the middle of an utterance.
            self._abandon()
        probability = await self._worker.call(self._vad.step, window)
        partial = self._utterance.partial if self._utterance is not None else NOTHING
        boundary = self._endpointer.step(
            detection, at, probability, loudness(window), playing=self.playing, partial=partial
        )
        if self._utterance is not None:
            self._transcriber.feed(self._utterance, window)
        else:
            self._recent.append(window)
        self._cross(boundary)
        self._expect()
        if self._utterance is None:
            self._forget_before(in_samples(min(detection.prefix_ms, MAX_PREFIX_MS)))

    def _cross(self, boundary: Boundary | None) -> None:
        match boundary:
            case None:
                return
            case Onset():
                self._emit(boundary)
                self._utterance = Utterance()
                self._transcriber.feed(self._utterance, np.concatenate(self._recent))
                self._recent.clear()
            case Confirmed():
                self._emit(boundary)
                self._tell_partial()
            case Dismissed():
                self._emit(boundary)
                self._forget_utterance()
            case Ended():
                self._uncommitted = 0
                self._emit(boundary)
                self._finish()

    def _expect(self) -> None:
        """Tell the words at which the user pauses, and again where the recogniser changes its mind meanwhile."""
        utterance = self._utterance
        text = utterance.partial.text if utterance is not None and self._endpointer.pausing else ""
        if text and text != self._expected:
            self._emit(Expected(text))
        self._expected = text

    def _hold(self, window: Pcm) -> None:
        """Push to talk: everything belongs to the utterance."""
        if self._utterance is None:
            self._utterance = Utterance()
        self._stop_waiting()
        if self._utterance.samples < MAX_PUSH_TO_TALK:
            self._transcriber.feed(self._utterance, window)
        else:
            self.dropped += len(window)

    def _on_partial(self, utterance: Utterance) -> None:
        if utterance is self._utterance:
            self._tell_partial()

    def _tell_partial(self) -> None:
        text = self._utterance.partial.text if self._utterance is not None else ""
        if text and (self.detection is None or self._endpointer.confirmed):
            self._emit(Heard(text))

    def _finish(self) -> None:
        """Hand the utterance over; silence that was committed has nothing to recognise."""
        utterance = self._utterance or Utterance()
        self._utterance = None
        self._transcriber.finish(utterance)

    def _abandon(self) -> None:
        self._stop_waiting()
        self._forget_utterance()
        self._rest = _Audio(self._rest.at + len(self._rest.pcm), np.zeros(0, np.int16))
        self._recent.clear()

    def _stop_waiting(self) -> None:
        """Nobody decides any more when what was begun ends."""
        if self._endpointer.active and not self._endpointer.confirmed:
            self._emit(Dismissed(self._rest.at))
        self._endpointer.reset()

    def _forget_utterance(self) -> None:
        if self._utterance is not None:
            self._utterance.dropped = True
            self._utterance = None

    def _forget_before(self, prefix: int) -> None:
        """Keep the prefix, and what may become an onset after it."""
        keep = -(-prefix // WINDOW) + 2
        while len(self._recent) > keep:
            self._recent.popleft()

    def _drop_oldest(self) -> None:
        for place, item in enumerate(self._inbox):
            if isinstance(item, _Audio):
                del self._inbox[place]
                self._waiting -= len(item.pcm)
                self.dropped += len(item.pcm)
                return
