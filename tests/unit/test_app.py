"""The routes: who may call, what comes back, and what is refused, over the application itself."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from openai.types.realtime import ClientSecretCreateResponse
from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession

from engines.media import Image, Pcm
from server.app import create_app
from server.config import Config
from server.config_keys import Privacy
from server.config_network import Server
from tests.unit import wire
from tests.unit.stage import fakes

pytestmark = pytest.mark.unit

SDP = "v=0\r\n"
CALLS = "/v1/realtime/calls"
SOCKET = "ws://127.0.0.1:8000/v1/realtime"
SHOP = "https://shop.example"


class FakePeer:
    """A peer that is there until it is closed."""

    def __init__(self, on_message: Callable[[str | bytes], None]) -> None:
        self.answer_sdp = "v=0\r\ns=answer\r\n"
        self.video = False
        self.last_packet = asyncio.get_running_loop().time()
        self.sent: list[str] = []
        self.on_message = on_message
        self._closed = asyncio.Event()

    @classmethod
    async def accept(
        cls, offer_sdp: str, settings: Any, *, on_pcm: Any, on_message: Callable[[str | bytes], None]
    ) -> FakePeer:
        if not offer_sdp.startswith("v=0"):
            raise ValueError("this is no SDP offer")
        peer = cls(on_message)
        PEERS.append(peer)
        return peer

    def send(self, text: str) -> None:
        self.sent.append(text)

    def offer(self, text: str) -> None:
        self.sent.append(text)

    def audio(self, pcm: Pcm, pts: int) -> None:
        """Nobody hears it."""

    def picture(self, image: Image | None, pts: int) -> None:
        """Nobody sees it."""

    async def wait_closed(self) -> str:
        await self._closed.wait()
        return "closed"

    async def close(self) -> None:
        self._closed.set()


PEERS: list[FakePeer] = []


@pytest.fixture(autouse=True)
def _fake_peers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("server.connection.Peer", FakePeer)
    PEERS.clear()
    yield
    PEERS.clear()


@contextmanager
def served(log_transcripts: bool = False, scheme: str = "http", **server: Any) -> Iterator[TestClient]:
    keys = {"max_sessions": 2, "allow_origin": (SHOP,), "allow_host": ("kiosk.example",), **server}
    config = Config(server=Server(**keys), privacy=Privacy(log_transcripts=log_transcripts))
    with TestClient(create_app(config, fakes()), base_url=f"{scheme}://127.0.0.1:8000") as client:
        yield client


def offer(client: TestClient, **headers: str) -> Any:
    return client.post(CALLS, content=SDP, headers={"Content-Type": "application/sdp", **headers})


@contextmanager
def talking(
    client: TestClient, query: str = "", subprotocols: list[str] | None = None
) -> Iterator[WebSocketTestSession]:
    """A socket whose session has ended when the block is left: the test client would cancel it otherwise."""
    before = sessions(client)
    with client.websocket_connect(SOCKET + query, subprotocols=subprotocols) as socket:
        yield socket
        socket.close()
        eventually(lambda: sessions(client) == before)


def sessions(client: TestClient) -> int:
    return client.get("/healthz").json()["sessions"]["now"]


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for another thread's loop."""
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


# The page.


def test_the_page_and_its_files_and_nothing_beside_them() -> None:
    with served() as client:
        page = client.get("/")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert client.get("/main.js").headers["content-type"].startswith("text/javascript")
        for path in ("/jsconfig.json", "/../pyproject.toml", "/%2e%2e/pyproject.toml", "/server/app.py", "/nope"):
            assert client.get(path).status_code == 404


def test_health_and_figures() -> None:
    with served() as client, talking(client) as socket:
        wire.read(socket.receive_text())
        health = client.get("/healthz").json()
        assert (health["status"], health["sessions"]) == ("ok", {"now": 1, "max": 2})
        assert health["engines"]["llm"] == "FakeLLM"
        figures = client.get("/metrics").text
        assert "sessions 1.0" in figures
        for name in (
            "turn_first_token_seconds",
            "turn_first_audio_seconds",
            "turn_first_frame_seconds",
            "barge_in_silence_seconds",
            "render_seconds",
            "late_frames_total",
            "underruns_total",
        ):
            assert f"# TYPE {name}" in figures or f"{name} 0.0" in figures


