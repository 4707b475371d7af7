"""The real ears: voice activity, end of turn and recognition of synthetic and recorded speech."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from engines import Partial, Transcript
from engines.asr import PocketsphinxASR
from engines.asr_remote import RemoteTranscriber
from engines.grammar import SUMS
from engines.knowledge import recogniser_phrases
from engines.knowledge_file import DEFAULT_KNOWLEDGE, load_knowledge
from engines.media import MIC_RATE, SAMPLE_RATE, Pcm
from engines.tts.voice import NeuralVoice
from engines.vad import WINDOW, SileroVAD
from pipeline.listener import Confirmed, Ended, Listener, ListenerEvent, Misunderstood, Understood
from pipeline.options import TurnDetection
from pipeline.worker import Worker

pytestmark = pytest.mark.e2e

RECORDED = Path(__file__).parents[3] / "shared/speech/ljspeech/flac"
VOICE = Path(__file__).parents[2] / "avatars/default/voice"


@cache
def voice() -> NeuralVoice:
    return NeuralVoice(VOICE)


@pytest.fixture(scope="module")
def asr() -> PocketsphinxASR:
    return PocketsphinxASR([*recogniser_phrases(load_knowledge(DEFAULT_KNOWLEDGE)), *SUMS])


@pytest.fixture(scope="module")
def vad() -> SileroVAD:
    return SileroVAD()


def resampled(pcm: Pcm, rate: int) -> Pcm:
    frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler("s16", "mono", MIC_RATE)
    return np.concatenate([part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))])


def spoken(text: str, after: float = 1.0) -> Pcm:
    """`text` at 16 kHz between silences, over the faint noise of a room; the same samples every time."""
    pcm = resampled(np.concatenate([chunk.pcm for chunk in voice().synthesize(text)]), SAMPLE_RATE)
    pcm = np.concatenate([np.zeros(MIC_RATE // 2, np.int16), pcm, np.zeros(int(after * MIC_RATE), np.int16)])
    return pcm + np.random.default_rng(0).normal(0, 10, len(pcm)).astype(np.int16)


def recorded(name: str) -> Pcm:
    with av.open(str(RECORDED / f"{name}.flac")) as file:
        return np.concatenate(
            [resampled(frame.to_ndarray()[0].astype(np.int16), frame.sample_rate) for frame in file.decode(audio=0)]
        )


def understand(asr: PocketsphinxASR, pcm: Pcm) -> tuple[Transcript, list[Partial]]:
    stream = asr.stream()
    partials: list[Partial] = []
    for start in range(0, len(pcm), WINDOW):
        stream.feed(pcm[start : start + WINDOW])
        partials.append(stream.partial())
    return stream.finish(), partials


async def listen(vad: SileroVAD, asr: PocketsphinxASR | RemoteTranscriber, pcm: Pcm, turns: int) -> list[ListenerEvent]:
    events: list[ListenerEvent] = []
    done = asyncio.Event()
    worker, recogniser = Worker("ears"), Worker("recognise")

    def on_event(event: ListenerEvent) -> None:
        events.append(event)
        if sum(isinstance(event, Understood | Misunderstood) for event in events) == turns:
            done.set()

    listener = Listener(vad.stream(), asr, worker, recogniser, on_event, TurnDetection())
    run = asyncio.create_task(listener.run())
    # At the recogniser's own pace, so that a busy machine understands as much by any window as an idle one.
    for start in range(0, len(pcm), WINDOW):
        listener.feed(pcm[start : start + WINDOW])
        await listener.caught_up()
        await asyncio.sleep(0)
        await recogniser.settle(10)
    async with asyncio.timeout(60):
        await done.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    await worker.settle(10)
    return events


async def test_two_turns_are_heard_and_understood(vad: SileroVAD, asr: PocketsphinxASR) -> None:
    pcm = np.concatenate([spoken("What is your name?"), spoken("Are you a real person?")])
    events = await listen(vad, asr, pcm, 2)
    assert [event.transcript.text for event in events if isinstance(event, Understood)] == [
        "What is your name",
        "Are you a real person",
    ]
    confirmed = [event for event in events if isinstance(event, Confirmed)]
    ended = [event for event in events if isinstance(event, Ended)]
    assert len(confirmed) == len(ended) == 2
    # The first word begins half a second in; the detector sees it within 100 ms.
    assert abs(confirmed[0].at - MIC_RATE // 2) < MIC_RATE // 10
    # The short silence, for the partial result is the known phrase already.
    assert all((event.decided_at - event.at) / MIC_RATE < 0.4 for event in ended)


def test_known_phrases_are_understood_word_for_word(asr: PocketsphinxASR) -> None:
    texts = [
        "What is your name",
        "Are you a real person",
        "What can you do",
        "How do I connect a language model",
        "Thank you very much",
    ]
    heard = [understand(asr, spoken(f"{text}.")) for text in texts]
    assert [transcript.text for transcript, _ in heard] == texts
    assert all(transcript.confidence > 0.4 for transcript, _ in heard)
    assert all(any(partial.complete for partial in partials) for _, partials in heard)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the LJ Speech recordings are not shipped with the project")
def test_a_person_is_understood_beyond_the_known_phrases(asr: PocketsphinxASR) -> None:
    transcript, _ = understand(asr, recorded("LJ001-0002"))
    words = set(transcript.text.lower().split())
    # "in being comparatively modern": short, so that it stays quick, and far from every known phrase.
    assert len(words & {"in", "being", "comparatively", "modern"}) >= 2


def test_utterances_at_once_do_not_disturb_each_other(asr: PocketsphinxASR) -> None:
    """The third finds both decoders for free speech lent, and gets one at its end or does without."""
    text = "Are you a real person"
    sounds = [spoken(f"{text}?")] * 3
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(lambda sound: understand(asr, sound)[0], sounds))
    assert [transcript.text for transcript in together] == [text] * 3


def test_an_utterance_that_is_dropped_gives_its_decoders_back(asr: PocketsphinxASR) -> None:
    pcm = spoken("Are you a real person?")
    expected = understand(asr, pcm)[0]
    for _ in range(5):
        stream = asr.stream()
        stream.feed(pcm[: MIC_RATE * 3 // 2])
        del stream
    assert understand(asr, pcm)[0].text == expected.text


def test_silence_and_nothing_have_no_words_to_speak_of(asr: PocketsphinxASR) -> None:
    assert asr.stream().finish() == Transcript("")
    noise = np.random.default_rng(0).normal(0, 10, MIC_RATE).astype(np.int16)
    assert len(understand(asr, noise)[0].text.split()) <= 1


async def test_a_recogniser_that_is_not_there_is_told_of(vad: SileroVAD) -> None:
    remote = RemoteTranscriber("http://127.0.0.1:9/v1", "none", None, 5.0)
    events = await listen(vad, remote, spoken("Who are you?"), 1)
    assert isinstance(events[-1], Misunderstood)
    assert "can't be reached" in events[-1].message
    await remote.close()


def test_serving_ears_import_no_torch() -> None:
    code = "import sys, engines.vad, engines.asr; engines.vad.SileroVAD(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
