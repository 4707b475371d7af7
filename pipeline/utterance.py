"""One utterance on its way to words, by a local recogniser while it is spoken, or by a remote one once it is whole."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeGuard, cast

import numpy as np

from engines import ASR, ASRStream, Partial, RemoteASR, Transcript, TranscriptionError
from engines.media import MIC_RATE, Pcm
from pipeline.worker import Worker

MAX_WAITING = 4
"""Utterances that may wait for a slow recogniser; a person who said more than that wants to be told."""

MAX_BEHIND = 120 * MIC_RATE
"""Samples that may wait for a slow recogniser: two minutes, the longest push to talk."""

BROKEN = "the speech recogniser failed"
BEHIND = "the speech recogniser is too slow: too many utterances wait for it"
NOTHING = Partial("", complete=False)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was understood so far of the utterance in progress: the whole of it, and it may still change."""

    text: str


@dataclass(frozen=True, slots=True)
class Expected:
    """The user has probably finished, having said this."""

    text: str


@dataclass(frozen=True, slots=True)
class Understood:
    """An utterance's words; empty where there were none."""

    transcript: Transcript
    seconds: float
    """Length of its audio."""


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """The recogniser failed; `message` is fit for a client to read."""

    message: str
    seconds: float


@dataclass(slots=True, eq=False)
class Utterance:
    """What was said since the last end of turn."""

    samples: int = 0
    partial: Partial = NOTHING
    """What is understood of it so far; lags behind `samples` on a machine that is busy."""
    stream: ASRStream | None = None
    pcm: list[Pcm] = field(default_factory=list[Pcm])
    """Kept for a remote recogniser alone."""
    failed: str | None = None
    dropped: bool = False
    """It was none: nobody asks for its words."""


class Transcriber:
    """Feeds utterances to the recogniser and tells their words, in the order in which they ended.

    Nobody waits for it: a recogniser that falls behind must not delay what interrupts her.
    """

    def __init__(
        self,
        asr: ASR | RemoteASR,
        worker: Worker,
        on_words: Callable[[Understood | Misunderstood], None],
        on_partial: Callable[[Utterance], None],
    ) -> None:
        self._remote = asr if _is_remote(asr) else None
        self._local = None if _is_remote(asr) else cast(ASR, asr)
        self._worker = worker
        self._emit = on_words
        self._on_partial = on_partial
        self._jobs: deque[tuple[Utterance, Pcm | None]] = deque()
        self._arrived = asyncio.Event()
        self._ended = 0
        self._behind = 0

    def feed(self, utterance: Utterance, pcm: Pcm) -> None:
        """Its next samples. A recogniser that fails is asked no more; the utterance remembers why."""
        utterance.samples += len(pcm)
        if utterance.failed is not None:
            return
        if self._local is None:
            utterance.pcm.append(pcm)
        elif self._behind > MAX_BEHIND:
            utterance.failed = BEHIND
        else:
            self._behind += len(pcm)
            self._add(utterance, pcm)

    def finish(self, utterance: Utterance) -> None:
        """No more comes; `Understood` or `Misunderstood` will follow."""
        if self._ended >= MAX_WAITING:
            utterance.failed = BEHIND
            utterance.pcm.clear()
        self._ended += 1
        self._add(utterance, None)

    async def run(self) -> None:
        """Recognise until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._jobs:
                utterance, pcm = self._jobs.popleft()
                if pcm is None:
                    self._ended -= 1
                    self._tell(utterance, await self._transcribe(utterance))
                else:
                    await self._recognise(utterance, self._rest_of(utterance, pcm))

    def _add(self, utterance: Utterance, pcm: Pcm | None) -> None:
        self._jobs.append((utterance, pcm))
        self._arrived.set()

    def _rest_of(self, utterance: Utterance, pcm: Pcm) -> Pcm:
        """What waits of the utterance, in one piece: who is behind catches up with fewer steps."""
        pieces = [pcm]
        while self._jobs and self._jobs[0][0] is utterance and self._jobs[0][1] is not None:
            pieces.append(self._jobs[0][1])
            self._jobs.popleft()
        return np.concatenate(pieces) if len(pieces) > 1 else pcm

    async def _recognise(self, utterance: Utterance, pcm: Pcm) -> None:
        self._behind -= len(pcm)
        if utterance.dropped or utterance.failed is not None or self._local is None:
            return
        try:
            partial = await self._worker.call(_step, self._local, utterance, pcm)
        except Exception as error:
            _fail(utterance, error)
            return
        if partial != utterance.partial:
            utterance.partial = partial
            self._on_partial(utterance)

    def _tell(self, utterance: Utterance, transcript: Transcript | None) -> None:
        seconds = utterance.samples / MIC_RATE
        if transcript is None:
            self._emit(Misunderstood(utterance.failed or BROKEN, seconds))
        else:
            self._emit(Understood(transcript, seconds))

    async def _transcribe(self, utterance: Utterance) -> Transcript | None:
        if utterance.failed is not None:
            return None
        try:
            if self._remote is not None and utterance.pcm:
                return await self._remote.transcribe(np.concatenate(utterance.pcm))
            if utterance.stream is None:
                return Transcript("")
            return await self._worker.call(utterance.stream.finish)
        except Exception as error:
            _fail(utterance, error)
            return None


def _step(asr: ASR, utterance: Utterance, pcm: Pcm) -> Partial:
    if utterance.stream is None:
        utterance.stream = asr.stream()
    utterance.stream.feed(pcm)
    return utterance.stream.partial()


def _fail(utterance: Utterance, error: Exception) -> None:
    utterance.stream = None
    utterance.pcm.clear()
    if isinstance(error, TranscriptionError):
        utterance.failed = str(error)
        log.warning("an utterance was not transcribed: %s", error)
    else:
        utterance.failed = BROKEN
        log.error("the speech recogniser failed", exc_info=error)


def _is_remote(asr: ASR | RemoteASR) -> TypeGuard[RemoteASR]:
    return hasattr(asr, "transcribe")
