"""The listening page in Chromium: an evaluation is opened, heard and judged, under the server's own headers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.e2e.browser import CHROMIUM, FLAGS
from tests.e2e.clients.inprocess import served
from training.voice_report import Pair, write_page

pytestmark = pytest.mark.e2e

COUNT = 3

HEARD = """
() => {
  window.played = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function () {
    const samples = this.buffer.getChannelData(0);
    let crossings = 0;
    for (let i = 1; i < samples.length; i += 1) crossings += samples[i - 1] < 0 && samples[i] >= 0;
    window.played.push(crossings / this.buffer.duration);
    start.call(this);
  };
}
"""
"""Notes the frequency of every sound that is played."""


def tone(hertz: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (0.05 * np.sin(2 * np.pi * hertz * np.arange(12_000) / 24_000)).astype(np.float32)


async def judge(page: Page) -> None:
    """Hears both sides, tells the recording (the tone of 300 Hz) from the other (600 Hz), and rates A with 5."""
    for side in ("A", "B"):
        await page.get_by_role("button", name=f"Play {side}").click()
    await page.wait_for_function("window.played.length === 2")
    heard = await page.evaluate("window.played.splice(0)")
    assert sorted(heard) == pytest.approx([300, 600], rel=0.02)
    await page.get_by_role("radiogroup", name="How natural A sounds, 1 to 5").get_by_label("5").check()
    await page.get_by_role("button", name="A" if heard[0] < heard[1] else "B", exact=True).click()
    await expect(page.locator("#answer")).to_contain_text("Right")
    await expect(page.locator("canvas").first).to_be_visible()
    await page.get_by_role("button", name="Next").click()


async def test_an_evaluation_is_opened_heard_and_judged(tmp_path: Path) -> None:
    report, other = tmp_path / "report.html", tmp_path / "other.html"
    pairs = [Pair(f"a{n}", f"Sentence <{n}>", tone(300), tone(600), "", 1.0) for n in range(COUNT)]
    write_page(report, "x", {}, pairs)
    other.write_text("<h1>Hello</h1>", "utf-8")
    async with served() as place, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        page = await browser.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(f"http://{place}/listen.html")
        await page.evaluate(HEARD)
        await page.set_input_files("#file", other)
        await expect(page.locator("#problem")).to_contain_text("evaluate-voice --html")
        await page.set_input_files("#file", report)
        for number in range(COUNT):
            await expect(page.locator("#place")).to_have_text(f"Sentence {number + 1} of {COUNT}")
            await expect(page.locator("#sentence")).to_contain_text("Sentence <")
            await judge(page)
        await expect(page.locator("#result")).to_contain_text(f"{COUNT} of {COUNT}")
        await browser.close()
    assert problems == []
