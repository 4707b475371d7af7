"""A remote voice, spoken to through the real client over a transport that answers from a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import httpx2
import numpy as np
import pytest
from openai import AsyncOpenAI

from engines.tts import SpeechError
from engines.tts.remote import RemoteSpeech

pytestmark = pytest.mark.unit

Answer = Callable[[httpx2.Request], httpx2.Response]


class _Body(httpx2.AsyncByteStream):
    def __init__(self, *parts: bytes | Exception | float) -> None:
        self._parts = parts
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            if isinstance(part, Exception):
                raise part
            if isinstance(part, bytes):
                yield part
            else:
                await asyncio.sleep(part)

    async def aclose(self) -> None:
        self.closed = True


def _voice(answer: Answer) -> RemoteSpeech:
    voice = RemoteSpeech("http://voice.test/v1", "m", "v", api_key="k", timeout_s=0.05)
    voice.__dict__["_client"] = AsyncOpenAI(
        base_url="http://voice.test/v1",
        api_key="k",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(answer)),
    )
    return voice


def _sends(*parts: bytes | Exception | float, kind: str = "audio/pcm", status: int = 200) -> RemoteSpeech:
    return _voice(lambda request: httpx2.Response(status, headers={"content-type": kind}, stream=_Body(*parts)))


async def _hear(voice: RemoteSpeech, text: str = "Hello there.") -> np.ndarray:
    chunks = [chunk async for chunk in voice.synthesize(text)]
    assert not any(chunk.words or chunk.phones for chunk in chunks)
    return np.concatenate([chunk.pcm for chunk in chunks]) if chunks else np.zeros(0, np.int16)


async def test_odd_boundaries_lose_no_sample() -> None:
    wave = np.arange(-6000, 6000, dtype=np.int16)
    data = wave.tobytes()
    cuts = [0, 1, 4, 333, 334, 5001, 9999, len(data)]
    parts = [data[a:b] for a, b in pairwise(cuts)]
    assert np.array_equal(await _hear(_sends(*parts)), wave)


async def test_asks_for_clean_text_as_pcm() -> None:
    asked: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.content)
        return httpx2.Response(200, headers={"content-type": "audio/pcm"}, content=b"\0\0")

    await _hear(_voice(answer), "**Hello** 😀")
    assert b'"response_format":"pcm"' in asked[0].replace(b": ", b":")
    assert b'"Hello "' in asked[0]


async def test_nothing_to_say_asks_nobody() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError("asked")

    assert len(await _hear(_voice(answer), "😀")) == 0


@pytest.mark.parametrize(
    ("voice", "message"),
    [
        (_sends(b""), "without any sound"),
        (_sends(b"\0"), "without any sound"),
        (_sends(b"RI", b"FF\0\0WAVE" * 1000), "container"),
        (_sends(b"\0\0", kind="audio/mpeg"), "audio/mpeg"),
        (_sends(b'{"error": 1}', kind="application/json"), "application/json"),
        (_sends(b"\0\0", kind="audio/pcm;rate=16000"), "16000 samples a second"),
        (_sends(b"no", status=500), "HTTP 500"),
        (_sends(b"no", status=401), "VISAVIS_TTS_KEY"),
        (_sends(b"no", status=404), "model and voice"),
        (_sends(b"\1\0" * 5000, 5.0), "sent nothing for 0.05 s"),
        (_sends(b"\1\0" * 5000, httpx2.ReadError("reset")), "broke off"),
        (_sends(b"\1\0" * 5000, httpx2.ReadTimeout("slow")), "sent nothing"),
        (_sends(*[b"\1\0" * 48000] * 40), "does not stop"),
    ],
)
async def test_failures_are_told_in_plain_words(voice: RemoteSpeech, message: str) -> None:
    with pytest.raises(SpeechError, match=message):
        await _hear(voice)


async def test_an_unreachable_server() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    with pytest.raises(SpeechError, match="can't be reached"):
        await _hear(_voice(answer))


async def test_closing_early_closes_the_connection() -> None:
    body = _Body(*[b"\1\0" * 2400] * 100)
    voice = _voice(lambda request: httpx2.Response(200, headers={"content-type": "audio/pcm"}, stream=body))
    stream = voice.synthesize("Hello there.")
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert body.closed
