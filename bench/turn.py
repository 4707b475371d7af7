"""`visavis bench turn`: talk to a server over WebRTC as a stranger would, and measure what arrives.

The user is this process, the server another. Everything is timed where it arrives, as RTP packets come off the
network: no jitter buffer is in the figures. What the keys mean:

- `first_audio_ms`: from `response.create` (`spoken_`: from the last voiced sample spoken into the microphone) to the
  packet with the first voiced sample.
- `first_frame_ms`: from the same moment to the first picture in which the mouth moves. Where the mouth is, and how
  little it moves in idle, is learnt from one turn that is not measured (`bench/measure.py`). It may come before the
  sound: lips lead. `frames_not_found` counts turns without one.
- `first_frame_after_audio_ms`: the difference of the two, turn by turn.
- `interrupt_to_silence_ms`: from `response.cancel` and `output_audio_buffer.clear` to the last voiced packet. They are
  sent in the middle of a word.
- `av_offset_ms`: arrival of a picture minus arrival of the audio packet of the same media time, by the sender reports;
  the percentile is of its magnitude, over every picture of the typed replies.
- `distinct_fps`, `longest_gap_ms`: what Chromium showed while she spoke (`bench/browser.py`).
- `late_frames`, `underruns`: the server's own counters, over all of it. `server_rss_mb`: its highest resident memory.
- `spoken_understood`: recordings whose every word was recognised.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from bench.browser import watch_speech
from bench.measure import av_offsets_ms, first_moving, last_voiced, mouth_of, percentile, stillness
from bench.serverproc import running_server
from bench.speech import Utterance, utterances
from bench.user import BenchError, User, call

__all__ = ["BenchError", "Plan", "run"]

TYPED = (
    "Hello, who are you?",
    "What can you do for me?",
    "How do you work?",
    "Can I interrupt you?",
    "Which language model do you use?",
    "Do you store what I say?",
    "What is Visavis?",
    "How can I connect my own model?",
)

CALIBRATION_S = 4.0
"""Seconds of idle, and of speech, from which the mouth and its stillness are learnt."""

ENOUGH = 12
"""Pictures of either from which they can be learnt; where the machine is too slow for them, nothing can be measured."""

LISTEN_S = 1.2
"""Seconds of her speech before a turn is interrupted: past the first phrase's start, before a short reply's end."""

SETTLE_S = 1.0
"""Seconds of silence between turns: her face must be idle again, and the last packets here."""

STOP_S = 5
"""Seconds after which an interruption has plainly not worked."""

VISUAL_LEAD_S = 0.12
"""How far lips may run ahead of the voice (coarticulation; `act` looks ahead this far)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and on what."""

    url: str | None
    llm: str | None
    """`stub`, `knowledge` or a base URL, for a server of our own; None for `stub`."""
    model: str
    turns: int
    spoken: int
    browser: bool
    speech_s: float
    config: Path | None
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One turn as the user perceived it; milliseconds."""

    first_audio: float
    first_frame: float | None
    """None: no movement of the mouth was found."""
    silence: float | None
    """From the interruption to her last voiced packet; None where she had finished before."""
    offsets: list[float]

    @property
    def frame_after_audio(self) -> float | None:
        return None if self.first_frame is None else self.first_frame - self.first_audio


def run(plan: Plan, console: Console) -> dict[str, Any]:
    """All figures of `plan`, flat. Blocks for minutes.

    Raises:
        BenchError: the server can't be started or reached, refuses, or stays silent.
    """
    columns = TextColumn("{task.description}"), TextColumn("{task.completed:.0f}/{task.total:.0f}"), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        return asyncio.run(_run(plan, progress))


async def _run(plan: Plan, progress: Progress) -> dict[str, Any]:
    key = os.environ.get("VISAVIS_ACCESS_KEY")
    recordings = utterances(plan.spoken)
    async with running_server(plan.url, plan.llm, plan.model, plan.config, plan.settings, key) as server:
        before = await server.counters()
        async with call(server.url, key) as user:
            face = await Face.learn(user, progress)
            typed: list[Answer] = []
            for i in progress.track(range(plan.turns), description="typed turns"):
                typed.append(await _typed(user, face, TYPED[i % len(TYPED)]))
                server.sample_memory()
            spoken: list[Answer] = []
            for utterance in progress.track(recordings, description="spoken turns"):
                spoken.append(await _spoken(user, face, utterance))
        figures = _figures(typed, "") | {"turns": len(typed)}
        figures |= _figures(spoken, "spoken_") | {"spoken_turns": len(spoken)}
        figures["spoken_understood"] = _understood(recordings, user.transcripts)
        figures["av_offset_ms_p95"] = percentile([abs(o) for answer in typed for o in answer.offsets], 95)
        shown = await watch_speech(server.url, key, plan.speech_s, progress) if plan.browser else None
        figures["distinct_fps"] = shown.distinct_fps if shown else None
        figures["longest_gap_ms"] = shown.longest_gap_ms if shown else None
        after = await server.counters()
        figures |= {name: after[name] - before[name] for name in before}
        figures["server_rss_mb"] = await server.memory_mb()
    return figures


