"""Starting the server: what is told, and what stops it."""

from __future__ import annotations

import socket

import pytest

from server import serving
from server.config import load_config

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
