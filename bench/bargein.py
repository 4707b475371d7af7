"""What an interruption did, as the interrupter perceives it: when she stepped back, fell silent and kept still."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.clocks import Offset, asks, clock_offset
from bench.mouth import Mouth
from bench.recording import Recording, Step
from engines.align import WordAligner

PACKET_S = 0.02

SILENT_S = 0.3
"""After what was said to interrupt her, in which a voice that still goes on has not been interrupted."""

LOOK_S = 1.0
"""How long her face is watched after she fell silent, and a request to fall silent after it was made."""

STILL_RUN = 5
"""Pictures without movement that make a still face: 200 ms; lips rest for less between words."""

DUCKED = 0.6
"""Share of the reference's amplitude below which she has stepped back: half way, in dB, to the usual -6 to -12 dB."""

ALIKE = 0.1
"""Median deviation from the reference's loudness, packet by packet, up to which an answer is the same sound."""

LOUD = 100
"""Root mean square of a packet from which its gain can be told: ten times what the codec makes of silence."""

SHIFT = 3
"""Packets by which an answer may start apart from the reference."""

LEAD = 25
"""Packets (0.5 s) that two answers are aligned by."""


@dataclass(frozen=True, slots=True)
class BargeIn:
    """One interruption; moments on the user's clock, None where unknown."""

    by_voice: bool
    onset: float
    """First voiced sample spoken, or the request."""
    missed: bool
    ducked: float | None = None
    """Arrival of the first packet that is plainly softer than the same words were without an interruption."""
    server_ducked: float | None = None
    committed: float | None = None
    """The server decided that it is an interruption."""
    silent: float | None = None
    """Arrival of her last voiced packet."""
    still: float | None = None
    """Arrival of the last picture in which her mouth moved."""
    heard_error_words: int | None = None
    """Words by which the server's history is off from what had arrived."""


class Reference:
    """One answer that was heard out: what the others, of the same text and voice, are compared with."""

    def __init__(self, recording: Recording) -> None:
        """Looks for it: the first answer that a `listen: end` follows."""
        self.pcm: NDArray[np.int16] | None = None
        self.ends: list[int] = []
        """Samples at 24 kHz, from its first voiced packet, at which each of its words ends."""
        steps = recording.steps
        for place, step in enumerate(steps[1:], 1):
            if step.kind == "listen" and steps[place - 1].kind in ("type", "say"):
                self._keep(recording, steps[place - 1], steps[place + 1 :])
                return

    def _keep(self, recording: Recording, asked: Step, rest: list[Step]) -> None:
        until = rest[0].began if rest else np.inf
        inside = [k for k, s in enumerate(recording.sounds) if s.voiced and asked.began <= s.arrived < until]
        if not inside:
            return
        self.pcm = recording.pcm[inside[0] : inside[-1] + 1]
        said = next((text for at, text in _transcripts(recording) if asked.began <= at < until), None)
        if said is not None:
            self.ends = [word.end for word in WordAligner().align(said, self.pcm.reshape(-1))]

    def words_in(self, packets: int) -> int | None:
        """Whole words in its first packets; None where they can't be told."""
        return sum(end <= packets * 480 for end in self.ends) if self.ends else None


def barge_ins(recording: Recording, mouth: Mouth | None) -> list[BargeIn]:
    """Every interruption of the conversation, in order."""
    reference, offset = Reference(recording), clock_offset(recording.readings)
    steps = recording.steps
    return [
        _one(recording, place, mouth, reference, offset)
        for place, step in enumerate(steps)
        if step.kind == "interrupt" and not (place and _helped(steps[place - 1], step))
    ]


def _helped(before: Step, step: Step) -> bool:
    """A request that only follows an interruption by voice which did not work."""
    return before.kind == "interrupt" and before.spoken and not step.spoken and _late(before, step)


def _late(before: Step, step: Step) -> bool:
    return before.ends is not None and step.began - before.ends > SILENT_S and before.ends > before.began


def _one(recording: Recording, place: int, mouth: Mouth | None, reference: Reference, offset: Offset | None) -> BargeIn:
    step = recording.steps[place]
    onset = step.began if step.onset is None else step.onset
    limit = onset + LOOK_S if step.ends is None else max(step.ends + SILENT_S, onset + LOOK_S)
    arrived = np.array([sound.arrived for sound in recording.sounds if sound.voiced])
    inside = arrived[(arrived >= onset) & (arrived < limit)]
    silent = float(inside[-1]) if len(inside) else onset
    missed = silent > limit - SILENT_S / 2 or (step.spoken and not _cancelled(recording, onset, limit))
    server = _server_moments(recording, onset, limit, offset)
    if missed:
        return BargeIn(step.spoken, onset, True, server_ducked=server.get("ducked"))
    after = arrived[arrived > limit]
    until = min(silent + LOOK_S, float(after[0]) - 0.2 if len(after) else np.inf)
    first = _began(recording, step)
    return BargeIn(
        by_voice=step.spoken,
        onset=onset,
        missed=False,
        ducked=_ducked(recording, reference, first, onset, silent) if step.spoken else None,
        server_ducked=server.get("ducked"),
        committed=server.get("interrupted"),
        silent=silent,
        still=mouth.still_from(silent, until, STILL_RUN) if mouth else None,
        heard_error_words=_heard_error(recording, reference, first, onset, silent),
    )


