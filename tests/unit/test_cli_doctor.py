"""The doctor: each check sees what is wrong, and says what to do."""

from __future__ import annotations

import socket
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from server import doctor, doctor_engines
from server.config import Config, load_config
from server.findings import Finding

pytestmark = pytest.mark.unit


def config(**keys: object) -> Config:
    return load_config(None, {key.replace("__", "."): value for key, value in keys.items()}, {})


def test_a_taken_port_is_found_and_another_proposed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        [finding] = doctor.check_port(config(server__port=port))
    assert finding.state == "fail"
    assert str(port) in finding.found
    assert "--port" in finding.advice
    assert doctor.check_port(config(server__port=port))[0].state == "ok"


def test_a_certificate_that_is_none_is_found(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nothing")
    found = doctor.check_access(config(server__tls_cert=tmp_path / "cert.pem", server__tls_key=tmp_path / "key.pem"))
    assert [finding.state for finding in found if finding.name == "TLS"] == ["fail"]


def test_an_open_server_without_a_key_is_named_insecure() -> None:
    [finding] = doctor.check_access(config(server__host="0.0.0.0", server__insecure=True))
    assert finding.state == "note"
    assert "INSECURE" in finding.found


def test_a_key_without_tls_is_named_insecure() -> None:
    keys = {"server.host": "0.0.0.0", "server.insecure": True}
    [finding] = doctor.check_access(load_config(None, keys, {"VISAVIS_ACCESS_KEY": "k"}))
    assert finding.state == "note"
    assert "read the access key" in finding.found


def test_the_microphone_needs_a_secure_context() -> None:
    assert doctor.check_microphone(config())[0].state == "ok"
    [finding] = doctor.check_microphone(config(server__host="0.0.0.0", server__insecure=True))
    assert finding.state == "note"
    assert "--tls-cert" in finding.advice


def test_codecs_and_datagrams_pass_here() -> None:
    found = [*doctor.check_codecs(config()), *doctor.check_udp(config())]
    assert {finding.name: finding.state for finding in found} == dict.fromkeys(
        ("VP8", "H.264", "Opus", "AAC", "UDP"), "ok"
    )


def examined(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> tuple[bool, str]:
    def broken(_: Config) -> list[Finding]:
        raise RuntimeError("boom")

    checks = [lambda _, f=finding: [f] for finding in findings] or [broken]
    monkeypatch.setattr(doctor, "checks", lambda: checks)
    out = StringIO()
    return doctor.examine(config(), Console(file=out, width=200)), out.getvalue()


def test_a_note_is_no_failure_and_a_failure_is(monkeypatch: pytest.MonkeyPatch) -> None:
    note, failure = Finding("a", "note", "so so", "do this"), Finding("b", "fail", "bad [red]", "do that")
    sound, printed = examined(monkeypatch, note)
    assert sound
    assert "→ do this" in printed
    sound, printed = examined(monkeypatch, note, failure)
    assert not sound
    assert "bad [red]" in printed


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    sound, printed = examined(monkeypatch)
    assert not sound
    assert "RuntimeError: boom" in printed


def test_a_voice_that_is_not_there_is_found(tmp_path: Path) -> None:
    [finding] = doctor.check_engines(config(tts__provider="neural", tts__voice=str(tmp_path)))
    assert (finding.name, finding.state) == ("voice", "fail")
    assert "voice.json is missing" in finding.found
    assert "tts.voice" in finding.advice


def test_a_gpu_that_is_not_there_is_found_with_the_way_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_here(_: Config) -> None:
        raise ValueError("no NVIDIA GPU can be used here")

    monkeypatch.setattr(doctor_engines, "build_engines", none_here)
    [finding] = doctor.check_engines(config(avatar__engine="tensorrt"))
    assert finding.state == "fail"
    assert "avatar.engine=openvino" in finding.advice
