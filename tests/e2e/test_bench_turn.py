"""The bench against a scripted server whose figures are known: real WebRTC, a drawn face, a tone for a voice."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from bench import turn
from bench.serverproc import free_port
from bench.user import BenchError, call, fetch
from tests.e2e.bench_server import Script, serving

pytestmark = pytest.mark.e2e


async def measured(script: Script, turns: int = 2) -> tuple[list[turn.Answer], dict[str, Any]]:
    async with serving(script) as url, call(url, None) as user:
        with Progress(console=Console(stderr=True, quiet=True)) as progress:
            face = await turn.Face.learn(user, progress)
        answers = [await turn._typed(user, face, "Hello.") for _ in range(turns)]  # pyright: ignore[reportPrivateUsage]
    return answers, turn._figures(answers, "")  # pyright: ignore[reportPrivateUsage]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("CALIBRATION_S", 1.2), ("SETTLE_S", 0.6), ("LISTEN_S", 0.6)):
        monkeypatch.setattr(turn, name, seconds)


async def test_what_the_peer_measures_is_what_the_server_did() -> None:
    answers, figures = await measured(Script(think_s=0.3, fade_s=0.2))
    for answer in answers:
        # At least what the script waits; a loaded machine only adds.
        assert 300 <= answer.first_audio < 800
        assert answer.first_frame is not None
        assert -20 <= answer.first_frame - answer.first_audio < 200
        assert answer.silence is not None
        assert 150 <= answer.silence < 600
        assert len(answer.offsets) > 10
    assert figures["first_audio_ms_p50"] == pytest.approx(median(a.first_audio for a in answers), abs=0.01)
    assert figures["frames_not_found"] == 0


async def test_pictures_delayed_by_100_ms_are_seen() -> None:
    """Their time stamps say when they should have been there; the media clock of both tracks is one."""
    prompt = median(o for answer in (await measured(Script(), 1))[0] for o in answer.offsets)
    late = median(o for answer in (await measured(Script(picture_delay_s=0.1), 1))[0] for o in answer.offsets)
    assert 70 <= late - prompt <= 170


async def test_a_server_that_is_not_there_is_told_plainly() -> None:
    with pytest.raises(BenchError, match="can't be reached"):
        fetch(f"http://127.0.0.1:{free_port()}/metrics")
