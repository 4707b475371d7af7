"""The embedded voice: chunks, times, loudness. The real one: it runs a thousand times faster than real time."""

from __future__ import annotations

import importlib
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest

from engines.media import SAMPLE_RATE, AudioChunk
from engines.tts import SpeechError
from engines.tts.loudness import TARGET_LUFS, Gain, loudness
from engines.tts.phones import arpabet

pytest.importorskip("espeakng_loader", reason="the extra 'espeak' is not installed")

from engines.tts.espeak import CHUNK, FIRST_CHUNK, EspeakTTS

pytestmark = pytest.mark.unit

ARPABET = {
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K",
    "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH", "SIL",
}  # fmt: skip


@pytest.fixture(scope="module")
def voice() -> EspeakTTS:
    return EspeakTTS()


def _pcm(chunks: list[AudioChunk]) -> np.ndarray:
    return np.concatenate([chunk.pcm for chunk in chunks])


def test_streams_even_chunks_with_all_times_ahead(voice: EspeakTTS) -> None:
    chunks = list(voice.synthesize("Hello, I am here. The judge's café costs five dollars."))
    assert [len(chunk.pcm) for chunk in chunks[:3]] == [FIRST_CHUNK, CHUNK, CHUNK]
    assert all(chunk.pcm.dtype == np.int16 for chunk in chunks)
    assert chunks[0].words
    assert chunks[0].phones
    assert not any(chunk.words or chunk.phones for chunk in chunks[1:])


def test_phones_are_contiguous_arpabet_inside_the_audio(voice: EspeakTTS) -> None:
    chunks = list(voice.synthesize("She measures joy, thinks about weather and young children."))
    phones = chunks[0].phones
    assert {phone.symbol for phone in phones} <= ARPABET
    assert all(a.end == b.start and a.start < a.end for a, b in pairwise(phones))
    assert phones[-1].end <= len(_pcm(chunks))
    assert {phone.stress for phone in phones} >= {0, 1}


def test_vowels_sound_and_pauses_do_not(voice: EspeakTTS) -> None:
    """The times are the audio's own: energy agrees with them."""
    chunks = list(voice.synthesize("Oh, mama, no pauses are silent, are they?"))
    pcm = _pcm(chunks).astype(np.float64)
    loud = [np.abs(pcm[p.start : p.end]).mean() for p in chunks[0].phones if p.symbol in ("AA", "OW", "AE", "EY")]
    quiet = [
        np.abs(pcm[p.start + 1200 : p.end - 480]).mean()
        for p in chunks[0].phones
        if p.symbol == "SIL" and p.end - p.start > 2400
    ]
    assert quiet
    assert min(loud) > 10 * max(quiet)


def test_words_cut_the_original_text(voice: EspeakTTS) -> None:
    text = "**Hello**, it costs $5.50 😀 [today](http://x.y)."
    words = next(voice.synthesize(text)).words
    assert text[: words[0].text_end] == "**Hello**,"
    assert text[: words[3].text_end].endswith("$5.50")
    assert words[-1].text_end == len(text)
    assert all(a.end <= b.start and a.text_end < b.text_end for a, b in pairwise(words))


def test_long_text_keeps_one_time_line(voice: EspeakTTS) -> None:
    text = "This is a sentence that goes on. " * 30
    chunks = list(voice.synthesize(text))
    phones = [phone for chunk in chunks for phone in chunk.phones]
    words = [word for chunk in chunks for word in chunk.words]
    assert all(a.end <= b.start for a, b in pairwise(phones))
    assert all(a.end <= b.start for a, b in pairwise(words))
    assert phones[-1].end == pytest.approx(len(_pcm(chunks)), abs=0.4 * SAMPLE_RATE)
    assert words[-1].text_end == len(text)


@pytest.mark.parametrize("nothing", ["", " \n", "😀", "***", "مرحبا"])
def test_nothing_to_say_yields_nothing(voice: EspeakTTS, nothing: str) -> None:
    assert list(voice.synthesize(nothing)) == []


@pytest.mark.parametrize("variant", ["en-us+f3", "en-us+m3"])
def test_every_voice_has_the_same_loudness(variant: str) -> None:
    pcm = _pcm(list(EspeakTTS(variant).synthesize("I can tell you the time, or simply chat for a while.")))
    assert loudness(np.divide(pcm, 32768, dtype=np.float32), SAMPLE_RATE) == pytest.approx(TARGET_LUFS, abs=2)


def test_the_limiter_bends_instead_of_clipping() -> None:
    wave = np.linspace(-4, 4, 1001).astype(np.float32)
    out = Gain(2.0).apply(wave).astype(int)
    assert np.abs(out).max() <= 32767
    assert (np.diff(out) >= 0).all()
    assert Gain(1.0).apply(np.array([0.5], np.float32))[0] == 16384


def test_two_voices_from_two_threads_do_not_mix() -> None:
    female, male = EspeakTTS("en-us+f3"), EspeakTTS("en-us+m3", rate=220)
    text = "One voice must not be heard in the other."
    # a voiced phone ends with a whole pitch period, so lengths differ by some samples from call to call
    alone = {id(voice): len(_pcm(list(voice.synthesize(text)))) for voice in (female, male)}
    heard: list[bool] = []

    def speak(voice: EspeakTTS) -> None:
        for _ in range(4):
            heard.append(abs(len(_pcm(list(voice.synthesize(text)))) - alone[id(voice)]) < 240)

    assert abs(alone[id(female)] - alone[id(male)]) > 10_000
    threads = [threading.Thread(target=speak, args=(voice,)) for voice in (female, male)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [True] * 8


def test_an_unknown_voice_and_bad_settings_say_what_to_do() -> None:
    with pytest.raises(SpeechError, match="no voice 'xx-nobody'"):
        EspeakTTS("xx-nobody")
    with pytest.raises(SpeechError, match=r"80\.\.450"):
        EspeakTTS(rate=9000)
    with pytest.raises(SpeechError, match=r"0\.\.100"):
        EspeakTTS(pitch=-1)


def test_without_the_extra_the_import_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    for name in ("engines.tts.espeak", "engines.tts.espeak_library"):
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[espeak\]'"):
        importlib.import_module("engines.tts.espeak")


def test_ipa_becomes_arpabet() -> None:
    assert arpabet("ˈɔːɹ") == (("AO", "R"), 1)
    assert arpabet("tʃ") == (("CH",), 0)
    assert arpabet("ˌoʊ") == (("OW",), 2)
    assert arpabet("") == (("SIL",), 0)
