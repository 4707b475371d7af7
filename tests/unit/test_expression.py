"""How she feels and moves in a session: by tags, by its settings, by punctuation, and by a client's own frames."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import pytest

from engines.fake import JAW, FakeIdle, FakeLLM, FakeTTS
from engines.media import BLENDSHAPES, COEFFS, SAMPLES_PER_FRAME, TimedWord
from engines.tags import Tag
from pipeline import events as ev
from pipeline.cues import SAMPLES_PER_CHAR, Cues, punctuated
from pipeline.options import Expression, ResponseRequest, SessionOptions
from pipeline.phrases import Phrase
from pipeline.puppet import EASE_FRAMES, SILENT_S
from pipeline.session import Refused
from tests.unit.stage import Scene, fakes, scene

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("inline_workers")]

TAGGED = (
    "[joy:0.6] Well, of course I can help. [laughs] Here is a [whisper] secret, just for you. [concern] Is it safe?"
)
PLAIN = "Well, of course I can help. Here is a secret, just for you. Is it safe?"


async def ask(stage: Scene, request: ResponseRequest | None = None) -> ev.ResponseDone:
    stage.session.respond(request or ResponseRequest())
    await stage.until_done()
    done = stage.of(ev.ResponseDone)[-1]
    assert isinstance(done, ev.ResponseDone)
    return done


async def test_tags_reach_voice_and_body_and_nobody_s_eyes() -> None:
    voice, idle = FakeTTS(), FakeIdle()
    engines = fakes(llm=FakeLLM(TAGGED), tts=voice, idle=idle)
    async with scene(engines) as stage:
        done = await ask(stage)
        assert done.item is not None
        assert done.item.text == PLAIN
        assert "".join(event.delta for event in stage.of(ev.OutputTextDelta)).strip() == PLAIN  # type: ignore[union-attr]
        assert [message.text for message in stage.session.conversation.messages()] == [PLAIN]
        assert "".join(text for text, _ in voice.asked).strip() == PLAIN
        assert {tag.name for _, tags in voice.asked for tag in tags} == {"joy", "whisper", "concern"}
        # The last one is her own again: the turn is over.
        assert idle.body.asked == [
            ("feel", ("joy", 0.6)), ("feel", ("concern", 1.0)), ("feel", ("neutral", 1.0)),
        ]  # fmt: skip


@pytest.mark.parametrize("modalities", [("audio",), ("text",)])
async def test_what_was_heard_holds_no_tag(modalities: tuple[str, ...]) -> None:
    async with scene(fakes(llm=FakeLLM(TAGGED, token_s=0.02))) as stage:
        stage.session.respond(ResponseRequest(modalities=modalities))  # type: ignore[arg-type]
        await asyncio.sleep(1.2 if modalities == ("audio",) else 0.2)
        stage.session.cancel()
        text = cast(ev.ResponseDone, stage.of(ev.ResponseDone)[-1]).item.parts[0].text  # type: ignore[union-attr]
        assert text
        assert PLAIN.startswith(text.strip())


async def test_a_text_answer_holds_no_tag() -> None:
    async with scene(fakes(llm=FakeLLM(TAGGED))) as stage:
        done = await ask(stage, ResponseRequest(modalities=("text",)))
        assert done.item is not None
        assert done.item.text.strip() == PLAIN


async def test_a_tag_without_a_meaning_is_told_once_a_session() -> None:
    async with scene(fakes(llm=FakeLLM("[laughs] Yes. [sighs] No. [laughs] Yes."))) as stage:
        for _ in range(2):
            await ask(stage)
        assert [event.tag for event in stage.of(ev.TagIgnored)] == ["[laughs]", "[sighs]"]  # type: ignore[union-attr]


async def test_her_own_emotion_comes_back_after_a_turn_and_after_an_interruption() -> None:
    idle = FakeIdle()
    own = SessionOptions(expression=Expression("concern", 0.3, "calm"))
    async with scene(fakes(llm=FakeLLM("[joy] [lively] " + PLAIN), idle=idle), options=own) as stage:
        assert idle.body.asked == [("feel", ("concern", 0.3)), ("behave", "calm")]
        stage.session.respond(ResponseRequest())
        await asyncio.sleep(0.8)
        assert idle.body.asked[2:] == [("feel", ("joy", 1.0)), ("behave", "lively")]
        # While a tag holds, what is set shows when the turn is over.
        stage.session.update(SessionOptions(expression=Expression("sadness", 0.5, "calm")))
        assert len(idle.body.asked) == 4
        stage.session.cancel()
        assert idle.body.asked[4:] == [("feel", ("sadness", 0.5)), ("behave", "calm")]


async def test_punctuation_shows_a_little_where_nothing_else_does() -> None:
    async def felt(reply: str, expression: Expression) -> Sequence[object]:
        idle = FakeIdle()
        options = SessionOptions(expression=expression)
        async with scene(fakes(llm=FakeLLM(reply), idle=idle), options=options) as stage:
            idle.body.asked.clear()
            await ask(stage)
            return idle.body.asked

    lively = [("feel", ("joy", 0.25)), ("feel", ("surprise", 0.15)), ("feel", ("neutral", 1.0))]
    assert await felt("How nice to see you! And how are you today?", Expression()) == lively
    assert await felt("How nice to see you!", Expression(punctuation=False)) == []
    assert await felt("How nice to see you!", Expression("anger")) == []
    assert await felt("[sadness] How nice to see you!", Expression()) == [
        ("feel", ("sadness", 1.0)),
        ("feel", ("neutral", 1.0)),
    ]


def test_each_sentence_of_a_phrase_has_its_mark() -> None:
    assert punctuated(" Hello. How are you? Fine! It costs 3") == [
        Tag("joy", 0.0, 0),
        Tag("surprise", 0.15, 8),
        Tag("joy", 0.25, 21),
        Tag("joy", 0.0, 27),
    ]
    assert punctuated("  ") == []


def test_a_tag_begins_with_the_word_after_it() -> None:
    phrase = Phrase("Oh no really now", (Tag("joy"), Tag("surprise", 0.7, 5)))
    words = (TimedWord("Oh", 0, 2000, 2), TimedWord("no", 2000, 4000, 5), TimedWord("really", 4000, 9000, 12))
    cues = Cues(phrase, 0, punctuation=True)
    assert cues.until(960, words[:1]) == (Tag("joy"),)
    assert cues.until(3840, words[:2]) == ()
    assert cues.until(4800, words) == (Tag("surprise", 0.7, 5),)
    assert cues.until(9000, words) == ()
    blind = Cues(phrase, 1920, punctuation=True)
    assert blind.until(960, ()) == (Tag("joy"),)
    assert blind.until(1920 + 5 * SAMPLES_PER_CHAR, ()) == ()
    assert blind.until(1921 + 5 * SAMPLES_PER_CHAR, ()) == (Tag("surprise", 0.7, 5),)


@pytest.mark.parametrize("video", [True, False])
async def test_motion_is_told_frame_by_frame_in_step_with_the_media(video: bool) -> None:
    async with scene(options=SessionOptions(report_motion=True), video=video) as stage:
        done = await ask(stage)
        told = cast(list[ev.Moved], stage.of(ev.Moved))
        assert all(b.pts - a.pts == SAMPLES_PER_FRAME for a, b in pairwise(told))
        spoken = [event for event in told if event.response_id == done.response_id]
        assert max(event.coeffs[JAW] for event in spoken) > 0.3
        assert len(spoken) == pytest.approx(sum(np.abs(pcm).max() > 100 for _, _, pcm in stage.sink.sounds) / 2, abs=6)
        starts = {pts: at for at, pts, _ in stage.sink.sounds}
        for at, event in stage.events:
            if isinstance(event, ev.Moved):
                assert starts[event.pts] == at


async def test_motion_is_told_nobody_who_did_not_ask() -> None:
    async with scene() as stage:
        await ask(stage)
        assert stage.of(ev.Moved) == []


async def test_a_client_moves_the_face_and_gives_it_back() -> None:
    idle = FakeIdle()
    face, pose = np.zeros(BLENDSHAPES, np.float32), np.array([0.1, 0, 0, 0, 0, 0], np.float32)
    face[JAW] = 0.5
    async with scene(fakes(idle=idle), options=SessionOptions(report_motion=True)) as stage:
        for _ in range(20):
            stage.session.drive(face, pose)
            await asyncio.sleep(0.04)
        given = [cast(ev.Moved, event).coeffs[JAW] for event in stage.of(ev.Moved)]
        assert given[-1] == pytest.approx(0.5)
        posed = [value for name, value in idle.body.asked if name == "pose"]
        assert np.asarray(posed[-1]).shape == (COEFFS,)
        await asyncio.sleep(SILENT_S + EASE_FRAMES * 0.04 + 0.1)
        given = [cast(ev.Moved, event).coeffs[JAW] for event in stage.of(ev.Moved)]
        assert given[-1] == 0
        assert max(abs(b - a) for a, b in pairwise(given)) < 0.2
        assert idle.body.asked[-1] == ("pose", None)


async def test_a_driven_face_goes_on_while_she_speaks() -> None:
    face = np.zeros(BLENDSHAPES, np.float32)
    async with scene(options=SessionOptions(report_motion=True)) as stage:
        stage.session.respond(ResponseRequest())
        for _ in range(30):
            stage.session.drive(face, None)
            await asyncio.sleep(0.04)
        jaws = [cast(ev.Moved, event).coeffs[JAW] for event in stage.of(ev.Moved)]
        assert max(jaws[-10:]) == 0
        assert any(np.abs(pcm).max() > 100 for _, _, pcm in stage.sink.sounds[-10:])


@pytest.mark.parametrize("media", [True, False])
async def test_where_nobody_sees_a_face_it_cannot_be_moved(media: bool) -> None:
    async with scene(media=media, video=False) as stage:
        with pytest.raises(Refused, match="no face"):
            stage.session.drive(np.zeros(BLENDSHAPES, np.float32), None)


async def test_a_client_without_media_costs_no_motion() -> None:
    engines = fakes()
    streams = []
    engines.motion.stream = lambda: streams.append(1)  # type: ignore[method-assign, assignment, return-value, func-returns-value]
    async with scene(engines, options=SessionOptions(report_motion=True), media=False) as stage:
        done = await ask(stage)
        assert done.status == "completed"
        assert streams == stage.of(ev.Moved) == []
