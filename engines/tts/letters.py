"""Sounds from letters, for words that the dictionary lacks: a joint-sequence model, searched with a beam.

`training/letters.py` builds it and says how it works.
"""

from __future__ import annotations

import io
import re
import zipfile
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.pronounce import LETTERS
from engines.tts.lexicon import VOWELS, Phone, Phones, decode

ALPHABET = "abcdefghijklmnopqrstuvwxyz'"
ORDER = 6
"""Graphones (a letter with its sounds) that the model looks at together."""
BITS = 9
"""Of a graphone's number in an n-gram's key: seven of them fit 64 (training looks at one more)."""
PER_NAT = 20
"""Steps of a stored log-probability a nat: 5 % apart, down to 3e-6."""
BEAM = 12
"""Readings kept after each letter: more change one word in a thousand."""

DEFAULT_LETTERS = Path(__file__).parent.parent / "data" / "letters.npz"

_CHANCE = np.exp(-np.arange(256) / PER_NAT).astype(np.float32)


class Letters:
    """Guesses pronunciations; safe to share between threads."""

    def __init__(self, graphones: NDArray[np.str_], tables: list[_Order]) -> None:
        """`graphones`: each a letter and the codes of its sounds; `tables` for orders 1, 2, …"""
        self._chunks = [()] + [decode(graphone[1:]) for graphone in graphones.tolist()]
        self._tables = tables
        numbers = np.arange(1, len(graphones) + 1, dtype=np.uint64)
        first = np.array([graphone[0] for graphone in graphones.tolist()])
        self._of_letter = {letter: numbers[first == letter] for letter in ALPHABET}

    @classmethod
    def load(cls, path: Path = DEFAULT_LETTERS) -> Letters:
        """Raises:
        ValueError, OSError: the file is missing or damaged.
        """
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                tables = [_Order(*(file[f"{part}{n}"] for part in _PARTS)) for n in range(1, ORDER + 1)]
                return cls(file["graphones"], tables)
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is damaged ({error}): build it again with training/letters.py") from error

    def phones(self, word: str) -> Phones:
        """How `word` (of `ALPHABET`, 1 to some 40 characters) is likely said; spelt where no vowel comes of it."""
        phones = [phone for graphone in self._likeliest(word) for phone in self._chunks[graphone]]
        vowels = [place for place, phone in enumerate(phones) if phone.symbol in VOWELS]
        if not vowels:
            return spelt(word.replace("'", ""))
        accented = [place for place in vowels if phones[place].stress == 1]
        main = (accented or [place for place in vowels if phones[place].stress] or vowels)[0]
        for place in vowels:
            stress = 1 if place == main else 2 * bool(phones[place].stress)
            phones[place] = Phone(phones[place].symbol, stress)
        return tuple(phones)

    def _likeliest(self, word: str) -> list[int]:
        """The graphones of the best reading."""
        readings = np.zeros((1, ORDER - 1), np.uint64)
        scores = np.zeros(1)
        for letter in word:
            options = self._of_letter[letter]
            likely = np.log(self._chances(readings, options)) + scores[:, None]
            best = np.argsort(-likely, axis=None, kind="stable")[:BEAM]
            rows, columns = np.divmod(best, len(options))
            readings = np.concatenate([readings[rows], options[columns][:, None]], 1)
            scores = likely[rows, columns]
        scores = scores + np.log(self._chances(readings, np.zeros(1, np.uint64)))[:, 0]
        return readings[scores.argmax()][ORDER - 1 :].astype(int).tolist()

    def _chances(self, readings: NDArray[np.uint64], options: NDArray[np.uint64]) -> NDArray[np.float32]:
        """float32[readings, options]: interpolated from the lowest order up."""
        chances = np.full((len(readings), len(options)), 1e-6, np.float32)
        context = np.zeros(len(readings), np.uint64)
        for order, table in enumerate(self._tables):
            if order:
                context |= readings[:, -order] << np.uint64(BITS * (order - 1))
            keys = (context[:, None] << np.uint64(BITS)) | options
            chances = table.part(keys) + table.rest(context)[:, None] * chances
        return np.maximum(chances, 1e-12)


_PARTS = ("keys", "parts", "contexts", "rests")


class _Order:
    """The n-grams of one order: their share of the chance, and what each context leaves to the order below.

    Args:
        keys, contexts: uint64, differences of sorted numbers.
        parts, rests: uint8, negative logarithms, `PER_NAT` steps a nat.
    """

    def __init__(
        self,
        keys: NDArray[np.uint64],
        parts: NDArray[np.uint8],
        contexts: NDArray[np.uint64],
        rests: NDArray[np.uint8],
    ) -> None:
        if len(keys) != len(parts) or len(contexts) != len(rests) or not len(keys):
            raise ValueError("its tables don't fit together")
        self._keys, self._parts = np.cumsum(keys, dtype=np.uint64), parts
        self._contexts, self._rests = np.cumsum(contexts, dtype=np.uint64), rests

    def part(self, keys: NDArray[np.uint64]) -> NDArray[np.float32]:
        return _found(self._keys, self._parts, keys, 0.0)

    def rest(self, contexts: NDArray[np.uint64]) -> NDArray[np.float32]:
        return _found(self._contexts, self._rests, contexts, 1.0)


def _found(
    known: NDArray[np.uint64], values: NDArray[np.uint8], keys: NDArray[np.uint64], missing: float
) -> NDArray[np.float32]:
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[places] == keys, _CHANCE[values[places]], np.float32(missing))


@cache
def english() -> Letters:
    """The shipped model, loaded once."""
    return Letters.load()


def spelt(word: str) -> Phones:
    """Letter by letter (a–z, lower case), the last one stressed most: `fbi` is EH2 F B IY2 AY1."""
    phones: list[Phone] = []
    for place, letter in enumerate(word):
        stress = 1 if place == len(word) - 1 else 2
        for symbol in LETTERS[letter].split():
            phones.append(Phone(symbol, stress if symbol in VOWELS else 0))
            stress = 0 if symbol in VOWELS else stress
    return tuple(phones)


@lru_cache(maxsize=1024)  # a name that is guessed at all is said again in the same talk; each costs some 10 ms
def guess(word: str) -> Phones:
    """How `word` (a–z and apostrophes) is likely said; consonants alone are spelt."""
    return english().phones(word) if re.search("[aeiouy]", word) else spelt(word.replace("'", ""))
