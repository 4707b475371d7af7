"""Speech to the face: the learned mouth, the contacts that it must make, and how it is said.

Frame k is a function of the samples before `(k + 1 + LOOKAHEAD) * 960`, of the phones that begin before that sample,
and of the frames before it; never of how the audio was cut into chunks.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from engines import Gesture
from engines.media import SAMPLES_PER_FRAME, AudioChunk, Pcm, TimedPhone
from engines.motion.closures import Closures
from engines.motion.features import read_phones
from engines.motion.model import LIPS, LOOKAHEAD, Lips, MotionModel, State, expand
from engines.motion.prosody import ProsodyReader
from engines.motion.style import Style
from engines.motion.visemes import Seal

_EASE_FRAMES = 3
"""A phrase grows out of rest, or out of the phrase before it, within 120 ms: JALI's onset of a lip gesture."""

_HELD_PHONES = 64
"""Phones kept behind the sound: more than a second of them."""


def _lips(**values: float) -> Lips:
    return np.array([values.get(name, 0.0) for name in LIPS], np.float32)


_CONTACTS: dict[Seal, tuple[Lips, Lips]] = {
    "lip and teeth": (
        _lips(jawOpen=0.06, mouthRollLower=0.4, mouthUpperUp=0.16),
        _lips(
            jawOpen=1, mouthClose=1, mouthFunnel=1, mouthPucker=0.5, mouthUpperUp=1, mouthLowerDown=1,
            mouthStretch=0.3, mouthPress=1, mouthRollLower=1, mouthRollUpper=1, mouthShrugUpper=1,
        ),
    ),
    # A funnel would part the lips, a pucker doesn't ("boo").
    "lips": (
        _lips(mouthPress=0.42, mouthRollLower=0.28, mouthRollUpper=0.24),
        _lips(
            jawOpen=1, mouthClose=1, mouthFunnel=1, mouthPucker=0.4, mouthUpperUp=1, mouthLowerDown=1,
            mouthStretch=0.5, mouthSmile=0.3, mouthPress=1, mouthRollLower=1, mouthRollUpper=1, mouthShrugUpper=1,
        ),
    ),
}  # fmt: skip
"""What the mouth is while something touches, and how far each shape must follow; the rest stays with its neighbours."""


class SpeechMotion:
    """The embedded speech-to-motion model."""

    def __init__(self, model: MotionModel, style: Style | None = None) -> None:
        """`style` is the person's, whose face is moved; without one the mouth moves as it was learned."""
        self._model = model
        self._style = style

    def stream(self) -> SpeechMotionStream:
        return SpeechMotionStream(self._model, self._style)


class SpeechMotionStream:
    """See `engines.MotionStream`."""

    def __init__(self, model: MotionModel, style: Style | None) -> None:
        self._model = model
        self._style = style
        self._state: State | None = None
        self._last: Lips = np.zeros(len(LIPS), np.float32)
        self._begin()

    def push(self, chunk: AudioChunk) -> list[Gesture]:
        """Take a piece of the phrase; returns the frames that are now certain.

        Phones are of the phrase, in their order, none later than its first sample.
        """
        for phone in chunk.phones:
            self._phones.append(phone)
            self._closures.add(phone)
        self._samples += len(chunk.pcm)
        pcm = np.concatenate([self._rest, chunk.pcm])
        whole = len(pcm) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME
        self._rest = pcm[whole:]
        return [
            gesture
            for start in range(0, whole, SAMPLES_PER_FRAME)
            for gesture in self._hear(pcm[start : start + SAMPLES_PER_FRAME])
        ]

    def flush(self) -> list[Gesture]:
        """End the phrase: the rest of its frames; ready for the next phrase."""
        frames: list[Gesture] = []
        count = -(-self._samples // SAMPLES_PER_FRAME)
        if count:
            silence = np.zeros(count * SAMPLES_PER_FRAME - self._samples, np.int16)
            missing = [np.concatenate([self._rest, silence])] if len(self._rest) else []
            self._ends = count
            for block in [*missing, *[np.zeros(SAMPLES_PER_FRAME, np.int16)] * LOOKAHEAD]:
                frames += self._hear(block)
        self._begin()
        return frames

    def _begin(self) -> None:
        self._state = self._model.phrase(self._state)
        self._prosody = ProsodyReader()
        self._closures = Closures()
        self._phones: list[TimedPhone] = []
        self._rest: Pcm = np.zeros(0, np.int16)
        self._samples = self._block = 0
        self._ends = -1
        self._from = self._last

    def _hear(self, pcm: Pcm) -> list[Gesture]:
        """One block: the frame `LOOKAHEAD` before it, once there is one."""
        block = self._block
        self._block += 1
        assert self._state is not None
        self._forget(block)
        self._state, lips, sound = self._model.step(self._state, pcm, read_phones(self._phones, block))
        self._prosody.hear(sound)
        frame = block - LOOKAHEAD
        if frame < 0:
            return []
        shaped = self._shaped(lips, frame)
        coeffs = self._style.expand(shaped) if self._style else expand(shaped)
        return [Gesture(coeffs, self._prosody.next(self._phones, frame, last=frame + 1 == self._ends))]

    def _shaped(self, lips: Lips, frame: int) -> Lips:
        """The mouth as this person has it, out of where the last phrase ended, with the contacts made."""
        if self._style is not None:
            lips = self._style.of(lips)
        onset = min(1.0, (frame + 1) / (_EASE_FRAMES + 1))
        lips = (self._from + np.float32(onset) * (lips - self._from)).astype(np.float32)
        moment, horizon = (frame + 0.5) * SAMPLES_PER_FRAME, (frame + 1 + LOOKAHEAD) * SAMPLES_PER_FRAME
        for seal, (contact, binds) in _CONTACTS.items():
            closed = self._closures.at(seal, moment, horizon)
            if closed:
                lips = (lips + np.float32(closed) * binds * (np.float32(onset) * contact - lips)).astype(np.float32)
        self._last = lips
        return lips

    def _forget(self, block: int) -> None:
        """Drop phones long past."""
        past = bisect_right(self._phones, block * SAMPLES_PER_FRAME, key=lambda phone: phone.start)
        if past > 2 * _HELD_PHONES:
            del self._phones[: past - _HELD_PHONES]
