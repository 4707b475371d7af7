"""Speech to text behind any OpenAI-compatible `/audio/transcriptions`."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import TYPE_CHECKING

from engines import Transcript, TranscriptionError
from engines.media import MIC_RATE, Pcm
from engines.unicode import repair

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_SECONDS = 120
"""Longest recording sent; OpenAI's own limit is 25 MB, ours is what the listener ever collects."""


class RemoteTranscriber:
    """Implements `engines.RemoteASR`."""

    def __init__(self, base_url: str | None, model: str, api_key: str | None, timeout_s: float = 20.0) -> None:
        """
        Args:
            base_url: the API's root, such as `http://localhost:8000/v1`; None for OpenAI's own.
            model: a name the server knows.
            api_key: None where the server asks for none.
            timeout_s: for the whole answer, a second try included.
        """
        self._base_url = base_url
        self._model = model
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._client: AsyncOpenAI | None = None

    async def transcribe(self, pcm: Pcm) -> Transcript:
        """
        Args:
            pcm: int16[n] at 16 kHz, one utterance.

        Raises:
            TranscriptionError: the server refused, failed, took too long or sent no text; or `pcm` is too long.
        """
        if len(pcm) > MAX_SECONDS * MIC_RATE:
            raise TranscriptionError(f"an utterance may last {MAX_SECONDS} s at most")
        # Imported late and in a thread: it takes 1.5 s, and only those wait for it who configured it.
        client = self._client or await asyncio.to_thread(self._connect)
        import openai

        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await client.audio.transcriptions.create(
                    model=self._model, file=("speech.wav", as_wav(pcm), "audio/wav"), response_format="json"
                )
        except (TimeoutError, openai.APITimeoutError):
            raise TranscriptionError(f"the speech recogniser did not answer within {self._timeout_s:g} s") from None
        except openai.APIConnectionError:
            raise TranscriptionError("the speech recogniser can't be reached") from None
        except openai.APIStatusError as error:
            raise TranscriptionError(
                f"the speech recogniser refused the recording (HTTP {error.status_code})"
            ) from None
        except (openai.OpenAIError, ValueError):
            raise TranscriptionError("the speech recogniser sent an answer that is no transcript") from None
        text = getattr(answer, "text", None)
        if not isinstance(text, str):
            raise TranscriptionError("the speech recogniser sent an answer that is no transcript")
        return Transcript(repair(text.strip()))

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    def _connect(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        # Without a key the client refuses to start; local servers ignore it.
        self._client = AsyncOpenAI(
            base_url=self._base_url, api_key=self._api_key or "none", timeout=self._timeout_s, max_retries=1
        )
        return self._client


def as_wav(pcm: Pcm) -> bytes:
    """int16[n] at 16 kHz as a RIFF file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(MIC_RATE)
        wav.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()
