from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.phrases import MAX_CHARS, Phrase, Phraser

pytestmark = pytest.mark.unit


def cut(tokens: list[str]) -> list[str]:
    phraser = Phraser()
    phrases = [phrase for token in tokens for phrase in phraser.feed(token)]
    return [phrase.text for phrase in [*phrases, *phraser.flush()]]


def test_first_phrase_ends_at_the_first_clause() -> None:
    text = "I run on two cores, and I answer at once. Ask me anything you like about it."
    assert cut([text])[0] == "I run on two cores,"


def test_first_phrase_is_ready_with_the_space_after_its_clause() -> None:
    phraser = Phraser()
    assert list(phraser.feed("I run on two cores,")) == []
    assert list(phraser.feed(" ")) == [Phrase("I run on two cores,")]


def test_a_short_first_sentence_is_spoken_at_once() -> None:
    assert cut(["Yes. That is how it works, more or less."])[0] == "Yes."


def test_without_punctuation_the_first_phrase_ends_after_ten_words() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve"
    assert cut([text]) == ["one two three four five six seven eight nine ten", " eleven twelve"]


@pytest.mark.parametrize(
    "text",
    [
        "Hello there. It costs $29.99 today",
        "Hello there. Visit https://example.org/a.b,c?d=e for more",
        "Hello there. Dr. Who met J. Smith at 5 p.m. today",
        "Hello there. That is 1,000,000 or 3.14 times as much",
    ],
)
def test_numbers_addresses_and_abbreviations_stay_whole(text: str) -> None:
    assert cut([text]) == ["Hello there.", text[len("Hello there.") :]]


def test_short_sentences_are_spoken_together() -> None:
    phrases = cut(["Hello, my friend. I see. You do. It is good to have you here today. Bye."])
    assert phrases == ["Hello, my friend.", " I see. You do. It is good to have you here today.", " Bye."]


def test_a_family_emoji_is_never_cut() -> None:
    family = "👩\u200d👩\u200d👧"
    for phrase in cut([family * 200]):
        assert not phrase.startswith("\u200d")
        assert not phrase.endswith("\u200d")


def test_unspaced_scripts_are_cut_at_their_own_marks() -> None:
    assert cut(["你好，我是一个人工智能助手，很高兴见到你。再见"])[0] == "你好，我是一个人工智能助手，"


def test_a_reply_without_any_boundary_is_bounded() -> None:
    assert all(len(phrase) <= MAX_CHARS for phrase in cut(["x" * 2000]))


@given(st.text(st.characters(exclude_characters="["), max_size=600), st.randoms(use_true_random=False))
def test_phrases_join_to_the_reply_however_it_was_tokenised(text: str, random: object) -> None:
    tokens: list[str] = []
    place = 0
    while place < len(text):
        size = random.randint(1, 9)  # type: ignore[attr-defined]
        tokens.append(text[place : place + size])
        place += size
    phrases = cut(tokens)
    assert "".join(phrases) == text
    assert phrases == cut([text])
