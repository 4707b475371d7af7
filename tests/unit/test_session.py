from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from engines import LanguageModelError, Message
from engines.fake import FakeLLM, FakeRenderer, FakeTTS
from engines.media import SAMPLE_RATE, AudioChunk, Pcm, TimedWord
from engines.tags import Tag
from pipeline import events as ev
from pipeline.options import ResponseRequest, SessionOptions
from pipeline.session import Refused
from tests.unit.stage import REPLY, fakes, scene

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("inline_workers")]


async def test_a_typed_turn_is_spoken_with_her_mouth_moving() -> None:
    async with scene() as stage:
        await stage.type("Can you help me?")
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        done = stage.of(ev.ResponseDone)[0]
        assert isinstance(done, ev.ResponseDone)
        assert (done.status, done.reason) == ("completed", None)
        assert done.item is not None
        assert done.item.text == REPLY
        assert "".join(event.delta for event in stage.of(ev.OutputTextDelta)).strip() == REPLY  # type: ignore[union-attr]
        # 24 words of 100 ms; each phrase ends on a frame.
        voiced = sum(np.abs(pcm).max() > 100 for _, _, pcm in stage.sink.sounds) * 0.02
        assert voiced == pytest.approx(len(REPLY.split()) * 0.1, abs=0.15)
        assert len({int(image[0, 0]) for _, _, image in stage.sink.pictures}) > 1
        assert stage.counts.underruns == 0


async def test_events_of_a_turn_come_in_the_protocol_s_order() -> None:
    async with scene() as stage:
        await stage.type("Hello")
        stage.session.respond(ResponseRequest(metadata={"a": "b"}))
        await stage.until_done()
        kinds = [kind for kind in stage.kinds() if kind not in ("OutputTextDelta", "TurnTiming", "StateChanged")]
        assert kinds == [
            "ItemAdded", "ItemDone", "ResponseCreated", "OutputItemAdded", "OutputAudioStarted", "OutputItemDone",
            "ResponseDone", "OutputAudioStopped",
        ]  # fmt: skip
        moods = [event.mood for event in stage.of(ev.StateChanged)]  # type: ignore[union-attr]
        assert moods == ["thinking", "speaking", "idle"]


async def test_she_begins_while_the_model_is_still_writing() -> None:
    async with scene(fakes(llm=FakeLLM(REPLY, first_token_s=0.2, token_s=0.05))) as stage:
        begun = asyncio.get_running_loop().time()
        await stage.type("Hello")
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        # The first clause, "Well, of course I can help you with that.", is whole after 9 tokens: 0.2 + 9 · 0.05 s;
        # one frame later at most it leaves, behind the 80 ms in which her lips begin to move.
        assert stage.sink.first_voiced() - begun <= 0.2 + 9 * 0.05 + 0.06 + 0.08
        assert stage.sink.first_voiced() - begun < 0.2 + len(REPLY.split()) * 0.05


async def test_an_interruption_silences_her_within_a_tick_and_history_keeps_what_was_heard() -> None:
    llm = FakeLLM(" ".join(["word"] * 600), token_s=0.02)
    async with scene(fakes(llm=llm)) as stage:
        await stage.type("Tell me a story")
        stage.session.respond(ResponseRequest())
        await asyncio.sleep(3.0)
        now = asyncio.get_running_loop().time()
        stage.session.cancel()
        assert stage.session.response_id is None
        await asyncio.sleep(1.0)
        assert stage.sink.last_voiced() - now <= 0.02
        assert stage.counts.silences[0] <= 0.02
        heard = stage.session.conversation.messages()[-1].text.split()
        voiced = sum(np.abs(pcm).max() > 100 for _, _, pcm in stage.sink.sounds) * 0.02
        assert len(heard) == pytest.approx(voiced / 0.1, abs=1)
        assert llm.closed == 1
        done = stage.of(ev.ResponseDone)[0]
        assert isinstance(done, ev.ResponseDone)
        assert (done.status, done.reason) == ("cancelled", "client_cancelled")


async def test_pts_goes_on_across_an_interruption_and_a_further_turn() -> None:
    async with scene() as stage:
        for _ in range(2):
            stage.session.respond(ResponseRequest())
            await asyncio.sleep(0.9)
            stage.session.cancel()
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        assert set(np.diff([pts for _, pts, _ in stage.sink.sounds])) == {480}
        assert stage.counts.jumps == 0


async def test_a_spoken_turn_is_answered_after_the_silence_that_ends_it() -> None:
    async with scene() as stage:
        await stage.speak(0.2, level=0)
        await stage.speak(1.2)
        stopped = asyncio.get_running_loop().time()
        await stage.speak(3.0, level=0)
        await stage.until_done()
        kinds = [kind for kind in stage.kinds() if kind not in ("OutputTextDelta", "TurnTiming", "StateChanged")]
        assert kinds[:7] == [
            "SpeechStarted", "InputTranscriptDelta", "SpeechStopped", "AudioCommitted", "ItemAdded", "ItemDone",
            "InputTranscriptCompleted",
        ]  # fmt: skip
        assert stage.session.conversation.messages()[0].text == "what is your name"
        assert 0.45 <= stage.at(ev.ResponseCreated) - stopped <= 0.7
        assert stage.counts.turns[0].spoken
        assert stage.counts.turns[0].decided_ms == pytest.approx(500, abs=80)


