"""When somebody begins to speak, whether they mean it, and when they are done. Pure: everything counts in samples."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from engines import Partial
from engines.media import MIC_RATE, Pcm
from pipeline.options import TurnDetection

WINDOW = 512
"""Samples the voice activity detector judges at once (32 ms)."""

ONSET_WINDOWS = 3
"""Windows of speech that make an onset (96 ms): a door or a click is shorter."""

CONFIRM_SAMPLES = MIC_RATE // 4
"""Speech that is meant (250 ms): a cough is shorter, and nobody waits longer for a voice to stop."""

DISMISS_SAMPLES = MIC_RATE * 32 // 100
"""Quiet after which an unconfirmed onset was nothing (320 ms): she resumes within 600 ms of a cough."""

KNOWN_PHRASE_STABLE = MIC_RATE // 5
"""A known phrase counts as finished once it stood unchanged for 200 ms: "how are you" may go on with "today"."""

PAUSE_SAMPLES = MIC_RATE * 16 // 100
"""Silence after which the user has probably finished (160 ms): a word's own silences, of its stops, are shorter."""

MAX_UTTERANCE = 30 * MIC_RATE
"""Longer utterances are cut: what the recognisers' models were made for, and a bound on what waits in memory."""

HYSTERESIS = 0.15
"""Speech ends this far below the threshold it begins at (silero-vad's `VADIterator`)."""

PLAYING_SHARE = 0.6
"""While she is audible the threshold moves this share of the way to 1: residual echo sounds like speech."""

ECHO_MARGIN_DB = 6.0
"""How far a person must rise above her own echo: twice its amplitude."""

ECHO_LEARNING = 10
"""Windows (320 ms) at the start of the first playback that only teach how loud the echo is."""

ECHO_DELAY = 10
"""Windows (320 ms) before what was no speech counts as echo: a soft first consonant is louder than any echo, and only
the vowel after it tells what it was."""

ECHO_LASTS = 3
"""Windows (96 ms) of the last 320 ms that must be as loud: a vowel's echo lasts so long. A cough or a bang does not,
and taken for an echo it made her deaf to whoever interrupted in the two seconds after it."""

ECHO_DECAY_DB = 6.0 * WINDOW / MIC_RATE
"""The remembered echo fades by 6 dB a second of playback, so that one loud moment does not deafen."""

SILENCE_DB = -96.0
"""Below one step of 16 bits."""


@dataclass(frozen=True, slots=True)
class Onset:
    """Something began that sounds like speech: duck at once."""

    at: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """It is speech. `at` is where it began."""

    at: int


