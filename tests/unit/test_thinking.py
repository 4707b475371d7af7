"""Replies that are begun before it is sure that the user has finished."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest

from engines import ASRStream, LanguageModelError, Message, Partial, Transcript
from engines.fake import FakeASRStream, FakeLLM
from engines.media import MIC_RATE, Pcm
from pipeline import events as ev
from pipeline.options import ResponseRequest, SessionOptions, TurnDetection
from tests.unit.stage import Scene, fakes, scene

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("inline_workers")]

SLOW_S = 0.6
"""Until the model's first token: more than the silence that ends a turn."""


async def say(stage: Scene, seconds: float = 1.2) -> float:
    """Speech between silences; returns when it ended."""
    await stage.speak(0.2, level=0)
    await stage.speak(seconds)
    ended = asyncio.get_running_loop().time()
    await stage.speak(2.0, level=0)
    await stage.until_done()
    return ended


async def test_a_model_thinks_while_the_silence_is_waited_for() -> None:
    llm = FakeLLM("Yes. I can.", first_token_s=SLOW_S)
    async with scene(fakes(llm=llm)) as stage:
        ended = await say(stage)
        # 160 ms of silence in which the draft is begun, found at the end of a window of 32; then the first token, and
        # the 80 ms in which her lips begin to move. The turn itself is decided after 500 ms.
        assert stage.sink.first_voiced() - ended == pytest.approx(0.16 + SLOW_S + 0.08, abs=0.08)
        assert stage.counts.drafts == [True]
        assert len(llm.asked) == 1
        assert llm.asked[0][-1] == Message("user", "what is your name")


async def test_nothing_is_told_of_a_draft_before_the_turn_is_over() -> None:
    async with scene(fakes(llm=FakeLLM("Yes. I can."))) as stage:
        ended = await say(stage)
        assert stage.at(ev.ResponseCreated) - ended >= 0.5
        assert stage.sink.first_voiced() - ended >= 0.5


class SecondThoughts(FakeASRStream):
    """Understands something else once the utterance is whole."""

    def finish(self) -> Transcript:
        return Transcript("what is your game")


class Wavering:
    def stream(self) -> ASRStream:
        return SecondThoughts("what is your name")


async def test_a_draft_for_other_words_is_thrown_away() -> None:
    llm = FakeLLM("Yes. I can.", first_token_s=SLOW_S)
    engines = fakes(llm=llm)
    async with scene(replace(engines, asr=Wavering())) as stage:
        ended = await say(stage)
        assert [messages[-1].text for messages in llm.asked] == ["what is your name", "what is your game"]
        assert stage.counts.drafts == [False]
        assert stage.sink.first_voiced() - ended >= 0.5 + SLOW_S
        assert llm.closed == 2


class Growing:
    """Understands a word for each half second."""

    def stream(self) -> ASRStream:
        return GrowingStream()


class GrowingStream:
    def __init__(self) -> None:
        self._samples = 0

    def feed(self, pcm: Pcm) -> None:
        self._samples += len(pcm) if abs(pcm).max() > 500 else 0

    def partial(self) -> Partial:
        return Partial(" ".join(["word"] * (self._samples * 2 // MIC_RATE)), complete=False)

    def finish(self) -> Transcript:
        return Transcript(self.partial().text)


async def test_who_goes_on_after_a_pause_is_answered_as_a_whole() -> None:
    llm = FakeLLM("Yes. I can.", first_token_s=SLOW_S)
    engines = fakes(llm=llm)
    async with scene(replace(engines, asr=Growing())) as stage:
        await stage.speak(0.2, level=0)
        await stage.speak(1.1)
        await stage.speak(0.3, level=0)
        await say(stage, 1.1)
        assert stage.counts.drafts == [False, True]
        assert len(llm.asked) == 2
        assert len(llm.asked[1][-1].text.split()) > len(llm.asked[0][-1].text.split())
        assert len(stage.of(ev.ResponseCreated)) == 1


async def test_a_draft_that_fails_fails_the_turn_that_it_was_for() -> None:
    class Broken(FakeLLM):
        async def stream(
            self, messages: Sequence[Message], *, instructions: str = "", temperature: float | None = None
        ) -> AsyncGenerator[str, None]:
            raise LanguageModelError("the model is gone")
            yield ""

    async with scene(fakes(llm=Broken(""))) as stage:
        await say(stage)
        done = stage.of(ev.ResponseDone)[0]
        assert isinstance(done, ev.ResponseDone)
        assert (done.status, done.reason) == ("failed", "the model is gone")


async def test_a_draft_is_bounded_and_ends_with_the_turn_that_reads_it() -> None:
    llm = FakeLLM(" ".join(["word"] * 3000))
    async with scene(fakes(llm=llm)) as stage:
        await stage.speak(0.2, level=0)
        await stage.speak(1.2)
        await stage.speak(2.0, level=0)
        assert stage.session.response_id is not None
        stage.session.cancel()
        await asyncio.sleep(0.1)
        assert llm.closed == 1


@pytest.mark.parametrize(
    "options",
    [
        SessionOptions(turn_detection=TurnDetection(create_response=False)),
        SessionOptions(turn_detection=None),
    ],
)
async def test_where_no_answer_follows_by_itself_nothing_is_drafted(options: SessionOptions) -> None:
    llm = FakeLLM("Yes.")
    async with scene(fakes(llm=llm), options=options) as stage:
        await stage.speak(0.2, level=0)
        await stage.speak(1.2)
        await stage.speak(1.0, level=0)
        assert llm.asked == []


async def test_a_typed_question_meanwhile_is_answered_by_itself() -> None:
    llm = FakeLLM("Yes. I can.", first_token_s=SLOW_S)
    async with scene(fakes(llm=llm)) as stage:
        await stage.speak(0.2, level=0)
        await stage.speak(1.2)
        await stage.speak(0.3, level=0)
        await stage.type("Hello")
        stage.session.respond(ResponseRequest())
        await stage.speak(0.1, level=0)
        assert stage.counts.drafts == [False]
        assert llm.asked[1][-1].text == "Hello"
