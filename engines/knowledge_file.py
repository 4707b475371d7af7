"""The file of questions and answers that she knows: one Markdown file, read whole and checked line by line.

    # A title and a preface, for people: everything between a `#` line and the next `##` is ignored.

    ## When do you open?
    - what are your opening hours
    - how late are you open

    We open at nine. On Sundays we stay closed.

    Or: From nine in the morning. Never on Sundays.

    More: On holidays a sign hangs at the door.

A question is a `##` heading; further phrasings follow as list lines or further headings. The first paragraph below is
the answer; a paragraph that begins with `Or:` is another way to say it, `More:` is what "tell me more" gets. HTML
comments are skipped. Answers are spoken: plain sentences, the first clause short.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.numbers import digits_in_words

DEFAULT_KNOWLEDGE = Path(__file__).parent / "data" / "knowledge.md"
"""What she knows when nobody wrote a file: herself."""

MAX_BYTES = 1_000_000
MAX_ENTRIES = 2000
MAX_PHRASINGS = 64
"""Per entry. The bounds keep the search below a millisecond or two and the recogniser's grammar usable."""
MAX_QUESTION = 200
"""Characters; a longer line is no question that anybody asks aloud."""
MAX_ANSWER = 1500
"""Characters; about 90 seconds of speech."""

CONTEXT_HEAD = "Answer from these notes where they apply, in your own words and shortly: all of it is spoken aloud."

_RULE = re.compile(r"[-*_]{3,}")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


class KnowledgeError(ValueError):
    """The file can't be used. The message names the file, the line and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing she knows."""

    questions: tuple[str, ...]
    """At least one; the first is its title."""
    answers: tuple[str, ...]
    """At least one; variants of the same answer."""
    more: str = ""
    """The continuation; "" where there is none."""
    line: int = 0
    """Where it begins in its file."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything one file says."""

    entries: tuple[Entry, ...]

    def phrases(self) -> list[str]:
        """The question phrasings as a recogniser's grammar wants them: words of a–z and apostrophes, no digits."""
        said = (plain(question) for entry in self.entries for question in entry.questions)
        return list(dict.fromkeys(phrase for phrase in said if phrase))

    def as_context(self, limit_chars: int, nearest: Sequence[Entry] = ()) -> str:
        """The same knowledge for a language model's system prompt: whole entries, at most `limit_chars` characters.

        Args:
            limit_chars: "" is returned where not even one entry fits.
            nearest: entries that go in first; the others follow in the file's order, continuations come last.
        """
        kept: dict[int, str] = {}
        size = len(CONTEXT_HEAD)
        ordered = [*nearest, *(entry for entry in self.entries if entry not in nearest)]
        for number, entry in enumerate(ordered):
            note = f"\n\nQ: {entry.questions[0]}\nA: {entry.answers[0]}"
            if size + len(note) <= limit_chars:
                kept[number] = note
                size += len(note)
        for number in kept:
            more = ordered[number].more
            if more and size + len(more) < limit_chars:
                kept[number] += f" {more}"
                size += len(more) + 1
        return CONTEXT_HEAD + "".join(kept.values()) if kept else ""


