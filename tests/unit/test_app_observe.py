"""Figures and log lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline import events as ev
from pipeline.conversation import Item, Part
from server.observe import Metrics, SessionMeter, log_json, log_transcript

pytestmark = pytest.mark.unit

TIMING = ev.TurnTiming("resp_1", True, True, 300.0, 320.0, 350.0, 400.0, 420.0, 450.0, 480.0, None)


def figures(metrics: Metrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


def test_every_measurement_reaches_its_figure() -> None:
    metrics = Metrics(lambda: 3)
    meter = SessionMeter(metrics, "sess_1")
    meter.render(0.012)
    meter.render(0.014)
    meter.late_frame()
    meter.underrun()
    meter.pts_jump()
    meter.barge_in(0.08)
    meter.turn(TIMING)
    told = figures(metrics)
    assert told["sessions"] == 3
    assert (told["render_seconds_count"], told["render_seconds_sum"]) == (2, pytest.approx(0.026))
    assert told["late_frames_total"] == told["underruns_total"] == told["pts_jumps_total"] == 1
    assert told["barge_in_silence_seconds_sum"] == pytest.approx(0.08)
    assert told["turn_first_token_seconds_sum"] == pytest.approx(0.35)
    assert told["turn_first_audio_seconds_sum"] == pytest.approx(0.45)
    assert told["turn_first_frame_seconds_sum"] == pytest.approx(0.48)
    assert told["process_resident_memory_bytes"] > 1e6


def test_what_did_not_happen_is_not_counted() -> None:
    metrics = Metrics(lambda: 0)
    nothing = ev.TurnTiming("resp_1", False, True, None, None, None, None, None, None, None, None)
    SessionMeter(metrics, "sess_1").turn(nothing)
    assert figures(metrics)["turn_first_audio_seconds_count"] == 0


def test_two_servers_in_one_process_count_apart() -> None:
    one, two = Metrics(lambda: 0), Metrics(lambda: 0)
    SessionMeter(one, "sess_1").late_frame()
    assert (figures(one)["late_frames_total"], figures(two)["late_frames_total"]) == (1, 0)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root, ours = logging.getLogger(), logging.getLogger("visavis")
    before = root.handlers[:], root.level, ours.level
    stream = io.StringIO()
    log_json(stream)
    yield stream
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def test_a_turn_is_one_json_line(log: io.StringIO) -> None:
    SessionMeter(Metrics(lambda: 0), "sess_1").turn(TIMING)
    (line,) = log.getvalue().splitlines()
    told = json.loads(line)
    assert (told["logger"], told["session"], told["first_audio_out_ms"]) == ("visavis.turn", "sess_1", 450.0)
    assert told["time"].endswith("+00:00")


def test_a_failure_is_one_json_line_too(log: io.StringIO) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        logging.getLogger("server").error("it failed", exc_info=error)
    (line,) = log.getvalue().splitlines()
    assert "ValueError: two" in json.loads(line)["exception"]


def test_both_sides_of_a_conversation_where_the_owner_wants_it(log: io.StringIO) -> None:
    log_transcript("sess_1", ev.InputTranscriptCompleted("item_1", "good morning", 1.0))
    log_transcript("sess_1", ev.OutputItemDone("resp_1", Item("item_2", "assistant", [Part("output_audio", "Hello.")])))
    log_transcript("sess_1", ev.StateChanged("idle"))
    told = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["role"], line["text"]) for line in told] == [("user", "good morning"), ("assistant", "Hello.")]
