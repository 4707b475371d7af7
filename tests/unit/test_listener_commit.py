"""Push to talk, recognisers behind a network, and recognisers that fail."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from engines import Partial, Transcript, TranscriptionError
from engines.media import Pcm
from pipeline.endpointing import WINDOW, Confirmed, Dismissed, Ended, Onset
from pipeline.options import TurnDetection
from pipeline.utterance import BEHIND, BROKEN, MAX_WAITING, Misunderstood, Understood
from tests.unit.ears import ScriptedASR, SlowRemote, ears, said

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("inline_workers")]

QUIET = 0.02
SPEECH = 1.0
TURN = ((12, SPEECH), (20, QUIET))


async def test_push_to_talk_takes_everything_up_to_the_commit() -> None:
    asr = ScriptedASR()
    async with ears(asr, None) as scene:
        scene.listener.feed(said((10, QUIET), (20, SPEECH), (40, QUIET)))
        scene.listener.feed(np.full(100, 7, np.int16))
        await scene.settle()
        assert scene.listener.commit()
        await scene.settle()
        assert scene.kinds() == ["Heard", "Understood"]
        assert len(asr.fed[0]) == 70 * WINDOW + 100
        scene.listener.feed(np.full(2_000, 9, np.int16))
        assert scene.listener.commit()
        await scene.settle()
        assert np.array_equal(asr.fed[1], np.full(2_000, 9))


async def test_an_empty_commit_is_refused() -> None:
    async with ears(detection=None) as scene:
        assert not scene.listener.commit()
        scene.listener.feed(np.zeros(1_599, np.int16))
        assert not scene.listener.commit()
        scene.listener.feed(np.zeros(1, np.int16))
        assert scene.listener.commit()
        assert not scene.listener.commit()


async def test_what_was_cleared_is_not_understood() -> None:
    asr = ScriptedASR()
    async with ears(asr, None) as scene:
        await scene.hear((20, SPEECH))
        scene.listener.feed(np.zeros(100, np.int16))
        scene.listener.clear()
        assert not scene.listener.commit()
        await scene.hear((10, SPEECH))
        assert scene.listener.commit()
        await scene.settle()
    assert len(scene.of(Understood)) == 1
    assert len(asr.fed[-1]) == 10 * WINDOW


async def test_clearing_in_the_middle_of_a_cough_dismisses_it() -> None:
    async with ears() as scene:
        await scene.hear((4, SPEECH))
        scene.listener.clear()
        await scene.settle()
        assert [type(event) for event in scene.events] == [Onset, Dismissed]


async def test_push_to_talk_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.listener.MAX_PUSH_TO_TALK", 100 * WINDOW)
    asr = ScriptedASR()
    async with ears(asr, None) as scene:
        await scene.hear((150, SPEECH))
        assert scene.listener.dropped == 50 * WINDOW
        assert scene.listener.commit()
        await scene.settle()
        assert len(asr.fed[0]) == 100 * WINDOW
        assert len(scene.of(Understood)) == 1


async def test_a_commit_ends_a_detected_turn_at_once() -> None:
    async with ears() as scene:
        await scene.hear((20, SPEECH))
        assert scene.listener.commit()
        await scene.hear((40, QUIET))
    assert scene.kinds() == ["Onset", "Confirmed", "Heard", "Understood"]


async def test_silence_that_is_committed_has_no_words() -> None:
    asr = ScriptedASR()
    async with ears(asr) as scene:
        await scene.hear((20, QUIET))
        assert scene.listener.commit()
        await scene.settle()
    assert scene.events == [Understood(Transcript(""), 0.0)]
    assert not asr.fed


async def test_a_turn_that_ended_by_itself_leaves_nothing_to_commit() -> None:
    async with ears() as scene:
        await scene.hear((12, SPEECH), (16, QUIET))
        assert len(scene.of(Ended)) == 1
        assert not scene.listener.commit()


async def test_switching_to_push_to_talk_keeps_what_was_said() -> None:
    asr = ScriptedASR()
    async with ears(asr) as scene:
        await scene.hear((20, SPEECH))
        scene.listener.detection = None
        await scene.hear((40, QUIET))
        assert not scene.of(Ended)
        assert scene.listener.commit()
        await scene.settle()
        assert len(asr.fed[0]) == 60 * WINDOW
        scene.listener.detection = TurnDetection()
        await scene.hear(*TURN)
        assert len(scene.of(Understood)) == 2


async def test_a_remote_recogniser_gets_whole_utterances_and_nobody_waits_for_it() -> None:
    remote = SlowRemote(latency_s=3.0)
    async with ears(remote) as scene:
        await scene.hear(*TURN)
        await scene.hear(*TURN)
        assert len(scene.of(Ended)) == 2
        assert not scene.of(Understood)
        await asyncio.sleep(6.1)
        texts = [event.transcript.text for event in scene.events if isinstance(event, Understood)]
        assert texts == ["utterance 1", "utterance 2"]
    ended = scene.of(Ended)[0]
    assert isinstance(ended, Ended)
    assert len(remote.got[0]) == ended.decided_at


async def test_utterances_that_pile_up_are_told_of_in_their_order() -> None:
    async with ears(SlowRemote(latency_s=100.0)) as scene:
        for _ in range(MAX_WAITING + 2):
            await scene.hear(*TURN)
        await asyncio.sleep(1_000.0)
    words = [event for event in scene.events if isinstance(event, Understood | Misunderstood)]
    assert [type(event) for event in words] == [Understood] * (MAX_WAITING + 1) + [Misunderstood]
    assert isinstance(words[-1], Misunderstood)
    assert words[-1].message == BEHIND
    assert words[-1].seconds > 0.0


async def test_a_session_may_end_while_a_recogniser_is_asked() -> None:
    async with ears(SlowRemote(latency_s=1e6)) as scene:
        await scene.hear(*TURN)
        assert scene.kinds()[-1] == "Ended"


@pytest.mark.parametrize(
    ("error", "message"),
    [(ValueError("inner workings"), BROKEN), (TranscriptionError("no such model"), "no such model")],
)
async def test_a_recogniser_that_fails_costs_one_utterance(error: Exception, message: str) -> None:
    asr = ScriptedASR(fails=error)
    async with ears(asr) as scene:
        await scene.hear(*TURN)
        assert [type(event) for event in scene.events] == [Onset, Confirmed, Ended, Misunderstood]
        assert isinstance(scene.events[-1], Misunderstood)
        assert scene.events[-1].message == message
        asr.fails = None
        await scene.hear(*TURN)
        assert scene.kinds()[-1] == "Understood"


async def test_a_remote_recogniser_that_fails_costs_one_utterance() -> None:
    class Failing(SlowRemote):
        async def transcribe(self, pcm: Pcm) -> Transcript:
            if not self.got:
                self.got.append(pcm)
                raise TranscriptionError("the recogniser can't be reached")
            return await super().transcribe(pcm)

    async with ears(Failing()) as scene:
        await scene.hear(*TURN)
        await scene.hear(*TURN)
    words = [event for event in scene.events if isinstance(event, Understood | Misunderstood)]
    assert [type(event) for event in words] == [Misunderstood, Understood]


async def test_an_utterance_without_words_is_understood_as_such() -> None:
    async with ears(ScriptedASR(lambda _: Partial("", complete=False))) as scene:
        await scene.hear(*TURN)
    assert scene.kinds() == ["Onset", "Confirmed", "Ended", "Understood"]