def plain(text: str) -> str:
    """Lowercase words of a–z and apostrophes, digits as words: "What's GPT-4?" is `what's gpt four`."""
    folded = unicodedata.normalize("NFKD", text).casefold().replace("’", "'").replace("&", " and ")
    spelled = re.sub(r"[0-9]+", lambda run: f" {digits_in_words(run[0])} ", folded)
    kept = "".join(letter for letter in spelled if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[a-z]+(?:'[a-z]+)*", kept))


def load_knowledge(path: Path = DEFAULT_KNOWLEDGE) -> Knowledge:
    """Read and check a knowledge file.

    Raises:
        KnowledgeError: it is missing, too large, no UTF-8, or breaks the format.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise KnowledgeError(f"{path}: can't be read ({error.strerror}); check [knowledge] path") from None
    if len(data) > MAX_BYTES:
        raise KnowledgeError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB; shorten it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise KnowledgeError(f"{path}:{line}: not UTF-8; save the file as UTF-8") from None
    return parse_knowledge(text, str(path))


def parse_knowledge(text: str, name: str) -> Knowledge:
    """The entries of a Markdown text; `name` is what errors call it.

    Raises:
        KnowledgeError: it breaks the format.
    """
    blanked = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    entries: list[Entry] = []
    taken: dict[str, int] = {}
    for block in _blocks(blanked.splitlines()):
        entry = _Reader(name, block).entry()
        for question in entry.questions:
            key = plain(question) or question
            if key in taken:
                where = f"{name}:{entry.line}"
                raise KnowledgeError(f"{where}: '{question}' is asked at line {taken[key]} already; keep one of them")
        taken.update({plain(question) or question: entry.line for question in entry.questions})
        entries.append(entry)
        if len(entries) > MAX_ENTRIES:
            raise KnowledgeError(f"{name}:{entry.line}: more than {MAX_ENTRIES} entries; split or shorten the file")
    if not entries:
        raise KnowledgeError(f"{name}:1: no entry; begin one with a line '## ' and a question")
    return Knowledge(tuple(entries))


_Line = tuple[int, str]


def _listed(line: str) -> bool:
    return line in {"-", "*"} or line.startswith(("- ", "* "))


def _blocks(lines: list[str]) -> Iterator[list[_Line]]:
    """The numbered lines of each entry: from its first `##` heading to before the next one that follows an answer."""
    block: list[_Line] = []
    answered = False
    for number, raw in enumerate(lines, start=1):
        line = "" if _RULE.fullmatch(raw.strip()) else raw.strip()
        if line.startswith("# "):
            if block:
                yield block
            block, answered = [], False
        elif line.startswith("##"):
            if answered:
                yield block
                block, answered = [], False
            block.append((number, line))
        elif block:
            block.append((number, line))
            answered = answered or bool(line and not _listed(line))
    if block:
        yield block


class _Reader:
    """Reads one entry's lines."""

    def __init__(self, name: str, lines: list[_Line]) -> None:
        self._name = name
        self._lines = lines

    def entry(self) -> Entry:
        questions: list[str] = []
        paragraphs: list[tuple[int, str]] = []
        open_paragraph = False
        for number, line in self._lines:
            if line.startswith("#"):
                questions.append(self._question(number, line))
            elif _listed(line):
                if paragraphs:
                    raise self._error(number, "a list stands below its answer; phrasings go above, answers are prose")
                questions.append(self._question(number, line))
            elif not line:
                open_paragraph = False
            elif open_paragraph:
                first, text = paragraphs[-1]
                paragraphs[-1] = (first, f"{text} {line}")
            else:
                paragraphs.append((number, line))
                open_paragraph = True
        if len(questions) > MAX_PHRASINGS:
            raise self._error(self._lines[0][0], f"more than {MAX_PHRASINGS} phrasings of one question")
        return self._assembled(tuple(questions), paragraphs)

    def _question(self, number: int, line: str) -> str:
        marker, _, question = line.partition(" ")
        question = question.strip()
        if marker not in {"##", "-", "*"}:
            raise self._error(number, f"'{marker[:8]}' is no question; write '## ' and the question")
        if not question:
            raise self._error(number, "the question is missing after the marker")
        if len(question) > MAX_QUESTION:
            raise self._error(number, f"a question of more than {MAX_QUESTION} characters; shorten it")
        return question

    def _assembled(self, questions: tuple[str, ...], paragraphs: list[tuple[int, str]]) -> Entry:
        line = self._lines[0][0]
        if not paragraphs:
            raise self._error(line, f"'{questions[0]}' has no answer; write a paragraph below it")
        answers: list[str] = []
        more = ""
        for number, text in paragraphs:
            label, _, rest = text.partition(":")
            body = rest.strip() if label in {"Or", "More"} else text
            if not body or len(body) > MAX_ANSWER:
                raise self._error(number, f"an answer has 1 to {MAX_ANSWER} characters, this one {len(body)}")
            if label == "More":
                more = f"{more} {body}".strip()
            elif label == "Or" or not answers:
                answers.append(body)
            else:
                raise self._error(number, "a second paragraph; begin it with 'Or:' (a variant) or 'More:'")
        if not answers:
            raise self._error(line, f"'{questions[0]}' has a 'More:' but no answer")
        return Entry(questions, tuple(answers), more, line)

    def _error(self, number: int, message: str) -> KnowledgeError:
        return KnowledgeError(f"{self._name}:{number}: {message}")
