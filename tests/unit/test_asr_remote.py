"""A remote recogniser, spoken to through the real client over a transport that answers from a script.

The client asks a thread for its platform, so these tests run in an event loop with a real clock; none asserts a speed.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Callable, Coroutine

import httpx2
import numpy as np
import pytest
from openai import AsyncOpenAI

from engines import Transcript, TranscriptionError
from engines.asr_remote import MAX_SECONDS, RemoteTranscriber, as_wav
from engines.media import MIC_RATE, Pcm

pytestmark = pytest.mark.unit

KEY = "sk-secret-0123456789"
PCM = np.arange(-800, 800, dtype=np.int16)


Answer = (
    Callable[[httpx2.Request], httpx2.Response] | Callable[[httpx2.Request], Coroutine[None, None, httpx2.Response]]
)


def transcribe(answer: Answer, pcm: Pcm = PCM, timeout_s: float = 5.0) -> Transcript:
    async def ask() -> Transcript:
        remote = transcriber(answer, timeout_s)
        try:
            return await remote.transcribe(pcm)
        finally:
            await remote.close()

    return asyncio.run(ask())


def transcriber(answer: Answer, timeout_s: float) -> RemoteTranscriber:
    remote = RemoteTranscriber("http://ears.test/v1", "a-model", KEY, timeout_s)
    remote.__dict__["_client"] = AsyncOpenAI(
        base_url="http://ears.test/v1",
        api_key=KEY,
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(answer)),
    )
    return remote


def says(**json: object) -> Callable[[httpx2.Request], httpx2.Response]:
    return lambda _: httpx2.Response(200, json=json)


def test_the_utterance_travels_as_a_wav() -> None:
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(200, json={"text": " What is Visavis?\n"})

    assert transcribe(answer) == Transcript("What is Visavis?")
    (request,) = requests
    assert str(request.url) == "http://ears.test/v1/audio/transcriptions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert b"a-model" in request.content
    assert as_wav(PCM) in request.content


def test_the_wav_is_what_was_heard() -> None:
    with wave.open(io.BytesIO(as_wav(PCM))) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, MIC_RATE)
        assert np.array_equal(np.frombuffer(wav.readframes(10_000), "<i2"), PCM)


def test_silence_may_have_no_words() -> None:
    assert transcribe(says(text="")).text == ""


def refuses(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(401, json={"error": {"message": f"bad key {KEY}"}})


def is_gone(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused")


def times_out(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("slow")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (refuses, "HTTP 401"),
        (is_gone, "can't be reached"),
        (times_out, "within 5 s"),
        (says(words=["no text"]), "no transcript"),
        (says(text=None), "no transcript"),
        (lambda _: httpx2.Response(200, text="<html>"), "no transcript"),
    ],
)
def test_a_failure_says_what_happened_and_no_secret(
    answer: Callable[[httpx2.Request], httpx2.Response], message: str
) -> None:
    with pytest.raises(TranscriptionError, match=message) as caught:
        transcribe(answer)
    assert KEY not in str(caught.value)


def test_an_answer_that_never_ends_is_left() -> None:
    async def never(_: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(1e6)
        raise AssertionError

    with pytest.raises(TranscriptionError, match="did not answer"):
        transcribe(never, timeout_s=0.2)


def test_a_recording_beyond_the_bound_is_not_sent() -> None:
    with pytest.raises(TranscriptionError, match="at most"):
        transcribe(is_gone, np.zeros(MAX_SECONDS * MIC_RATE + 1, np.int16))