@dataclass(frozen=True, slots=True)
class Dismissed:
    """It was a cough: resume."""

    at: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is over."""

    at: int
    """Where speech stopped."""
    decided_at: int
    """Where that was decided: the silence waited is the difference."""


Boundary = Onset | Confirmed | Dismissed | Ended


class Endpointer:
    """One microphone's turns, from the probability of speech in each window. Positions are samples at `MIC_RATE`."""

    def __init__(self) -> None:
        self._echo = EchoFloor()
        self.reset()

    def reset(self) -> None:
        """Forget the utterance in progress."""
        self._began: int | None = None
        self._confirmed = False
        self._run = 0
        self._run_start = 0
        self._voiced = 0
        self._last_voiced = 0
        self._silence = 0
        self._text = ""
        self._text_since = 0

    @property
    def active(self) -> bool:
        """Something began that has neither ended nor been dismissed."""
        return self._began is not None

    @property
    def confirmed(self) -> bool:
        return self._confirmed

    @property
    def pausing(self) -> bool:
        """The user, who meant to speak, has probably finished."""
        return self._confirmed and self._silence >= PAUSE_SAMPLES

    def step(
        self, detection: TurnDetection, at: int, probability: float, level: float, *, playing: bool, partial: Partial
    ) -> Boundary | None:
        """Judge one window.

        Args:
            at: its first sample.
            level: its loudness in dB of full scale (`loudness`).
            playing: she is audible, so that what is heard may be her echo.
            partial: what the recogniser understood of the windows before.
        """
        threshold = detection.threshold
        if playing:
            threshold += (1.0 - threshold) * PLAYING_SHARE
        if playing and not self.active and self._echo.learning:
            self._echo.hear(level)
            return None
        above_echo = not playing or self._echo.exceeded_by(level)
        if self._began is None:
            return self._await_onset(
                at, probability >= threshold and above_echo, probability, threshold, level, playing
            )
        self._follow(at, probability >= threshold - HYSTERESIS and above_echo, partial)
        return self._judge(detection, at + WINDOW, partial)

    def _await_onset(
        self, at: int, speech: bool, probability: float, threshold: float, level: float, playing: bool
    ) -> Onset | None:
        if not speech:
            if probability < threshold - HYSTERESIS:
                self._run = 0
            if playing:
                self._echo.hear(level)
            return None
        if self._run == 0:
            self._run_start = at
            self._echo.doubt()
        self._run += 1
        if self._run < ONSET_WINDOWS:
            return None
        self._began = self._run_start
        self._voiced = self._run * WINDOW
        self._last_voiced = at + WINDOW
        self._run = 0
        return Onset(self._began)

    def _follow(self, at: int, speech: bool, partial: Partial) -> None:
        if speech:
            self._voiced += WINDOW
            self._last_voiced = at + WINDOW
        if partial.text != self._text:
            self._text, self._text_since = partial.text, at

    def _judge(self, detection: TurnDetection, now: int, partial: Partial) -> Boundary | None:
        assert self._began is not None
        known = partial.complete and bool(partial.text)
        silence = self._silence = now - self._last_voiced
        if not self._confirmed:
            if known or self._voiced >= CONFIRM_SAMPLES:
                self._confirmed = True
                return Confirmed(self._began)
            if silence >= DISMISS_SAMPLES:
                self.reset()
                return Dismissed(now)
            return None
        patience = detection.silence_ms
        if known and now - self._text_since >= KNOWN_PHRASE_STABLE:
            patience = min(patience, detection.known_phrase_silence_ms)
        if silence >= in_samples(patience):
            ended = Ended(self._last_voiced, now)
        elif now - self._began >= MAX_UTTERANCE:
            ended = Ended(now, now)
        else:
            return None
        self.reset()
        return ended


class EchoFloor:
    """How loud her own voice comes back through the microphone lately."""

    def __init__(self) -> None:
        self._floor = SILENCE_DB
        self._heard = 0
        self._recent: deque[float] = deque()

    @property
    def learning(self) -> bool:
        return self._heard < ECHO_LEARNING

    def hear(self, level: float) -> None:
        """Take a window in which nobody else spoke, as far as is known now: it counts once that is sure."""
        self._heard += 1
        self._recent.append(level)
        while len(self._recent) > (0 if self.learning else ECHO_DELAY):
            lasting = sorted(self._recent)[-ECHO_LASTS:][0]
            self._floor = max(min(self._recent.popleft(), lasting), self._floor - ECHO_DECAY_DB)

    def doubt(self) -> None:
        """Somebody may have begun to speak: what was heard last was a soft first consonant, and no echo."""
        self._recent.clear()

    def exceeded_by(self, level: float) -> bool:
        return level > self._floor + ECHO_MARGIN_DB


def in_samples(milliseconds: float) -> int:
    return int(milliseconds * MIC_RATE / 1000)


def loudness(pcm: Pcm) -> float:
    """Root mean square in dB of full scale; `SILENCE_DB` for digital silence."""
    power = float(np.mean(np.square(pcm, dtype=np.float32))) / 32768.0**2 if len(pcm) else 0.0
    return max(SILENCE_DB, 10.0 * math.log10(power)) if power > 0.0 else SILENCE_DB
