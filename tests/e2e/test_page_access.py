"""The page and a server that asks for a key, goes away, and comes back; and the page as a kiosk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.serverproc import free_port
from tests.e2e.browser import PATIENCE_MS, ServerProcess, chromium, spoken, until

pytestmark = pytest.mark.e2e

KEY = "a-key-for-this-test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    log = tmp_path_factory.mktemp("access") / "server.log"
    process = ServerProcess(free_port(), log, VISAVIS_SERVER_MAX_SESSIONS="1", VISAVIS_ACCESS_KEY=KEY)
    try:
        process.start()
        yield process
    finally:
        process.kill()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    silence = tmp_path_factory.mktemp("silence") / "microphone.wav"
    spoken(silence, 30.0, {})
    with chromium(silence) as browser:
        yield browser


def enter(page: Page, key: str) -> None:
    page.get_by_label("Access key").fill(key)
    page.get_by_role("button", name="Connect").click()


def in_state(page: Page, state: str) -> None:
    page.wait_for_selector(f"body[data-state={state}]", timeout=PATIENCE_MS)


def test_the_key_is_asked_for_once_and_a_lost_server_found_again(browser: Browser, server: ServerProcess) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    for _ in range(3):
        expect(page.get_by_label("Access key")).to_be_focused()
        page.keyboard.press("Escape")
    enter(page, "ключ")
    expect(page.get_by_text("That key was not accepted. Please try again.")).to_be_visible()
    enter(page, "wrong")
    expect(page.get_by_text("That key was not accepted. Please try again.")).to_be_visible()
    enter(page, KEY)
    in_state(page, "ready")
    page.get_by_label("Your message").fill("My name is Ann.")
    page.keyboard.press("Enter")
    expect(page.locator("#captions .assistant")).to_be_visible()

    server.kill()
    in_state(page, "lost")
    expect(page.get_by_role("heading", level=2)).to_have_text("The connection was lost")
    page.get_by_label("Your message").fill("Still there?")
    server.start()
    in_state(page, "ready")
    expect(page.locator("#captions .words").first).to_have_text("My name is Ann.")
    expect(page.get_by_label("Your message")).to_have_value("Still there?")

    page.keyboard.press("Enter")
    expect(page.locator("#captions .assistant").nth(1)).to_be_visible()
    context.close()


def test_a_kiosk_has_no_controls_and_fills_the_screen_at_a_touch(browser: Browser, server: ServerProcess) -> None:
    context = browser.new_context(viewport={"width": 1080, "height": 1920}, permissions=["microphone"])
    page = context.new_page()
    page.goto(f"{server.url}/?kiosk")
    enter(page, KEY)
    in_state(page, "listening")
    for hidden in ("#form", "#latency-button", "#fullscreen-button"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.get_by_text("You are talking with an AI-generated person.")).to_be_visible()
    page.mouse.click(540, 600)
    page.wait_for_function("document.fullscreenElement !== null")
    assert page.locator("body").evaluate("body => getComputedStyle(body).cursor") == "none"
    context.close()


def test_a_call_ended_by_its_limit_is_placed_again_on_request_only(browser: Browser, server: ServerProcess) -> None:
    server.kill()
    server.start(VISAVIS_SERVER_IDLE_TIMEOUT_S="5")
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    enter(page, KEY)
    in_state(page, "ended")
    expect(page.get_by_text("Nobody had said anything for a while.")).to_be_visible()
    until(lambda: server.sessions() == 0, PATIENCE_MS / 1000)
    page.get_by_role("button", name="Call again").click()
    in_state(page, "ready")
    context.close()
