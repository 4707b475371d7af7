"""What pieces of text are said as: a table of patterns, tried in order at each place where a piece may begin."""

from __future__ import annotations

import re
from collections.abc import Callable

from engines.numbers import digits_in_words
from engines.tts import normalise_numbers as numbers
from engines.tts.normalise_numbers import NUMBER
from engines.tts.normalise_words import ABBREVIATIONS, ALWAYS_TITLES, NUMBERED, REGNAL, TITLES, fold

Say = Callable[[re.Match[str]], str | None]
"""Words, with commas for pauses inside; None where the piece isn't what it looks like."""

_MONTH = (
    r"(Jan(?:uary|\b\.?)|Feb(?:ruary|\b\.?)|Mar(?:ch|\b\.?)|Apr(?:il|\b\.?)|May|June?|July?|Aug(?:ust|\b\.?)"
    r"|Sept?(?:ember|\b\.?)|Oct(?:ober|\b\.?)|Nov(?:ember|\b\.?)|Dec(?:ember|\b\.?))"
)
_SUFFIX = r"(?:st|nd|rd|th)"
_UNIT = "|".join(re.escape(sign) for sign in sorted(numbers.UNITS_OF_MEASURE, key=len, reverse=True))
_UNIT = rf"({_UNIT})(?![A-Za-z0-9/²³])"
_CURRENCY = "[" + "".join(numbers.CURRENCIES) + "]"
_MAGNITUDE = r"(?: ?(thousand|million|billion|trillion|[kKmMbB]n?)(?![A-Za-z]))?"
_HALF = r"(?: ?([apAP])\.?[mM]\b\.?)"
_YEAR = r"(?:,? (\d{4})(?![\w-]))?"
_DOMAIN = (
    "com|org|net|io|ai|dev|edu|gov|app|info|uk|de|eu|fr|us|ca|au|toml|txt|md|py|js|json|yaml|html|css|pdf|jpg|png|"
    "mp3|mp4|wav|exe|zip"
)
_LETTER = r"(?![²³¹¼-¾⁰-₉])[^\W\d_][\u0300-\u036f]*"
_WORD = rf"{_LETTER}(?:{_LETTER}|['’](?={_LETTER}))*"
_PARTS = re.compile(rf"\d+|(?:{_LETTER})+")
_NAME_BEFORE = re.compile(r"[A-Z][a-z]+ $")
_NAME_BEHIND = re.compile(r" [A-Z]")
_NUMBER_BEHIND = re.compile(r" ?\d")
_WORD_BEHIND = re.compile(r" [\"'(]?\w")
_WORD_BEFORE = re.compile(r"[\w,] $")

_SYMBOLS = {
    "%": "percent", "=": "equals", "+": "plus", "€": "euros", "$": "dollars", "£": "pounds", "¥": "yen",
    "₹": "rupees", "<": "less than", ">": "greater than", "²": "squared", "³": "cubed", "->": "to", "=>": "to",
    "^": "to the",
}  # fmt: skip


def _month(name: str) -> int:
    return [month[:3] for month in numbers.MONTHS].index(name[:3]) + 1


def _date(day: str, month: int, year: str | None, day_first: bool = False) -> str | None:
    if not (0 < int(day) <= 31 and 0 < month <= 12):
        return None
    return numbers.date(int(day), month, year or "", day_first)


def _day_month(found: re.Match[str]) -> str | None:
    article, day, name, year = found.groups()
    said = _date(day, _month(name), year, day_first=True)
    return said and (article or "the ") + said


def _clock(found: re.Match[str]) -> str | None:
    hour, minute, second, half = found.groups()
    if int(hour) > 24 or int(minute) > 59 or int(second or 0) > 59:
        return None
    return numbers.clock(int(hour), int(minute), int(second) if second else None, (half or "").lower())


def _half_day(found: re.Match[str]) -> str | None:
    return numbers.clock(int(found[1]), 0, None, found[2].lower()) if 0 < int(found[1]) <= 12 else None


def _telephone(found: re.Match[str]) -> str:
    groups = re.findall(r"\d+", found[0])
    return ("plus " if found[0][0] == "+" else "") + ", ".join(numbers.digits(group) for group in groups)


def _money(found: re.Match[str]) -> str:
    sign, lower, figures, magnitude = found.groups()
    said = numbers.money(sign, figures, magnitude or "")
    return f"{numbers.cardinal(lower)} to {said}" if lower else said