# Host and Origin.


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/main.js"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "", "[::1"])
def test_a_rebound_name_reaches_no_route(path: str, host: str) -> None:
    with served() as client:
        assert client.get(path, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "kiosk.example:443", "KIOSK.example"])
def test_known_names_do(host: str) -> None:
    with served() as client:
        assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_an_address_of_all_interfaces_is_no_name() -> None:
    with served(host="0.0.0.0", insecure=True) as client:
        assert client.get("/healthz", headers={"Host": "0.0.0.0:8000"}).status_code == 421


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 201),
        ("http://127.0.0.1:8000", 201),
        (SHOP, 201),
        ("null", 403),
        ("http://shop.example", 403),
        ("https://shop.example.evil.example", 403),
        ("http://127.0.0.1:9000", 403),
        ("https://127.0.0.1:8000", 403),
        ("", 403),
    ],
)
def test_whose_pages_may_call(origin: str | None, status: int) -> None:
    with served() as client:
        answer = offer(client, **({} if origin is None else {"Origin": origin}))
        assert answer.status_code == status
        if origin == SHOP:
            assert answer.headers["access-control-allow-origin"] == SHOP
            assert "Location" in answer.headers["access-control-expose-headers"]


def test_over_tls_the_pages_own_origin_is_https() -> None:
    with served(scheme="https") as client:
        assert offer(client, Origin="https://127.0.0.1:8000").status_code == 201
        assert offer(client, Origin="http://127.0.0.1:8000").status_code == 403
        address = SOCKET.replace("ws:", "wss:")
        with pytest.raises(WebSocketDenialResponse):
            client.websocket_connect(address, headers={"Origin": "http://127.0.0.1:8000"}).__enter__()


@pytest.mark.parametrize("headers", [{"Origin": "null"}, {"Origin": "https://evil.example"}, {"Host": "evil.example"}])
def test_sockets_are_guarded_alike(headers: dict[str, str]) -> None:
    with served() as client, pytest.raises(WebSocketDenialResponse) as refusal:
        client.websocket_connect(SOCKET, headers=headers).__enter__()
    assert refusal.value.status_code in (403, 421)


def test_a_preflight_is_answered_before_the_key_is_asked_for() -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, x-openai-agents-sdk",
    }
    with served(access_key="secret") as client:
        answer = client.options(CALLS, headers={"Origin": SHOP, **asked})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "x-openai-agents-sdk" in answer.headers["access-control-allow-headers"]
        assert client.options(CALLS, headers={"Origin": "https://evil.example", **asked}).status_code == 403


# Key and tokens.


def test_with_a_key_only_the_page_and_health_are_open() -> None:
    with served(access_key="secret") as client:
        assert client.get("/").status_code == client.get("/healthz").status_code == 200
        assert client.get("/metrics").status_code == 401
        assert offer(client).status_code == 401
        assert client.post("/v1/realtime/client_secrets", json={}).status_code == 401
        assert client.delete(f"{CALLS}/rtc_nope").status_code == 401
        assert client.get("/metrics", headers=bearer("secret")).status_code == 200
        assert offer(client, **bearer("secret")).status_code == 201
        with pytest.raises(WebSocketDenialResponse) as refusal:
            client.websocket_connect(SOCKET).__enter__()
        assert refusal.value.status_code == 401


