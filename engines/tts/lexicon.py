"""The pronunciation dictionary: some 130 000 English words in ARPAbet with stress.

One compressed block of sorted lines, searched by bisection where it lies: a quarter of the memory of a table of Python
objects, and loaded in a fiftieth of a second. `training/lexicon.py` writes it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y",
    "Z", "ZH",
)  # fmt: skip
"""With `VOWELS`, the 39 phones of CMUdict."""

KINDS = "NVADPS"
"""What another pronunciation than the usual one is for: noun, verb, adjective, adverb, past of a verb, and the strong
form of a function word (last in its phrase)."""

FORMAT = "#visavis-lexicon/1"
DEFAULT_LEXICON = Path(__file__).parent.parent / "data" / "lexicon.z"
LARGEST = 32_000_000
"""Bytes of an unpacked dictionary: six times the shipped one's."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One sound."""

    symbol: str
    """ARPAbet, upper case, no digit."""
    stress: int = 0
    """Of a vowel: 0 none, 1 primary, 2 secondary."""


Phones = tuple[Phone, ...]

SOUNDS = [Phone(vowel, stress) for vowel in VOWELS for stress in (0, 1, 2)] + [Phone(symbol) for symbol in CONSONANTS]
"""Every phone with every stress, in the order of their codes."""
_PHONE_OF = {chr(ord("0") + index): phone for index, phone in enumerate(SOUNDS)}
_CODE_OF = {phone: code for code, phone in _PHONE_OF.items()}


def encode(phones: Sequence[Phone]) -> str:
    """One ASCII character a phone: `0` to `t`."""
    return "".join(_CODE_OF[phone] for phone in phones)


def decode(codes: str) -> Phones:
    """The phones of `encode`'s text. Raises `KeyError` for anything else."""
    return tuple(_PHONE_OF[code] for code in codes)


def parse(arpabet: str) -> Phones:
    """Phones as people write them: `"HH AH0 L OW1"`. A vowel without a digit carries no stress.

    Raises:
        ValueError: something else than ARPAbet; the message says what and what is expected.
    """
    phones: list[Phone] = []
    for piece in arpabet.upper().split():
        phone = Phone(piece.rstrip("012"), int(piece[-1]) if piece[-1] in "012" else 0)
        if phone not in _CODE_OF or len(piece) > len(phone.symbol) + 1:
            raise ValueError(
                f"{piece!r} is no ARPAbet phone: write phones apart by spaces, such as HH AH0 L OW1 "
                f"(vowels, with stress 0, 1 or 2: {' '.join(VOWELS)}; consonants: {' '.join(CONSONANTS)})"
            )
        phones.append(phone)
    if not any(phone.symbol in VOWELS for phone in phones):
        raise ValueError(f"{arpabet!r} has no vowel: a word needs one, such as HH AH0 L OW1")
    return tuple(phones)


class Lexicon:
    """Looks words up; safe to share between threads."""

    def __init__(self, lines: bytes) -> None:
        """`lines`: `word TAB codes [TAB kind codes]…`, sorted by the bytes of the word, a newline before each and at
        the end."""
        self._lines = lines

    @classmethod
    def load(cls, path: Path = DEFAULT_LEXICON) -> Lexicon:
        """Raises:
        ValueError, OSError: the file is missing or damaged.
        """
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(path.read_bytes(), LARGEST)
        except zlib.error as error:
            raise ValueError(f"{path} is damaged ({error}): build it again with training/lexicon.py") from error
        head, _, body = data.partition(b"\n")
        if head.decode("utf-8", "replace") != FORMAT or not unpacker.eof:
            raise ValueError(f"{path} is no dictionary of this version: build it again with training/lexicon.py")
        return cls(b"\n" + body)

    def __contains__(self, word: str) -> bool:
        return self._line(word) is not None

    def find(self, word: str) -> Mapping[str, Phones] | None:
        """The pronunciations of `word`, exactly as it is written: the usual one under `""`, others under one of
        `KINDS`; None where the dictionary lacks it."""
        line = self._line(word)
        if line is None:
            return None
        usual, *others = line.decode("ascii").split("\t")
        return {"": decode(usual)} | {other[0]: decode(other[1:]) for other in others}

    def _line(self, word: str) -> bytes | None:
        try:
            key = word.encode("ascii")
        except UnicodeEncodeError:
            return None
        lines, low, high = self._lines, 0, len(self._lines) - 1
        while low < high:  # a line begins at or after `low`, and none of interest at or after `high`
            begin = lines.rfind(b"\n", 0, (low + high) // 2 + 1) + 1
            end = lines.index(b"\n", begin)
            found, _, rest = lines[begin:end].partition(b"\t")
            if found == key:
                return rest
            if found < key:
                low = end
            else:
                high = begin - 1
        return None


@cache
def english() -> Lexicon:
    """The shipped dictionary, loaded once."""
    return Lexicon.load()
