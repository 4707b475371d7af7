"""Words that are said in two ways: which one, by the words around them where that is clear."""

from __future__ import annotations

from collections.abc import Mapping

from engines.tts.lexicon import Phones


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VERB_BEFORE = _words(
    """
    to will would can could should must may might shall cannot can't won't don't didn't doesn't couldn't
    wouldn't shouldn't not let's please i we you they who i'll we'll you'll they'll he'll she'll it'll i'd
    we'd you'd they'd do did does never always often
    """
)
"""After these a word that may be a noun or a verb is a verb."""
_NOUN_BEFORE = _words(
    """
    a an the my your his her its our their this that these those some any no every each another of in for
    with by from on at as new good great own first last more less much many
    """
)
_OBJECT = _words(
    """
    the a an my your his her its our their this that these those it them me us him up down
    """
)
"""After a sentence's first word these make it an imperative."""
_HAVE = _words(
    """
    have has had having i've we've you've they've i'd he'd she'd was were been be being is are got get well
    he's she's it's
    """
)
"""Before a participle."""
_PAST_BEFORE = _words(
    """
    i we they you he she it who and just once already recently never
    """
)
_HABIT = _words(
    """
    every often usually always sometimes rarely minds lips books
    """
)
_DIRECTIONS = _words(
    """
    in at with on near here there together alone by for without under to
    """
)


def choose(word: str, entry: Mapping[str, Phones], before: str, following: str, *, begins: bool, ends: bool) -> Phones:
    """The pronunciation of `word` that fits.

    Args:
        word: lower case, as its neighbours.
        entry: from the dictionary.
        before: the word before in the same sentence, or nothing.
        following: the word after it in the same clause, or nothing.
        begins: whether it is its sentence's first word.
        ends: whether it is its clause's last word.
    """
    usual = entry[""]
    if ends and "S" in entry:
        return entry["S"]
    if word == "read":
        return entry["P"] if _past_of_read(before, following) else usual
    if word == "used":
        return entry["P"] if following == "to" and before not in {"is", "are", "was", "be", "were"} else usual
    if word in {"live", "lives"} and following in _DIRECTIONS and "V" in entry and before not in _HAVE:
        return entry["V"]
    if word in {"close", "closer"}:
        return entry.get("V", usual) if _verb(before, following, begins) else usual
    if "P" in entry and before in _HAVE:
        return entry["P"]
    if "V" in entry and _verb(before, following, begins):
        return entry["V"]
    if "N" in entry and before in _NOUN_BEFORE:
        return entry["N"]
    if "A" in entry and before in _NOUN_BEFORE and following and following not in _DIRECTIONS | {"of", "and", "or"}:
        return entry["A"] if word not in _SELDOM_ADJECTIVES else usual
    return usual


_SELDOM_ADJECTIVES = frozenset(("arithmetic", "minute", "bass", "arsenic", "pasty"))
"""Nouns before another noun far more often than adjectives."""


def _verb(before: str, following: str, begins: bool) -> bool:
    return before in _VERB_BEFORE or (begins and following in _OBJECT)


def _past_of_read(before: str, following: str) -> bool:
    if before in _HAVE:
        return True
    return before in _PAST_BEFORE and following not in _HABIT
