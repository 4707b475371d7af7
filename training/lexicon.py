"""Builds the pronunciation dictionary (``engines/data/lexicon.z``) from permissively licensed ones.

Inputs:
- misaki's ``us_gold.json`` and ``us_silver.json`` (Apache-2.0; in the package ``misaki`` 0.9.4, folder ``data``): IPA
  with stress, and other pronunciations by part of speech;
- ``cmudict-en-us.dict`` (BSD; in the package ``pocketsphinx``): ARPAbet without stress, many more names;
- ``training/data/words.txt``: our own.

A word's entry comes from our own words, else from gold, else from silver (only words that CMUdict has too: the rest is
as rare as *uneugenically*), else from CMUdict with stress by analogy: that of the words that end in the same phones and
have as many syllables. Forms that `engines.tts.inflections` derives exactly are left out.

    python -m training.lexicon MISAKI_DATA_FOLDER -o engines/data/lexicon.z
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from engines.sphinx import model_path
from engines.tts.inflections import inflected
from engines.tts.letters import spelt
from engines.tts.lexicon import FORMAT, VOWELS, Lexicon, Phone, Phones, encode, parse

Entry = dict[str, Phones]

_VOWELS = {
    "ɑ": "AA", "æ": "AE", "ʌ": "AH", "ə": "AH", "ᵊ": "AH", "ɔ": "AO", "W": "AW", "I": "AY", "ɛ": "EH", "ɜ": "ER",
    "A": "EY", "ɪ": "IH", "ᵻ": "IH", "i": "IY", "O": "OW", "Y": "OY", "ʊ": "UH", "u": "UW",
}  # fmt: skip
"""misaki writes diphthongs as capitals (its EN_PHONES.md)."""
_CONSONANTS = {
    "b": "B", "d": "D", "f": "F", "h": "HH", "j": "Y", "k": "K", "l": "L", "m": "M", "n": "N", "p": "P", "s": "S",
    "t": "T", "v": "V", "w": "W", "z": "Z", "ð": "DH", "ŋ": "NG", "ɡ": "G", "ɹ": "R", "ʃ": "SH", "ʒ": "ZH", "ʤ": "JH",
    "ʧ": "CH", "θ": "TH", "ʔ": "T",
}  # fmt: skip
_STRESS = {"ˈ": 1, "ˌ": 2}
_KINDS = {"NOUN": "N", "VERB": "V", "ADJ": "A", "ADV": "D", "VBD": "P", "VBN": "P", "VBP": "P", "None": "S"}
_WORD = re.compile(r"[A-Za-z]+(?:['.-][A-Za-z]+)*[.']?")

LONGEST_TAIL = 9
"""Phones of a word's end by which stress is compared; longer ones are unique to a word."""


def from_ipa(word: str, ipa: str) -> Phones:
    """misaki's IPA in ARPAbet. `word` tells whether a flap (ɾ) is a T or a D.

    Raises:
        KeyError: a sign that it doesn't use.
    """
    phones: list[Phone] = []
    stress = 0
    for index, sign in enumerate(ipa):
        following = ipa[index + 1 : index + 3]
        if sign in _STRESS:
            stress = _STRESS[sign]
        elif sign in "əɜ" and following[:1] == "ɹ" and (sign == "ɜ" or following[1:2] not in _STRESS):
            phones.append(Phone("ER", stress))
            stress = 0
        elif sign == "ɹ" and index and ipa[index - 1] in "əɜ" and phones[-1].symbol == "ER":
            continue
        elif sign in _VOWELS:
            phones.append(Phone(_VOWELS[sign], stress))
            stress = 0
        elif sign == "ɾ":
            phones.append(Phone("T/D"))
        else:
            phones.append(Phone(_CONSONANTS[sign]))
            if sign == "ʔ" and following[:1] == "n":
                phones.append(Phone("AH"))
    return tuple(_without_flaps(word.lower(), phones))


def _without_flaps(word: str, phones: list[Phone]) -> Iterator[Phone]:
    """Which letter a flap stands for, by aligning the t and d of the spelling with the sounds."""
    if not any(phone.symbol == "T/D" for phone in phones):
        yield from phones
        return
    letters = [group[0] for group in re.findall(r"t+|d+|[^td]+", word) if group[0] in "td"]
    sounds = [phone.symbol for phone in phones if phone.symbol in {"T", "D", "T/D"}]
    guess = iter(_aligned(letters, sounds))
    for phone in phones:
        meant = next(guess) if phone.symbol in {"T", "D", "T/D"} else ""
        yield Phone(meant) if phone.symbol == "T/D" else phone


def _aligned(letters: list[str], sounds: list[str]) -> list[str]:
    if len(letters) == len(sounds):
        return [letter.upper() for letter in letters]
    matcher = difflib.SequenceMatcher(a=[letter.upper() for letter in letters], b=sounds, autojunk=False)
    meant = ["T" if sound == "T/D" else sound for sound in sounds]
    for _, begin, end, start, stop in matcher.get_opcodes():
        for place in range(start, stop):
            if sounds[place] == "T/D" and begin < end:
                meant[place] = letters[min(begin + place - start, end - 1)].upper()
    return meant