class Face:
    """What her mouth looks like when it moves, learnt from one turn that is not measured."""

    def __init__(self, idle: list[Any], speech: list[Any]) -> None:
        self.mouth = mouth_of(idle, speech)
        self.still = stillness(idle, self.mouth)

    @classmethod
    async def learn(cls, user: User, progress: Progress) -> Face:
        task = progress.add_task("learning her face", total=2)
        await asyncio.sleep(SETTLE_S)
        user.forget_media(before=asyncio.get_running_loop().time())
        await asyncio.sleep(CALIBRATION_S)
        await user.pictured(ENOUGH)
        idle = list(user.pictures)
        progress.advance(task)
        sent = _ask(user, TYPED[0])
        heard = await user.sound_where(lambda sound: sound.voiced and sound.arrived >= sent)
        await asyncio.sleep(CALIBRATION_S)
        last = last_voiced(user.sounds, sent) or heard
        speech = [picture for picture in user.pictures if heard.arrived <= picture.arrived <= last.arrived]
        if len(speech) < ENOUGH:
            raise BenchError(f"too few pictures of her speech came to learn her face: {len(speech)}")
        await _interrupt(user)
        progress.advance(task)
        return cls(idle, speech)


def _ask(user: User, text: str) -> float:
    """Type `text` and ask for an answer; the loop time of the request."""
    user.send(
        type="conversation.item.create",
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]},
    )
    return user.send(type="response.create")


async def _typed(user: User, face: Face, text: str) -> Answer:
    return await _listen(user, face, _ask(user, text))


async def _spoken(user: User, face: Face, utterance: Utterance) -> Answer:
    ends = user.microphone.play(utterance.pcm) + utterance.speech_end_s
    await asyncio.sleep(ends - asyncio.get_running_loop().time())
    return await _listen(user, face, ends)


async def _listen(user: User, face: Face, since: float) -> Answer:
    """Hear her begin, let her speak for a while, then interrupt her in the middle of a word."""
    loop = asyncio.get_running_loop()
    heard = await user.sound_where(lambda sound: sound.voiced and sound.arrived >= since)
    await asyncio.sleep(heard.arrived + LISTEN_S - loop.time())
    end = loop.time()
    interrupted = await _interrupt(user)
    pictures = [picture for picture in user.pictures if picture.arrived <= end]
    moving = first_moving(pictures, face.mouth, face.still, heard.arrived - VISUAL_LEAD_S)
    answer = Answer(
        first_audio=1000 * (heard.arrived - since),
        first_frame=None if moving is None else 1000 * (moving.arrived - since),
        silence=_silence_ms(user, interrupted),
        offsets=av_offsets_ms([picture for picture in pictures if picture.arrived >= heard.arrived], user.sounds),
    )
    user.forget_media(before=loop.time() - SETTLE_S / 2)
    user.forget_events()
    return answer


async def _interrupt(user: User) -> float | None:
    """Stop her as the protocol's own clients do, in the middle of a word, and wait until her face has settled.

    Returns:
        The loop time of the request; None where she had finished.
    """
    loop = asyncio.get_running_loop()
    interrupted = None
    if await user.talking():
        interrupted = user.send(type="response.cancel")
        user.send(type="output_audio_buffer.clear")
    await user.event("response.done")
    quiet_since = begun = loop.time()
    while (left := quiet_since + SETTLE_S - loop.time()) > 0:
        await asyncio.sleep(left)
        last = last_voiced(user.sounds, quiet_since)
        quiet_since = last.arrived if last else quiet_since
        if quiet_since > begun + STOP_S:
            raise BenchError(f"she still spoke {STOP_S} s after she was interrupted")
    return interrupted


def _silence_ms(user: User, interrupted: float | None) -> float | None:
    if interrupted is None:
        return None
    last = last_voiced(user.sounds, interrupted)
    return 1000 * (last.arrived - interrupted) if last else 0.0


def _understood(asked: list[Utterance], heard: list[str]) -> int:
    """Recordings whose every word was understood."""
    right = zip(asked, heard, strict=False)
    return sum(re.findall(r"\w+", said.text.lower()) == re.findall(r"\w+", text.lower()) for said, text in right)


def _figures(answers: list[Answer], prefix: str) -> dict[str, Any]:
    audio = [answer.first_audio for answer in answers]
    frame = [answer.first_frame for answer in answers if answer.first_frame is not None]
    after = [answer.frame_after_audio for answer in answers if answer.frame_after_audio is not None]
    silence = [answer.silence for answer in answers if answer.silence is not None]
    return {
        f"{prefix}first_audio_ms_p50": percentile(audio, 50),
        f"{prefix}first_audio_ms_p95": percentile(audio, 95),
        f"{prefix}first_frame_ms_p50": percentile(frame, 50),
        f"{prefix}first_frame_ms_p95": percentile(frame, 95),
        f"{prefix}first_frame_after_audio_ms_p95": percentile(after, 95),
        f"{prefix}interrupt_to_silence_ms_p50": percentile(silence, 50),
        f"{prefix}interrupt_to_silence_ms_p95": percentile(silence, 95),
        f"{prefix}frames_not_found": len(answers) - len(frame),
    }