async def test_speaking_interrupts_her() -> None:
    async with scene(fakes(llm=FakeLLM(" ".join(["word"] * 300)))) as stage:
        await stage.type("Tell me everything")
        stage.session.respond(ResponseRequest())
        await stage.speak(1.0, level=0)
        begun = asyncio.get_running_loop().time()
        await stage.speak(0.8)
        done = stage.of(ev.ResponseDone)[0]
        assert isinstance(done, ev.ResponseDone)
        assert (done.status, done.reason) == ("cancelled", "turn_detected")
        assert stage.at(ev.SpeechStarted) - begun <= 0.45
        assert stage.sink.last_voiced() - begun <= 0.5


async def test_a_cough_ducks_her_and_she_goes_on() -> None:
    async with scene(fakes(llm=FakeLLM(" ".join(["word"] * 60)), understood="")) as stage:
        stage.session.respond(ResponseRequest())
        await stage.speak(1.0, level=0)
        await stage.speak(0.14)
        await stage.speak(4.0, level=0)
        await stage.until_done()
        done = stage.of(ev.ResponseDone)
        assert [event.status for event in done] == ["completed"]  # type: ignore[union-attr]
        quiet = [at for at, _, pcm in stage.sink.sounds if 100 < np.abs(pcm).max() < 4000]
        assert quiet, "she stepped back"
        assert not stage.of(ev.SpeechStarted)


async def test_a_failing_model_ends_in_an_apology_and_the_session_goes_on() -> None:
    class Breaks(FakeLLM):
        async def stream(
            self, messages: Sequence[Message], *, instructions: str = "", temperature: float | None = None
        ) -> AsyncGenerator[str, None]:
            yield "I was about "
            raise LanguageModelError("the language model stopped answering")

    engines = fakes(llm=Breaks(""))
    async with scene(engines) as stage:
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        done = stage.of(ev.ResponseDone)[0]
        assert isinstance(done, ev.ResponseDone)
        assert (done.status, done.reason) == ("failed", "the language model stopped answering")
        assert done.item is not None
        assert done.item.text.endswith("Please ask me again.")
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        assert len(stage.of(ev.ResponseDone)) == 2


async def test_a_voice_that_returns_nothing_fails_the_turn_alone() -> None:
    class Mute(FakeTTS):
        async def synthesize(self, text: str, tags: object = ()):  # type: ignore[no-untyped-def, override]
            return
            yield

    async with scene(fakes(tts=Mute())) as stage:
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        done = stage.of(ev.ResponseDone)[0]
        assert isinstance(done, ev.ResponseDone)
        assert done.status == "failed"
        assert "no audio" in (done.reason or "")


async def test_a_voice_that_breaks_fails_the_turn_alone() -> None:
    class Broken(FakeTTS):
        async def synthesize(self, text: str, tags: object = ()):  # type: ignore[no-untyped-def, override]
            raise ValueError("the voice broke")
            yield

    async with scene(fakes(tts=Broken())) as stage:
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        done = stage.of(ev.ResponseDone)[0]
        assert isinstance(done, ev.ResponseDone)
        assert (done.status, done.reason) == ("failed", "the voice broke")


async def test_a_reply_that_never_ends_is_read_no_further_than_its_voice_needs() -> None:
    llm = FakeLLM("word " * 100_000)
    async with scene(fakes(llm=llm)) as stage:
        stage.session.respond(ResponseRequest(max_output_tokens=50))
        await stage.until_done()
        done = stage.of(ev.ResponseDone)[0]
        assert isinstance(done, ev.ResponseDone)
        assert (done.status, done.reason, done.usage.output_tokens) == ("incomplete", "max_output_tokens", 50)


async def test_a_second_response_is_refused_while_one_is_in_progress() -> None:
    async with scene() as stage:
        stage.session.respond(ResponseRequest())
        with pytest.raises(Refused) as refused:
            stage.session.respond(ResponseRequest())
        assert refused.value.code == "conversation_already_has_active_response"
        stage.session.cancel()
        with pytest.raises(Refused) as refused:
            stage.session.cancel()
        assert refused.value.code == "response_cancel_not_active"
        stage.session.clear_output()


async def test_push_to_talk_waits_for_the_transcript() -> None:
    async with scene(options=SessionOptions(turn_detection=None)) as stage:
        await stage.speak(1.0)
        assert not stage.of(ev.SpeechStarted)
        stage.session.commit_audio()
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        assert stage.session.conversation.messages()[0].text == "what is your name"
        with pytest.raises(Refused):
            stage.session.commit_audio()