def _version(found: re.Match[str]) -> str:
    return " point ".join(digits_in_words(part) for part in found[0].split("."))


def _fraction(found: re.Match[str]) -> str | None:
    whole, above, below = found.groups()
    if not int(below):
        return None
    part = numbers.fraction(int(above), int(below))
    if not whole:
        return part
    return f"{numbers.cardinal(whole)} and {'a' + part[3:] if int(above) == 1 else part}"


def _range(found: re.Match[str]) -> str:
    lower, upper, unit = found.groups()
    return f"{numbers.whole(lower)} to " + (numbers.measure(upper, unit) if unit else numbers.whole(upper))


def _number(found: re.Match[str]) -> str:
    figures = found[2]
    said = numbers.whole(figures) if figures.isdigit() else numbers.cardinal(figures)
    return ("minus " if found[1] else "") + said


def _measure(found: re.Match[str]) -> str:
    return ("minus " if found[1] else "") + numbers.measure(found[2], found[3])


def _thousands(found: re.Match[str]) -> str | None:
    if found[2] == "k" and len(found[1]) < 2:
        return None
    return f"{numbers.cardinal(found[1])} {numbers.MAGNITUDES[found[2].lower()]}"


def _mixed(found: re.Match[str]) -> str:
    """Letters and figures in one word (MP3, B2B, x86): short parts of letters are spelt."""
    parts = _PARTS.findall(found[0])
    said = [digits_in_words(p) if p[0].isdecimal() else " ".join(p.upper()) if len(p) < 4 else p for p in parts]
    return " ".join(said)


def _title(found: re.Match[str]) -> str | None:
    title, dot = found.groups()
    named = bool(_NAME_BEHIND.match(found.string, found.end()))
    after_name = bool(_NAME_BEFORE.search(found.string[: found.start()]))
    if title in {"St", "Dr"}:
        if after_name and not named:
            return "street" if title == "St" else "drive"
        return TITLES[title] if dot or named else None
    return TITLES[title] if dot or title in ALWAYS_TITLES else None


def _abbreviation(found: re.Match[str]) -> str | None:
    short = found[1].lower()
    if short in {"no", "nos", "p", "pp", "vol", "fig"} and not _NUMBER_BEHIND.match(found.string, found.end()):
        return None
    if short in {"sat", "sun", "mar", "mon", "min", "max"} and not found[1][0].isupper():
        return None
    return ABBREVIATIONS[short]


def _regnal(found: re.Match[str]) -> str | None:
    name, numeral = found.groups()
    value = numbers.roman(numeral)
    return f"{name} the {numbers.ordinal(value)}" if name in REGNAL and value else None


def _numbered(found: re.Match[str]) -> str | None:
    value = numbers.roman(found[2])
    return f"{found[1]} {numbers.cardinal(str(value))}" if value else None


def _a(found: re.Match[str]) -> str:
    """The article where it begins a sentence; elsewhere a capital A is the letter."""
    begins = not _WORD_BEFORE.search(found.string[max(found.start() - 2, 0) : found.start()])
    return "a" if begins and _WORD_BEHIND.match(found.string, found.end()) else "A"


def _slash(found: re.Match[str]) -> str | None:
    """`he/she` is "he or she"; `and/or` has its word already."""
    text, start, end = found.string, found.start(), found.end()
    if not (text[start - 1].islower() and text[end].islower()) or text[:start].endswith("and"):
        return None
    return "or"


def _domain(found: re.Match[str]) -> str:
    return found[0].replace(".", " dot ").replace("_", " underscore ").replace("-", " dash ")


def _symbol(found: re.Match[str]) -> str:
    return _SYMBOLS[found[0]]


