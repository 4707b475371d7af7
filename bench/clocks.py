"""The four clocks of an answer, joined: the server's own spans, the wire, the face; the browser's are `browser.py`'s.

All moments are brought to the user's clock. The server's spans come with their zero on its monotonic clock
(`visavis.turn.timing`), and its offset to ours is measured as NTP does: of all questions of its clock, the one that
was answered fastest is off by at most half its round trip (RFC 5905, 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.measure import FRAME_S, Picture
from bench.mouth import Mouth
from bench.recording import ClockReading, Recording, Step

SERVER_MOMENTS = (
    "decided", "transcript", "first_token", "first_phrase", "first_audio", "first_motion", "first_audio_out",
    "first_frame_out", "ducked", "interrupted",
)  # fmt: skip
"""Spans of `visavis.turn.timing`, without their `_ms`."""

STAGES = (
    ("microphone", "asked", "start"),
    ("endpointing", "start", "decided"),
    ("recognition", "decided", "transcript"),
    ("model", "transcript", "first_token"),
    ("phrase", "first_token", "first_phrase"),
    ("voice", "first_phrase", "first_audio"),
    ("motion", "first_audio", "first_motion"),
    ("picture", "first_motion", "first_frame_out"),
    ("playout", "first_motion", "first_audio_out"),
    ("wire", "first_audio_out", "heard"),
    ("face", "heard", "seen"),
)
"""Stage, and the moments that it lies between. A typed turn begins at `start`. `picture` and `playout` are side by
side: the first frame leaves as soon as it is painted, and her voice follows after the lips' lead."""

VISUAL_LEAD_S = 0.12
"""How far lips may run ahead of the voice (coarticulation; `act` looks ahead this far)."""


@dataclass(frozen=True, slots=True)
class Offset:
    """The server's monotonic clock minus the user's."""

    seconds: float
    error: float
    """At most."""
    ntp: float
    """The clock of its sender reports minus its monotonic clock."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what came of it; moments in seconds on the user's clock."""

    spoken: bool
    text: str
    at: dict[str, float] = field(default_factory=dict)
    """Moments that are known: `asked` (the request, or the last voiced sample spoken), `start`, `SERVER_MOMENTS`,
    `heard` (the packet with her first voiced sample) and `seen` (the first picture whose mouth moves)."""
    tagged: int | None = None
    """Pictures between the one that its sender calls the answer's first, and the one found by its moving mouth."""
    response: str | None = None
    until: float = float("inf")
    """The next question, or an interruption."""

    def since_asked(self, moment: str) -> float | None:
        """Milliseconds."""
        return self.span("asked", moment)

    def span(self, begin: str, end: str) -> float | None:
        """Milliseconds between two moments; None where one of them is unknown."""
        if begin not in self.at or end not in self.at:
            return None
        return 1000 * (self.at[end] - self.at[begin])

    def stages(self) -> dict[str, float]:
        """Milliseconds of each stage whose both ends are known."""
        found: dict[str, float] = {}
        for name, begin, end in STAGES:
            first = begin if begin in self.at or begin not in ("transcript", "decided") else "start"
            span = self.span(first, end)
            if span is not None and (self.spoken or name != "microphone"):
                found[name] = span
        return found


def clock_offset(readings: Sequence[ClockReading]) -> Offset | None:
    """None where the server tells no clock."""
    if not readings:
        return None
    best = min(readings, key=lambda reading: reading.received - reading.sent)
    return Offset(
        best.now_s - (best.sent + best.received) / 2, (best.received - best.sent) / 2, best.ntp_s - best.now_s
    )


def microphone_delays_ms(recording: Recording) -> list[float]:
    """How far behind the user's own microphone the server's was, each time it told how much it had.

    A packet holds 20 ms, so that what is exact on the network still shows as 0 to 20 ms here.
    """
    begun = recording.notes.get("microphone")
    if begun is None:
        return []
    return [1000 * ((reading.sent + reading.received) / 2 - begun) - reading.heard_ms for reading in recording.readings]


def answers(recording: Recording, mouth: Mouth | None) -> list[Answer]:
    """Every question of the conversation, in order."""
    asking = [step for step in recording.steps if asks(step)]
    acting = [step.began for step in recording.steps if asks(step) or step.kind == "interrupt"]
    offset = clock_offset(recording.readings)
    found: list[Answer] = []
    for step in asking:
        asked = step.began if step.ends is None else step.ends
        until = next((began for began in acting if began > step.began), recording.notes.get("ended", np.inf))
        answer = Answer(step.spoken, step.text, {"asked": asked}, None, _response(recording, step, until), until)
        timing = _timing(recording, answer.response)
        if timing is not None and offset is not None:
            _join(answer, timing, offset)
        _hear(answer, recording, asked)
        found.append(answer if mouth is None else _see(answer, recording, mouth, offset))
    return found


def asks(step: Step) -> bool:
    """The step is a question."""
    return step.kind in ("type", "say") or (step.kind == "interrupt" and step.spoken)


def _response(recording: Recording, step: Step, until: float) -> str | None:
    began = step.began if step.onset is None else step.onset
    ids = [
        event["response"]["id"]
        for at, event in recording.events
        if event["type"] == "response.created" and began <= at < until
    ]
    return ids[-1] if ids else None


def _timing(recording: Recording, response: str | None) -> dict[str, Any] | None:
    timings = [
        event
        for _, event in recording.events
        if event["type"] == "visavis.turn.timing" and event["response_id"] == response
    ]
    return timings[-1] if timings else None


def _join(answer: Answer, timing: dict[str, Any], offset: Offset) -> None:
    start = timing["start_s"] - offset.seconds
    answer.at["start"] = start
    for moment in SERVER_MOMENTS:
        span = timing.get(f"{moment}_ms")
        if span is not None:
            answer.at[moment] = start + span / 1000


def _hear(answer: Answer, recording: Recording, asked: float) -> None:
    """Her first voiced packet after the question, and after whatever she was saying when it was asked."""
    if answer.response is None and any(event["type"] == "response.created" for _, event in recording.events):
        return
    since = max(asked, answer.at.get("first_token", asked))
    heard = next((s for s in recording.sounds if s.arrived >= since and s.voiced), None)
    if heard is not None and heard.arrived < answer.until:
        answer.at["heard"] = heard.arrived


def _see(answer: Answer, recording: Recording, mouth: Mouth, offset: Offset | None) -> Answer:
    if "heard" not in answer.at:
        return answer
    place = mouth.first_moving(answer.at["heard"] - VISUAL_LEAD_S, answer.until)
    if place is None:
        return answer
    pictures = recording.pictures
    answer.at["seen"] = pictures[place].arrived
    first = _tagged(pictures, answer, offset)
    return Answer(
        answer.spoken, answer.text, answer.at, None if first is None else place - first, answer.response, answer.until
    )


def _tagged(pictures: Sequence[Picture], answer: Answer, offset: Offset | None) -> int | None:
    """The picture that the server says was the answer's first, by media time: its RTP time stamp is the frame's tag."""
    if offset is None or "first_frame_out" not in answer.at:
        return None
    released = answer.at["first_frame_out"] + offset.seconds + offset.ntp
    near = [
        (abs(picture.media - released), place) for place, picture in enumerate(pictures) if picture.media is not None
    ]
    if not near or min(near)[0] > FRAME_S:
        return None
    return min(near)[1]
