"""What the recogniser is made of, without its models: the phrases' grammar, pronunciations, and the choice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.asr import MOST_DOUBT, acoustic_gain, doubt, phone_distance, sentence
from engines.grammar import FINAL, START, SUMS, Grammar
from engines.pronounce import pronunciations
from engines.sphinx import Segment

pytestmark = pytest.mark.unit

PHRASES = ["how are you", "how are you today", "what is visavis", "what's your name", *SUMS]
PHONES = st.lists(st.sampled_from(["AA", "IY", "UW", "T", "S", "M", "R"]), max_size=12)


@pytest.mark.parametrize(
    "text",
    [
        "how are you",
        "how are you today",
        "hey how are you please",
        "what's your name",
        "what is twenty one times seven",
        "how much is a hundred divided by ten",
    ],
)
def test_whole_phrases_are_accepted(text: str) -> None:
    assert Grammar(PHRASES).accepts(text.split())


@pytest.mark.parametrize("text", ["", "how", "how are", "are you", "how are you now please", "what is seven", "please"])
def test_anything_else_is_not(text: str) -> None:
    assert not Grammar(PHRASES).accepts(text.split())


def test_the_grammar_file_says_what_the_grammar_accepts() -> None:
    """The Sphinx FSG format: walk it, as the library would."""
    grammar = Grammar(["how are you", "how old are you"])
    lines = grammar.as_fsg().splitlines()
    assert lines[0].startswith("FSG_BEGIN")
    assert lines[-1] == "FSG_END"
    head = dict(line.split() for line in lines[1:4])
    assert head["START_STATE"] == str(START)
    assert head["FINAL_STATE"] == str(FINAL)
    arcs = [line.split()[1:] for line in lines[4:-1]]
    assert max(int(state) for arc in arcs for state in arc[:2]) == int(head["NUM_STATES"]) - 1
    assert all(0.0 < float(arc[2]) <= 1.0 for arc in arcs)
    states = {str(START)}
    for word in ["", "how", "old", "are", "you", ""]:
        states = {arc[1] for arc in arcs if arc[0] in states and (arc[3] if len(arc) > 3 else "") == word}
    assert states == {str(FINAL)}


def test_phrases_share_their_beginnings() -> None:
    one = len(Grammar(["what is the time"]).as_fsg().splitlines())
    assert len(Grammar(["what is the time", "what is the date"]).as_fsg().splitlines()) == one + 1


def test_repeated_phrases_add_nothing() -> None:
    assert Grammar([*PHRASES, *PHRASES]).as_fsg() == Grammar(PHRASES).as_fsg()


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("chat", "CH AE T"),
        ("visavis", "V IY Z AH V IY"),
        ("chatbot", "CH AE T B AA T"),
        ("chatbots", "CH AE T B AA T Z"),
        ("synchronise", "S IH NG K R AH N AY Z"),
        ("lm", "EH L EH M"),
        ("zorp", "Z AO R P"),
    ],
)
def test_every_word_can_be_said(word: str, phones: str) -> None:
    known = {"chat": ["CH AE T"], "bot": ["B AA T"], "synchronize": ["S IH NG K R AH N AY Z"], "visavis": ["wrong"]}
    assert pronunciations(word, lambda entry: known.get(entry, []))[0] == phones


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz'", min_size=1, max_size=30))
def test_any_letters_have_a_sound(word: str) -> None:
    ways = pronunciations(word, lambda _: [])
    assert all(ways)
    assert bool(ways) == bool(word.strip("'"))


@given(PHONES, PHONES)
def test_phone_distance_is_a_distance(first: list[str], second: list[str]) -> None:
    distance = phone_distance(first, second)
    assert 0.0 <= distance <= 1.0
    assert distance == pytest.approx(phone_distance(second, first))
    assert (distance == 0.0) == (first == second)


def test_like_sounds_are_nearer() -> None:
    assert phone_distance(["AA"], ["AE"]) == phone_distance(["T"], ["D"]) < phone_distance(["T"], ["AA"])
    assert phone_distance(["HH", "AW"], ["AW"]) == 0.5


def test_a_phrase_is_doubted_where_free_speech_heard_something_else() -> None:
    # As measured: "how fast is your answer" against "have fast is your grandson", and against a Harvard sentence.
    assert doubt(distance=0.3, gain=8.0, certainty=0.3) <= MOST_DOUBT
    assert doubt(distance=0.6, gain=-5.0, certainty=0.5) > MOST_DOUBT
    assert doubt(0.3, 8.0, 0.9) > doubt(0.3, 8.0, 0.1)


def test_acoustic_gain_counts_the_frames_in_which_somebody_spoke() -> None:
    phrase = [Segment("<sil>", 0, 50, -10), Segment("hello", 50, 100, -300)]
    speech = [Segment("<sil>", 0, 40, -10 * 1024), Segment("yellow(2)", 40, 90, -500 * 1024)]
    assert acoustic_gain(phrase, speech) == pytest.approx(200 / 60)
    assert acoustic_gain([], []) == 0.0


def test_words_are_written_as_people_do() -> None:
    assert sentence("what can i do if i'm late") == "What can I do if I'm late"
    assert sentence("") == ""
