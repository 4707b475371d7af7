"""Words that are written otherwise than said: abbreviations, letters of other alphabets."""

from __future__ import annotations

import re
import unicodedata

TITLES = {
    "Mr": "mister", "Mrs": "missus", "Ms": "miz", "Mx": "mix", "Dr": "doctor", "Prof": "professor", "St": "saint",
    "Sr": "senior", "Jr": "junior", "Rev": "reverend", "Hon": "honorable", "Gen": "general", "Col": "colonel",
    "Capt": "captain", "Lt": "lieutenant", "Sgt": "sergeant", "Gov": "governor", "Sen": "senator", "Pres": "president",
}  # fmt: skip
"""Before or after a name, with a full stop."""
ALWAYS_TITLES = frozenset(("Mr", "Mrs", "Ms", "Mx", "Prof", "Jr", "Sr"))
"""Those that mean nothing else without it."""

ABBREVIATIONS = {
    "e.g": "for example", "eg": "for example", "i.e": "that is", "ie": "that is", "etc": "et cetera", "vs": "versus",
    "approx": "approximately", "cf": "compare", "vol": "volume", "fig": "figure", "pp": "pages",
    "inc": "incorporated", "ltd": "limited", "corp": "corporation", "dept": "department", "est": "established",
    "max": "maximum", "min": "minimum", "ave": "avenue", "blvd": "boulevard", "rd": "road", "misc": "miscellaneous",
    "appt": "appointment", "asst": "assistant", "assn": "association", "tel": "telephone", "ext": "extension",
    "jan": "January", "feb": "February", "mar": "March", "apr": "April", "aug": "August", "sep": "September",
    "sept": "September", "oct": "October", "nov": "November", "dec": "December", "mon": "Monday", "tue": "Tuesday",
    "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "thur": "Thursday", "thurs": "Thursday", "fri": "Friday",
    "sat": "Saturday", "sun": "Sunday", "a.k.a": "also known as", "ph.d": "P H D", "no": "number", "nos": "numbers",
    "p": "page", "ca": "circa",
}  # fmt: skip
"""Lower case, without the last full stop, which each of them must have in the text to count."""
MAY_END = re.compile(
    r"(?i:etc|inc|ltd|corp|dept|ave|blvd|rd|jr|sr|.*[ap]\.?m|ph\.d|(?!a\.k\.a|e\.g|i\.e)(?:[a-z]\.)+[a-z])"
)
"""Those whose full stop may be their sentence's too; after others the sentence goes on."""

_REGNAL = """
Henry Louis Elizabeth George Edward Charles William James Richard John Paul Pius Benedict Philip Francis Alexander
Nicholas Catherine Frederick Napoleon Gregory Leo Innocent Clement Urban Peter Ivan Robert
"""
REGNAL = frozenset(_REGNAL.split())
"""Names that are followed by an ordinal: Henry the Eighth."""

_NUMBERED = "Chapter|Part|Volume|War|Act|Section|Book|Phase|Type|Class|Level|Episode|Season"
NUMBERED = frozenset(_NUMBERED.split("|"))
"""What Roman numerals count."""

_BINDS = re.compile(r".*\d\S*|\S+\.|the", re.IGNORECASE)
_MONTH_NAME = re.compile(r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*")


def binds(word: str) -> bool:
    """Whether `word` may be read together with the word after it (`5 km`, `Dr. Smith`, `March 3`): whoever cuts a text
    cuts elsewhere."""
    known = word in REGNAL or word in NUMBERED or word in TITLES
    return known or bool(_BINDS.fullmatch(word) or _MONTH_NAME.fullmatch(word))


_FOLDED = {
    "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "th",
    "Ð": "Th", "þ": "th", "Þ": "Th", "ł": "l", "Ł": "L", "ı": "i", "ħ": "h", "ŋ": "ng", "ə": "a", "ĸ": "k", "ſ": "s",
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
    "χ": "h", "ψ": "ps", "ω": "o", "’": "'",
}  # fmt: skip
"""Letters that no accent takes apart from an English one; Greek as in modern names (ISO 843)."""


def fold(word: str) -> str:
    """A word in English letters and apostrophes: accents fall, other European letters become their likes; a single
    Greek letter becomes its name, as in a formula. Empty where nothing is left."""
    if len(word) == 1 and unicodedata.name(word, "").startswith("GREEK"):
        return unicodedata.name(word).split(" WITH ")[0].split()[-1].lower()
    plain = unicodedata.normalize("NFKD", word)
    letters = "".join(_FOLDED.get(char) or _FOLDED.get(char.lower(), char) for char in plain)
    return "".join(char for char in letters if (char.isascii() and char.isalpha()) or char == "'").strip("'")
