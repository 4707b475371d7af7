"""The browser's clock: what real Chromium plays and shows, and what it says of itself (getStats).

- `browser_first_audio_ms`, `browser_first_frame_ms`: from the request to the sound as it leaves for the loudspeaker
  (an audio worklet, by the context's output time), and to the first picture presented in which the mouth moves
  (`requestVideoFrameCallback`). Chromium's jitter buffers are in both.
- `browser_av_offset_ms`: by how much the pictures it shows are behind the sound it plays (`estimatedPlayoutTimestamp`).
- `distinct_fps`, `longest_gap_ms`: pictures that differ, per second of her speech, and the longest time without one.
"""

from __future__ import annotations

import base64
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.conversation import Conversation
from bench.inbox import PACKET, PATIENCE_S, BenchError, Inbox
from bench.measure import CELLS, Shown, shown
from bench.recording import Step
from bench.result import Figure

QUESTION = "Please tell me everything about yourself, as long as you can."

PLAYOUT_S = 0.3
"""Seconds from `output_audio_buffer.started` until speech is surely on screen: the browser's jitter buffer."""

LISTEN_MS = 1500
"""Of each turn that is cut off."""

TURN_S = 5
"""What one of them takes, at most, with the pause before the next."""

ARGUMENTS = (
    "--no-sandbox",  # containers and root; the page is our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)

CLIENT = Path(__file__).with_name("watch.js")

NEW_PICTURE = 0.39
"""Root mean square change of the cells, in levels of 255, above which a picture is a new one. A picture that is sent
again does not decode to the same pixels: the codec spends its spare bits on refining it. In VP8 at 1.5 Mbit/s 99 % of
the repetitions stay below this, and every picture of her speech, pauses included, is above."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a person in front of it got."""

    shown: Shown
    samples: dict[str, list[float]]
    figures: dict[str, Figure]


async def watch_speech(url: str, key: str | None, seconds: float, turns: int) -> Watched:
    """Have her speak to Chromium: `turns` answers that are cut off, then whole ones for `seconds`.

    Raises:
        BenchError: Chromium is missing, or she does not speak.
    """
    from playwright.async_api import Error, async_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise BenchError("chromium is missing: apt-get install chromium, or measure with --no-browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        try:
            # The page's own policy forbids scripts made on the spot, which an audio worklet of ours is.
            page = await browser.new_page(bypass_csp=True)
            # Any document of the server's origin will do; the page itself would start a call of its own.
            await page.goto(f"{url}/healthz")
            given = {"key": key, "question": QUESTION, "turns": turns, "listen": LISTEN_MS}
            await page.evaluate(CLIENT.read_text(), given)
            waited = 0.0
            while (spoken := _spoken((await page.evaluate("window.watch.spans"))[turns:])) < seconds:
                await page.wait_for_timeout(500)
                waited += 0.5
                error = await page.evaluate("window.watch.error")
                if error or waited > PATIENCE_S + TURN_S * turns + 4 * seconds:
                    raise BenchError(f"Chromium heard {spoken:.0f} s of speech in {waited:.0f} s; {error or ''}")
            # The last words are still on their way to the screen.
            await page.wait_for_timeout(1000 * PLAYOUT_S)
            watch = await page.evaluate("window.watch")
            stats = await page.evaluate("window.hangUp()")
        except Error as error:
            raise BenchError(f"Chromium can't watch {url}: {error}") from None
        finally:
            await browser.close()
    return _judge(watch, stats, turns)


def _spoken(spans: list[list[float | None]]) -> float:
    """Seconds of finished speech."""
    return sum(max(0.0, (end - start) / 1000 - PLAYOUT_S) for start, end in spans if start is not None and end)


def _judge(watch: dict[str, Any], stats: dict[str, Any], turns: int) -> Watched:
    spans = [(start + 1000 * PLAYOUT_S, end) for start, end in watch["spans"][turns:] if end]
    spans = [(start, end) for start, end in spans if end > start]
    distinct = shown(watch["times"], [change > NEW_PICTURE for change in watch["changes"]], spans)
    answers = _conversation(watch).answers
    samples = {
        "browser_first_audio_ms": [value for one in answers if (value := one.since_asked("heard")) is not None],
        "browser_first_frame_ms": [value for one in answers if (value := one.since_asked("seen")) is not None],
        "browser_av_offset_ms": [float(offset) for offset in watch["offsets"]],
    }
    picture, sound = stats.get("video", {}), stats.get("audio", {})
    return Watched(distinct, samples, {
        "browser_freezes": picture.get("freezeCount"),
        "browser_frames_dropped": picture.get("framesDropped"),
        "browser_video_buffer_ms": _buffered(picture),
        "browser_audio_buffer_ms": _buffered(sound),
        "browser_concealed_samples": sound.get("concealedSamples"),
    })  # fmt: skip


def _conversation(watch: dict[str, Any]) -> Conversation:
    """The same measures as of any other user, on the browser's clock."""
    inbox = Inbox(lambda: 0.0)
    for at, peak in watch["sounds"]:
        inbox.sound(at / 1000, None, np.full(PACKET, min(32767, int(32767 * peak)), np.int16))
    for at, mouth in zip(watch["times"], watch["mouths"], strict=True):
        cells = np.frombuffer(base64.b64decode(mouth), np.uint8).reshape(CELLS, CELLS).astype(np.float32)
        inbox.picture(at / 1000, at / 1000, None, cells)
    inbox.steps += [Step("type", at / 1000, QUESTION) for at in watch["asked"]]
    return Conversation(inbox.recording())


def _buffered(report: dict[str, Any]) -> float | None:
    """Milliseconds that a sample or picture waited in the jitter buffer, on average."""
    emitted = report.get("jitterBufferEmittedCount")
    return round(1000 * report["jitterBufferDelay"] / emitted, 1) if emitted else None
