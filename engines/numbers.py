"""English number words, both ways: numerals to words for a recogniser's grammar, spoken words to values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

LARGEST = 10**15
"""Values at and beyond it have no words here; binary floats stop being exact soon after."""

_SMALL = {word: value for value, word in enumerate(UNITS)} | {word: 20 + 10 * place for place, word in enumerate(TENS)}
_FRACTIONS = {"half": Fraction(1, 2), "third": Fraction(1, 3), "quarter": Fraction(1, 4)}


def in_words(value: int) -> str:
    """`in_words(2026)` is `"two thousand twenty six"`. No hyphens and no "and": a grammar's words, not prose.

    Raises:
        ValueError: `value` is negative or not below `LARGEST`.
    """
    if not 0 <= value < LARGEST:
        raise ValueError(f"{value} is outside 0..{LARGEST - 1}")
    for name, scale in reversed(SCALES.items()):
        if value >= scale:
            rest = value % scale
            return f"{in_words(value // scale)} {name}" + (f" {in_words(rest)}" if rest else "")
    if value >= 100:
        rest = value % 100
        return f"{UNITS[value // 100]} hundred" + (f" {in_words(rest)}" if rest else "")
    if value >= 20:
        rest = value % 10
        return TENS[value // 10 - 2] + (f" {UNITS[rest]}" if rest else "")
    return UNITS[value]


def digits_in_words(digits: str) -> str:
    """A run of decimal digits as words; runs that are no number people say (over 15 digits) digit by digit."""
    value = int(digits[:16])
    if len(digits) > 15 or (digits[0] == "0" and len(digits) > 1):
        return " ".join(UNITS[int(digit)] for digit in digits[:64])
    return in_words(value)


def read_number(words: Sequence[str], start: int) -> tuple[Fraction, int] | None:
    """The spoken number that begins at `words[start]`, and the index just past it; None where none begins.

    Understands "twenty one", "a hundred and five", "two point five", "a dozen", "half". An "and" belongs to the
    number only after a hundred or a scale, as in British usage: "three and four" are two numbers.
    """
    place = start
    word = words[place] if place < len(words) else ""
    if word in {"a", "an"} and place + 1 < len(words):
        following = words[place + 1]
        if following not in {"hundred", "dozen", *SCALES, *_FRACTIONS}:
            return None
        place += 1
        word = following
        if following in {"hundred", *SCALES}:
            return _read_whole(["one", *words[place:]], 0, offset=place - 1)
    if word == "dozen":
        return Fraction(12), place + 1
    if word in _FRACTIONS:
        return _FRACTIONS[word], place + 1
    return _read_whole(words, place, offset=0)


def _read_whole(words: Sequence[str], start: int, offset: int) -> tuple[Fraction, int] | None:
    total, group, place = 0, 0, start
    room = 1000
    while place < len(words):
        word = words[place]
        if word in _SMALL and _fits(_SMALL[word], room):
            group += _SMALL[word]
            room = 10 if _SMALL[word] >= 20 else 1
        elif word == "hundred" and 0 < group < 100:
            group, room = group * 100, 100
        elif word in SCALES and group:
            total, group, room = total + group * SCALES[word], 0, 1000
        elif word == "and" and room in {100, 1000} and place > start and _follows(words, place + 1):
            pass
        else:
            break
        place += 1
    if place == start:
        return None
    value, place = _read_decimals(words, place, Fraction(total + group))
    return value, place + offset


def _fits(value: int, room: int) -> bool:
    """Whether a word of this value may follow: after "twenty" only a unit, after a unit nothing."""
    return (room >= 100) or (room == 10 and 0 < value < 10)


def _follows(words: Sequence[str], place: int) -> bool:
    return place < len(words) and words[place] in _SMALL


def _read_decimals(words: Sequence[str], place: int, value: Fraction) -> tuple[Fraction, int]:
    if place >= len(words) or words[place] != "point":
        return value, place
    scale, end = Fraction(1, 10), place + 1
    while end < len(words) and end - place <= 12 and words[end] in UNITS[:10]:
        value += _SMALL[words[end]] * scale
        scale /= 10
        end += 1
    return (value, end) if end > place + 1 else (value, place)
