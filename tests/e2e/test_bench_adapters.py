"""The same user on other kinds of server: each adapter against the signalling that it speaks."""

from __future__ import annotations

import pytest

from bench.conversation import Conversation
from bench.inbox import BenchError
from bench.pacing import pacing
from bench.script import read_script
from bench.user import perform
from tests.e2e.bench_server import Script, serving
from tests.e2e.clients.inprocess import served

pytestmark = pytest.mark.e2e


def ignore(done: int, total: int) -> None:
    """Nobody watches."""


async def test_livetalking_is_asked_and_interrupted_by_its_own_requests() -> None:
    acts = "steps: [{silence: 1.5}, {type: Hello.}, {interrupt: {after: 1.2}}]"
    async with serving(Script(think_s=0.3)) as url:
        talk = Conversation(await perform(url, None, "livetalking", read_script(acts), ignore))
    (answer,) = talk.answers
    heard, seen = answer.since_asked("heard"), answer.since_asked("seen")
    assert heard is not None
    assert 300 <= heard < 900
    assert seen is not None
    (stop,) = talk.barge_ins
    assert not stop.missed
    assert stop.silent is not None
    assert stop.silent - stop.onset < 0.6


async def test_a_whep_stream_is_watched() -> None:
    async with serving(Script()) as url:
        recording = await perform(f"{url}/whep", None, "whep", read_script("steps: [{silence: 1}]"), ignore)
        with pytest.raises(BenchError, match="only be watched"):
            await perform(f"{url}/whep", None, "whep", read_script("steps: [{type: Hello.}]"), ignore)
    assert len(recording.pictures) > 5
    assert len(recording.sounds) > 20
    assert pacing(recording).fps is None
    assert not any(sound.voiced for sound in recording.sounds)


async def test_a_realtime_socket_answers_typed_and_spoken_questions_without_a_face() -> None:
    acts = "steps: [{type: Hello.}, {listen: end}, {say: 'What is your name?'}, {listen: end}]"
    async with served(max_sessions=2) as place:
        talk = Conversation(await perform(f"http://{place}", None, "realtime-ws", read_script(acts), ignore))
    assert talk.mouth is None
    typed, spoken = talk.answers
    assert typed.since_asked("heard") is not None
    assert spoken.since_asked("heard") is not None
    assert spoken.stages()["endpointing"] > 300


async def test_an_unknown_kind_of_server_is_told() -> None:
    with pytest.raises(BenchError, match="livetalking"):
        await perform("http://127.0.0.1:9", None, "rtmp", read_script("steps: [{silence: 1}]"), ignore)
