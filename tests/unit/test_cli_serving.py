"""Starting the server: what is told, and what stops it."""

from __future__ import annotations

import json
import re
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from server import serving
from server.config import load_config
from server.exposure import check_avatar, check_certificate, check_voice, warning
from tests.unit.voice_bundle import write_voice

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def log_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "log_json", lambda _: None)


def test_a_taken_port_is_told_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "build_engines", lambda _: pytest.fail("engines were loaded"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(serving.ServingError, match=f"127.0.0.1:{port} .*another --port"):
            serving.serve(load_config(None, {"server.port": port}, {}), lambda _: None)


def test_an_engine_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> None:
        raise ValueError("no face in avatars/none: train one")

    monkeypatch.setattr(serving, "build_engines", missing)
    told: list[str] = []
    with pytest.raises(serving.ServingError, match="train one"):
        serving.serve(load_config(None, {"server.port": 0}, {}), told.append)
    assert not any(" is at " in line for line in told)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_a_person_who_was_not_asked_is_shown_on_loopback_alone(tmp_path: Path, host: str, shown: bool) -> None:
    source = Path(__file__).parents[2] / "avatars" / "default"
    shutil.copy(source / "face.onnx", tmp_path)
    meta = json.loads((source / "meta.json").read_text()) | {"consent": None}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    config = load_config(None, {"server.host": host, "server.insecure": True, "avatar.path": tmp_path}, {})
    if shown:
        check_avatar(config)
    else:
        with pytest.raises(ValueError, match=r"local-test.*--consent"):
            check_avatar(config)


@pytest.mark.parametrize(("host", "heard"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_a_voice_whose_speaker_was_not_asked_is_heard_on_loopback_alone(tmp_path: Path, host: str, heard: bool) -> None:
    folder = write_voice(tmp_path / "voice")
    settings = {"server.host": host, "server.insecure": True, "tts.provider": "neural", "tts.voice": str(folder)}
    config = load_config(None, settings, {})
    if heard:
        check_voice(config)
    else:
        with pytest.raises(ValueError, match=r"local-test.*--consent"):
            check_voice(config)


def test_headers_of_proxies_are_not_believed() -> None:
    config = serving._settings(load_config(None, {}, {}), object())  # pyright: ignore[reportPrivateUsage]
    assert not config.proxy_headers
    assert not config.server_header
    assert not config.access_log


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_the_address_told_can_be_opened(host: str, shown: str) -> None:
    config = load_config(None, {"server.host": host}, {})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert serving._address(config, listener) == f"{shown}{port}"  # pyright: ignore[reportPrivateUsage]


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A certificate, its key, the same key with a passphrase, and another key."""
    folder = tmp_path_factory.mktemp("pem")
    ours, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kiosk.example")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, ours.public_key(), 1, start, start + timedelta(days=1))
    plain, locked = NoEncryption(), BestAvailableEncryption(b"hunter2")
    texts = {
        "cert": builder.sign(ours, hashes.SHA256()).public_bytes(Encoding.PEM),
        "key": ours.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain),
        "locked": ours.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked),
        "other": other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain),
        "junk": b"nothing",
    }
    for file, text in texts.items():
        (folder / file).write_bytes(text)
    return {file: folder / file for file in texts}


@pytest.mark.parametrize(("cert", "key"), [("junk", "key"), ("cert", "junk"), ("cert", "other"), ("cert", "locked")])
def test_a_certificate_that_cannot_be_used_is_told(
    pem: dict[str, Path], cert: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "build_engines", lambda _: pytest.fail("engines were loaded"))
    config = load_config(None, {"server.port": 0, "server.tls_cert": pem[cert], "server.tls_key": pem[key]}, {})
    with pytest.raises(serving.ServingError, match=r"private key that it was made for, without a passphrase"):
        serving.serve(config, lambda _: None)


def test_a_certificate_and_its_key_do(pem: dict[str, Path]) -> None:
    check_certificate(pem["cert"], pem["key"])


@pytest.mark.parametrize(
    ("keys", "secret", "told"),
    [
        ({}, None, None),
        ({"server.insecure": True}, None, None),
        ({"server.host": "0.0.0.0", "server.insecure": True}, None, "anybody who reaches .* listen in"),
        ({"server.host": "0.0.0.0", "server.insecure": True}, "k", "without TLS, .* can read the access key"),
        ({"server.host": "0.0.0.0", "server.insecure": True, "tls": True}, None, "without an access key, anybody"),
        ({"server.host": "0.0.0.0", "tls": True}, "k", None),
    ],
)
def test_what_others_may_do_is_said_as_it_is(
    pem: dict[str, Path], keys: dict[str, object], secret: str | None, told: str | None
) -> None:
    if keys.get("tls"):
        keys = {"server.tls_cert": pem["cert"], "server.tls_key": pem["key"]} | keys
    keys = {key: value for key, value in keys.items() if key != "tls"}
    found = warning(load_config(None, keys, {"VISAVIS_ACCESS_KEY": secret} if secret else {}))
    assert found is None if told is None else re.search(told, found or "")


def test_an_event_that_is_too_large_is_answered_not_cut_off() -> None:
    config = load_config(None, {"server.message_max_bytes": 33_554_432}, {})
    assert serving._settings(config, object()).ws_max_size > 33_554_432  # pyright: ignore[reportPrivateUsage]
