"""`visavis show`, `sheet`, `manner` and `train-head`: bad input."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import server.cli as cli

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "-o", "her.txt"], "ends in .mp4"),
        (["show", "-o", "none/her.mp4"], "a folder that is there"),
        (["show", "-o", "her.mp4", "--sheet", "her.jpg"], "ends in .png"),
        (["sheet", "-o", "her.mp4"], "ends in .png or .jpg"),
        (["sheet", "-o", "none/her.jpg"], "a folder that is there"),
    ],
)
def test_bad_input_exits_2_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["visavis", *arguments])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    assert exited.value.code == 2
    assert told in capsys.readouterr().err.replace("\n", " ")
    assert not list(tmp_path.iterdir())
