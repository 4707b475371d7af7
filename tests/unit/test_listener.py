"""Turns: how they begin, are dismissed, and end. Positions in the comments are in windows of 32 ms."""

from __future__ import annotations

import numpy as np
import pytest

from engines import Partial
from pipeline import utterance
from pipeline.endpointing import MAX_UTTERANCE, WINDOW, Confirmed, Dismissed, Ended, Onset
from pipeline.listener import MAX_BACKLOG
from pipeline.options import TurnDetection
from pipeline.utterance import Expected, Heard, Understood
from tests.unit.ears import ScriptedASR, ears, in_ms, said, windows

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("inline_workers")]

QUIET = 0.02
SPEECH = 1.0


async def test_a_turn_from_onset_to_words() -> None:
    asr = ScriptedASR()
    async with ears(asr) as scene:
        await scene.hear((20, QUIET), (30, SPEECH), (40, QUIET))
    onset, confirmed, heard, expected, ended, understood = scene.events
    assert onset == Onset(20 * WINDOW)
    assert confirmed == Confirmed(20 * WINDOW)
    assert heard == Heard("some words")
    assert expected == Expected("some words")
    assert isinstance(ended, Ended)
    assert ended.at == 50 * WINDOW
    assert 500 <= in_ms(ended.decided_at - ended.at) < 500 + 32
    assert isinstance(understood, Understood)
    assert understood.transcript.text == "some words"
    assert understood.seconds == len(asr.fed[0]) / 16_000


async def test_the_recogniser_hears_what_came_before_the_onset() -> None:
    asr = ScriptedASR()
    async with ears(asr, TurnDetection(prefix_ms=320)) as scene:
        await scene.hear((30, QUIET), (12, SPEECH), (16, QUIET))
        assert scene.kinds()[-1] == "Understood"
    assert np.array_equal(asr.fed[0], said((10, QUIET), (12, SPEECH), (16, QUIET)))


async def test_a_second_turn_is_heard_from_its_own_beginning() -> None:
    asr = ScriptedASR()
    async with ears(asr) as scene:
        await scene.hear((12, SPEECH), (16, QUIET), (12, SPEECH), (16, QUIET))
    assert scene.kinds().count("Understood") == 2
    assert len(asr.fed[0]) + len(asr.fed[1]) == 56 * WINDOW


@pytest.mark.parametrize("chunk", [1, 480, 511, 512, 9_000, 10**6])
async def test_the_size_of_the_pieces_makes_no_difference(chunk: int) -> None:
    parts = ((7, QUIET), (15, SPEECH), (3, QUIET), (9, SPEECH), (20, QUIET))
    async with ears() as scene, ears() as reference:
        await scene.hear(*parts, chunk=chunk)
        await reference.hear(*parts)
        assert scene.events == reference.events
        assert scene.kinds()[-1] == "Understood"


async def test_a_click_is_nothing() -> None:
    async with ears() as scene:
        await scene.hear((10, QUIET), (2, SPEECH), (40, QUIET))
    assert not scene.events


async def test_a_cough_is_dismissed_within_600_ms() -> None:
    asr = ScriptedASR()
    async with ears(asr) as scene:
        await scene.hear((10, QUIET), (5, SPEECH), (40, QUIET))
        onset, dismissed = scene.events
        assert isinstance(onset, Onset)
        assert isinstance(dismissed, Dismissed)
        assert in_ms(dismissed.at - onset.at) <= 600
        await scene.hear((12, SPEECH), (16, QUIET))
        assert scene.kinds()[2:] == ["Onset", "Confirmed", "Heard", "Expected", "Ended", "Understood"]


async def test_a_short_word_that_is_known_is_no_cough() -> None:
    async with ears(ScriptedASR(lambda _: Partial("stop", complete=True))) as scene:
        await scene.hear((10, QUIET), (5, SPEECH), (40, QUIET))
    assert scene.kinds() == ["Onset", "Confirmed", "Heard", "Expected", "Ended", "Understood"]


async def test_a_pause_of_160_ms_is_probably_the_end_and_a_shorter_one_is_not() -> None:
    async with ears() as scene:
        await scene.hear((12, SPEECH), (4, QUIET), (6, SPEECH), (4, QUIET), (6, SPEECH))
        assert scene.of(Expected) == []
        await scene.hear((5, QUIET))
        assert scene.of(Expected) == [Expected("some words")]
        await scene.hear((6, SPEECH), (5, QUIET))
        assert scene.of(Expected) == [Expected("some words")] * 2


async def test_words_that_come_during_the_pause_are_expected_instead() -> None:
    def late(samples: int) -> Partial:
        return Partial("how are you" if samples > 28 * WINDOW else "how are", complete=False)

    async with ears(ScriptedASR(late)) as scene:
        for window in range(40):
            await scene.hear((1, SPEECH if window < 20 else QUIET))
    assert scene.of(Expected) == [Expected("how are"), Expected("how are you")]


async def test_speech_that_wavers_is_one_turn() -> None:
    async with ears() as scene:
        await scene.hear((6, SPEECH), (3, 0.4), (6, SPEECH), (14, QUIET), (6, SPEECH), (20, QUIET))
    assert len(scene.of(Onset)) == len(scene.of(Ended)) == 1


