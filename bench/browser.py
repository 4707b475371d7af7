"""What a person sees: the pictures that real Chromium puts on screen while she speaks."""

from __future__ import annotations

import shutil
from typing import Any

from bench.inbox import PATIENCE_S, BenchError
from bench.measure import Shown, shown

QUESTION = "Please tell me everything about yourself, as long as you can."

PLAYOUT_S = 0.3
"""Seconds from `output_audio_buffer.started` until speech is surely on screen: the browser's jitter buffer."""

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

CLIENT = """
async ({key, question}) => {
  const watch = window.watch = {times: [], changes: [], spans: [], error: null};
  const pc = new RTCPeerConnection();
  const video = document.body.appendChild(document.createElement('video'));
  video.muted = video.autoplay = video.playsInline = true;
  pc.ontrack = ({streams}) => { video.srcObject = streams[0]; };
  pc.addTransceiver('audio', {direction: 'recvonly'});
  pc.addTransceiver('video', {direction: 'recvonly'});
  const channel = pc.createDataChannel('oai-events');
  const ask = () => {
    const content = [{type: 'input_text', text: question}];
    channel.send(JSON.stringify({type: 'conversation.item.create', item: {type: 'message', role: 'user', content}}));
    channel.send(JSON.stringify({type: 'response.create'}));
  };
  channel.onmessage = ({data}) => {
    const event = JSON.parse(data);
    if (event.type === 'session.created') ask();
    if (event.type === 'output_audio_buffer.started') watch.spans.push([performance.now(), null]);
    if (event.type === 'output_audio_buffer.stopped') { watch.spans.at(-1)[1] = performance.now(); ask(); }
    if (event.type === 'error') watch.error = event.error.message;
  };
  // The middle of the picture, where a face is: the mean luma of 32 x 40 cells of 8 x 8 pixels.
  const canvas = new OffscreenCanvas(256, 320);
  const context = canvas.getContext('2d', {willReadFrequently: true});
  let before = null;
  const look = () => {
    const {videoWidth: w, videoHeight: h} = video;
    context.drawImage(video, w / 4, 3 * h / 16, w / 2, 5 * h / 8, 0, 0, 256, 320);
    const {data} = context.getImageData(0, 0, 256, 320);
    const cells = new Float32Array(32 * 40);
    for (let y = 0, i = 0; y < 320; y++)
      for (let x = 0, row = 32 * (y >> 3); x < 256; x++, i += 4)
        cells[row + (x >> 3)] += (0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]) / 64;
    return cells;
  };
  const onFrame = (_, frame) => {
    video.requestVideoFrameCallback(onFrame);
    const cells = look();
    watch.times.push(frame.presentationTime);
    const squares = before ? cells.reduce((sum, cell, i) => sum + (cell - before[i]) ** 2, 0) : Infinity;
    watch.changes.push(Math.sqrt(squares / cells.length));
    before = cells;
  };
  video.requestVideoFrameCallback(onFrame);
  await pc.setLocalDescription();
  const headers = {'content-type': 'application/sdp', ...(key ? {authorization: `Bearer ${key}`} : {})};
  const response = await fetch('/v1/realtime/calls', {method: 'POST', headers, body: pc.localDescription.sdp});
  const body = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${body}`);
  await pc.setRemoteDescription({type: 'answer', sdp: body});
  window.hangUp = () => pc.close();
}
"""

NEW_PICTURE = 0.39
"""Root mean square change of the cells, in levels of 255, above which a picture is a new one. A picture that is sent
again does not decode to the same pixels: the codec spends its spare bits on refining it. In VP8 at 1.5 Mbit/s 99 % of
the repetitions stay below this, and every picture of her speech, pauses included, is above."""


async def watch_speech(url: str, key: str | None, seconds: float) -> Shown:
    """Have her speak to Chromium for `seconds`, and count what it shows.

    Raises:
        BenchError: Chromium is missing, or she does not speak.
    """
    from playwright.async_api import async_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise BenchError("chromium is missing: apt-get install chromium, or measure with --no-browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        try:
            page = await browser.new_page()
            # Any document of the server's origin will do; the page itself would start a call of its own.
            await page.goto(f"{url}/healthz")
            await page.evaluate(CLIENT, {"key": key, "question": QUESTION})
            waited = 0.0
            while (spoken := _spoken(await page.evaluate("window.watch.spans"))) < seconds:
                await page.wait_for_timeout(500)
                waited += 0.5
                error = await page.evaluate("window.watch.error")
                if error or waited > PATIENCE_S + 4 * seconds:
                    raise BenchError(f"Chromium heard {spoken:.0f} s of speech in {waited:.0f} s; {error or ''}")
            # The last words are still on their way to the screen.
            await page.wait_for_timeout(1000 * PLAYOUT_S)
            watch = await page.evaluate("window.watch")
            await page.evaluate("window.hangUp()")
        finally:
            await browser.close()
    return _judge(watch)


def _spoken(spans: list[list[float | None]]) -> float:
    """Seconds of finished speech."""
    return sum(max(0.0, (end - start) / 1000 - PLAYOUT_S) for start, end in spans if start is not None and end)


def _judge(watch: dict[str, Any]) -> Shown:
    spans = [(start + 1000 * PLAYOUT_S, end) for start, end in watch["spans"] if end]
    spans = [(start, end) for start, end in spans if end > start]
    return shown(watch["times"], [change > NEW_PICTURE for change in watch["changes"]], spans)