async def test_text_alone_needs_no_voice() -> None:
    async with scene() as stage:
        stage.session.respond(ResponseRequest(modalities=("text",)))
        await stage.until_done()
        assert "".join(event.delta for event in stage.of(ev.OutputTextDelta)).strip() == REPLY  # type: ignore[union-attr]
        assert not [pcm for _, _, pcm in stage.sink.sounds if np.abs(pcm).max() > 0]


async def test_without_a_video_track_nothing_is_rendered() -> None:
    async with scene(video=False) as stage:
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        assert stage.counts.renders == 0
        assert not stage.sink.pictures
        assert stage.of(ev.TurnTiming)


async def test_over_the_websocket_deltas_run_at_most_a_second_ahead() -> None:
    async with scene(fakes(llm=FakeLLM(" ".join(["word"] * 50))), media=False) as stage:
        begun = asyncio.get_running_loop().time()
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        sent = 0
        for at, event in stage.events:
            if isinstance(event, ev.OutputAudioDelta):
                assert len(event.pcm) <= SAMPLE_RATE // 5
                sent += len(event.pcm)
                assert sent / SAMPLE_RATE <= at - begun + 1.0 + 1e-6
        assert sent / SAMPLE_RATE == pytest.approx(5.0, abs=0.3)


async def test_over_the_websocket_heard_is_what_the_time_allows_and_the_client_may_correct_it() -> None:
    async with scene(fakes(llm=FakeLLM(" ".join(["word"] * 50))), media=False) as stage:
        stage.session.respond(ResponseRequest())
        await asyncio.sleep(2.0)
        stage.session.cancel()
        item = stage.of(ev.OutputItemDone)[0].item  # type: ignore[union-attr]
        assert len(stage.session.conversation.messages()[-1].text.split()) == pytest.approx(20, abs=1)
        assert item is not None
        stage.session.truncate_item(item.id, 1000)
        assert len(stage.session.conversation.messages()[-1].text.split()) == 10


async def test_a_slow_renderer_costs_pictures_and_never_sound() -> None:
    engines = replace(fakes(), renderer=FakeRenderer(latency_s=0.1))
    async with scene(engines) as stage:
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        assert stage.counts.late > 20
        assert stage.counts.underruns == 0
        assert {round(step, 3) for step in np.diff([at for at, _, _ in stage.sink.sounds])} == {0.02}


async def test_a_slow_voice_is_counted_as_underruns_and_pts_goes_on() -> None:
    # A word of 100 ms every 300 ms: after each the stream is empty.
    async with scene(fakes(llm=FakeLLM("one two three four"), tts=FakeTTS(chunk_s=0.3))) as stage:
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        assert stage.counts.underruns == 3
        assert set(np.diff([pts for _, pts, _ in stage.sink.sounds])) == {480}


@pytest.mark.parametrize("phase_ms", range(0, 40, 5))
async def test_the_mouth_begins_two_frames_before_the_voice(phase_ms: int) -> None:
    engines = replace(fakes(), renderer=FakeRenderer(latency_s=0.015))
    async with scene(engines) as stage:
        await asyncio.sleep(1 + phase_ms / 1000)
        stage.session.respond(ResponseRequest())
        await stage.until_done()
        timing = stage.counts.turns[0]
        assert timing.first_frame_out_ms is not None
        assert timing.first_audio_out_ms is not None
        assert timing.first_audio_out_ms - timing.first_frame_out_ms == pytest.approx(80, abs=0.1)
        # Two pictures' time and a frame at most: nothing waits longer for its face.
        assert timing.first_frame_out_ms <= 30 + 40


async def test_two_interruptions_in_a_row_are_one() -> None:
    async with scene() as stage:
        stage.session.respond(ResponseRequest())
        await asyncio.sleep(0.5)
        stage.session.clear_output()
        stage.session.clear_output()
        await asyncio.sleep(0.5)
        assert [event.status for event in stage.of(ev.ResponseDone)] == ["cancelled"]  # type: ignore[union-attr]


async def test_a_client_that_vanishes_mid_word_leaves_nothing_behind() -> None:
    llm = FakeLLM(" ".join(["word"] * 500), token_s=0.01)
    async with scene(fakes(llm=llm)) as stage:
        stage.session.respond(ResponseRequest())
        await asyncio.sleep(1.05)
        stage.run.cancel()
        await asyncio.gather(stage.run, return_exceptions=True)
        assert llm.closed == 1


async def test_a_voice_without_times_is_cut_at_exact_words_once_its_phrase_is_aligned() -> None:
    class Timeless(FakeTTS):
        async def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> AsyncGenerator[AudioChunk, None]:
            async for chunk in super().synthesize(text, tags):
                yield AudioChunk(chunk.pcm)

    def align(text: str, pcm: Pcm) -> tuple[TimedWord, ...]:
        # All of it is said in the first half of the sound.
        return (TimedWord(text, 0, len(pcm) // 2, len(text)),)

    engines = replace(fakes(llm=FakeLLM("one two three four five six"), tts=Timeless()), align=align)
    async with scene(engines) as stage:
        stage.session.respond(ResponseRequest())
        await asyncio.sleep(0.5)
        stage.session.cancel()
        assert stage.session.conversation.messages()[-1].text == "one two three four five six"