def _cancelled(recording: Recording, since: float, until: float) -> bool:
    """The server says that she was interrupted; where it says nothing at all, the sound has to tell."""
    kinds = [event["type"] for at, event in recording.events if since <= at < until]
    speaks = any(event["type"] == "response.done" for _, event in recording.events)
    return not speaks or "response.done" in kinds


def _server_moments(recording: Recording, since: float, until: float, offset: Offset | None) -> dict[str, float]:
    if offset is None:
        return {}
    for at, event in recording.events:
        if event["type"] == "visavis.turn.timing" and event["final"] and since <= at < until:
            start = event["start_s"] - offset.seconds
            return {
                name: start + event[f"{name}_ms"] / 1000
                for name in ("ducked", "interrupted")
                if event.get(f"{name}_ms") is not None
            }
    return {}


def _began(recording: Recording, interruption: Step) -> int | None:
    """Index of the first voiced packet of the answer that was interrupted."""
    asked = [step for step in recording.steps if asks(step) and step.began < interruption.began]
    if not asked:
        return None
    since = asked[-1].began if asked[-1].ends is None else asked[-1].ends
    return next((k for k, s in enumerate(recording.sounds) if s.voiced and s.arrived >= since), None)


def _ducked(recording: Recording, reference: Reference, first: int | None, onset: float, silent: float) -> float | None:
    if reference.pcm is None or first is None:
        return None
    shift = _shift(recording.pcm[first : first + LEAD + SHIFT], reference.pcm)
    before: list[float] = []
    for place in range(first, len(recording.sounds)):
        sound, there = recording.sounds[place], place - first + shift
        if sound.arrived > silent or there >= len(reference.pcm):
            return None
        gain = _gain(recording.pcm[place], reference.pcm[max(0, there)])
        if gain is None:
            continue
        if sound.arrived < onset:
            before.append(gain)
        elif not _same(before):
            return None
        elif gain < DUCKED:
            return sound.arrived
    return None


def _same(gains: list[float]) -> bool:
    """So far this was the reference's sound: a codec keeps each packet's loudness."""
    return len(gains) >= LEAD // 2 and float(np.median(np.abs(np.array(gains) - 1))) < ALIKE


def _shift(heard: NDArray[np.int16], reference: NDArray[np.int16]) -> int:
    """Packets by which the reference is ahead of an answer."""
    first = heard[:LEAD].reshape(-1).astype(np.float64)

    def likeness(shift: int) -> float:
        piece = np.roll(reference[: LEAD + SHIFT], -shift, axis=0)[:LEAD].reshape(-1).astype(np.float64)
        return float(first[: len(piece)] @ piece[: len(first)])

    return max(range(-SHIFT, SHIFT + 1), key=likeness)


def _gain(heard: NDArray[np.int16], reference: NDArray[np.int16]) -> float | None:
    """Amplitude of `heard` over the reference's; None where that is too soft to tell."""
    amplitude, usual = (float(np.sqrt(np.mean(np.square(pcm, dtype=np.float64)))) for pcm in (heard, reference))
    return amplitude / usual if usual >= LOUD else None


def _heard_error(
    recording: Recording, reference: Reference, first: int | None, onset: float, silent: float
) -> int | None:
    said = next((text for at, text in _transcripts(recording) if at >= onset), None)
    if said is None or first is None:
        return None
    packets = round((silent - recording.sounds[first].arrived) / PACKET_S) + 1
    truth = reference.words_in(packets)
    return None if truth is None else abs(len(re.findall(r"[A-Za-z']+", said)) - truth)


def _transcripts(recording: Recording) -> list[tuple[float, str]]:
    kind = "response.output_audio_transcript.done"
    return [(at, str(event["transcript"])) for at, event in recording.events if event["type"] == kind]


def false_interruptions(recording: Recording) -> tuple[int, int]:
    """How many coughs made her stop, of how many."""
    coughs = [step for step in recording.steps if step.kind == "cough"]
    stops: list[Any] = [
        at for at, event in recording.events if event["type"] in ("response.done", "output_audio_buffer.cleared")
    ]
    acting = [step.began for step in recording.steps]
    stopped = 0
    for cough in coughs:
        until = min([began for began in acting if began > cough.began], default=np.inf)
        stopped += any(cough.began < at < min(until, cough.began + LOOK_S) for at in stops)
    return stopped, len(coughs)


def split_questions(recording: Recording) -> tuple[int, int]:
    """How many spoken questions were taken for more than one, of how many."""
    kind = "input_audio_buffer.committed"
    committed = [at for at, event in recording.events if event["type"] == kind]
    if not committed:
        return 0, 0
    asked = [step for step in recording.steps if step.kind == "say" and step.ends is not None]
    split = sum(sum(step.began < at <= step.ends + LOOK_S / 2 for at in committed) > 1 for step in asked if step.ends)
    return split, len(asked)
