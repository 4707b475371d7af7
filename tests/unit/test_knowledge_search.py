"""Retrieval: questions that stand in no file find their entry, and strangers find none."""

from __future__ import annotations

import pytest

from engines import Message
from engines.knowledge import SURE, KnowledgeChat, load_knowledge, parse_knowledge
from engines.knowledge_file import Entry
from engines.knowledge_search import Index
from engines.knowledge_words import stem, terms
from tests.unit.knowledge_questions import (
    HELD_OUT,
    HELD_OUT_OFF_TOPIC,
    MISHEARD,
    MORE_OFF_TOPIC,
    MORE_PARAPHRASES,
    OFF_TOPIC,
    PARAPHRASES,
)

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def chat() -> KnowledgeChat:
    return KnowledgeChat(load_knowledge())


@pytest.fixture(scope="module")
def answers() -> dict[str, Entry]:
    return {text: entry for entry in load_knowledge().entries for text in entry.answers}


def found(chat: KnowledgeChat, answers: dict[str, Entry], question: str) -> str | None:
    """The title of the entry that a question is answered from, None where it is not answered."""
    entry = answers.get(chat.reply([Message("user", question)]))
    return entry.questions[0] if entry else None


def accuracy(chat: KnowledgeChat, answers: dict[str, Entry], questions: dict[str, str]) -> tuple[float, float]:
    """Shares of the questions answered rightly, and answered from another entry."""
    got = {question: found(chat, answers, question) for question in questions}
    right = sum(got[question] == title for question, title in questions.items())
    wrong = sum(got[question] not in {None, title} for question, title in questions.items())
    return right / len(questions), wrong / len(questions)


def test_every_phrasing_of_the_file_finds_its_own_entry(chat: KnowledgeChat, answers: dict[str, Entry]) -> None:
    for entry in load_knowledge().entries:
        for question in entry.questions:
            assert found(chat, answers, question) == entry.questions[0], question


def test_known_paraphrases_find_their_entry(chat: KnowledgeChat, answers: dict[str, Entry]) -> None:
    right, _ = accuracy(chat, answers, PARAPHRASES | MORE_PARAPHRASES)
    assert right >= 0.95


def test_typos_and_mishearings_find_their_entry(chat: KnowledgeChat, answers: dict[str, Entry]) -> None:
    right, _ = accuracy(chat, answers, MISHEARD)
    assert right >= 0.9


def test_held_out_paraphrases_find_their_entry(chat: KnowledgeChat, answers: dict[str, Entry]) -> None:
    right, wrong = accuracy(chat, answers, HELD_OUT)
    assert right >= 0.78
    assert wrong <= 0.15


def test_strangers_find_nothing(chat: KnowledgeChat, answers: dict[str, Entry]) -> None:
    strangers = OFF_TOPIC + MORE_OFF_TOPIC + HELD_OUT_OFF_TOPIC
    answered = [question for question in strangers if found(chat, answers, question)]
    assert len(answered) <= 0.08 * len(strangers), answered


def test_a_file_of_one_entry_is_searchable() -> None:
    index = Index(parse_knowledge("## When do you open?\n\nAt nine.", "f").entries)
    match = index.search(index.read("so when do you open then"))
    assert match is not None
    assert match.confidence > SURE
    none = index.search(index.read("is the moon made of cheese"))
    assert none is None or none.confidence < 0.3


def test_symbols_alone_can_be_a_question() -> None:
    index = Index(parse_knowledge("## 你好吗?\n\nFine.\n\n## Why?\n\nBecause.", "f").entries)
    assert index.search(index.read("你好吗?")) is None


@pytest.mark.parametrize(
    ("words", "stems"),
    [
        ("What's your favourite colour", ["what", "be", "you", "favourit", "colour"]),
        ("whats the favorite color", ["what", "be", "the", "favourit", "colour"]),
        ("I can't hear you", ["me", "can", "not", "hear", "you"]),
        ("the dog's stories stopped", ["the", "dog", "story", "stop"]),
        ("um, well, please do", ["do"]),
    ],
)
def test_terms(words: str, stems: list[str]) -> None:
    assert terms(words) == stems


@pytest.mark.parametrize("form", ["render", "renders", "rendered", "rendering", "renderer"])
def test_forms_of_a_word_share_a_stem(form: str) -> None:
    assert stem(form) == "render"


def test_a_huge_question_to_a_large_file_is_cut_to_its_beginning() -> None:
    lines = "".join(
        f"## what is the price of item number {n} in hall {n % 7}\n- how much is thing {n}\n\nIt is {n}.\n\n"
        for n in range(700)
    )
    index = Index(parse_knowledge(lines, "f").entries)
    match = index.search(index.read("how much is thing 543 " + "unheardof words everywhere " * 400_000))
    assert match is not None
    assert match.entry.questions[1] == "how much is thing 543"
