"""What the server tells of itself: Prometheus figures and one JSON line a turn, never what was said."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from pipeline.events import InputTranscriptCompleted, OutputItemDone, SessionEvent, TurnTiming

turns = logging.getLogger("visavis.turn")
transcripts = logging.getLogger("visavis.transcript")
calls = logging.getLogger("visavis.call")

LATENCY_BUCKETS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.5, 5.0, 10.0)
"""Seconds, dense round the targets (a first sound within 250 to 450 ms)."""

SILENCE_BUCKETS = (0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.25, 0.5, 1.0)
"""Seconds, dense round the target of an interruption (120 ms)."""

RENDER_BUCKETS = (0.004, 0.006, 0.008, 0.01, 0.012, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06, 0.1)
"""Seconds; a frame has 40 ms."""


class Metrics:
    """The figures of one server, in a registry of its own."""

    def __init__(self, sessions: Callable[[], int]) -> None:
        """
        Args:
            sessions: how many there are now.
        """
        self.registry = registry = CollectorRegistry()

        def latency(name: str, text: str) -> Histogram:
            return Histogram(name, text, registry=registry, buckets=LATENCY_BUCKETS)

        self.first_token = latency("turn_first_token_seconds", "Turn start to the language model's first token.")
        self.first_audio = latency("turn_first_audio_seconds", "Turn start to the first sound sent.")
        self.first_frame = latency("turn_first_frame_seconds", "Turn start to the first picture of the speech sent.")
        self.barge_in_silence = Histogram(
            "barge_in_silence_seconds",
            "Interruption to the last voiced sample sent.",
            registry=registry,
            buckets=SILENCE_BUCKETS,
        )
        self.render_time = Histogram(
            "render_seconds", "One picture rendered.", registry=registry, buckets=RENDER_BUCKETS
        )
        self.late_frames = Counter("late_frames", "Frames that left without their picture.", registry=registry)
        self.underruns = Counter("underruns", "Gaps within speech.", registry=registry)
        self.pts_jumps = Counter("pts_jumps", "Stalls too long to catch up with.", registry=registry)
        self.drafts = Counter("drafts", "Replies begun ahead of the turn's end.", ["used"], registry=registry)
        self.microphone_lost = Counter(
            "microphone_lost_packets", "Packets of microphones that were missing and filled.", registry=registry
        )
        ProcessCollector(registry=registry)
        Gauge("sessions", "Sessions now.", registry=registry).set_function(sessions)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)


class SessionMeter:
    """One session's `pipeline.meter.Meter`: its measurements go to the server's figures, its turns to the log."""

    def __init__(self, metrics: Metrics, session_id: str) -> None:
        self._metrics = metrics
        self._session_id = session_id

    def render(self, seconds: float) -> None:
        self._metrics.render_time.observe(seconds)

    def late_frame(self) -> None:
        self._metrics.late_frames.inc()

    def underrun(self) -> None:
        self._metrics.underruns.inc()

    def pts_jump(self) -> None:
        self._metrics.pts_jumps.inc()

    def draft(self, *, used: bool) -> None:
        self._metrics.drafts.labels("yes" if used else "no").inc()

    def turn(self, timing: TurnTiming) -> None:
        for milliseconds, histogram in (
            (timing.first_token_ms, self._metrics.first_token),
            (timing.first_audio_out_ms, self._metrics.first_audio),
            (timing.first_frame_out_ms, self._metrics.first_frame),
        ):
            if milliseconds is not None:
                histogram.observe(milliseconds / 1000)
        turns.info("turn", extra={"fields": {"session": self._session_id, **asdict(timing)}})

    def barge_in(self, seconds: float) -> None:
        self._metrics.barge_in_silence.observe(seconds)


def log_transcript(session_id: str, event: SessionEvent) -> None:
    """Write what was said to the log: only for a server that is configured to."""
    match event:
        case InputTranscriptCompleted(item_id, text, _):
            role = "user"
        case OutputItemDone(_, item):
            role, item_id, text = "assistant", item.id, item.text
        case _:
            return
    fields = {"session": session_id, "item": item_id, "role": role, "text": text}
    transcripts.info("transcript", extra={"fields": fields})


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and a record's own `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields: object = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line |= fields
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_json(stream: TextIO) -> None:
    """Send the process's log to a stream as JSON lines: our own from INFO on, libraries' from WARNING on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("visavis").setLevel(logging.INFO)
