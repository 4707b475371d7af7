"""The page in Chromium, talking with the real server: seen, typed to, spoken to, interrupted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.serverproc import free_port
from tests.e2e.browser import PATIENCE_MS, ServerProcess, chromium, kill_group, lone_chromium, spoken, until

pytestmark = pytest.mark.e2e

LONG_QUESTION = "Please tell me everything about yourself, as long as you can."

FREED_S = 8
"""For a closed page's place to be free: sooner than by `come_back_s`, so that it was the page that hung up."""

SEVERAL_WORDS = re.compile(r"\w+ \w+")

MOUTH_OPENINGS = """
async (seconds) => {
  const video = document.getElementById("face");
  const context = new OffscreenCanvas(64, 40).getContext("2d", { willReadFrequently: true });
  const openings = [];
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    context.drawImage(video, 224, 268, 64, 40, 0, 0, 64, 40);
    const { data } = context.getImageData(0, 0, 64, 40);
    let dark = 0;
    for (let i = 0; i < data.length; i += 4) dark += data[i] + data[i + 1] + data[i + 2] < 150;
    openings.push(dark);
  }
  return openings;
}
"""
"""Of each picture shown: how many of the 2560 pixels around her lips are as dark as the inside of a mouth."""

CLOSED, OPEN = 40, 150
"""Her resting lips have fewer than 10 such pixels, a vowel has 200 to 600."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


QUESTIONS = ("Are you a real person?", "How do you work?")
"""Each of them is answered for six seconds."""


@pytest.fixture(scope="module")
def microphone(folder: Path) -> Path:
    """What the microphone hears: a question, then, into the middle of her answer, a second one."""
    path = folder / "microphone.wav"
    spoken(path, 1.0, dict(zip(QUESTIONS, (4.0, 30.0), strict=True)))
    return path


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(
        free_port(), folder / "server.log", VISAVIS_SERVER_MAX_SESSIONS="1", VISAVIS_SERVER_RETRY_AFTER_S="1"
    )
    try:
        process.start()
        yield process
    finally:
        process.kill()


@pytest.fixture(scope="module")
def browser(microphone: Path) -> Iterator[Browser]:
    with chromium(microphone) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """The page of somebody who has not allowed the microphone; nothing may go wrong on its console."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(server.url)
    expect(page.locator("body[data-face=shown]")).to_be_visible()
    yield page
    context.close()
    assert not wrong


def ask(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def in_state(page: Page, state: str) -> None:
    page.wait_for_selector(f"body[data-state={state}]", timeout=PATIENCE_MS)


def test_she_appears_and_moves(page: Page) -> None:
    in_state(page, "ready")
    face = page.locator("#face")
    assert face.evaluate("video => [video.videoWidth, video.videoHeight]") == [512, 512]
    shown = face.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames")
    page.wait_for_function("shown => face.getVideoPlaybackQuality().totalVideoFrames >= shown + 10", arg=shown)
    expect(page.get_by_text("You are talking with an AI-generated person.")).to_be_visible()


def test_a_typed_question_is_answered_in_words_and_lips(page: Page) -> None:
    assert max(page.evaluate(MOUTH_OPENINGS, 1)) < CLOSED
    ask(page, LONG_QUESTION)
    in_state(page, "speaking")
    openings = page.evaluate(MOUTH_OPENINGS, 2.5)
    assert max(openings) > OPEN
    assert min(openings) < max(openings) / 2
    lines = page.locator("#captions p")
    expect(lines.nth(0)).to_have_text(f"You: {LONG_QUESTION}")
    expect(lines.nth(1)).to_have_text(SEVERAL_WORDS)
    assert not page.locator("#face").evaluate("video => video.muted")

    page.keyboard.press("Escape")
    expect(lines.nth(1)).to_have_class("assistant interrupted")
    in_state(page, "ready")
    heard = lines.nth(1).inner_text()

    ask(page, "Who are you?")
    expect(lines.nth(3)).to_have_text(SEVERAL_WORDS)
    assert lines.nth(1).inner_text() == heard


def test_the_latency_panel_shows_the_turn(page: Page) -> None:
    ask(page, "Who are you?")
    in_state(page, "speaking")
    page.locator("#text").blur()
    page.keyboard.press("l")
    panel = page.get_by_role("complementary", name="Response times")
    for step in ("First token", "First phrase", "First audio", "Audio heard", "Face sent", "Face shown"):
        expect(panel.get_by_text(step, exact=True)).to_be_visible()
    total = int(panel.locator(".total").inner_text().removesuffix(" ms"))
    assert 0 < total < PATIENCE_MS
    page.keyboard.press("l")
    expect(panel).to_be_hidden()


def test_markup_stays_text(page: Page) -> None:
    probe = '<img src="x" onerror="window.hacked = true"><b>مرحبا</b>'
    ask(page, probe)
    expect(page.locator("#captions .words").nth(0)).to_have_text(probe)
    expect(page.locator("#captions .assistant")).to_be_visible()
    assert page.locator("#captions :not(p, span)").count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_blocked_microphone_is_said_plainly(page: Page) -> None:
    page.get_by_role("button", name="Start talking").click()
    expect(page.get_by_role("alert")).to_contain_text("The microphone is blocked")
    ask(page, "Hello")
    expect(page.locator("#captions .assistant")).to_be_visible()


def test_a_spoken_question_is_answered_until_the_next_one_interrupts(page: Page) -> None:
    page.context.grant_permissions(["microphone"])
    page.get_by_role("button", name="Start talking").click()
    user = page.locator("#captions .user .words")
    # Which words is the recogniser's matter, and a synthetic voice behind a browser's noise filter is hard on it.
    expect(user.nth(0)).to_have_text(SEVERAL_WORDS)
    in_state(page, "speaking")
    first, second = page.locator("#captions .assistant").nth(0), page.locator("#captions .assistant").nth(1)
    expect(first).to_have_class("assistant interrupted")
    expect(user.nth(1)).to_have_text(SEVERAL_WORDS)
    expect(second).to_have_text(SEVERAL_WORDS)


def test_a_call_that_falls_silent_for_a_moment_goes_on(page: Page, server: ServerProcess) -> None:
    in_state(page, "ready")
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url) if request.method == "POST" else None)
    with server.paused():
        in_state(page, "lost")
        expect(page.get_by_text("Waiting for it to come back")).to_be_visible()
    in_state(page, "ready")
    assert server.sessions() == 1
    ask(page, "Who are you?")
    expect(page.locator("#captions .assistant")).to_have_text(SEVERAL_WORDS)
    assert calls == []


def test_the_second_caller_waits_and_gets_the_freed_place(browser: Browser, server: ServerProcess) -> None:
    first, second = browser.new_context(), browser.new_context()
    page = first.new_page()
    page.goto(server.url)
    in_state(page, "ready")
    waiting = second.new_page()
    waiting.goto(server.url)
    in_state(waiting, "busy")
    expect(waiting.get_by_role("heading", level=2)).to_have_text("She is talking with someone else")
    # Out of reach meanwhile: it would take the place before anybody could see that it was free.
    second.set_offline(True)
    page.close()
    until(lambda: server.sessions() == 0, FREED_S)
    second.set_offline(False)
    in_state(waiting, "ready")
    first.close()
    second.close()


def test_a_killed_browser_loses_its_place(browser: Browser, server: ServerProcess, folder: Path) -> None:
    with lone_chromium(server.url, folder / "profile") as killed:
        until(lambda: server.sessions() == 1, PATIENCE_MS / 1000)
        kill_group(killed)
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    in_state(page, "ready")
    context.close()
