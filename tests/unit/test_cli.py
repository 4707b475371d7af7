"""The command line: what it prints where, and how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import server.cli as cli
from server.cli_common import show

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def visavis(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["visavis", *arguments])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    return int(exited.value.code or 0)


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, server.cli as c\n"
        "sys.argv = ['visavis', '--help']\n"
        "try: c.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pydantic', 'av', 'aiortc', 'openvino', 'uvicorn', 'openai', 'torch'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr
    for command in ("serve", "say", "bench", "train", "evaluate", "compile", "doctor"):
        assert command in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve", "--host", "0.0.0.0"], "--insecure"),
        (["serve", "--set", "server.prot=1"], "did you mean server.port"),
        (["serve", "--set", "server.port"], "KEY=VALUE"),
        (["serve", "--set", "llm.key=hunter2"], "VISAVIS_LLM_KEY"),
        (["serve", "--port", "70000"], "an integer from 0 to 65535"),
        (["serve", "--config", "none.toml"], "none.toml"),
        (["serve", "--allow-origin", "*"], "origins like https://shop.example"),
        (["serve", "--tls-cert", "cert.pem"], "set both"),
        (["bench", "render", "--avatar", "nowhere"], "nowhere"),
        (["evaluate", "nowhere", "nothing"], "nowhere/meta.json is missing"),
        (["evaluate", "nowhere", "nothing", "--html", "none/page.html"], "no such folder"),
    ],
)
def test_bad_input_exits_2_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert visavis(monkeypatch, *arguments) == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.out == ""
    assert "hunter2" not in printed.err


def test_flags_win_over_set_and_both_reach_the_configuration() -> None:
    config = cli.read_config(None, ["server.port=1", "turn.silence_ms=400"], server__port=2, server__insecure=False)
    assert (config.server.port, config.turn.silence_ms, config.server.insecure) == (2, 400, False)
    assert cli.read_config(None, ["server.port=1"], server__port=0, server__allow_host=[]).server.port == 0


@pytest.mark.parametrize(
    ("module", "extra"),
    [("torch", "train"), ("PIL.Image", "train"), ("playwright", "test"), ("espeakng_loader", "espeak")],
)
def test_a_command_that_lacks_an_extra_exits_2_and_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str, extra: str
) -> None:
    def without_module(**_: Any) -> None:
        try:
            raise ModuleNotFoundError(f"No module named '{module}'", name=module)
        except ModuleNotFoundError as error:
            raise ImportError("the engine is not installed") from error

    monkeypatch.setattr(cli, "app", without_module)
    assert visavis(monkeypatch) == 2
    assert f"make setup-all, or pip install -e '.[{extra}]'" in capsys.readouterr().err


def test_an_import_that_fails_for_another_reason_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_figures_are_one_json_object_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    show({"fps": 71.25, "engine": "OpenVINO", "gap": None}, as_json=True)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"fps": 71.25, "engine": "OpenVINO", "gap": None}
    assert printed.out.count("\n") == 1
    assert printed.err == ""


def test_figures_are_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    show({"fps": 71.254, "gap": None}, as_json=False)
    printed = capsys.readouterr().out
    assert "71.25" in printed
    assert "–" in printed
