"""espeak-ng's phones, which it names in IPA, in the ARPAbet of `TimedPhone`."""

from __future__ import annotations

from functools import lru_cache

_ARPABET = {
    # affricates and diphthongs first read as one
    "tʃ": "CH", "dʒ": "JH", "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW", "ɔɪ": "OY",
    # vowels
    "ɑ": "AA", "ɒ": "AA", "a": "AA", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɔ": "AO", "o": "AO",
    "ɛ": "EH", "e": "EH", "ɜ": "ER", "ɚ": "ER", "ɝ": "ER", "ɪ": "IH", "ᵻ": "IH", "i": "IY", "ʊ": "UH", "u": "UW",
    "y": "UW", "ø": "UW", "œ": "ER", "ɨ": "IH", "ʉ": "UW",
    # consonants
    "b": "B", "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "h": "HH", "j": "Y", "k": "K", "l": "L",
    "ɫ": "L", "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "ʁ": "R", "s": "S", "ʃ": "SH",
    "t": "T", "ɾ": "D", "ʔ": "T", "θ": "TH", "v": "V", "w": "W", "ʍ": "W", "z": "Z", "ʒ": "ZH",
    "x": "K", "ç": "HH", "ɲ": "N", "ʎ": "L", "β": "V", "ɣ": "G", "ɕ": "SH", "ʑ": "ZH", "c": "K", "ɟ": "JH",
}  # fmt: skip

_STRESS = {"ˈ": 1, "ˌ": 2}


@lru_cache(maxsize=512)
def arpabet(ipa: str) -> tuple[tuple[str, ...], int]:
    """The ARPAbet phones of one espeak-ng phone event, and its stress (0, 1 primary, 2 secondary).

    A rhotic vowel (`ɔːɹ`) is two phones; an empty event is a pause, `SIL`; modifiers of length and voicing carry no
    phone of their own.
    """
    stress = max((_STRESS.get(char, 0) for char in ipa), default=0)
    symbols: list[str] = []
    place = 0
    while place < len(ipa):
        width = 2 if ipa[place : place + 2] in _ARPABET else 1
        symbol = _ARPABET.get(ipa[place : place + width])
        if symbol:
            symbols.append(symbol)
        place += width
    if symbols:
        return tuple(symbols), stress
    return (("AH",) if any(char.isalpha() for char in ipa) else ("SIL",)), stress
