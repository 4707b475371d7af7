"""The neural voice: times, pieces, styles, and what it does with odd texts. Its networks are tiny and random."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.media import SAMPLE_RATE, AudioChunk
from engines.tags import Tag
from engines.tts import SpeechError
from engines.tts.features import PHONES
from engines.tts.voice import MAX_CHUNK, NeuralVoice
from tests.unit.voice_bundle import write_voice

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("voice"))


@pytest.fixture(scope="module")
def voice(folder: Path) -> NeuralVoice:
    return NeuralVoice(folder)


@pytest.fixture(scope="module")
def fast(folder: Path) -> NeuralVoice:
    return NeuralVoice(folder, rate=2.0)


def _pcm(chunks: list[AudioChunk]) -> np.ndarray:
    return np.concatenate([chunk.pcm for chunk in chunks])


def _rms(pcm: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(pcm.astype(np.float64)))))


def _periodicity(pcm: np.ndarray) -> float:
    """The highest autocorrelation between 60 and 400 Hz."""
    samples = pcm.astype(np.float64)
    return max(float(samples[lag:] @ samples[:-lag] / (samples @ samples)) for lag in range(60, 400))


def test_the_first_chunk_is_short_and_all_times_come_with_it(voice: NeuralVoice) -> None:
    chunks = list(voice.synthesize("Hello there, I am very glad to see you"))
    assert len(chunks[0].pcm) == 12 * 240 - 360
    assert all(480 <= len(chunk.pcm) <= MAX_CHUNK and chunk.pcm.dtype == np.int16 for chunk in chunks)
    assert chunks[0].words
    assert chunks[0].phones
    assert not any(chunk.words or chunk.phones for chunk in chunks[1:])
    assert np.any(_pcm(chunks))


def test_phones_cover_the_sound_and_words_lie_on_them(voice: NeuralVoice) -> None:
    text = "Hello there, I am very glad to see you."
    chunks = list(voice.synthesize(text))
    phones, words = chunks[0].phones, chunks[0].words
    assert phones[0].start == 0
    assert all(a.end == b.start and a.start < a.end for a, b in pairwise(phones))
    assert phones[-1].end == len(_pcm(chunks))
    assert {phone.symbol for phone in phones} <= {*PHONES[5:], "SIL"}
    assert {phone.stress for phone in phones} >= {0, 1}
    assert [word.text.lower() for word in words] == ["hello", "there", "i", "am", "very", "glad", "to", "see", "you"]
    assert text[: words[1].text_end] == "Hello there,"
    assert words[-1].text_end == len(text)
    edges = {phone.start for phone in phones} | {phone.end for phone in phones}
    assert all(word.start in edges and word.end in edges and word.start < word.end for word in words)


def test_words_cut_the_original_text(voice: NeuralVoice) -> None:
    text = "**Hello**, it costs $5 😀 [today](http://x.y)."
    words = [word for chunk in voice.synthesize(text) for word in chunk.words]
    assert text[: words[0].text_end] == "**Hello**,"
    assert [word.text for word in words][3] == "five dollars"
    assert text[: words[3].text_end].endswith("$5")
    assert words[-1].text_end == len(text)
    assert all(a.end <= b.start and a.text_end < b.text_end for a, b in pairwise(words))


@pytest.mark.parametrize(("mark", "seconds"), [(".", 0.28), ("?", 0.28), (",", 0.12), ("", 0.03)])
def test_a_phrase_ends_in_a_pause_by_its_mark(voice: NeuralVoice, fast: NeuralVoice, mark: str, seconds: float) -> None:
    def pause(speaker: NeuralVoice) -> float:
        chunks = list(speaker.synthesize(f"We were there{mark}"))
        last = chunks[0].phones[-1]
        assert last.end == len(_pcm(chunks))
        return (last.end - last.start) / SAMPLE_RATE

    assert pause(voice) >= seconds
    assert pause(fast) < pause(voice)


def test_a_sentence_begins_and_ends_in_silence(voice: NeuralVoice) -> None:
    for text in ("We were there", "We were there. We were there."):
        pcm = _pcm(list(voice.synthesize(text))).astype(int)
        assert abs(pcm[0]) <= 3
        assert abs(pcm[-1]) <= 3


def test_several_sentences_share_one_time_line(voice: NeuralVoice) -> None:
    text = "This is one. Is this two? This, at last, is three!"
    chunks = list(voice.synthesize(text))
    phones = [phone for chunk in chunks for phone in chunk.phones]
    words = [word for chunk in chunks for word in chunk.words]
    assert len([chunk for chunk in chunks if chunk.phones]) == 3
    assert all(a.end == b.start for a, b in pairwise(phones))
    assert phones[-1].end == len(_pcm(chunks))
    assert [text[a.text_end : b.text_end].strip() for a, b in pairwise(words)][2] == "Is"
    samples = 0
    for chunk in chunks:
        assert all(word.start >= samples for word in chunk.words), "no word comes after its sound"
        samples += len(chunk.pcm)


@pytest.mark.parametrize("nothing", ["", " \n", "😀", "***", "?!… — ", "مرحبا"])
def test_nothing_to_say_yields_nothing(voice: NeuralVoice, nothing: str) -> None:
    assert list(voice.synthesize(nothing)) == []


def test_the_same_text_sounds_the_same(voice: NeuralVoice) -> None:
    first, second = (_pcm(list(voice.synthesize("Say it again."))) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_two_speeches_at_a_time_do_not_mix(voice: NeuralVoice) -> None:
    texts = ["One voice must not be heard in the other.", "Nor may the other be heard in the one, of course."]
    alone = [_pcm(list(voice.synthesize(text))) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(lambda number: _pcm(list(voice.synthesize(texts[number % 2]))), range(12)))
    for number, pcm in enumerate(heard):
        np.testing.assert_array_equal(pcm, alone[number % 2])


def test_a_long_text_is_made_as_it_is_asked_for(voice: NeuralVoice) -> None:
    text = ("This is a sentence that goes on and on without any mark " * 10 + "and then ends. ") * 9
    assert len(text) >= 5000
    speech = voice.synthesize(text)
    first = next(speech)
    assert len(first.words) < 60
    second = next(speech)
    assert not second.words
    speech.close()  # pyright: ignore[reportAttributeAccessIssue]


def test_a_sentence_without_marks_is_cut_and_nothing_is_lost(voice: NeuralVoice) -> None:
    text = "This is a sentence that goes on and on, it seems, " * 6 + "and ends."
    chunks = list(voice.synthesize(text))
    words = [word for chunk in chunks for word in chunk.words]
    assert len(words) == len(text.split())
    assert words[-1].text_end == len(text)
    assert 2 <= len([chunk for chunk in chunks if chunk.words]) <= 4
    assert all(text[: chunk.words[-1].text_end].endswith((",", ".")) for chunk in chunks if chunk.words)


def test_a_text_without_spaces_is_bounded_too(voice: NeuralVoice) -> None:
    chunks = list(islice(voice.synthesize("bla" * 300), 80))
    assert len(_pcm(chunks)) > 10 * SAMPLE_RATE
    assert 100 < max(len(chunk.phones) for chunk in chunks) < 200


def test_rate_and_pitch_are_steered(folder: Path, voice: NeuralVoice, fast: NeuralVoice) -> None:
    text = "We all were away a year ago."
    plain = _pcm(list(voice.synthesize(text)))
    assert len(_pcm(list(fast.synthesize(text)))) == pytest.approx(len(plain) / 2, rel=0.1)
    high = _pcm(list(NeuralVoice(folder, pitch=12.0).synthesize(text)))
    assert len(high) == len(plain)
    assert not np.array_equal(high, plain)
    quiet = _pcm(list(NeuralVoice(folder, energy=-6.0).synthesize(text)))
    assert _rms(quiet) == pytest.approx(_rms(plain) / 2, rel=0.05)


def test_a_style_acts_from_its_tag_on(voice: NeuralVoice) -> None:
    text = "We were there. We were there."

    def lengths(*tags: Tag) -> list[int]:
        chunks = list(voice.synthesize(text, tags))
        words = [word for chunk in chunks for word in chunk.words]
        return [words[2].end - words[0].start, words[5].end - words[3].start]

    plain, calm = lengths(), lengths(Tag("calm"))
    assert calm[0] > 1.15 * plain[0]
    assert calm[1] > 1.15 * plain[1]
    later = lengths(Tag("calm", 1.0, 15))
    assert later == [plain[0], calm[1]]
    assert lengths(Tag("calm"), Tag("neutral", 1.0, 15)) == [calm[0], plain[1]]
    half = lengths(Tag("calm", 0.5))
    assert plain[0] < half[0] < calm[0]
    assert lengths(Tag("calm", 0.0)) == plain
    assert lengths(Tag("joy"), Tag("lively")) == plain, "names of others are left to them"


def test_a_whisper_is_not_voiced(voice: NeuralVoice) -> None:
    plain, whispered = (_pcm(list(voice.synthesize("Nobody else may know.", tags))) for tags in ((), (Tag("whisper"),)))
    assert len(whispered) == len(plain)
    assert _periodicity(whispered) < 0.5 * _periodicity(plain)


def test_another_script_is_left_out_and_reported_once(voice: NeuralVoice, caplog: pytest.LogCaptureFixture) -> None:
    voice._warned = False
    with caplog.at_level(logging.WARNING):
        words = [word.text.lower() for chunk in voice.synthesize("Hello Привет world") for word in chunk.words]
        list(voice.synthesize("Привет"))
    assert words == ["hello", "world"]
    assert len(caplog.records) == 1
    assert "Привет" not in caplog.text


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(max_size=40), at=st.integers(0, 40), name=st.sampled_from(["calm", "whisper", "neutral", "joy"]))
def test_any_text_is_spoken_or_left_out(voice: NeuralVoice, text: str, at: int, name: str) -> None:
    chunks = list(voice.synthesize(text, [Tag(name, 0.5, at)]))
    phones = [phone for chunk in chunks for phone in chunk.phones]
    words = [word for chunk in chunks for word in chunk.words]
    samples = sum(len(chunk.pcm) for chunk in chunks)
    assert all(480 <= len(chunk.pcm) <= MAX_CHUNK for chunk in chunks)
    assert all(a.end == b.start for a, b in pairwise(phones))
    assert all(a.end <= b.start and a.text_end <= b.text_end for a, b in pairwise(words))
    assert not phones or (phones[0].start == 0 and phones[-1].end == samples)
    assert not words or words[-1].text_end == len(text)


def test_a_word_can_be_given_its_pronunciation(folder: Path) -> None:
    chunk = next(NeuralVoice(folder, pronunciations={"Nguyen": "W IH1 N"}).synthesize("Nguyen"))
    assert [phone.symbol for phone in chunk.phones if phone.symbol != "SIL"] == ["W", "IH", "N"]
    with pytest.raises(ValueError, match="XX"):
        NeuralVoice(folder, pronunciations={"Nguyen": "XX"})


def test_settings_out_of_range_are_refused(folder: Path) -> None:
    with pytest.raises(SpeechError, match=r"the voice's rate must be 0\.5\.\.2"):
        NeuralVoice(folder, rate=0.1)
    with pytest.raises(SpeechError, match=r"the voice's pitch must be -12\.\.12"):
        NeuralVoice(folder, pitch=40)
    with pytest.raises(SpeechError, match="the voice's energy must be"):
        NeuralVoice(folder, energy=float("nan"))
