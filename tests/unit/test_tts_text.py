"""What a voice reads of what a model writes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.tts.text import pieces, speakable

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Plain words, don't touch.", "Plain words, don't touch."),
        ("**Hello** _there_, `code` and ~~gone~~ snake_case", "Hello there, code and gone snake_case"),
        ("See [the docs](https://a.b/c).", "See the docs."),
        ("Go to https://www.example.com/x?y=1.", "Go to example dot com."),
        ("Mail bob.x@example.org!", "Mail bob dot x at example dot org!"),
        ("# Title\n- apples\n- pears", "Title, apples, pears"),
        ("<b>Hi</b> &amp; bye", "Hi and bye"),
        ("a<b and c>d", "a<b and c>d"),
        ("fine 😀👍🏽 ❤️ ok", "fine ok"),
        ("\u202ehello\u202c \u200bthere", "hello there"),
        ("שלום world", "world"),
        ("2*3=6", "2 times 3=6"),
        ("|a|b|\n|--|--|\n|1|2|", "a, b, 1, 2,"),
        ("Wow!!!!!!! ok.....", "Wow! ok."),
        ("```python\nx=1\n``` done", "some code. done"),
        ("\x00\x07bell\x1b[31m", "bell"),
        ("It’s 20°, “nice”… 50%", 'It\'s 20 degrees, "nice"... 50%'),
        ("z̷̢̛a̴̡l", "z̷a̴l"),
    ],
)
def test_reads_markup_sensibly(written: str, spoken: str) -> None:
    assert speakable(written).text.strip() == spoken


@pytest.mark.parametrize("nothing", ["", "   \n", "😀🎉", "***", "مرحبا", "\u202e\u0000", "---", "<br>", "!?"])
def test_has_nothing_to_say(nothing: str) -> None:
    assert not speakable(nothing)


def test_every_character_knows_where_it_came_from() -> None:
    text = "**Hello** [docs](http://x.y/z) 😀 end"
    spoken = speakable(text)
    assert text[: spoken.ends[spoken.text.index("Hello") + 4]] == "**Hello"
    assert text[: spoken.ends[spoken.text.index("docs") + 3]] == "**Hello** [docs"
    assert spoken.ends[-1] == len(text)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab1 .*_`#[]()<>&;|\n\t-/:@~=!\u202e😀é̷٣"), max_size=200))
def test_any_text_maps_back_in_order(text: str) -> None:
    spoken = speakable(text)
    assert len(spoken.ends) == len(spoken.text)
    assert all(a <= b for a, b in pairwise(spoken.ends))
    assert all(0 < end <= len(text) for end in spoken.ends)
    assert "  " not in spoken.text
    assert "\u202e" not in spoken.text


@settings(max_examples=40, deadline=None)
@given(st.text("ab .!?", max_size=300))
def test_pieces_cover_the_text(text: str) -> None:
    ranges = list(pieces(text, longest=20))
    assert "".join(text[start:end] for start, end in ranges) == text
    assert all(0 < end - start <= 20 for start, end in ranges)


def test_pieces_prefer_sentences() -> None:
    text = "One is here. Two is there and goes on"
    start, end = next(pieces(text, longest=25))
    assert text[start:end] == "One is here. "
