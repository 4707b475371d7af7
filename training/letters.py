"""Builds the fallback that turns letters into sounds (``engines/data/letters.npz``) from the dictionaries.

A joint-sequence model (Bisani and Ney, Joint-sequence models for grapheme-to-phoneme conversion, 2008): each letter
with its sounds is a *graphone*, words are sequences of graphones, and an n-gram over them tells which are likely.
Alignment is by expectation maximisation; every twentieth word by a hash of its first letters is held out and judged.
Inputs as in ``training/lexicon.py``.

    python -m training.letters MISAKI_DATA_FOLDER -o engines/data/letters.npz
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.sphinx import model_path
from engines.tts.letters import ALPHABET, BITS, ORDER, PER_NAT, Letters
from engines.tts.lexicon import Phones, encode
from training.lexicon import merge, read_cmudict, read_misaki

STEM = 5
"""Letters by which held-out words are told apart: else `walks` would tell how `walk` is said."""
ALIGNED = 15_000
"""Words to learn the alignment from: what goes with a letter is plain after some thousands."""
ROUNDS = 6
RAREST = 12
"""Occurrences of a graphone; rarer ones are misalignments and words of other tongues."""
PRUNED = (1, 1, 1, 2, 3, 3)
"""Occurrences that an n-gram of each order needs to be kept."""
DISCOUNT = 0.7
"""What is taken from each count for what was never seen (absolute discounting)."""

Pair = tuple[str, Phones]
Chunk = tuple[str, ...]
"""The sounds of one letter, without stress: none to `MOST`."""
MOST = 2


def read_words(misaki: Path) -> tuple[list[Pair], list[Pair]]:
    """Words to learn from and words held out, none of which share their first letters."""
    gold, silver = read_misaki(misaki / "us_gold.json"), read_misaki(misaki / "us_silver.json")
    entries = {**silver, **merge(gold, silver, read_cmudict(model_path("en-us/cmudict-en-us.dict")))}
    parts: tuple[list[Pair], list[Pair]] = ([], [])
    for word in sorted(entries):
        phones = entries[word][""]
        if 2 <= len(word) <= 20 and set(word) <= set(ALPHABET) and len(phones) <= MOST * len(word):
            parts[zlib.crc32(word[:STEM].encode()) % 20 == 0].append((word, phones))
    return parts


class Aligner:
    """Which sounds belong to which letter."""

    def __init__(self, words: Sequence[Pair]) -> None:
        self._chances: dict[tuple[str, Chunk], float] = defaultdict(lambda: 1e-7)
        chosen = np.random.default_rng(1).choice(len(words), min(ALIGNED, len(words)), replace=False)
        pairs = [(words[i][0], tuple(phone.symbol for phone in words[i][1])) for i in chosen]
        for turn in range(ROUNDS):
            counts: dict[tuple[str, Chunk], float] = defaultdict(float)
            for word, symbols in pairs:
                _expect(word, symbols, self._chances if turn else _Even(), counts)
            totals: dict[str, float] = defaultdict(float)
            for (letter, _), count in counts.items():
                totals[letter] += count
            self._chances.update({key: count / totals[key[0]] + 1e-7 for key, count in counts.items()})

    def align(self, word: str, phones: Phones) -> list[Phones]:
        """The likeliest sounds of each letter."""
        symbols = tuple(phone.symbol for phone in phones)
        letters, sounds = len(word), len(symbols)
        best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
        for place, letter in enumerate(word):
            row: dict[int, tuple[float, int]] = {}
            for begin, (score, _) in best[place].items():
                for end in _ends(begin, letters - place - 1, sounds):
                    total = score + math.log(self._chances[letter, symbols[begin:end]])
                    if end not in row or total > row[end][0]:
                        row[end] = (total, begin)
            best.append(row)
        cuts = [sounds]
        for row in reversed(best[1:]):
            cuts.append(row[cuts[-1]][1])
        cuts.reverse()
        return [phones[begin:end] for begin, end in pairwise(cuts)]


class _Even(dict[tuple[str, Chunk], float]):
    """Before anything is known: one sound a letter is likelier than two or none."""

    def __missing__(self, key: tuple[str, Chunk]) -> float:
        return 1.0 if len(key[1]) == 1 else 0.2


def _ends(begin: int, letters_left: int, sounds: int) -> range:
    """Where the sounds of a letter may end that begin at `begin`, so that the letters left can say the rest."""
    return range(max(begin, sounds - MOST * letters_left), min(begin + MOST, sounds) + 1)


def _expect(
    word: str, symbols: Chunk, chances: Mapping[tuple[str, Chunk], float], counts: dict[tuple[str, Chunk], float]
) -> None:
    """Adds how often each letter is expected to go with each chunk (forward-backward)."""
    letters, sounds = len(word), len(symbols)
    forward: list[dict[int, float]] = [{0: 1.0}]
    for place, letter in enumerate(word):
        row: dict[int, float] = defaultdict(float)
        for begin, chance in forward[place].items():
            for end in _ends(begin, letters - place - 1, sounds):
                row[end] += chance * chances[letter, symbols[begin:end]]
        forward.append(row)
    whole = forward[-1].get(sounds, 0.0)
    if whole <= 0:
        return
    backward: dict[int, float] = {sounds: 1.0}
    for place in range(letters - 1, -1, -1):
        row = defaultdict(float)
        for begin, chance in forward[place].items():
            for end in _ends(begin, letters - place - 1, sounds):
                if end in backward:
                    key = (word[place], symbols[begin:end])
                    part = chances[key] * backward[end]
                    row[begin] += part
                    counts[key] += chance * part / whole
        backward = row


def graphones(words: Sequence[Pair]) -> tuple[list[str], list[list[int]]]:
    """The graphones (a letter, then the codes of its sounds) and every word in their numbers, from 1; 0 is an edge."""
    aligner = Aligner(words)
    spelled = [
        [letter + encode(chunk) for letter, chunk in zip(word, aligner.align(word, phones), strict=True)]
        for word, phones in words
    ]
    counts = Counter(graphone for word in spelled for graphone in word)
    known = sorted(graphone for graphone, count in counts.items() if count >= RAREST)
    if len(known) >= 1 << BITS:
        raise ValueError(f"{len(known)} graphones don't fit {BITS} bits: raise RAREST")
    number = {graphone: index + 1 for index, graphone in enumerate(known)}
    return known, [[number[g] for g in word] for word in spelled if all(g in number for g in word)]


def count(sequences: Sequence[Sequence[int]], order: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The n-grams of one order as numbers (`BITS` a graphone, the last one lowest), sorted, and how often each is.

    As in Kneser and Ney's smoothing (Improved backing-off for m-gram language modeling, 1995), an n-gram of a lower
    order counts once for each graphone that it is found after: it is asked for only where the higher orders know
    nothing. Those at a word's beginning follow nothing, and keep their number.
    """
    keys, counts = np.unique(_ngrams(sequences, order), return_counts=True)
    if order == ORDER:
        return keys, counts
    longer = np.unique(_ngrams(sequences, order + 1))
    _, contexts = np.unique(longer & np.uint64((1 << BITS * order) - 1), return_counts=True)
    return keys, np.where(keys >> np.uint64(BITS * (order - 1)) == 0, counts, contexts)


