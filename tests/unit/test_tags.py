"""The grammar of tags: what is one, what is left of the text, and where each holds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.tags import EMOTIONS, EXPLAINED, KINDS, MANNERS, VOICE_STYLES, Tag
from pipeline.phrases import MAX_JOINED, Phrase, Phraser, TagReader

pytestmark = pytest.mark.unit


def read(text: str, size: int = 1000) -> tuple[str, list[Tag], list[str]]:
    """The text without its tags, the tags with their places in it, and what was left out without effect."""
    unknown: list[str] = []
    reader = TagReader(unknown.append)
    left, tags = "", []
    for start in range(0, len(text), size):
        for piece in reader.feed(text[start : start + size]):
            left, tags = _add(left, tags, piece)
    for piece in reader.flush():
        left, tags = _add(left, tags, piece)
    return left, tags, unknown


def _add(left: str, tags: list[Tag], piece: str | Tag) -> tuple[str, list[Tag]]:
    if isinstance(piece, str):
        return left + piece, tags
    return left, [*tags, Tag(piece.name, piece.intensity, len(left))]


def phrases(text: str, size: int = 1000) -> list[Phrase]:
    phraser = Phraser()
    cut = [phrase for start in range(0, len(text), size) for phrase in phraser.feed(text[start : start + size])]
    return [*cut, *phraser.flush()]


@pytest.mark.parametrize(
    ("written", "said", "tags"),
    [
        ("Hello [joy] there", "Hello there", [("joy", 1.0)]),
        ("[joy:0.6] Hello", "Hello", [("joy", 0.6)]),
        ("[joy:.5]Hello", "Hello", [("joy", 0.5)]),
        ("[joy: 0.5] Hello", "Hello", [("joy", 0.5)]),
        ("[Joy] Hello", "Hello", [("joy", 1.0)]),
        ("Great [joy]. Now", "Great. Now", [("joy", 1.0)]),
        ("Great! [joy] Now", "Great! Now", [("joy", 1.0)]),
        ("Great![joy]", "Great!", [("joy", 1.0)]),
        ("I am [whisper][calm] here", "I am here", [("whisper", 1.0), ("calm", 1.0)]),
        ("I am [whisper] [calm] here", "I am here", [("whisper", 1.0), ("calm", 1.0)]),
        ("Well ([joy] yes)", "Well (yes)", [("joy", 1.0)]),
        ("One.\n[joy]\nTwo.", "One.\n\nTwo.", [("joy", 1.0)]),
        ("[joy:7] a", "a", [("joy", 1.0)]),
        ("[joy:-1] a", "a", [("joy", 0.0)]),
    ],
)
def test_a_tag_leaves_no_trace_in_the_text(written: str, said: str, tags: list[tuple[str, float]]) -> None:
    left, found, unknown = read(written)
    assert left == said
    assert [(tag.name, tag.intensity) for tag in found] == tags
    assert unknown == []


@pytest.mark.parametrize(
    "text",
    [
        "As shown [1], it grows.", "a [ ] box and a [x] box", "[see below]", "[Paris] is meant", "list[index] = 1",
        "see [docs](https://example.org/joy)", "a [joy](https://example.org) link", "![alt](picture.png)",
        "`[joy]` is a tag", "```\nmood = [joy]\n```", "\\[joy] is escaped", "[0.5]", "[]", "[[", "a [b", "[müde] ja",
        "[joy of life]", "[note: this]", "[10:30]", "f(x)[laughs]",
    ],
)  # fmt: skip
def test_other_brackets_are_text(text: str) -> None:
    assert read(text) == (text, [], [])


@pytest.mark.parametrize(
    ("written", "said", "told"),
    [
        ("[laughs] Yes.", "Yes.", ["[laughs]"]),
        ("Yes [sighs:0.4] well", "Yes well", ["[sighs:0.4]"]),
        ("[joy:high] Yes", "Yes", ["[joy:high]"]),
        ("[joy:nan] Yes", "Yes", ["[joy:nan]"]),
    ],
)
def test_a_tag_without_a_meaning_is_left_out_and_told(written: str, said: str, told: list[str]) -> None:
    assert read(written) == (said, [], told)


@pytest.mark.parametrize(
    ("written", "said"), [("Yes [jo", "Yes "), ("Yes [joy:0.", "Yes "), ("Yes [laug", "Yes [laug")]
)
def test_a_tag_that_breaks_off_is_not_spoken(written: str, said: str) -> None:
    assert read(written) == (said, [], [])


_PIECES = st.sampled_from([
    "[joy]", "[joy:0.6]", "[whisper]", "[neutral]", "[laughs]", "[", "]", "[1]", "[see it]", "Hello", "there", " ",
    "  ", ", ", ". ", "! ", "?", "\n", "`", "```", "(", ")", "\\", "[calm:", "0.5]", "x", "é", "\u0301", "…",
])  # fmt: skip


@given(st.lists(_PIECES, max_size=60).map("".join), st.randoms(use_true_random=False))
def test_phrases_and_tags_do_not_depend_on_the_tokens(text: str, seed: random.Random) -> None:
    whole = phrases(text)
    unknown: list[str] = []
    phraser, place, cut = Phraser(unknown.append), 0, []
    while place < len(text):
        size = seed.randint(1, 7)
        cut += phraser.feed(text[place : place + size])
        place += size
    assert [*cut, *phraser.flush()] == whole
    left, _, left_out = read(text)
    assert "".join(phrase.text for phrase in whole) == left
    assert unknown == left_out
    for phrase in whole:
        assert [tag.at for tag in phrase.tags] == sorted(tag.at for tag in phrase.tags)
        assert all(0 <= tag.at < len(phrase.text) for tag in phrase.tags)


@given(st.text(st.characters(exclude_characters="["), max_size=300))
def test_a_text_without_brackets_stays_as_it_is(text: str) -> None:
    assert read(text) == (text, [], [])


@given(st.lists(st.tuples(st.sampled_from(["Hello", "dear", "friend."]), st.sampled_from(sorted(KINDS)))))
def test_every_name_is_found_between_words(pairs: list[tuple[str, str]]) -> None:
    written = " ".join(f"[{name}] {word}" for word, name in pairs)
    left, tags, unknown = read(written)
    assert left == " ".join(word for word, _ in pairs)
    assert [tag.name for tag in tags] == [name for _, name in pairs]
    assert unknown == []


def test_a_tag_holds_until_the_next_of_its_kind() -> None:
    first, second, third = phrases(
        "[joy:0.5] I am so glad, [whisper] and this is a secret between us now. [sadness] But it ends, sadly, today.\n"
    )[:3]
    assert first == Phrase("I am so glad,", (Tag("joy", 0.5, 0),))
    assert second == Phrase(" and this is a secret between us now.", (Tag("joy", 0.5), Tag("whisper")))
    assert third == Phrase(" But it ends, sadly, today.", (Tag("whisper"), Tag("sadness")))
    assert phrases("[joy] Yes, I am very glad. [neutral] Now the next sentence is plain.")[1].tags == (Tag("neutral"),)


def test_calm_is_a_manner_and_a_style() -> None:
    tags = phrases("[whisper] [lively] One. [calm] Two.")[-1].tags
    assert [tag.name for tag in tags] == ["calm"]


def test_a_tag_inside_a_phrase_knows_its_place() -> None:
    (phrase,) = phrases("Oh no [surprise:0.7] really now")
    assert phrase == Phrase("Oh no really now", (Tag("surprise", 0.7, 5),))


@pytest.mark.parametrize(
    "text", ["\n" * 5000 + "Hi", "a" + "\u0301" * 5000, "[" * 5000, "[joy" * 1250, "`" * 5000, "- " * 2500],
    ids=["blank", "marks", "brackets", "tags", "backticks", "bullets"],
)  # fmt: skip
def test_no_text_makes_a_phrase_that_never_ends(text: str) -> None:
    class Bounded(Phraser):
        def _cut_before(self, char: str) -> int:
            assert self._blank or len(self._text.lstrip()) <= MAX_JOINED
            return super()._cut_before(char)

    phraser = Bounded()
    joined = "".join(phrase.text for phrase in [*phraser.feed(text), *phraser.flush()])
    assert joined == read(text)[0]


def test_a_language_model_is_told_every_name() -> None:
    assert all(name in EXPLAINED for name in (*EMOTIONS, *MANNERS, *VOICE_STYLES))
    assert set(KINDS) == {*EMOTIONS, *MANNERS, *VOICE_STYLES}
