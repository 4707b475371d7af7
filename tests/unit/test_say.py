"""Writing a film: what is told when it can't be written."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from engines.tts import SpeechError
from server import say
from server.config import Config
from tests.unit.stage import fakes

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", ".film.mp4.partial"), "film.mp4 can't be written: No space"),
        (SpeechError("no voice 'xx'"), "no voice 'xx'"),
    ],
)
def test_a_film_that_cannot_be_written_names_its_path(
    failure: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> float:
        raise failure

    monkeypatch.setattr(say, "build_engines", lambda _: fakes())
    monkeypatch.setattr(say, "record", full)
    with pytest.raises(say.SayError, match=told) as error:
        say.say("Hello.", tmp_path / "film.mp4", Config())
    assert "partial" not in str(error.value)
