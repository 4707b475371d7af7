"""What a voice says of a text: its words, each with phones, stress and the punctuation that follows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engines.tts.heteronyms import choose
from engines.tts.inflections import BRITISH, ended, inflected, weakened
from engines.tts.letters import guess, spelt
from engines.tts.lexicon import VOWELS, Lexicon, Phone, Phones, english, parse
from engines.tts.normalise import Normaliser
from engines.tts.text import speakable

__all__ = ["Phone", "Reader", "SpokenWord"]

LONGEST_WORD = 40
"""Letters of a word that is guessed in one go; more of them are noise, and are read in pieces."""

_ENDS = frozenset(".?!")
_BY_CAPITALS = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PLURAL = re.compile("([A-Z]{2,})s|([A-Za-z]+)'s")
"""Plurals of capitals, possessives of anything."""
_OWN_KEY = re.compile(r"[^\W_](?:[\w.'’&+-]{0,38}[^\W_])?")


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word as it is said."""

    text: str
    """The spoken form: `twenty`, never `20`."""
    end: int
    """Index in the original text just past it. Of several words for one token (`$5`), the last has the token's end,
    the others the end of what came before: nothing of the token is said until all of it is."""
    phones: Phones
    """At least one."""
    after: str
    """The punctuation that follows: one of `, . ? ! ; : -`, or nothing."""


class Reader:
    """Reads texts in phones. Safe to share between threads: build it once and hand it around.

    Args:
        lexicon: the dictionary; None is the shipped one.
        pronunciations: words (any case) in ARPAbet, such as `{"Nguyen": "W IH1 N"}`: they win over everything else.
    Raises:
        ValueError: one of them is no word or no ARPAbet; the message names it.
    """

    def __init__(self, lexicon: Lexicon | None = None, pronunciations: Mapping[str, str] | None = None) -> None:
        self._lexicon = lexicon or english()
        self._own = _checked(pronunciations or {})
        self._normaliser = Normaliser(self._own)

    def read(self, text: str) -> list[SpokenWord]:
        """The words of `text` (Markdown, links, emoji and figures included), in order; none where it says nothing."""
        spoken = speakable(text)
        said: list[tuple[str, int, str]] = []
        end = 0
        for token in self._normaliser.tokens(spoken.text):
            for word, pause in zip(token.words[:-1], token.pauses, strict=False):
                said.append((word, end, "," if pause else ""))
            end = spoken.ends[token.end - 1]
            said.append((token.words[-1], end, token.after))
        words: list[SpokenWord] = []
        for index, (word, end, after) in enumerate(said):
            begins = index == 0 or said[index - 1][2] in _ENDS
            before = "" if begins else said[index - 1][0]
            following = said[index + 1][0] if index + 1 < len(said) and not after else ""
            words.append(SpokenWord(word, end, self._phones(word, before, following, begins=begins), after))
        return words

    def unknown(self, text: str) -> list[str]:
        """Those words of `text` that neither dictionary nor rules know: they are guessed from their letters."""
        return [
            word.text for word in self.read(text) if not self._own.get(word.text.lower()) and not self._found(word.text)
        ]

    def _phones(self, word: str, before: str, following: str, *, begins: bool) -> Phones:
        lower = word.lower()
        if own := self._own.get(lower):
            return own
        if lower.endswith("'s") and (own := self._own.get(lower[:-2])):
            return ended(own, "s")
        if lower in {"a", "the", "to"} and word != "A":
            return _article(lower, self._first_sound(following) if following else None)
        entry = self._found(word, begins=begins)
        if entry:
            return choose(lower, entry, before.lower(), following.lower(), begins=begins, ends=not following)
        if lower.endswith("'s"):
            return ended(_guessed(lower[:-2]), "s")
        return _guessed(lower)

    def _found(self, word: str, *, begins: bool = False) -> Mapping[str, Phones] | None:
        """By dictionary or rule."""
        lower = word.lower()
        if len(word) == 1 and word.isupper():
            return {"": spelt(lower)}
        if word != lower and (word.isupper() or not begins) and (entry := self._lexicon.find(word)):
            return entry
        if (form := _PLURAL.fullmatch(word)) and (stem := self._found(form[1] or form[2])):
            return {"": ended(stem[""], "s")}
        if entry := self._lexicon.find(lower) or inflected(lower, self._lexicon):
            return entry
        if word.isupper() and (len(word) <= 4 or not re.search("[AEIOUY]", word)):
            return {"": spelt(lower.replace("'", ""))}
        return self._respelt(lower) or self._compound(word)

    def _respelt(self, word: str) -> Mapping[str, Phones] | None:
        """By its American spelling."""
        for pattern, american in BRITISH:
            other = re.sub(pattern, american, word)
            if other != word and (entry := self._lexicon.find(other) or inflected(other, self._lexicon)):
                return entry
        return None

    def _compound(self, word: str) -> Mapping[str, Phones] | None:
        """Words in one: `MySpeechAPI` by its capitals, `teapot` by the most even split in two."""
        parts = [self._part(part) for part in _BY_CAPITALS.findall(word)]
        if len(parts) > 1 and all(parts):
            return {"": parts[0] + tuple(phone for part in parts[1:] for phone in weakened(part))}
        for cut in sorted(range(3, len(word) - 2), key=lambda cut: abs(len(word) - 2 * cut)):
            first, second = self._lexicon.find(word[:cut].lower()), self._lexicon.find(word[cut:].lower())
            if first and second:
                return {"": first[""] + weakened(second[""])}
        return None

    def _part(self, part: str) -> Phones:
        """One word of a compound; nothing where it is unknown."""
        found = self._lexicon.find(part.lower())
        return found[""] if found else spelt(part.lower()) if part.isupper() else ()

    def _first_sound(self, word: str) -> Phone:
        return self._phones(word, "", "", begins=False)[0]


def _guessed(word: str) -> Phones:
    pieces = range(0, len(word), LONGEST_WORD)
    return tuple(phone for start in pieces for phone in guess(word[start : start + LONGEST_WORD]))


def _article(word: str, following: Phone | None) -> Phones:
    """The weak forms before a consonant and before a vowel; the strong ones at the end."""
    vowel = following is not None and following.symbol in VOWELS
    if word == "a":
        return (Phone("AH"),)
    if word == "the":
        return Phone("DH"), Phone("IY" if vowel else "AH")
    return Phone("T"), Phone("UW" if vowel or following is None else "AH")


def _checked(pronunciations: Mapping[str, str]) -> dict[str, Phones]:
    own: dict[str, Phones] = {}
    for word, arpabet in pronunciations.items():
        if not _OWN_KEY.fullmatch(word):
            raise ValueError(f"{word!r} is no word to give a pronunciation for: write one word of letters and figures")
        try:
            own[word.lower()] = parse(arpabet)
        except ValueError as error:
            raise ValueError(f"the pronunciation of {word!r}: {error}") from error
    return own
