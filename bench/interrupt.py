"""`visavis bench interrupt`: talk over her, cough, pause in the middle of a sentence, and see what she does.

Beside the keys of spoken turns (`bench/turn.py`), in milliseconds:

- `onset_to_ducked_ms`: from the first voiced sample spoken to the packet that is plainly softer than the same words
  were in an answer that nobody interrupted. `onset_to_server_ducked_ms`: until the server lowered its voice.
- `onset_to_commit_ms`: until the server decided that it is an interruption. `onset_to_silence_ms`, and
  `commit_to_silence_ms`: to her last voiced packet. `silence_to_still_ms`: from there to the last moving picture.
- `heard_error_words`: words by which the history is off from what had arrived, by forced alignment of the whole answer.
- `missed_interruptions` of `interruptions`; `false_interruptions` of `coughs`; `questions_split` of `questions_said`,
  each of which pauses in its middle.
"""

from __future__ import annotations

from bench.conversation import (
    Conversation,
    interruption_samples,
    script_faults,
    turn_samples,
    waterfalls,
)
from bench.resources import watching
from bench.result import Result
from bench.run import Told
from bench.script import Script
from bench.serverproc import Server, more
from bench.turn import IDLE_S, LISTEN_S, SPOKEN, TYPED
from bench.userproc import perform_apart

PAUSED = (
    "I would like to know [pause 0.35] how you work.",
    "Tell me, please, [pause 0.35] what you can do.",
    "My question is [pause 0.35] who are you?",
)
"""People hold the floor with pauses of 200 to 400 ms inside a sentence (Goldman-Eisler 1968)."""

COUGHS_AT_ONCE = 2
"""Coughs into one answer."""

COUGH_EVERY_S = 2.0


def script(times: int, coughs: int, paused: int) -> Script:
    """One whole answer; interruptions that are questions themselves, each of the answer before; coughs; pauses."""
    talk_over = {"interrupt": {"after": LISTEN_S, "by": "voice", "say": list(SPOKEN)}}
    stop = {"interrupt": {"after": LISTEN_S, "by": "request"}}
    cough = {"cough": {"after": COUGH_EVERY_S / 2}}
    chain = 8
    steps = [
        {"silence": IDLE_S},
        {"type": TYPED[0]},
        {"listen": "end"},
        {"repeat": times // chain, "steps": [{"type": list(TYPED)}, {"repeat": chain, "steps": [talk_over]}, stop]},
        {"type": TYPED[1]},
        {"repeat": times % chain, "steps": [talk_over]},
        stop,
        {"repeat": coughs // COUGHS_AT_ONCE, "steps": [{"type": list(TYPED)}, cough, cough, stop]},
        {"repeat": paused, "steps": [{"say": list(PAUSED)}, stop]},
        {"silence": 0.5},
    ]
    return Script.model_validate({"steps": steps})


async def measure(server: Server, told: Told, *, times: int, coughs: int, paused: int) -> Result:
    """
    Raises:
        BenchError: the server can't be reached, refuses, or stays silent.
    """
    before = await server.counters()
    async with watching(server.pid) as usage:
        recording = await perform_apart(server.url, server.key, server.protocol, script(times, coughs, paused), told)
    talk = Conversation(recording)
    over = [answer for answer in talk.turns(spoken=True) if _talked_over(talk, answer.at["asked"])]
    samples, figures = turn_samples(over, "spoken_")
    samples |= interruption_samples([one for one in talk.barge_ins if one.by_voice], "")
    stops = interruption_samples([one for one in talk.barge_ins if not one.by_voice], "request_")
    samples["interrupt_to_silence_ms"] = stops["request_onset_to_silence_ms"]
    media_samples, media_figures = talk.media()
    figures |= script_faults(talk) | media_figures
    figures |= more(before, await server.counters()) | usage.figures("server")
    return Result(
        "interrupt",
        samples | media_samples,
        figures,
        waterfalls=waterfalls(over, "spoken"),
        notes=[talk.note] if talk.note else [],
    )


def _talked_over(talk: Conversation, asked: float) -> bool:
    return any(step.kind == "interrupt" and step.ends == asked for step in talk.recording.steps)