def test_the_key_mints_tokens_that_open_and_end_calls_only() -> None:
    with served(access_key="secret") as client:
        body = {"session": {"type": "realtime", "model": "minted"}, "expires_after": {"seconds": 600}}
        minted = client.post("/v1/realtime/client_secrets", json=body, headers=bearer("secret")).json()
        ClientSecretCreateResponse.model_validate(minted, strict=True)
        token = minted["value"]
        assert token.startswith("ek_")
        answer = offer(client, **bearer(token))
        assert answer.status_code == 201
        assert wire.read(PEERS[0].sent[0])["session"]["model"] == "minted"
        assert client.post("/v1/realtime/client_secrets", json={}, headers=bearer(token)).status_code == 401
        assert client.get("/metrics", headers=bearer(token)).status_code == 401
        stranger = client.post("/v1/realtime/client_secrets", json={}, headers=bearer("secret")).json()["value"]
        location = answer.headers["location"]
        assert client.delete(location, headers=bearer(stranger)).status_code == 401
        assert client.delete(location, headers=bearer(token)).status_code == 204


def test_without_a_key_tokens_are_minted_likewise() -> None:
    with served() as client:
        minted = client.post("/v1/realtime/client_secrets").json()
        ClientSecretCreateResponse.model_validate(minted, strict=True)
        half = client.post("/v1/realtime/client_secrets", content='{"session": {"model": "a\\ud800"}}')
        assert half.json()["session"]["model"] == "a\ufffd"
        assert client.post("/v1/realtime/client_secrets", content="{").status_code == 400
        assert client.post("/v1/realtime/client_secrets", json=[1]).status_code == 400


def test_a_browser_socket_carries_the_key_in_a_subprotocol_that_is_never_echoed() -> None:
    offered = ["realtime", "openai-insecure-api-key.secret"]
    with (
        served(access_key="secret") as client,
        talking(client, subprotocols=offered) as socket,
    ):
        assert socket.accepted_subprotocol == "realtime"
        wire.read(socket.receive_text())
    with served() as client, talking(client) as socket:
        assert socket.accepted_subprotocol is None


# Calls.


def test_a_call_is_answered_located_and_ended() -> None:
    with served() as client:
        answer = offer(client)
        assert answer.status_code == 201
        assert answer.headers["content-type"].startswith("application/sdp")
        assert answer.text == "v=0\r\ns=answer\r\n"
        location = answer.headers["location"]
        assert location.startswith(f"{CALLS}/rtc_")
        assert client.delete(location).status_code == 204
        assert client.delete(location).status_code == 404
        other = offer(client).headers["location"]
        assert client.post(f"{other}/hangup").status_code == 200
        assert sessions(client) == 0


def test_the_multipart_form_carries_a_session() -> None:
    session = {"type": "realtime", "model": "in-form", "audio": {"input": {"turn_detection": None}}}
    form = {"sdp": (None, SDP), "session": (None, json.dumps(session))}
    with served() as client:
        assert client.post(CALLS, files=form).status_code == 201
        created = wire.read(PEERS[0].sent[0])["session"]
        assert (created["model"], created["audio"]["input"]["turn_detection"]) == ("in-form", None)
        client.post(f"{CALLS}?model=in-query", files=form)
        assert wire.read(PEERS[1].sent[0])["session"]["model"] == "in-query"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ("nonsense", "application/sdp", 400),
        (b"\xff\xfe", "application/sdp", 400),
        ("", "application/sdp", 400),
        ("v=0" + "x" * 70_000, "application/sdp", 413),
        ("x" * 1_000_000, "application/sdp", 413),
        (SDP, "text/plain", 415),
        ("{}", "application/json", 415),
        ("junk", "multipart/form-data; boundary=b", 400),
    ],
)
def test_bad_offers_are_refused_and_take_no_place(content: str | bytes, kind: str, status: int) -> None:
    with served() as client:
        answer = client.post(CALLS, content=content, headers={"Content-Type": kind})
        assert answer.status_code == status
        assert answer.json()["error"]["message"]
        eventually(lambda: sessions(client) == 0)


def test_a_body_of_untold_length_is_bounded_too() -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"x" * 10_000

    with served() as client:
        answer = client.post(CALLS, content=endless(), headers={"Content-Type": "application/sdp"})
        assert answer.status_code == 413


