"""`visavis bench network`: a conversation over a bad line, case by case.

Each case is one call with the line bad for a time in its middle, both ways; she is asked question after question
meanwhile. Keys begin with the case's name:

- `_microphone_delay_growth_ms`: how much further behind the user's microphone the server is after the line has
  recovered than it was before. `_microphone_audio_share`: packets of the microphone that were heard, of those that a
  good line would have brought while it was bad; what the server had to fill was not heard.
- `_fps`, `_frozen_share`, `_freezes`: decoded pictures while she spoke and the line was bad; a freeze as W3C
  webrtc-stats defines it.
- `_sound_share`: packets of her sound, or her silence, that came, of those of that time. `_answered`: questions
  answered, of `_questions`.
- `_first_audio_ms`: from the question to her first voiced packet.
- `_recovery_ms`: from the end of a blackout to the first picture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.clocks import answers, microphone_delays_ms
from bench.measure import PACKET_S
from bench.network_line import Conditions, Line
from bench.network_netem import perform_in_namespace, why_not
from bench.pacing import pacing
from bench.recording import Recording
from bench.result import Figure, Result
from bench.run import Told
from bench.script import Script
from bench.serverproc import Server
from bench.turn import TYPED
from bench.userproc import perform_apart

SETTLE_S = 6.0
"""Seconds of a good line at the beginning: the call stands, reports have told their clocks, and the microphone's delay
is known from several readings."""

RECOVER_S = 6.0
"""The same at the end: retransmissions of messages are over."""

LISTEN_S = 8.0
"""Of her voice in each answer."""

TURN_S = LISTEN_S + 1.5
"""What a question takes: she settles, answers, and is listened to."""

HANG_UP_S = 1.0
"""Until the server has counted what a call that ended has lost."""


@dataclass(frozen=True, slots=True)
class Case:
    """One bad line."""

    name: str
    conditions: Conditions
    seconds: float
    """How long it is bad."""


def cases(seconds: float, loss_seconds: float) -> list[Case]:
    """
    Args:
        seconds: of each case but the first.
        loss_seconds: of the first, which wears down a microphone's buffer: as many losses as a long call brings.
    """
    return [
        Case("loss1", Conditions(loss=0.01), loss_seconds),
        Case("loss5_jitter50", Conditions(loss=0.05, jitter_s=0.05), seconds),
        Case("reorder5", Conditions(reorder=0.05), seconds),
        Case("rate800k", Conditions(rate=800_000), seconds),
        Case("blackout2", Conditions(blackout_s=2.0), seconds),
    ]


NETEM = Case("netem_loss5_jitter50", Conditions(loss=0.05, jitter_s=0.05), 20.0)
"""What the kernel does to every UDP packet between the two, in a namespace of its own."""


async def measure(
    server: Server, told: Told, *, seconds: float, loss_seconds: float, netem: bool, only: Sequence[str] = ()
) -> Result:
    """
    Args:
        only: names of cases; all of them if there are none.
        seconds: how long the line of each case is bad; of the first, `loss_seconds`.
        netem: also through the kernel's own emulator, where that is allowed.

    Raises:
        BenchError: the server can't be reached, refuses, or the call does not come about.
    """
    chosen = [case for case in cases(seconds, loss_seconds) if not only or case.name in only]
    result = Result("network")
    for done, case in enumerate(chosen):
        told(done, len(chosen) + netem)
        before = (await server.counters())["microphone_lost"]
        recording = await _perform(server, case)
        await asyncio.sleep(HANG_UP_S)
        after = (await server.counters())["microphone_lost"]
        _add(result, case, recording, None if before is None or after is None else after - before)
    if netem:
        told(len(chosen), len(chosen) + 1)
        reason = why_not(server)
        if reason is None:
            case = replace(NETEM, seconds=seconds)
            recording = await perform_in_namespace(server.target, script(case), case.conditions)
            _add(result, case, recording, None)
        else:
            result.notes.append(f"Not through tc netem: {reason}.")
    told(len(chosen) + netem, len(chosen) + netem)
    return result


async def _perform(server: Server, case: Case) -> Recording:
    line = Line(case.conditions, SETTLE_S, case.seconds)
    return await perform_apart(
        server.url, server.key, server.protocol, script(case), lambda done, total: None, line=line
    )


def script(case: Case, settle_s: float = SETTLE_S) -> Script:
    """Silence on a good line, questions while it is bad, and silence after it."""
    asking = [{"type": list(TYPED)}, {"listen": LISTEN_S}, {"interrupt": {"after": 0, "by": "request"}}]
    turns = max(1, int(case.seconds / TURN_S))
    rest = max(0.0, case.seconds - turns * TURN_S)
    return Script.model_validate(
        {"steps": [{"silence": settle_s}, {"repeat": turns, "steps": asking}, {"silence": rest + RECOVER_S}]}
    )


def _add(result: Result, case: Case, recording: Recording, lost: int | None) -> None:
    found = figures(recording, case, lost)
    result.figures.update({f"{case.name}_{name}": value for name, value in found.items()})
    asked = [answer.since_asked("heard") for answer in answers(recording, None)]
    result.samples[f"{case.name}_first_audio_ms"] = [value for value in asked if value is not None]


def figures(recording: Recording, case: Case, lost: int | None, settle_s: float = SETTLE_S) -> Mapping[str, Figure]:
    """
    Args:
        lost: packets of the microphone that the server had to fill; None where it does not tell.
    """
    begins = recording.notes.get("line", recording.notes["called"]) + settle_s
    ends = begins + case.seconds
    bad = _between(recording, begins, ends)
    paced = pacing(bad)
    questions = answers(recording, None)
    found: dict[str, Figure] = {
        "seconds": case.seconds,
        "fps": paced.fps,
        "frozen_share": paced.frozen_share,
        "freezes": paced.freezes,
        "sound_share": round(len(bad.sound_arrived) * PACKET_S / case.seconds, 4),
        "microphone_delay_growth_ms": delay_growth_ms(recording, begins, ends),
        "microphone_audio_share": None if lost is None else round(1 - lost * PACKET_S / case.seconds, 4),
        "questions": len(questions),
        "answered": sum("heard" in answer.at for answer in questions),
    }
    if case.conditions.blackout_s:
        back = begins + case.conditions.blackout_s
        later = recording.picture_began[recording.picture_began >= back]
        found["recovery_ms"] = round(1000 * float(later[0] - back), 1) if len(later) else None
    return found


def delay_growth_ms(recording: Recording, begins: float, ends: float) -> float | None:
    """The microphone's median delay after the bad time minus that before it; None without readings of both."""
    delays = microphone_delays_ms(recording)
    before = [delay for delay, at in zip(delays, _received(recording), strict=False) if at < begins]
    after = [delay for delay, at in zip(delays, _received(recording), strict=False) if at > ends + 1]
    return round(float(np.median(after) - np.median(before)), 1) if before and after else None


def _received(recording: Recording) -> Sequence[float]:
    return [reading.received for reading in recording.readings]


def _between(recording: Recording, begins: float, ends: float) -> Recording:
    """What arrived in this time."""
    heard = (recording.sound_arrived >= begins) & (recording.sound_arrived < ends)
    seen = (recording.picture_arrived >= begins) & (recording.picture_arrived < ends)
    return replace(
        recording,
        **{name: getattr(recording, name)[heard] for name in ("sound_arrived", "sound_media", "pcm")},
        **{name: getattr(recording, name)[seen] for name in PICTURES},
    )


PICTURES = ("picture_arrived", "picture_began", "picture_media", "cells")
