"""Speakable text to words: figures, abbreviations, file names and the like become what a reader would say.

A rule looks at one token and at most at the one beside it, so that a text cut into phrases reads like the whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from engines.tts.normalise_rules import RULES
from engines.tts.normalise_words import MAY_END

_MARKS = {"?": 6, "!": 5, ".": 4, ";": 3, ":": 2, ",": 1, "-": 1}
"""Punctuation that a voice hears; of several in a row the strongest counts."""
_BRACKETS = frozenset("()[]{}")
"""Heard as commas."""
_NEW_SENTENCE = re.compile(r"[\"')\]]*(?: [\"'(\[]*[A-Z]|\s*$)")
_ELLIPSIS = re.compile(r"\.+ [a-z]")
"""In the middle of a sentence."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text and what it is said as."""

    words: tuple[str, ...]
    """Never empty. A single capital is that letter's name; capitals together may be."""
    pauses: tuple[bool, ...]
    """After which words the speaker pauses inside the token, as in a telephone number."""
    start: int
    end: int
    """The piece is `text[start:end]`."""
    after: str = ""
    """The punctuation that follows: one of `, . ? ! ; : -`, or nothing."""


class Normaliser:
    """Reads words out of a text.

    Args:
        whole: words that are never taken apart, whatever letters and figures they are made of; case does not matter.
    """

    def __init__(self, whole: Collection[str] = ()) -> None:
        self._rules = list(RULES)
        if whole:
            words = "|".join(re.escape(word) for word in sorted(whole, key=len, reverse=True))
            self._rules.insert(
                0, (re.compile(rf"(?<!\w)(?:{words})(?:'s)?(?!\w)", re.IGNORECASE), lambda found: found[0])
            )

    def tokens(self, text: str) -> list[Token]:
        """What is said of a text that `engines.tts.text.speakable` made."""
        found: list[Token] = []
        place = 0
        while place < len(text):
            said, end = ("", place + 1) if text[place] == " " else self._said(text, place)
            words = [part.rstrip(",") for part in said.split()]
            if words:
                pauses = tuple(part.endswith(",") for part in said.split())
                mark = "." if text[end - 1] == "." and _sentence_ends(text, place, end) else ""
                found.append(Token(tuple(words), pauses, place, end, mark))
            elif found:
                found[-1] = _punctuated(found[-1], _mark(text, place))
            place = end
        return found

    def _said(self, text: str, place: int) -> tuple[str, int]:
        for pattern, say in self._rules:
            if (match := pattern.match(text, place)) and match.end() > place and (said := say(match)) is not None:
                return said, match.end()
        return "", place + 1


def _sentence_ends(text: str, start: int, end: int) -> bool:
    """Whether an abbreviation's full stop is also its sentence's."""
    return bool(MAY_END.fullmatch(text, start, end - 1) and _NEW_SENTENCE.match(text, end))


def _mark(text: str, place: int) -> str:
    char = text[place]
    if char in _BRACKETS:
        return ","
    if char == "." and "." in text[max(place - 1, 0) : place + 2 : 2] and _ELLIPSIS.match(text, place):
        return ","
    if char == "-" and not (text[place - 1 : place] in {" ", "-"} or text[place + 1 : place + 2] in {" ", ""}):
        return ""  # a hyphen
    return char if char in _MARKS else ""


def _punctuated(token: Token, mark: str) -> Token:
    if _MARKS.get(mark, 0) <= _MARKS.get(token.after, 0):
        return token
    return replace(token, after=mark)
