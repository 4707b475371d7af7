"""Regular English endings: how `cycles`, `cycled` and `cycling` follow from `cycle`.

Rules of https://en.wiktionary.org/wiki/-s, /-ed and /-ing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engines.tts.lexicon import Lexicon, Phone, Phones

_HISSING = frozenset(["S", "Z", "SH", "ZH", "CH", "JH"])
_VOICELESS = frozenset(["P", "T", "K", "F", "TH", "S", "SH", "CH"])

BRITISH = (
    (r"is(e|es|ed|er|ers|ing|ation|ations|able)$", r"iz\1"), (r"ys(e|es|ed|er|ing)$", r"yz\1"),
    (r"ll(ed|ing|er|ers)$", r"l\1"), (r"our", "or"), (r"re(s?)$", r"er\1"), (r"ogue(s?)$", r"og\1"),
    (r"ence(s?)$", r"ense\1"), (r"ae|oe", "e"), (r"mme(s?)$", r"m\1"),
)  # fmt: skip
"""British spellings to the American ones."""


def inflected(word: str, lexicon: Lexicon) -> dict[str, Phones] | None:
    """The pronunciation of a regular form of a word in the dictionary (`feel`, `feeling`, `feelings`); None where it is
    none."""
    for stem, ending in _stems(word):
        if found := lexicon.find(stem):
            return {"": ended(found[""], ending)}
    for stem, ending in _stems(word):
        if ending in {"s", ""} and (found := inflected(stem, lexicon)):
            return {"": ended(found[""], ending)}
    return None


def _stems(word: str) -> Iterator[tuple[str, str]]:
    """Words that `word` may be a form of, and the ending."""
    if word.endswith(("'s", "s'")):
        yield word[:-2] if word.endswith("'s") else word[:-1], "s" if word.endswith("'s") else ""
    elif word.endswith("'"):
        yield word[:-1], ""
    elif word.endswith("s") and not word.endswith("ss") and len(word) > 2:
        yield word[:-1], "s"
        if word.endswith("ies"):
            yield word[:-3] + "y", "s"
        if word.endswith("es"):
            yield word[:-2], "s"
    elif word.endswith("ed") and len(word) > 3:
        yield from _before_vowel(word[:-2], "ed")
        if word.endswith("ied"):
            yield word[:-3] + "y", "ed"
    elif word.endswith("ing") and len(word) > 4:
        yield from _before_vowel(word[:-3], "ing")


def _before_vowel(stem: str, ending: str) -> Iterator[tuple[str, str]]:
    """An ending with a vowel takes a stem's mute e, and doubles its last consonant."""
    yield stem + "e", ending
    yield stem, ending
    if re.search(r"([bcdgklmnprtvz])\1$", stem):
        yield stem[:-1], ending


def weakened(phones: Phones) -> Phones:
    """As the second part of a compound: its stress is secondary."""
    return tuple(Phone(phone.symbol, 2 if phone.stress else 0) for phone in phones)


def ended(stem: Phones, ending: str) -> Phones:
    """A word with `s`, `ed`, `ing` or nothing after it."""
    return stem + _sound(stem[-1].symbol, ending)


def _sound(last: str, ending: str) -> Phones:
    if ending == "ing":
        return Phone("IH"), Phone("NG")
    if ending == "s":
        if last in _HISSING:
            return Phone("IH"), Phone("Z")
        return (Phone("S" if last in _VOICELESS else "Z"),)
    if ending == "ed":
        if last in {"T", "D"}:
            return Phone("IH"), Phone("D")
        return (Phone("T" if last in _VOICELESS else "D"),)
    return ()
