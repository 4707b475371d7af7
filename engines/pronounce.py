"""Pronunciations for words that a dictionary lacks, in ARPAbet without stress (CMUdict's 39 phones)."""

from __future__ import annotations

import re
from collections.abc import Callable

Lookup = Callable[[str], list[str]]
"""A word's pronunciations in a dictionary, each a string of phones; empty where it has none."""

SPOKEN: dict[str, list[str]] = {
    "visavis": ["V IY Z AH V IY", "V IY Z AA V IY", "V IH Z AH V IH S"],
    "ollama": ["OW L AA M AH", "AH L AA M AH"],
    "vllm": ["V IY EH L EH L EH M"],
    "openai": ["OW P AH N EY AY"],
    "webrtc": ["W EH B AA R T IY S IY"],
    "chatgpt": ["CH AE T JH IY P IY T IY"],
    "arkit": ["AA R K IH T", "EY AA R K IH T"],
    "nerf": ["N ER F"],
    "gpu": ["JH IY P IY Y UW"],
    "gpus": ["JH IY P IY Y UW Z"],
    "readme": ["R IY D M IY"],
    "recogniser": ["R EH K AH G N AY Z ER"],
    "config": ["K AH N F IH G", "K AA N F IH G"],
    "maths": ["M AE TH S"],
}
"""Names of this field that neither letters nor parts give away."""

LETTERS = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH", "i": "AY",
    "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY", "q": "K Y UW",
    "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S",
    "y": "W AY", "z": "Z IY",
}  # fmt: skip

BRITISH = (
    (r"is(e|es|ed|er|ers|ing|ation|ations)$", r"iz\1"), (r"ll(ed|ing|er)$", r"l\1"), (r"our", "or"), (r"re$", "er"),
)  # fmt: skip
"""British spellings to the American ones of the dictionary."""

SUFFIXES = {"'s": "Z", "s": "Z", "es": "IH Z", "er": "ER", "ers": "ER Z", "ed": "D", "ing": "IH NG", "ly": "L IY"}

SHORTEST_PART = 3
"""Letters of a compound's shortest part: two-letter parts fit anywhere."""

GRAPHEMES = {
    "tion": "SH AH N", "ough": "AO", "igh": "AY", "tch": "CH", "dge": "JH", "sch": "SH", "ch": "CH", "sh": "SH",
    "th": "TH", "ph": "F", "wh": "W", "ck": "K", "ng": "NG", "qu": "K W", "ee": "IY", "ea": "IY", "oo": "UW",
    "ou": "AW", "ow": "OW", "oi": "OY", "oy": "OY", "ai": "EY", "ay": "EY", "au": "AO", "aw": "AO", "ie": "IY",
    "ar": "AA R", "er": "ER", "ir": "ER", "or": "AO R", "ur": "ER", "a": "AE", "b": "B", "c": "K", "d": "D",
    "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N",
    "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S",
    "y": "IY", "z": "Z",
}  # fmt: skip
"""Usual sounds of English letters, longest first: a guess that gets a strange name's consonants right."""

_GRAPHEME = re.compile("|".join(sorted(GRAPHEMES, key=len, reverse=True)))


def pronunciations(word: str, lookup: Lookup) -> list[str]:
    """How `word` (a–z and apostrophes) may be said: at least one way, unless it has no letters at all."""
    return SPOKEN.get(word) or lookup(word) or _derived(word, lookup) or _spelled_out(word)


def _derived(word: str, lookup: Lookup) -> list[str]:
    for pattern, american in BRITISH:
        found = lookup(re.sub(pattern, american, word))
        if found:
            return found
    for suffix, sound in SUFFIXES.items():
        stem = word.removesuffix(suffix)
        if stem != word and (found := lookup(stem) or _compound(stem, lookup)):
            return [f"{phones} {sound}" for phones in found]
    return _compound(word, lookup)


def _compound(word: str, lookup: Lookup) -> list[str]:
    """The most even split into two known words, such as `chat` + `bot`."""
    places = range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)
    for place in sorted(places, key=lambda cut: abs(len(word) - 2 * cut)):
        first, second = lookup(word[:place]), lookup(word[place:])
        if first and second:
            return [f"{first[0]} {second[0]}"]
    return []


def _spelled_out(word: str) -> list[str]:
    letters = word.replace("'", "")
    if not letters:
        return []
    if not re.search("[aeiouy]", letters):
        return [" ".join(LETTERS[letter] for letter in letters)]
    return [" ".join(GRAPHEMES[piece] for piece in _GRAPHEME.findall(letters))]
