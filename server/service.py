"""What all connections of one server share, and what holds for each session until its client changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.options import SessionOptions, TurnDetection
from pipeline.session import Engines
from server.config import Config
from server.observe import Metrics
from server.realtime.session import SessionDefaults, SessionSettings
from server.realtime.values import Problem


@dataclass(frozen=True, slots=True)
class Service:
    """What all connections of one server share."""

    config: Config
    engines: Engines
    metrics: Metrics

    def defaults(self) -> SessionDefaults:
        """What holds for a session until its client changes it."""
        llm, turn = self.config.llm, self.config.turn
        detection = TurnDetection(
            threshold=turn.threshold,
            prefix_ms=turn.prefix_ms,
            silence_ms=turn.silence_ms,
            known_phrase_silence_ms=min(turn.known_phrase_silence_ms, turn.silence_ms),
        )
        options = SessionOptions(
            instructions=llm.instructions,
            turn_detection=detection,
            temperature=llm.temperature,
            max_output_tokens=llm.max_output_tokens,
            expression=self.config.motion.expression,
        )
        return SessionDefaults(
            options=options,
            model="visavis",
            voice="visavis",
            transcription_model=self.config.asr.provider,
            text_max_chars=self.config.server.text_max_chars,
        )

    def settings(self, wishes: Sequence[Mapping[str, Any]]) -> tuple[SessionSettings, list[Problem]]:
        """A new session's settings: the defaults, changed by each of the wishes in turn."""
        settings = SessionSettings(self.defaults())
        return settings, [problem for wish in wishes for problem in settings.update(wish)]
