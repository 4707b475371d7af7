"""Sounds from letters, for words that the dictionary lacks."""

from __future__ import annotations

import re

from engines.pronounce import GRAPHEMES, LETTERS
from engines.tts.lexicon import VOWELS, Phone, Phones

_GRAPHEME = re.compile("|".join(sorted(GRAPHEMES, key=len, reverse=True)))


def spelt(word: str) -> Phones:
    """Letter by letter (a–z, lower case), the last one stressed most: `fbi` is EH2 F B IY2 AY1."""
    phones: list[Phone] = []
    for place, letter in enumerate(word):
        stress = 1 if place == len(word) - 1 else 2
        for symbol in LETTERS[letter].split():
            phones.append(Phone(symbol, stress if symbol in VOWELS else 0))
            stress = 0 if symbol in VOWELS else stress
    return tuple(phones)


def guess(word: str) -> Phones:
    """How `word` (a–z and apostrophes) is likely said."""
    letters = word.replace("'", "")
    if not re.search("[aeiouy]", letters):
        return spelt(letters)
    stress = 1
    phones: list[Phone] = []
    for piece in _GRAPHEME.findall(letters):
        for symbol in GRAPHEMES[piece].split():
            phones.append(Phone(symbol, stress if symbol in VOWELS else 0))
            stress = 0 if symbol in VOWELS else stress
    return tuple(phones)
