"""Tokens in, speakable phrases out.

Decisions depend on the characters alone, one by one, so that the phrases don't depend on how a model cuts its tokens;
joined, they are the reply again, to the character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from engines.tags import Tag

FIRST_CLAUSE_CHARS = 12
"""A first clause this long carries its own intonation, and lasts long enough for the next phrase to be made."""

FIRST_WORDS = 10
"""Without punctuation the first phrase is cut here: about three seconds of speech, as long as anybody waits."""

SENTENCE_CHARS = 30
"""Shorter later sentences are spoken together with the next one: separate ones sound like a list."""

CLAUSE_CHARS = 120
"""A later phrase this long may end at a clause: about eight seconds, while the sentence is still being written."""

MAX_CHARS = 240
"""A phrase without any boundary ends here, at a space where there is one."""

_SENTENCE_END = frozenset(".!?…。！？｡؟۔।")
_CLAUSE_END = frozenset(",;:—–、，；：،؛")
_UNSPACED_END = frozenset("。！？｡、，；：")
_CLOSERS = frozenset("\"'”’)]}»」』）")
_ABBREVIATION = re.compile(
    r"mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|e\.g|i\.e|cf|approx|no|vol|fig|pp?|[ap]\.m|u\.[sk]|inc|ltd|dept|est|min|max"
)
_JOINERS = frozenset("\u200d\ufe0e\ufe0f\u20e3")


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is spoken in one go."""

    text: str
    tags: tuple[Tag, ...] = ()
    """Those in force at its start, then those inside it, by their place."""


class Phraser:
    """Cuts one reply. Feed it tokens in order, then `flush` once."""

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def feed(self, token: str) -> Iterable[Phrase]:
        """The phrases that this token completes."""
        for char in token:
            cut = self._cut_before(char)
            self._text += char
            if cut:
                yield self._take(cut)

    def flush(self) -> Phrase | None:
        """What is left, if anything is."""
        rest, self._text = self._text, ""
        return Phrase(rest) if rest else None

    def _take(self, cut: int) -> Phrase:
        phrase, self._text = self._text[:cut], self._text[cut:]
        self._first = False
        return Phrase(phrase)

    def _cut_before(self, char: str) -> int:
        """Where to cut now that `char` follows the text; 0 for not yet."""
        text = self._text
        if not text.strip():
            return 0
        body = text.rstrip("".join(_CLOSERS)) or text
        last = body[-1]
        spaced = char.isspace() or last in _UNSPACED_END
        if char == "\n" and text.strip():
            return len(text)
        if spaced and last in _SENTENCE_END and char not in _CLOSERS and self._ends_sentence(body):
            return len(text) if self._first or len(text.strip()) >= SENTENCE_CHARS else 0
        if spaced and last in _CLAUSE_END and char not in _CLOSERS and self._ends_clause(text):
            return len(text)
        if self._first and char.isspace() and len(text.split()) >= FIRST_WORDS:
            return len(text)
        return self._forced_cut(char) if len(text) >= MAX_CHARS else 0

    def _ends_clause(self, text: str) -> bool:
        return len(text.strip()) >= (FIRST_CLAUSE_CHARS if self._first else CLAUSE_CHARS)

    def _ends_sentence(self, body: str) -> bool:
        if body[-1] != ".":
            return True
        word = body[:-1].split()[-1:]
        if not word:
            return False
        stem = word[0].strip("".join(_CLOSERS) + "([{").lower()
        initial = len(stem) == 1 and stem.isalpha() and stem != "i"
        enumeration = stem.isdigit() and len(self._text.split()) == 1
        return not (_ABBREVIATION.fullmatch(stem) or initial or enumeration)

    def _forced_cut(self, char: str) -> int:
        space = max(self._text.rfind(" "), self._text.rfind("\n"))
        if space > 0:
            return space
        # Never inside a character that a reader sees as one (a joined emoji, a letter with its accent).
        joined = char in _JOINERS or unicodedata.combining(char) or self._text[-1] in _JOINERS
        return 0 if joined else len(self._text)
