"""A real server and a real browser for the page's tests, each in its own process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, expect, sync_playwright

from bench.microphone import RATE
from bench.speech import Speaker

CHROMIUM = shutil.which("chromium") or "chromium"

FLAGS = (
    "--no-sandbox",  # containers and root; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
)

START_S = 120
"""For a server to load its engines on a busy machine."""

PATIENCE_MS = 30_000
"""For anything that a page is expected to show, on a machine that does other things."""

POLL_S = 0.1


class ServerProcess:
    """`visavis serve` on one port, which it keeps when it is started again."""

    def __init__(self, port: int, log: Path, **environment: str) -> None:
        """
        Args:
            environment: configuration keys, such as `VISAVIS_SERVER_MAX_SESSIONS`.
        """
        self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "server.cli", "serve", "--port", str(port)]
        self._environment = dict(os.environ) | environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        """Returns when it serves.

        Args:
            environment: further configuration keys, for this time.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment | environment, stdout=log, stderr=log)
        until(lambda: self._serves(self._process), START_S)

    def kill(self) -> None:
        """As a power cut would: no goodbye to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It neither sends nor answers, as behind a network that is gone for a moment."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def sessions(self) -> int:
        health = _get(f"{self.url}/healthz")
        assert health is not None
        return health["sessions"]["now"]

    def _serves(self, process: subprocess.Popen[bytes] | None) -> bool:
        assert process is not None
        assert process.poll() is None, self._log.read_text()[-2000:]
        return _get(f"{self.url}/healthz") is not None


def _get(url: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return json.load(response)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def until(condition: Any, seconds: float) -> None:
    """Wait for something outside the browser; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {seconds} s"
        time.sleep(POLL_S)


@contextmanager
def chromium(microphone: Path) -> Iterator[Browser]:
    """Debian's Chromium, headless. A context gets the microphone with `permissions=["microphone"]`.

    Args:
        microphone: WAV file that the microphone hears, once, from its opening on.
    """
    expect.set_options(timeout=PATIENCE_MS)
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def lone_chromium(url: str, profile: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A browser that nobody drives, with `url` open; killed, not closed, at the end at the latest."""
    command = [CHROMIUM, "--headless=new", f"--user-data-dir={profile}", *FLAGS, url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a browser with all its helpers, in the way in which a crash would."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait()


def spoken(path: Path, lead_s: float, said: Mapping[str, float]) -> None:
    """Write what a user says into a WAV file: silence, then each text followed by its gap in seconds."""
    parts = [_silence(lead_s)]
    speaker = Speaker()
    for text, gap in said.items():
        parts += [speaker.say(text).pcm, _silence(gap)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.concatenate(parts).tobytes())


def _silence(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.zeros(int(seconds * RATE), np.int16)
