"""npm `@openai/agents-realtime`, unmodified: under Node over a WebSocket, in Chromium over WebRTC."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.browser import chromium, spoken, until
from tests.e2e.clients.talk import WAIT_S, speech, visavis

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "tests" / "e2e" / "clients"
BUNDLE = ROOT / "node_modules" / "@openai" / "agents-realtime" / "dist" / "bundle"

ROLES = ["user", "assistant"] * 3


def test_a_conversation_under_node(tmp_path: Path) -> None:
    recording = tmp_path / "speech.raw"
    recording.write_bytes(speech("How do you work?").astype("<i2").tobytes())
    with visavis(tmp_path) as url:
        address = f"{url.replace('http', 'ws')}/v1/realtime"
        command = ["node", str(CLIENTS / "agents_ws.mjs"), address, str(recording)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["errors"] == told["serverErrors"] == []
    assert told["statuses"] == ["completed", "cancelled", "completed"]
    assert "work" in told["understood"].lower()
    assert told["interrupted"] >= 1
    assert 0 < told["truncatedAt"] < 5000
    assert told["audioSeconds"] > 3
    assert [item["role"] for item in told["history"]] == ROLES
    assert "work" in told["history"][2]["content"][0]["transcript"].lower()


class Pages(http.server.SimpleHTTPRequestHandler):
    """The client's page with the package's own bundle beside it."""

    def translate_path(self, path: str) -> str:
        name = path.partition("?")[0].rpartition("/")[2]
        own = CLIENTS / name
        return str(own if own.is_file() else BUNDLE / name)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@contextmanager
def other_origin() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()


def minted(url: str) -> str:
    request = urllib.request.Request(f"{url}/v1/realtime/client_secrets", data=b"{}", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["value"]


class Driven:
    """The client's page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def ask(self, name: str, *arguments: str) -> Any:
        return self.page.evaluate("([name, args]) => window.client[name](...args)", [name, list(arguments)])

    def events(self, kind: str, since: int = 0) -> list[dict[str, Any]]:
        return [event for event in self.ask("events")[since:] if event["type"] == kind]

    def wait(self, kind: str, since: int = 0) -> dict[str, Any]:
        until(lambda: bool(self.events(kind, since)), WAIT_S)
        return self.events(kind, since)[0]

    def place(self) -> int:
        return len(self.ask("events"))


def test_a_conversation_in_chromium(tmp_path: Path) -> None:
    recording = tmp_path / "microphone.wav"
    spoken(recording, 6.0, {"Are you a real person?": 60.0})
    with (
        other_origin() as origin,
        visavis(tmp_path, VISAVIS_SERVER_ALLOW_ORIGIN=origin) as url,
        chromium(recording) as browser,
    ):
        page = browser.new_context(permissions=["microphone"]).new_page()
        page.goto(f"{origin}/agents_webrtc.html?server={url}")
        page.wait_for_function("window.client")
        client = Driven(page)
        client.ask("connect", minted(url))
        assert client.ask("callId").startswith("rtc_")
        until(lambda: client.ask("picture")["frames"] > 10, WAIT_S)
        shown = client.ask("picture")
        assert (shown["width"], shown["height"], shown["tracks"]) == (512, 512, ["audio", "video"])
        assert shown["brightness"] > 20

        understood = client.wait("conversation.item.input_audio_transcription.completed")
        # Which words is the recogniser's matter: a synthetic voice behind a browser's noise filter is hard on it.
        assert len(understood["transcript"].split()) > 1
        assert client.wait("response.done")["response"]["status"] == "completed"
        client.wait("output_audio_buffer.stopped")

        place = client.place()
        client.ask("say", "How do you work?")
        client.wait("output_audio_buffer.started", place)
        client.page.wait_for_timeout(1000)
        client.ask("interrupt")
        assert client.wait("response.done", place)["response"]["status"] == "cancelled"
        client.wait("output_audio_buffer.cleared", place)
        client.wait("conversation.item.truncated", place)

        place = client.place()
        client.ask("say", "Who are you?")
        assert client.wait("response.done", place)["response"]["status"] == "completed"
        assert client.ask("picture")["frames"] > shown["frames"] + 25
        assert client.ask("errors") == client.events("error") == []
        assert client.events("response.output_audio.delta") == []
        assert [item["role"] for item in client.ask("history")] == ROLES
        client.ask("close")
