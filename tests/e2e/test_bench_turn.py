"""The bench against a scripted server whose figures are known: real WebRTC, a drawn face, a tone for a voice."""

from __future__ import annotations

from statistics import median

import pytest

from bench.conversation import Conversation, turn_samples
from bench.inbox import BenchError
from bench.peer import fetch
from bench.script import read_script
from bench.serverproc import free_port
from bench.user import perform
from tests.e2e.bench_server import Script, serving

pytestmark = pytest.mark.e2e

TURNS = """
steps:
  - silence: 1.2
  - type: Hello.
  - interrupt: {after: 1.2}
  - type: Hello.
  - interrupt: {after: 0.6}
"""

LONG = """
steps:
  - silence: 1.2
  - type: Hello.
  - interrupt: {after: 7.5}
"""


async def talked(script: Script, acts: str = TURNS) -> Conversation:
    async with serving(script) as url:
        return Conversation(await perform(url, None, "realtime", read_script(acts), lambda done, total: None))


async def test_what_the_peer_measures_is_what_the_server_did() -> None:
    talk = await talked(Script(think_s=0.3, fade_s=0.2))
    assert len(talk.answers) == 2
    for answer in talk.answers:
        heard, seen = answer.since_asked("heard"), answer.since_asked("seen")
        # At least what the script waits; a loaded machine only adds.
        assert heard is not None
        assert 300 <= heard < 800
        assert seen is not None
        assert -20 <= seen - heard < 200
    for one in talk.barge_ins:
        assert not one.missed
        assert one.silent is not None
        assert 0.15 <= one.silent - one.onset < 0.6
    samples, figures = turn_samples(talk.answers, "")
    assert median(samples["first_audio_ms"]) == median(answer.since_asked("heard") or 0 for answer in talk.answers)
    assert (figures["turns"], figures["unanswered"], figures["frames_not_found"]) == (2, 0, 0)


async def test_pictures_delayed_by_100_ms_are_seen() -> None:
    """Their time stamps say when they should have been there; the media clock of both tracks is one."""
    prompt = (await talked(Script())).media()[0]["av_offset_ms"]
    late = (await talked(Script(picture_delay_s=0.1))).media()[0]["av_offset_ms"]
    assert 70 <= median(late) - median(prompt) <= 170


async def test_a_mouth_80_ms_behind_its_voice_is_found_in_the_pictures() -> None:
    """By what is in them: their time stamps claim that all is well."""
    together, behind = [
        median((await talked(Script(skew_s=skew), LONG)).media()[0]["av_content_offset_ms"]) for skew in (0.0, 0.08)
    ]
    assert behind - together == pytest.approx(80, abs=10)


async def test_a_server_that_is_not_there_is_told_plainly() -> None:
    with pytest.raises(BenchError, match="can't be reached"):
        fetch(f"http://127.0.0.1:{free_port()}/metrics")
