"""A script's steps, and what is said about those that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.inbox import BenchError
from bench.script import load_script, read_script

pytestmark = pytest.mark.unit


def test_repetitions_are_written_out_and_lines_taken_in_turn() -> None:
    script = read_script("""
steps:
  - silence: 1
  - repeat: 3
    steps:
      - say: [a, b]
      - interrupt: {after: 0.5, by: voice, say: [c, d]}
  - cough: {}
""")
    steps = script.flat()
    assert [step.say for step in steps if step.say] == ["a", "b", "a"]
    assert [step.interrupt.say for step in steps if step.interrupt] == ["c", "d", "c"]
    assert (steps[0].silence, steps[-1].cough is not None) == (1, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps: []", "at least 1"),
        ("steps: [{silence: 1, type: x}]", "one of silence"),
        ("steps: [{dance: 1}]", "dance"),
        ("steps: [{repeat: 2}]", "repeat with steps"),
        ("steps: [{interrupt: {by: voice}}]", "needs `say`"),
        ("steps: [{silence: -1}]", "greater than or equal to 0"),
        ("- type: x", "content"),
        ("steps: [", "no YAML"),
        ("!!python/object/apply:os.getcwd []", "no YAML"),
    ],
)
def test_what_is_no_script_is_told(text: str, told: str) -> None:
    with pytest.raises(BenchError, match=told):
        read_script(text)


def test_files_are_bounded_and_recordings_are_beside_them(tmp_path: Path) -> None:
    (tmp_path / "talk.yaml").write_text("steps: [{say: {wav: hello.wav}}]")
    script = load_script(tmp_path / "talk.yaml")
    assert script.base == tmp_path
    (tmp_path / "long.yaml").write_text("steps: [{type: " + "x" * 70_000 + "}]")
    with pytest.raises(BenchError, match="70017 characters"):
        load_script(tmp_path / "long.yaml")
    with pytest.raises(BenchError, match="can't be read"):
        load_script(tmp_path / "none.yaml")