def read_misaki(path: Path) -> dict[str, Entry]:
    """Entries by word as written there (case matters); those with signs of their own or no sound are left out."""
    entries: dict[str, Entry] = {}
    for word, value in json.loads(path.read_text("utf-8")).items():
        variants = value if isinstance(value, dict) else {"DEFAULT": value}
        usual = variants.get("DEFAULT")
        if not usual or not _WORD.fullmatch(word):
            continue
        if variants.get("NOUN", "") is None:  # by its letters, where it is a name: the IT, the US
            entries[word] = {"": spelt(word.lower())}
            continue
        entry = {"": from_ipa(word, usual)}
        for kind, ipa in variants.items():
            phones = from_ipa(word, ipa) if ipa and kind in _KINDS else entry[""]
            if phones != entry[""]:
                entry[_KINDS[kind]] = phones
        if any(phone.symbol in VOWELS for phone in entry[""]):
            entries[word] = entry
    return entries


def read_cmudict(path: Path) -> dict[str, tuple[str, ...]]:
    """The usual pronunciation of each word, without stress."""
    entries: dict[str, tuple[str, ...]] = {}
    for line in path.read_text("utf-8").splitlines():
        word, *phones = line.split()
        if _WORD.fullmatch(word) and any(phone in VOWELS for phone in phones):
            entries.setdefault(word, tuple(phones))
    return entries


class Stresses:
    """Stress by analogy: of all known words with as many syllables, those that end in the most phones alike."""

    def __init__(self, known: Iterable[Phones]) -> None:
        self._patterns: dict[tuple[int, tuple[str, ...]], Counter[str]] = defaultdict(Counter)
        for phones in known:
            pattern = "".join(str(phone.stress) for phone in phones if phone.symbol in VOWELS)
            symbols = tuple(phone.symbol for phone in phones)
            for length in range(min(LONGEST_TAIL, len(symbols)) + 1):
                self._patterns[len(pattern), symbols[len(symbols) - length :]][pattern] += 1

    def assign(self, symbols: tuple[str, ...]) -> Phones:
        """`symbols` with the stress that is likely."""
        syllables = sum(symbol in VOWELS for symbol in symbols)
        pattern = "1" + "0" * (syllables - 1)
        for length in range(min(LONGEST_TAIL, len(symbols)), -1, -1):
            if found := self._patterns.get((syllables, symbols[len(symbols) - length :])):
                pattern = found.most_common(1)[0][0]
                break
        digits = iter(pattern)
        return tuple(Phone(symbol, int(next(digits)) if symbol in VOWELS else 0) for symbol in symbols)


def own_words() -> dict[str, Entry]:
    """The words of ``training/data/words.txt``."""
    lines = (Path(__file__).parent / "data" / "words.txt").read_text("utf-8").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return {word: {"": parse(arpabet)} for word, arpabet in pairs}


def merge(
    gold: Mapping[str, Entry], silver: Mapping[str, Entry], cmudict: Mapping[str, tuple[str, ...]]
) -> dict[str, Entry]:
    """One entry a word in lower case; one in capitals stays beside it only where it is said otherwise."""
    merged = {word: entry for word, entry in gold.items() if word == word.lower()} | own_words()
    for word, entry in gold.items():
        if word != word.lower():
            lower = merged.setdefault(word.lower(), entry)
            if lower is not entry and lower[""] != entry[""] and len(word) > 1:
                merged[word] = entry
    for word, entry in silver.items():
        if word in cmudict:
            merged.setdefault(word, entry)
    stresses = Stresses(entry[""] for source in (gold, silver) for entry in source.values())
    for word, symbols in cmudict.items():
        if word not in merged:
            letters = spelt(word) if word.isalpha() else ()
            spelled = tuple(phone.symbol for phone in letters) == symbols
            merged[word] = {"": letters if spelled else stresses.assign(symbols)}
    return merged


def pack(entries: Mapping[str, Entry]) -> bytes:
    """The file's bytes."""
    wrong = entries.keys() - _derived(entries, entries)
    needed: dict[str, Entry] = {}
    while wrong:  # a word left out may take away what another is derived from
        needed |= {word: entries[word] for word in wrong}
        wrong = entries.keys() - needed.keys() - _derived(entries, needed)
    return zlib.compress(FORMAT.encode() + _lines(needed), 9)


def _derived(entries: Mapping[str, Entry], known: Mapping[str, Entry]) -> set[str]:
    """Words whose entry follows by rule from the `known` ones."""
    lexicon = Lexicon(_lines(known))
    return {word for word, entry in entries.items() if len(entry) == 1 and inflected(word, lexicon) == entry}


def _lines(entries: Mapping[str, Entry]) -> bytes:
    lines = []
    for word in sorted(entries):
        entry = entries[word]
        others = [kind + encode(phones) for kind, phones in entry.items() if kind]
        lines.append("\t".join([word, encode(entry[""]), *others]))
    return ("\n" + "\n".join(lines) + "\n").encode("ascii")


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the pronunciation dictionary.")
    parser.add_argument("misaki", type=Path, help="folder with us_gold.json and us_silver.json")
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args()
    entries = merge(
        read_misaki(chosen.misaki / "us_gold.json"),
        read_misaki(chosen.misaki / "us_silver.json"),
        read_cmudict(model_path("en-us/cmudict-en-us.dict")),
    )
    chosen.output.write_bytes(pack(entries))
    print(f"{len(entries)} words, {chosen.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
