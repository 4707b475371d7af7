"""Joined clocks, interruptions and pacing, on recordings whose answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.bargein import barge_ins, false_interruptions, split_questions
from bench.clocks import answers, clock_offset, microphone_delays_ms
from bench.conversation import Conversation, interruption_samples, script_faults, turn_samples, waterfalls
from bench.inbox import Inbox
from bench.lipsync import arrival_offsets_ms, content_offsets_ms, drift_ms_per_hour
from bench.mouth import Mouth
from bench.pacing import pacing, speech_spans
from bench.recording import ClockReading, Recording, Step

pytestmark = pytest.mark.unit

AHEAD = 1000.0
"""The server's clock minus the user's."""

WALL = 4e9
"""The clock of its sender reports minus its own."""

LEVELS = 2000 + 1500 * np.sin(np.arange(3000) * 0.7)
"""Of each packet of the one answer that is always given."""


def packet(level: float) -> np.ndarray:
    return (level * np.sin(np.arange(480))).astype(np.int16)


def told(answer: str, start: float, **spans: float) -> dict[str, Any]:
    return {
        "kind": "visavis.turn.timing", "response_id": answer, "final": True, "start_s": start + AHEAD,
        **{f"{name}_ms": span for name, span in spans.items()},
    }  # fmt: skip


class Stage:
    """A call in which time is what the test says it is."""

    def __init__(self) -> None:
        self.now = 0.0
        self.inbox = Inbox(lambda: self.now)
        self.inbox.notes |= {"microphone": 0.0, "called": 0.0}
        for sent, trip in ((1.0, 0.05), (2.0, 0.004), (3.0, 0.02)):
            answered = sent + trip / 2 + AHEAD
            reading = ClockReading(sent, sent + trip, answered, answered + WALL, 1000 * (sent + trip / 2) - 30)
            self.inbox.readings.append(reading)

    def event(self, at: float, kind: str, **rest: Any) -> None:
        self.now = at
        self.inbox.event({"type": kind, **rest})

    def speak(self, since: float, until: float, gain: float = 1.0, place: int = 0) -> None:
        """Her one answer from its packet `place` on."""
        for k in range(round((until - since) / 0.02)):
            at = since + 0.02 * k
            self.inbox.sound(at, at + AHEAD + WALL, packet(gain * LEVELS[place + k]))

    def show(self, since: float, until: float, opened: Any, late: float = 0.0) -> None:
        """A mouth, `opened(t)` wide, and a face that sways."""
        random = np.random.default_rng(int(since * 100))
        for at in np.arange(since, until - 1e-9, 0.04):
            cells = 100 + random.normal(0, 0.15, (64, 64)).astype(np.float32)
            cells[44:49, 28:36] -= 60 * opened(at)
            self.inbox.picture(at + late, at + late, at + AHEAD + WALL, cells)

    def recording(self, ended: float) -> Recording:
        self.inbox.notes["ended"] = ended
        return self.inbox.recording()


def test_the_quickest_answer_tells_the_offset_and_bounds_its_error() -> None:
    recording = Stage().recording(9)
    offset = clock_offset(recording.readings)
    assert offset is not None
    assert (offset.seconds, offset.error, offset.ntp) == pytest.approx((AHEAD, 0.002, WALL))
    assert microphone_delays_ms(recording) == pytest.approx([30, 30, 30])
    assert clock_offset([]) is None


def test_a_turns_stages_lie_between_the_servers_moments_and_ours() -> None:
    stage = Stage()
    stage.inbox.steps.append(Step("say", 4.0, "hello", True, 4.1, 5.0))
    stage.event(5.42, "response.created", response={"id": "r1"})
    spans = {"decided": 300, "transcript": 340, "first_token": 350, "first_phrase": 360, "first_audio": 380}
    stage.event(6.0, **told("r1", 5.06, **spans, first_motion=385, first_audio_out=480, first_frame_out=400))
    stage.speak(5.55, 7.0)
    (answer,) = answers(stage.recording(8), None)
    assert answer.stages() == pytest.approx({
        "microphone": 60, "endpointing": 300, "recognition": 40, "model": 10, "phrase": 10, "voice": 20, "motion": 5,
        "picture": 15, "playout": 95, "wire": 10,
    })  # fmt: skip
    assert answer.since_asked("heard") == pytest.approx(550)
    samples, figures = turn_samples([answer], "spoken_")
    assert samples["spoken_first_audio_ms"] == pytest.approx([550])
    assert samples["spoken_server_decided_ms"] == pytest.approx([360])
    assert (figures["spoken_turns"], figures["spoken_unanswered"]) == (1, 0)
    bars = waterfalls([answer], "spoken")[0].moments
    assert bars[0] == ("microphone", 0.0, 60.0)
    assert bars[-1] == ("wire", 540.0, 550.0)


def talked_over(*, gain: float = 0.25, cancelled: bool = True) -> Stage:
    """A whole answer; then one that is talked over 1 s after it began: softer at 150 ms, silent at 400 ms."""
    stage = Stage()
    steps = stage.inbox.steps
    steps += [Step("type", 1.0, "a"), Step("listen", 1.2), Step("type", 8.0, "b")]
    steps.append(Step("interrupt", 9.2, "stop it", True, 9.2, 10.0))
    stage.speak(1.2, 6.2)
    stage.event(8.01, "response.created", response={"id": "r2"})
    stage.speak(8.2, 9.36)
    stage.speak(9.36, 9.6, gain, 58)
    if cancelled:
        stage.event(9.59, "response.done", response={"id": "r2"})
        stage.event(9.6, **told("r2", 8.0, ducked=1340, interrupted=1580))
    else:
        stage.speak(9.6, 13.0, 1.0, 70)
    return stage


def test_an_interruption_is_followed_from_the_onset_to_stillness() -> None:
    stage = talked_over()
    stage.show(0.0, 1.2, lambda t: 0.0)
    stage.show(1.2, 6.2, lambda t: abs(np.sin(9 * t)))
    stage.show(6.2, 8.2, lambda t: 0.0)
    stage.show(8.2, 9.76, lambda t: abs(np.sin(9 * t)))
    stage.show(9.76, 11.0, lambda t: 0.0)
    recording = stage.recording(12)
    (one,) = barge_ins(recording, Mouth.learn(recording))
    assert (one.by_voice, one.missed, one.onset) == (True, False, 9.2)
    assert one.server_ducked == pytest.approx(9.34)
    assert one.ducked == pytest.approx(9.36, abs=0.021)
    assert one.committed == pytest.approx(9.58)
    assert one.silent == pytest.approx(9.58, abs=0.001)
    assert one.still == pytest.approx(9.76, abs=0.041)
    spans = interruption_samples([one], "")
    assert spans["onset_to_silence_ms"] == pytest.approx([380], abs=1)


def test_a_voice_that_does_not_step_back_is_not_called_ducked() -> None:
    (one,) = barge_ins(talked_over(gain=1.0).recording(12), None)
    assert one.ducked is None
    assert one.silent is not None


def test_an_interruption_that_she_does_not_hear_is_missed() -> None:
    talk = Conversation(talked_over(cancelled=False).recording(14))
    assert [one.missed for one in talk.barge_ins] == [True]
    assert script_faults(talk)["missed_interruptions"] == 1
    assert interruption_samples(talk.barge_ins, "")["onset_to_silence_ms"] == []


def test_a_cough_that_stops_her_and_a_pause_that_splits_a_question_are_counted() -> None:
    stage = Stage()
    stage.inbox.steps += [Step("cough", at, "", True, at, at + 0.2) for at in (2.0, 6.0)]
    stage.inbox.steps += [Step("say", 10.0, "x", True, 10.0, 12.0), Step("say", 14.0, "y", True, 14.0, 16.0)]
    stage.event(6.4, "response.done", response={"id": "r"})
    for at in (10.9, 12.3, 16.3):
        stage.event(at, "input_audio_buffer.committed")
    recording = stage.recording(20)
    assert false_interruptions(recording) == (1, 2)
    assert split_questions(recording) == (1, 2)


def test_pacing_counts_late_frozen_and_repeated_pictures_of_her_speech_alone() -> None:
    stage = Stage()
    stage.speak(1.0, 9.0)
    moving = iter(range(10_000))
    stage.show(0.0, 5.0, lambda t: (next(moving) % 2) * 1.0)
    stage.show(5.4, 9.0, lambda t: (next(moving) % 2) * 1.0)
    found = pacing(stage.recording(10))
    assert speech_spans(stage.recording(10)) == [pytest.approx((1.0, 8.98))]
    assert found.freezes == 1
    assert max(found.errors_ms) == pytest.approx(400, abs=1)
    assert np.median(found.errors_ms) == pytest.approx(0, abs=0.01)
    assert (found.repeated, found.gaps) == (0, 0)
    assert found.frozen_share == pytest.approx(0.44 / 7.56, abs=0.002)


def swell(t: Any) -> Any:
    return np.clip(0.5 + sum(np.sin(2 * np.pi * pace * t + pace) for pace in (1.7, 3.1, 4.37)) / 5, 0.02, 1)


@pytest.mark.parametrize("skew", [-0.08, 0.0, 0.033, 0.08])
def test_a_planted_skew_of_the_contents_is_found_within_10_ms(skew: float) -> None:
    stage = Stage()
    stage.show(0.0, 2.0, lambda t: 0.0)
    stage.show(2.0, 24.0, lambda t: swell(t - skew))
    voice = 4000 * swell(2 + np.arange(1100 * 480) / 24_000) * np.sin(np.arange(1100 * 480))
    for k, piece in enumerate(voice.reshape(1100, 480).astype(np.int16)):
        stage.inbox.sound(2 + 0.02 * k, 2 + 0.02 * k + AHEAD + WALL, piece)
    recording = stage.recording(24)
    found = content_offsets_ms(recording, Mouth.learn(recording))
    assert len(found) == 2
    assert found == pytest.approx([1000 * skew] * 2, abs=10)


def test_drift_is_the_slope_of_the_arrival_offset() -> None:
    stage = Stage()
    stage.speak(0.0, 40.0)
    for k in range(1000):
        at = 0.04 * k
        late = 0.01 + at * 0.036 / 3600
        stage.inbox.picture(at + late, at + late, at + AHEAD + WALL, np.zeros((64, 64), np.float32))
    recording = stage.recording(41)
    assert arrival_offsets_ms(recording)[0] == pytest.approx(10, abs=0.1)
    assert drift_ms_per_hour(recording) == pytest.approx(36, abs=1)


def test_a_recording_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    stage = talked_over()
    stage.show(0.0, 1.0, swell)
    recording = stage.recording(12)
    recording.save(tmp_path / "recording.npz")
    again = Recording.load(tmp_path / "recording.npz")
    assert (again.steps, again.readings, again.notes) == (recording.steps, recording.readings, recording.notes)
    assert again.events == recording.events
    assert np.array_equal(again.pcm, recording.pcm)
    assert [one.silent for one in barge_ins(again, None)] == [one.silent for one in barge_ins(recording, None)]
