"""What the voice's commands refuse, and that they say what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.cli import app

pytestmark = pytest.mark.unit


class Trainer:
    """Stands in for the training of faces and voices."""

    MINUTES = 1.0

    def __init__(self, enough_for: str) -> None:
        self.enough_for = enough_for
        self.voices: list[tuple[Path, str | None, bool]] = []

    def train(self, *_: object, **__: object) -> None:
        """A face."""

    class Speaker:
        def __init__(self, name: str, consent: str | None, licence: str = "") -> None:
            self.consent = consent

    def adapt(self, source: Path, output: Path, speaker: Speaker, *_: object, zero_shot: bool, device: str) -> None:
        if self.enough_for == "nothing" or (self.enough_for == "timbre" and not zero_shot):
            raise ValueError("the recording holds 3 seconds of speech")
        self.voices.append((output, speaker.consent, zero_shot))


@pytest.mark.parametrize(
    ("enough_for", "options", "learned"),
    [("all", (), [False]), ("timbre", (), [True]), ("nothing", (), []), ("all", ("--no-voice",), [])],
)
def test_a_video_gives_its_avatar_a_voice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enough_for: str, options: tuple[str, ...], learned: list[bool]
) -> None:
    trainer = Trainer(enough_for)
    monkeypatch.setitem(sys.modules, "training.fit", trainer)
    monkeypatch.setitem(sys.modules, "training.voice_adapt", trainer)
    video = tmp_path / "anna.mp4"
    video.touch()
    result = CliRunner().invoke(app, ["train", str(video), "-o", str(tmp_path / "anna"), "--consent", "Yes.", *options])
    assert result.exit_code == 0
    assert trainer.voices == [(tmp_path / "anna" / "voice", "Yes.", zero_shot) for zero_shot in learned]
    assert ("no voice of its own: the recording holds" in result.stderr) == (enough_for == "nothing")


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