_TABLE: list[tuple[str, Say]] = [
    (r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?![\w-])", lambda found: _date(found[3], int(found[2]), found[1])),
    (r"(?<![\w/])(\d\d?)/(\d\d?)/(\d{4}|\d\d)(?![\w/])", lambda found: _date(found[2], int(found[1]), found[3])),
    (
        rf"(?<!\w){_MONTH} (\d\d?){_SUFFIX}?(?![\w:%]|[.,]\d|-\d){_YEAR}",
        lambda found: _date(found[2], _month(found[1]), found[3]),
    ),
    (rf"(?<![\w.,:-])(the )?(\d\d?){_SUFFIX}? (?:of )?{_MONTH}(?!\w){_YEAR}", _day_month),
    (rf"(?<![\w:])(\d\d?):(\d\d)(?::(\d\d))?(?![\d:]){_HALF}?", _clock),
    (rf"(?<![\w.,])(\d\d?){_HALF}", _half_day),
    (r"(?<![\w.])\+?(?:\d{1,3}[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])", _telephone),
    (r"(?<![\w.-])\d{3}-\d{4}(?![\w-])|(?<!\w)\+\d{1,3}(?:[ -]\d{2,8}){2,5}(?![\w-])", _telephone),
    (rf"({_CURRENCY}) ?(?:(\d+)-{_CURRENCY}?)?({NUMBER}){_MAGNITUDE}", _money),
    (
        rf"(?<![\w.])({NUMBER}){_MAGNITUDE} ?({_CURRENCY})(?!\d)",
        lambda found: numbers.money(found[3], found[1], found[2] or ""),
    ),
    (r"\d+(?:\.\d+){2,9}(?!\w)", _version),
    (r"['’]?((?:1[1-9]|20)?\d0)['’]?s(?!\w)", lambda found: numbers.decade(found[1])),
    (rf"(\d[\d,]{{0,15}}){_SUFFIX}(?!\w)", lambda found: numbers.ordinal(int(found[1].replace(",", "")))),
    (r"24/7(?![\w/])", lambda _: "twenty four seven"),
    (r"(?<![\w/.])(?:(\d+) )?(\d{1,4})[/⁄](\d{1,4})(?![\w/])", _fraction),
    (rf"(?<![\w.-])(\d+)-(\d+)(?: ?{_UNIT}|(?![\w-]|\.\d))", _range),
    (rf"(?<![\w.])(-)?({NUMBER}) ?{_UNIT}", _measure),
    (r"(?<![\w.])(\d+(?:\.\d+)?)(k|M|bn|mn)(?!\w)", _thousands),
    (r"(\d+)x(\d+)(?!\w)", lambda found: f"{digits_in_words(found[1])} by {digits_in_words(found[2])}"),
    (r"(\d+)x(?!\w)", lambda found: f"{digits_in_words(found[1])} times"),
    (r"(?:[A-Za-z]+\d|\d+[A-Za-z])[A-Za-z0-9]*", _mixed),
    (rf"(?:(?<![\w)])(-))?({NUMBER})", _number),
    (rf"(?<!\w)({'|'.join(TITLES)})(?!\w)(\.?)", _title),
    (rf"(?i:(?<!\w)({'|'.join(map(re.escape, ABBREVIATIONS))})\.)(?!\w)", _abbreviation),
    (
        r"(?<!\w)(?:[A-Za-z]\.){2,9}(?!\w)|(?<!\w)[A-Z]\.(?= [A-Z])",
        lambda found: found[0].replace(".", "").upper(),
    ),
    (rf"[A-Za-z][\w-]*(?:\.[\w-]+){{0,9}}\.(?:{_DOMAIN})(?!\w)", _domain),
    (rf"({'|'.join(sorted(NUMBERED))}) ([IVX]+)(?!\w)", _numbered),
    (r"([A-Z][a-z]+) ([VX][IVX]*|I[IVX]+)(?!\w)", _regnal),
    (r"w/o(?!\w)", lambda _: "without"),
    (r"w/(?= ?\w)", lambda _: "with"),
    (r"(?<=[^\W\d_])/(?=[^\W\d_])", _slash),
    (r"['’][nN]['’]", lambda _: "and"),
    (r"(?<!\w)A(?!\w)", _a),
    (_WORD, lambda found: fold(found[0]) or None),
    (r"(?<=\b[A-G])#(?!\w)", lambda _: "sharp"),
    (r"#(?=\d)", lambda _: "number"),
    (r"#(?=[^\W\d_])", lambda _: "hashtag"),
    (r"@(?=\w)", lambda _: "at"),
    (r"~(?=[\d$£€])", lambda _: "about"),
    (r"[-=]>|[%=+€$£¥₹²³]|(?<=\w)\^(?=[\w(-])|[<>](?= ?[\w-])", _symbol),
]
RULES = [(re.compile(pattern), say) for pattern, say in _TABLE]
"""The first that matches says the piece."""
