"""A voice behind any OpenAI-compatible `/audio/speech`, streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from engines.media import SAMPLE_RATE, AudioChunk
from engines.tags import Tag
from engines.tts import SpeechError
from engines.tts.text import speakable

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CHUNK = SAMPLE_RATE // 10
"""100 ms: the first pictures' look-ahead, and as late as an interruption may be noticed."""

MAX_SECONDS_PER_CHARACTER = 1.0
"""The slowest reader takes a tenth of it; a server that sends more than this and `MAX_EXTRA_SECONDS` never ends."""
MAX_EXTRA_SECONDS = 10.0

_CONTAINERS = (b"RIFF", b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b'{"')
"""How WAV, MP3, Ogg, FLAC, WebM, MP3 without tags, AAC and JSON begin: none of them is bare PCM."""


class RemoteSpeech:
    """A voice that another server speaks; it gives no word times.

    Args:
        base_url: the server's OpenAI-compatible root, e.g. `http://localhost:8880/v1`.
        model: the server's name of the model.
        voice: the server's name of the voice.
        api_key: sent as a bearer token; None where the server asks for none.
        timeout_s: seconds to wait for the first and for each further piece of sound.
    """

    def __init__(
        self, base_url: str, model: str, voice: str, api_key: str | None = None, timeout_s: float = 10.0
    ) -> None:
        self._base_url, self._model, self._voice = base_url, model, voice
        self._api_key = api_key
        self._timeout_s = timeout_s

    @cached_property
    def _client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI  # 1.5 s to import: not before somebody needs it

        # The client refuses an empty key, which local servers don't ask for. A retry would repeat half a sentence.
        return AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key or "none",
            timeout=self._timeout_s,
            max_retries=0,
        )

    async def synthesize(self, text: str, tags: Sequence[Tag] = ()) -> AsyncGenerator[AudioChunk, None]:
        """Speak `text` in chunks of 100 ms, as they arrive; nothing where there is nothing to say.

        Raises:
            SpeechError: the server refused, stalled, broke off, never ended, or sent no 24 kHz PCM.
        """
        spoken = speakable(text)
        if not spoken:
            return
        limit = 2 * SAMPLE_RATE * (MAX_EXTRA_SECONDS + MAX_SECONDS_PER_CHARACTER * len(spoken.text))
        received = 0
        rest = b""
        async with aclosing(self._bytes(spoken.text)) as stream:
            async for data in stream:
                received += len(data)
                if received > limit:
                    raise SpeechError("the voice's server does not stop sending sound for one phrase")
                rest += data
                if received == len(rest):  # nothing left yet
                    _check_pcm(rest)
                while len(rest) >= 2 * CHUNK:
                    yield _chunk(rest[: 2 * CHUNK])
                    rest = rest[2 * CHUNK :]
        if received < 2:
            raise SpeechError("the voice's server answered without any sound")
        if len(rest) >= 2:
            yield _chunk(rest[: len(rest) // 2 * 2])

    async def _bytes(self, text: str) -> AsyncGenerator[bytes, None]:
        """The body's pieces, with every failure in our own words."""
        import httpx2  # the openai client's transport
        from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError

        try:
            async with self._client.audio.speech.with_streaming_response.create(
                model=self._model, voice=self._voice, input=text, response_format="pcm"
            ) as response:
                _check_headers(response.headers.get("content-type", ""))
                pieces = response.iter_bytes()
                while True:
                    async with asyncio.timeout(self._timeout_s):
                        data = await anext(pieces, None)
                    if data is None:
                        return
                    yield data
        except (TimeoutError, APITimeoutError, httpx2.TimeoutException) as error:
            raise SpeechError(f"the voice's server sent nothing for {self._timeout_s:g} s") from error
        except APIStatusError as error:
            raise SpeechError(f"the voice's server refused: HTTP {error.status_code}{_hint(error)}") from error
        except (APIConnectionError, httpx2.TransportError) as error:
            raise SpeechError("the voice's server can't be reached or broke off") from error
        except OpenAIError as error:
            raise SpeechError(f"the voice's server failed: {type(error).__name__}") from error


def _hint(error: Exception) -> str:
    status = getattr(error, "status_code", 0)
    if status in (401, 403):
        return " (check VISAVIS_TTS_KEY)"
    if status in (400, 404, 422):
        return " (check the voice's base_url, model and voice in the configuration)"
    return ""


def _check_headers(content_type: str) -> None:
    """A server that ignores `response_format` says so here."""
    kind, _, parameters = content_type.lower().partition(";")
    if kind.strip() in ("application/json", "text/html", "text/plain", "audio/mpeg", "audio/wav", "audio/ogg"):
        raise SpeechError(f"the voice's server sent {kind.strip()}, not PCM; it must support response_format 'pcm'")
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "rate" and value != str(SAMPLE_RATE):
            raise SpeechError(f"the voice's server sent {value} samples a second; {SAMPLE_RATE} are expected")


def _check_pcm(head: bytes) -> None:
    """A server that ignores `response_format` and mislabels its answer."""
    if head.startswith(_CONTAINERS):
        raise SpeechError("the voice's server sent a container, not bare PCM; it must support response_format 'pcm'")


def _chunk(data: bytes) -> AudioChunk:
    return AudioChunk(np.frombuffer(data, "<i2").astype(np.int16))
