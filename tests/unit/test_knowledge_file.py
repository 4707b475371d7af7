"""The knowledge file's format, its bounds, and the errors that name file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import Message
from engines.knowledge import DEFAULT_KNOWLEDGE, KnowledgeError, load_knowledge, parse_knowledge, recogniser_phrases
from engines.knowledge_file import MAX_BYTES, plain
from engines.knowledge_notes import Notes

pytestmark = pytest.mark.unit

SHOP = """# The shop
Some prose, and a rule:

---

## When do you open?
- what are your opening hours
* how late are you open
## When do you close?

We open at nine.
On Sundays we stay closed.

Or: From nine. Never on Sundays.

More: On holidays
a sign hangs at the door.

<!-- ## Not a question
no answer -->
# Another section
with a preface
## Do you sell GPT-4 & tea?

No: only tea.
"""


def test_a_file_reads_as_its_writer_meant() -> None:
    opening, tea = parse_knowledge(SHOP, "shop.md").entries
    assert opening.questions == (
        "When do you open?",
        "what are your opening hours",
        "how late are you open",
        "When do you close?",
    )
    assert opening.answers == ("We open at nine. On Sundays we stay closed.", "From nine. Never on Sundays.")
    assert opening.more == "On holidays a sign hangs at the door."
    assert opening.line == 6
    assert (tea.answers, tea.more) == (("No: only tea.",), "")


def test_phrases_suit_a_grammar() -> None:
    knowledge = parse_knowledge(SHOP, "shop.md")
    assert knowledge.phrases() == [
        "when do you open",
        "what are your opening hours",
        "how late are you open",
        "when do you close",
        "do you sell gpt four and tea",
    ]
    assert "what time is it" in recogniser_phrases(knowledge)
    assert all(re.fullmatch(r"[a-z']+( [a-z']+)*", phrase) for phrase in recogniser_phrases(load_knowledge()))


@settings(deadline=None)
@given(st.text(max_size=60))
def test_plain_words_are_plain(text: str) -> None:
    assert re.fullmatch(r"([a-z']+( [a-z']+)*)?", plain(text))


def test_numbers_become_words() -> None:
    assert plain("Is 2026 − 7 > 0x1F?") == "is two thousand twenty six seven zero x one f"
    assert plain("agent 007, café №9") == "agent zero zero seven cafe no nine"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "no entry"),
        ("# Title\nprose", 1, "no entry"),
        ("## Why?\n", 1, "no answer"),
        ("## Why?\n\nBecause.\n## How?\n- how so\n", 4, "no answer"),
        ("##\n\nBecause.", 1, "missing"),
        ("## Why?\n- \n\nBecause.", 2, "missing"),
        ("## Why?\n### Really?\n\nBecause.", 2, "no question"),
        ("## Why?\n\nBecause.\n- one\n- two", 4, "list"),
        ("## Why?\n\nBecause.\n\nAnd so on.", 5, "second paragraph"),
        ("## Why?\n\nMore: because.", 1, "no answer"),
        ("## Why?\n\nOr:", 3, "characters"),
        ("## Why?\n\nBecause.\n\n## why\n\nNo.", 5, "line 1 already"),
        ("## " + "x" * 201 + "\n\nBecause.", 1, "characters"),
        ("## Why?\n\n" + "x" * 1501, 3, "characters"),
        ("## Why?\n" + "".join(f"- why {n}\n" for n in range(64)) + "\nBecause.", 1, "phrasings"),
        ("".join(f"## why {n}\n\nBecause.\n\n" for n in range(2001)), 8001, "more than 2000"),
    ],
)
def test_an_error_names_file_and_line(text: str, line: int, words: str) -> None:
    with pytest.raises(KnowledgeError, match=rf"^shop\.md:{line}: .*{words}"):
        parse_knowledge(text, "shop.md")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="check \\[knowledge\\] path"):
        load_knowledge(tmp_path / "absent.md")
    with pytest.raises(KnowledgeError, match="can't be read"):
        load_knowledge(tmp_path)
    latin = tmp_path / "latin.md"
    latin.write_bytes("## Why?\n\nÀ cause.".encode("latin-1"))
    with pytest.raises(KnowledgeError, match=r"latin\.md:3: not UTF-8"):
        load_knowledge(latin)
    huge = tmp_path / "huge.md"
    huge.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(KnowledgeError, match="larger than 1 MB"):
        load_knowledge(huge)


def test_windows_files_read_alike(tmp_path: Path) -> None:
    file = tmp_path / "shop.md"
    file.write_bytes(b"\xef\xbb\xbf" + SHOP.replace("\n", "\r\n").encode())
    assert load_knowledge(file) == parse_knowledge(SHOP, "shop.md")


def test_the_context_holds_whole_entries_up_to_its_limit() -> None:
    knowledge = parse_knowledge(SHOP, "shop.md")
    whole = knowledge.as_context(1000)
    assert "Q: When do you open?\nA: We open at nine. On Sundays we stay closed. On holidays" in whole
    assert whole.endswith("Q: Do you sell GPT-4 & tea?\nA: No: only tea.")
    without_more = knowledge.as_context(len(whole) - 1)
    assert without_more == whole.replace(" On holidays a sign hangs at the door.", "")
    opening = knowledge.as_context(len(without_more) - 1)
    assert "Q: Do you sell" not in opening
    tea = knowledge.as_context(len(without_more) - 1, knowledge.entries[1:])
    assert "Q: Do you sell" in tea
    assert "Q: When do you open" not in tea
    assert knowledge.as_context(10) == ""


def test_notes_that_fit_are_constant_and_others_follow_the_question() -> None:
    whole = Notes(parse_knowledge(SHOP, "shop.md"))
    assert whole([]) == whole([Message("user", "when do you open")]) == whole._knowledge.as_context(1000)
    rows = "".join(f"## where is the {name}\n\nIn hall {n}.\n\n" for n, name in enumerate(("shark", "whale", "crab")))
    notes = Notes(parse_knowledge(rows, "f"), limit_chars=170)
    assert "whale" not in notes([])
    asked = [Message("user", "so where would the whale be"), Message("assistant", "In hall 1.")]
    assert "Q: where is the whale\nA: In hall 1." in notes(asked)
    assert "whale" in notes([*asked, Message("user", "really?")])
    assert len(notes(asked)) <= 170


def test_the_shipped_file_is_fit_to_be_spoken() -> None:
    entries = load_knowledge(DEFAULT_KNOWLEDGE).entries
    assert len(entries) >= 60
    for entry in entries:
        assert len(entry.questions) >= 5, entry
        for answer in filter(None, (*entry.answers, entry.more)):
            assert not re.search(r"[*_`#\[\]<>{}|\\/]|https?:", answer), answer
            assert len(re.findall(r"[.!?](?:\s|$)", answer)) <= 4, answer
            first_clause = re.split(r"[,.!?]", answer)[0]
            assert len(first_clause) <= 90, answer
