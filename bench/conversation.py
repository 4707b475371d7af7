"""One performed conversation and everything that it tells, as samples and figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bench.bargein import BargeIn, barge_ins, false_interruptions, split_questions
from bench.clocks import STAGES, Answer, answers, clock_offset, microphone_delays_ms
from bench.inbox import BenchError
from bench.lipsync import arrival_offsets_ms, content_offsets_ms
from bench.mouth import Mouth
from bench.pacing import pacing
from bench.recording import Recording
from bench.result import Figure, Waterfall

Samples = dict[str, list[float]]

SERVER = (
    "decided", "transcript", "first_token", "first_phrase", "first_audio", "first_motion", "first_audio_out",
    "first_frame_out",
)  # fmt: skip
"""Moments of the server's clock that are told from the question on."""


class Conversation:
    """A recording, measured."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.note: str | None = None
        """Why there is nothing about her face, where there is not."""
        try:
            self.mouth: Mouth | None = Mouth.learn(recording)
        except BenchError as error:
            self.mouth, self.note = None, str(error)
        self.answers = answers(recording, self.mouth)
        self.barge_ins = barge_ins(recording, self.mouth)

    def turns(self, *, spoken: bool, skip: int = 0) -> list[Answer]:
        """The questions of one kind, without the first `skip` of all."""
        return [answer for answer in self.answers[skip:] if answer.spoken == spoken]

    def understood(self) -> int:
        """Spoken questions whose every word was recognised."""
        kind = "conversation.item.input_audio_transcription.completed"
        heard = [(at, str(event["transcript"])) for at, event in self.recording.events if event["type"] == kind]
        right = 0
        for answer in self.turns(spoken=True):
            text = next((text for at, text in heard if answer.at["asked"] <= at < answer.until), "")
            right += _words(text) == _words(answer.text)
        return right

    def media(self) -> tuple[Samples, dict[str, Figure]]:
        """How sound and pictures came, over the whole conversation."""
        recording = self.recording
        paced = pacing(recording)
        samples: Samples = {
            "av_offset_ms": [abs(offset) for offset in arrival_offsets_ms(recording)],
            "pacing_error_ms": paced.errors_ms,
            "microphone_delay_ms": microphone_delays_ms(recording),
            "bench_lag_ms": (recording.lag * 1000).tolist(),
        }
        if self.mouth is not None:
            samples["av_content_offset_ms"] = content_offsets_ms(recording, self.mouth)
        offset = clock_offset(recording.readings)
        return samples, {
            "fps": paced.fps,
            "freezes": paced.freezes,
            "frozen_share": paced.frozen_share,
            "repeated_frames": paced.repeated,
            "lost_packets": paced.gaps,
            "speech_s": round(paced.seconds, 1),
            "clock_error_ms": None if offset is None else round(1000 * offset.error, 3),
        }


def turn_samples(turns: Sequence[Answer], prefix: str) -> tuple[Samples, dict[str, Figure]]:
    """Every clock and stage of these turns."""
    samples: Samples = {
        f"{prefix}first_audio_ms": _known(turns, lambda turn: turn.since_asked("heard")),
        f"{prefix}first_frame_ms": _known(turns, lambda turn: turn.since_asked("seen")),
        f"{prefix}first_frame_after_audio_ms": _known(turns, lambda turn: turn.span("heard", "seen")),
    }
    for moment in SERVER:
        samples[f"{prefix}server_{moment}_ms"] = _known(turns, lambda turn, name=moment: turn.since_asked(name))
    staged = [turn.stages() for turn in turns]
    for name, _, _ in STAGES:
        samples[f"{prefix}stage_{name}_ms"] = [stages[name] for stages in staged if name in stages]
    samples[f"{prefix}tagged_frames"] = [float(turn.tagged) for turn in turns if turn.tagged is not None]
    figures: dict[str, Figure] = {
        f"{prefix}turns": len(turns),
        f"{prefix}unanswered": sum("heard" not in turn.at for turn in turns),
        f"{prefix}frames_not_found": sum("heard" in turn.at and "seen" not in turn.at for turn in turns),
    }
    return samples, figures


def interruption_samples(found: Sequence[BargeIn], prefix: str) -> Samples:
    """Interruptions that worked, in milliseconds; `onset_` from the first voiced sample spoken."""
    samples: Samples = {}

    def note(name: str, begin: str, end: str) -> None:
        spans = [(getattr(one, begin), getattr(one, end)) for one in found if not one.missed]
        samples[f"{prefix}{name}_ms"] = [1000 * (b - a) for a, b in spans if a is not None and b is not None]

    note("onset_to_server_ducked", "onset", "server_ducked")
    note("onset_to_ducked", "onset", "ducked")
    note("onset_to_commit", "onset", "committed")
    note("onset_to_silence", "onset", "silent")
    note("commit_to_silence", "committed", "silent")
    note("silence_to_still", "silent", "still")
    samples[f"{prefix}heard_error_words"] = [
        float(one.heard_error_words) for one in found if one.heard_error_words is not None
    ]
    return samples


def script_faults(conversation: Conversation) -> dict[str, Figure]:
    """What she took for something else than it was."""
    by_voice = [one for one in conversation.barge_ins if one.by_voice]
    false, coughs = false_interruptions(conversation.recording)
    split, asked = split_questions(conversation.recording)
    return {
        "interruptions": len(by_voice),
        "missed_interruptions": sum(one.missed for one in by_voice),
        "coughs": coughs,
        "false_interruptions": false,
        "questions_said": asked,
        "questions_split": split,
    }


def waterfalls(turns: Sequence[Answer], kind: str) -> list[Waterfall]:
    """The median turn and the one at p95, by first audio."""
    answered = sorted((turn for turn in turns if "heard" in turn.at), key=lambda turn: turn.since_asked("heard") or 0.0)
    if not answered:
        return []
    chosen = {"median": answered[len(answered) // 2], "p95": answered[len(answered) * 95 // 100]}
    return [Waterfall(f"{kind} turn, {name}", _bars(turn)) for name, turn in chosen.items()]


def _bars(turn: Answer) -> list[tuple[str, float, float]]:
    bars: list[tuple[str, float, float]] = []
    for name, begin, end in STAGES:
        first = begin if begin in turn.at else "start"
        begun, ended = turn.since_asked(first), turn.since_asked(end)
        if begun is not None and ended is not None and name in turn.stages():
            bars.append((name, round(begun, 1), round(ended, 1)))
    return bars


def _known(turns: Sequence[Answer], measure: Callable[[Answer], float | None]) -> list[float]:
    return [value for turn in turns if (value := measure(turn)) is not None]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