def test_the_caller_after_the_last_place_is_told_when_to_try_again() -> None:
    with served() as client:
        offer(client)
        with talking(client) as socket:
            wire.read(socket.receive_text())
            busy = offer(client, Origin=SHOP)
            assert (busy.status_code, busy.headers["retry-after"]) == (503, "5")
            assert busy.headers["access-control-allow-origin"] == SHOP
            with pytest.raises(WebSocketDenialResponse) as refusal:
                client.websocket_connect(SOCKET).__enter__()
            assert refusal.value.status_code == 503
        eventually(lambda: offer(client).status_code == 201)


def test_a_silent_call_gives_its_place_to_the_next_caller() -> None:
    with served(max_sessions=1) as client:
        offer(client)
        PEERS[0].last_packet -= 2.5
        assert offer(client).status_code == 503
        PEERS[0].last_packet -= 1.0
        assert offer(client).status_code == 201
        assert sessions(client) == 1


def test_a_call_that_stays_silent_is_hung_up() -> None:
    with served() as client:
        offer(client)
        PEERS[0].last_packet -= 11
        eventually(lambda: sessions(client) == 0)


def test_a_flood_on_the_data_channel_is_hung_up() -> None:
    with served() as client:
        offer(client)
        portal = client.portal
        assert portal is not None

        def flood() -> None:
            for _ in range(100):
                PEERS[0].on_message("x" * 262_144)

        portal.call(flood)
        eventually(lambda: sessions(client) == 0)
        assert offer(client).status_code == 201


# Sockets.


def receive_until(socket: Any, kind: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        events.append(wire.read(socket.receive_text()))
    return events


def test_a_typed_turn_over_a_socket() -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
    with served() as client, talking(client, "?model=gpt-realtime") as socket:
        assert wire.read(socket.receive_text())["session"]["model"] == "gpt-realtime"
        socket.send_json({"type": "session.update", "session": {"output_modalities": ["text"]}})
        assert wire.read(socket.receive_text())["type"] == "session.updated"
        socket.send_json({"type": "conversation.item.create", "item": item})
        socket.send_json({"type": "response.create"})
        told = [event["type"] for event in receive_until(socket, "response.done")]
        assert told[:4] == [
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
        ]
        assert "response.output_text.delta" in told
        assert "error" not in told


def test_junk_on_a_socket_ends_nothing() -> None:
    with served() as client, talking(client) as socket:
        wire.read(socket.receive_text())
        socket.send_bytes(b"\xff\x00junk")
        assert wire.read(socket.receive_text())["error"]["code"] == "invalid_json"
        socket.send_json({"type": "nonsense", "event_id": "e1"})
        assert wire.read(socket.receive_text())["error"]["event_id"] == "e1"
        socket.send_json({"type": "session.update", "session": {}})
        assert wire.read(socket.receive_text())["type"] == "session.updated"


def test_joining_a_call_by_socket_is_refused() -> None:
    with served() as client, pytest.raises(WebSocketDenialResponse) as refusal:
        client.websocket_connect(f"{SOCKET}?call_id=rtc_1").__enter__()
    assert refusal.value.status_code == 404


def test_what_is_said_stays_out_of_the_log_unless_configured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "my secret is plum"}]}
    for logged in (False, True):
        caplog.clear()
        with served(log_transcripts=logged) as client, talking(client) as socket:
            socket.send_json({"type": "session.update", "session": {"output_modalities": ["text"]}})
            socket.send_json({"type": "conversation.item.create", "item": item})
            socket.send_json({"type": "response.create"})
            receive_until(socket, "response.done")
        lines = [
            str(vars(record)) for record in caplog.records if record.name.startswith(("visavis", "server", "pipe"))
        ]
        assert any("of course I can help" in line for line in lines) is logged
        assert not any("plum" in line for line in lines)


def test_places_are_measured_where_they_are_not_configured() -> None:
    with served(max_sessions=None) as client:
        assert client.get("/healthz").json()["sessions"]["max"] >= 1