async def test_a_whole_known_phrase_ends_the_turn_sooner() -> None:
    async with ears(ScriptedASR(lambda _: Partial("how are you", complete=True))) as scene:
        await scene.hear((20, SPEECH), (40, QUIET))
    (ended,) = scene.of(Ended)
    assert isinstance(ended, Ended)
    assert 300 <= in_ms(ended.decided_at - ended.at) < 332


async def test_a_known_phrase_that_may_go_on_waits_until_it_stands_still() -> None:
    def grows(samples: int) -> Partial:
        # The last word arrives 224 ms after the voice fell silent: at 300 ms it has not stood for 200.
        return Partial("how are you today" if samples > 26 * WINDOW else "how are you", complete=True)

    async with ears(ScriptedASR(grows)) as scene:
        await scene.hear((20, SPEECH), (40, QUIET))
    (ended,) = scene.of(Ended)
    assert isinstance(ended, Ended)
    assert in_ms(ended.decided_at - 27 * WINDOW) >= 200
    assert 332 < in_ms(ended.decided_at - ended.at) < 500


async def test_an_endless_utterance_is_cut() -> None:
    async with ears() as scene:
        await scene.hear((1000, SPEECH), (20, QUIET), chunk=16_000)
    first, second = scene.of(Ended)
    assert isinstance(first, Ended)
    assert isinstance(second, Ended)
    assert first.at == first.decided_at
    assert MAX_UTTERANCE <= first.at < MAX_UTTERANCE + WINDOW
    assert second.at == 1000 * WINDOW


async def test_partial_words_come_once_the_speech_is_confirmed_and_only_when_they_change() -> None:
    def counts(samples: int) -> Partial:
        return Partial(" ".join(["word"] * (samples // (10 * WINDOW))), complete=False)

    async with ears(ScriptedASR(counts)) as scene:
        for window in range(55):
            await scene.hear((1, SPEECH if window < 35 else QUIET))
    texts = [event.text for event in scene.events if isinstance(event, Heard)]
    assert texts == ["word", "word word", "word word word", "word word word word", "word word word word word"]
    assert scene.kinds().index("Confirmed") < scene.kinds().index("Heard")


async def test_the_threshold_is_settable_while_listening() -> None:
    async with ears() as scene:
        await scene.hear((20, 0.6), (20, QUIET))
        scene.listener.detection = TurnDetection(threshold=0.8)
        await scene.hear((20, 0.6), (20, QUIET))
    assert len(scene.of(Ended)) == 1


async def test_while_she_speaks_an_unsure_sound_is_her_echo() -> None:
    async with ears() as scene:
        scene.listener.playing = True
        await scene.hear((40, QUIET), (20, 0.7), (20, QUIET))
        assert not scene.events
        await scene.hear((20, SPEECH), (20, QUIET))
        assert scene.kinds() == ["Onset", "Confirmed", "Heard", "Expected", "Ended", "Understood"]


async def test_a_person_must_be_louder_than_her_echo() -> None:
    async with ears() as scene:
        scene.listener.playing = True
        echo = windows(60, SPEECH)
        scene.listener.feed(echo)
        await scene.settle()
        assert not scene.events
        # The echo comes back after a pause, then somebody speaks over it at 2.5 times its amplitude.
        scene.listener.feed(np.concatenate([windows(10, QUIET), echo]))
        await scene.settle()
        assert not scene.events
        scene.listener.feed((echo * 2.5).astype(np.int16))
        await scene.settle()
        assert scene.kinds()[:2] == ["Onset", "Confirmed"]
        assert scene.events[0] == Onset(130 * WINDOW)


async def test_a_backlog_loses_the_oldest_and_keeps_the_positions() -> None:
    async with ears() as scene:
        scene.listener.feed(np.zeros(WINDOW, np.int16))
        scene.listener.feed(np.zeros(MAX_BACKLOG, np.int16))
        await scene.hear((10, SPEECH), (20, QUIET))
        assert scene.listener.dropped == WINDOW + MAX_BACKLOG
        assert scene.events[0] == Onset(WINDOW + MAX_BACKLOG)


async def test_one_piece_beyond_every_bound_keeps_its_end() -> None:
    async with ears() as scene:
        pcm = np.concatenate([np.zeros(2 * MAX_BACKLOG, np.int16), said((10, SPEECH), (20, QUIET))])
        scene.listener.feed(pcm)
        await scene.settle()
        assert scene.listener.dropped == len(pcm) - MAX_BACKLOG
        (onset,) = scene.of(Onset)
        assert isinstance(onset, Onset)
        # What was cut away is no multiple of a window, so the onset is found on another grid.
        assert 0 <= onset.at - 2 * MAX_BACKLOG < WINDOW


async def test_a_recogniser_that_falls_behind_does_not_delay_what_interrupts_her(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(utterance._step, "latency_s", 60.0, raising=False)
    async with ears() as scene:
        await scene.hear((35, SPEECH), (20, QUIET))
        assert [type(event) for event in scene.events] == [Onset, Confirmed, Ended]


async def test_a_soft_first_consonant_is_no_echo() -> None:
    async with ears() as scene:
        scene.listener.playing = True
        # Loud enough to be heard, too unsure to be speech: an aspirated or nasal beginning.
        await scene.hear((40, QUIET), (2, 0.5), (20, 0.9), (20, QUIET))
    assert len(scene.of(Confirmed)) == 1
