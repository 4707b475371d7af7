"""What the voice's commands refuse, and that they say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.cli import app

pytestmark = pytest.mark.unit


def refusal(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
    return " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--resume",), "--also and --resume go with --from-scratch"),
        (("--also", "x"), "--also and --resume go with --from-scratch"),
        (("--from-scratch", "--zero-shot"), "--from-scratch goes without --zero-shot and --seconds"),
        (("--minutes", "0"), "--minutes"),
    ],
)
def test_training_refuses_what_does_not_go_together(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    assert reason in refusal("train-voice", tmp_path, "-o", tmp_path / "voice", *arguments)
    assert not (tmp_path / "voice").exists()


def test_a_margin_needs_all_that_it_is_made_of(tmp_path: Path) -> None:
    assert "all three" in refusal("evaluate-voice", "espeak", tmp_path, "--clone", tmp_path)


def test_a_page_needs_a_folder(tmp_path: Path) -> None:
    assert "no such folder" in refusal("evaluate-voice", "espeak", tmp_path, "--html", tmp_path / "none" / "page.html")


def test_evaluation_needs_recordings(tmp_path: Path) -> None:
    assert "has no metadata.csv" in refusal("evaluate-voice", "espeak", tmp_path)


def test_evaluation_needs_prompts_that_were_held_out(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("a1|Hello.\n", "utf-8")
    (tmp_path / "a1.flac").touch()
    assert "holds no prompt out" in refusal("evaluate-voice", "espeak", tmp_path)


def test_what_is_no_voice_is_named(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("a7|Hello.\n", "utf-8")
    (tmp_path / "a7.flac").touch()
    assert "nobody is no voice: give a voice's folder" in refusal("evaluate-voice", "nobody", tmp_path)