def _ngrams(sequences: Sequence[Sequence[int]], order: int) -> NDArray[np.uint64]:
    """The n-gram that ends at each graphone and at each word's end."""
    edge = [0] * (ORDER - 1)
    flat = np.array([g for word in sequences for g in (*edge, *word, 0)], np.uint64)
    lengths = np.array([len(word) + ORDER for word in sequences])
    ends = np.concatenate([np.arange(ORDER - 1, length) for length in lengths])
    ends += np.repeat(np.cumsum(lengths) - lengths, lengths - ORDER + 1)
    keys = np.zeros(len(ends), np.uint64)
    for back in range(order - 1, -1, -1):
        keys = (keys << np.uint64(BITS)) | flat[ends - back]
    return keys


def model(known: Sequence[str], sequences: Sequence[Sequence[int]]) -> dict[str, NDArray]:
    """The file's arrays, as `engines.tts.letters.Letters` reads them."""
    arrays: dict[str, NDArray] = {"graphones": np.array(known)}
    for order in range(1, ORDER + 1):
        keys, counts = count(sequences, order)
        contexts = keys >> np.uint64(BITS)
        places, owner = np.unique(contexts, return_inverse=True)
        totals = np.bincount(owner, counts)
        kept = counts >= PRUNED[order - 1]
        parts = np.where(kept, counts - (DISCOUNT if order > 1 else 0), 0) / totals[owner]
        rest = 1.0 - np.bincount(owner, parts)
        used = np.bincount(owner, kept) > 0
        arrays[f"keys{order}"] = np.diff(keys[kept], prepend=np.uint64(0))
        arrays[f"parts{order}"] = _quantised(parts[kept].astype(np.float64))
        arrays[f"contexts{order}"] = np.diff(places[used], prepend=np.uint64(0))
        arrays[f"rests{order}"] = _quantised(rest[used].astype(np.float64))
    return arrays


def _quantised(chances: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Chances as negative logarithms, `PER_NAT` steps a nat."""
    return np.clip(np.round(-PER_NAT * np.log(np.maximum(chances, 1e-9))), 0, 255).astype(np.uint8)


def judge(letters: Letters, words: Sequence[Pair]) -> dict[str, float]:
    """Shares of wrong phones and of words all right, with stress and without."""
    wrong = wrong_plain = total = right = right_plain = 0
    for word, phones in words:
        said = letters.phones(word)
        plain, plain_said = [phone.symbol for phone in phones], [phone.symbol for phone in said]
        wrong += distance(phones, said)
        wrong_plain += distance(plain, plain_said)
        total += len(phones)
        right += said == phones
        right_plain += plain == plain_said
    return {
        "words": len(words),
        "phone_error": wrong_plain / total,
        "phone_error_with_stress": wrong / total,
        "words_right": right_plain / len(words),
        "words_right_with_stress": right / len(words),
    }


def distance(one: Sequence[object], other: Sequence[object]) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        corner, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (a != b))
    return row[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description="Learn the sounds of letters.")
    parser.add_argument("misaki", type=Path, help="folder with us_gold.json and us_silver.json")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--judge", type=int, default=3000, help="held-out words to judge")
    chosen = parser.parse_args()
    words, held_out = read_words(chosen.misaki)
    known, sequences = graphones(words)
    np.savez_compressed(chosen.output, allow_pickle=False, **model(known, sequences))
    print(f"{len(known)} graphones, {len(sequences)} of {len(words)} words, {chosen.output.stat().st_size} bytes")
    picked = np.random.default_rng(2).permutation(len(held_out))[: chosen.judge]
    figures = judge(Letters.load(chosen.output), [held_out[i] for i in picked])
    print({name: round(value, 4) for name, value in figures.items()})


if __name__ == "__main__":
    main()
