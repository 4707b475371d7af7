"""Speakable text to words: figures, abbreviations, file names and the like become what a reader would say.

A rule looks at one token and at most at the one beside it, so that a text cut into phrases reads like the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from engines.numbers import digits_in_words
from engines.tts import normalise_numbers as numbers
from engines.tts.normalise_numbers import NUMBER
from engines.tts.normalise_words import ABBREVIATIONS, REGNAL, TITLES, fold

_MARKS = {"?": 6, "!": 5, ".": 4, ";": 3, ":": 2, ",": 1, "-": 1}
"""Punctuation that a voice hears; of several in a row the strongest counts."""
_BRACKETS = frozenset("()[]{}")
"""Heard as commas."""

_MONTH = (
    r"(Jan(?:uary|\b\.?)|Feb(?:ruary|\b\.?)|Mar(?:ch|\b\.?)|Apr(?:il|\b\.?)|May|June?|July?|Aug(?:ust|\b\.?)"
    r"|Sept?(?:ember|\b\.?)|Oct(?:ober|\b\.?)|Nov(?:ember|\b\.?)|Dec(?:ember|\b\.?))"
)
_SUFFIX = r"(?:st|nd|rd|th)"
_UNIT = "|".join(re.escape(sign) for sign in sorted(numbers.UNITS_OF_MEASURE, key=len, reverse=True))
_CURRENCY = "[" + "".join(numbers.CURRENCIES) + "]"
_MAGNITUDE = r"(?: ?(thousand|million|billion|trillion|[kKmMbB]n?)(?![A-Za-z]))?"
_DOMAIN = (
    "com|org|net|io|ai|dev|edu|gov|app|info|uk|de|eu|fr|us|ca|au|toml|txt|md|py|js|json|yaml|html|css|pdf|jpg|png|"
    "mp3|mp4|wav|exe|zip"
)
_LETTER = r"[^\W\d_][\u0300-\u036f]*"
_WORD = rf"{_LETTER}(?:{_LETTER}|['’](?={_LETTER}))*"

Say = Callable[[re.Match[str]], str | None]
"""What a piece of text is said as: words, with commas for pauses inside; None where it isn't what it looks like."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text and what it is said as."""

    words: tuple[str, ...]
    """Never empty. A single capital is that letter's name; capitals together may be."""
    pauses: tuple[bool, ...]
    """After which words the speaker pauses inside the token, as in a telephone number."""
    start: int
    end: int
    """The piece is `text[start:end]`."""
    after: str = ""
    """The punctuation that follows: one of `, . ? ! ; : -`, or nothing."""


class Normaliser:
    """Reads words out of a text.

    Args:
        whole: words that are never taken apart, whatever letters and figures they are made of; case does not matter.
    """

    def __init__(self, whole: Collection[str] = ()) -> None:
        self._rules = list(_RULES)
        if whole:
            words = "|".join(re.escape(word) for word in sorted(whole, key=len, reverse=True))
            self._rules.insert(0, (re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE), lambda found: found[0]))

    def tokens(self, text: str) -> list[Token]:
        """What is said of a text that `engines.tts.text.speakable` made."""
        found: list[Token] = []
        place = 0
        while place < len(text):
            said, end = ("", place + 1) if text[place] == " " else self._said(text, place)
            words = [part.rstrip(",") for part in said.split()]
            if words:
                pauses = tuple(part.endswith(",") for part in said.split())
                title = text[place : end - 1] in TITLES
                mark = "." if text[end - 1] == "." and not title and _sentence_ends(text, end) else ""
                found.append(Token(tuple(words), pauses, place, end, mark))
            elif found:
                found[-1] = _punctuated(found[-1], _mark(text, place))
            place = end
        return found

    def _said(self, text: str, place: int) -> tuple[str, int]:
        for pattern, say in self._rules:
            if (match := pattern.match(text, place)) and match.end() > place and (said := say(match)) is not None:
                return said, match.end()
        return "", place + 1


def _sentence_ends(text: str, end: int) -> bool:
    """Whether an abbreviation's full stop is also its sentence's."""
    return bool(re.compile(r"[\"')\]]*(?: [\"'(\[]*[A-Z]|\s*$)").match(text, end))


def _mark(text: str, place: int) -> str:
    char = text[place]
    if char in _BRACKETS:
        return ","
    if char == "." and text[place - 1 : place] == "." and re.compile(r"\.* [a-z]").match(text, place):
        return ","  # an ellipsis in the middle of a sentence
    if char == "-" and not (text[place - 1 : place] in {" ", "-"} or text[place + 1 : place + 2] in {" ", ""}):
        return ""  # a hyphen
    return char if char in _MARKS else ""


def _punctuated(token: Token, mark: str) -> Token:
    if _MARKS.get(mark, 0) <= _MARKS.get(token.after, 0):
        return token
    return Token(token.words, token.pauses, token.start, token.end, mark)


def _month(name: str) -> int:
    return [month[:3] for month in numbers.MONTHS].index(name[:3]) + 1


def _iso_date(found: re.Match[str]) -> str | None:
    year, month, day = found.groups()
    return numbers.date(int(day), int(month), year) if 0 < int(month) <= 12 and 0 < int(day) <= 31 else None


def _slash_date(found: re.Match[str]) -> str | None:
    month, day, year = found.groups()
    return numbers.date(int(day), int(month), year) if 0 < int(month) <= 12 and 0 < int(day) <= 31 else None


def _month_day(found: re.Match[str]) -> str | None:
    name, day, year = found.groups()
    return numbers.date(int(day), _month(name), year or "") if 0 < int(day) <= 31 else None


def _day_month(found: re.Match[str]) -> str | None:
    article, day, name, year = found.groups()
    if not 0 < int(day) <= 31:
        return None
    return ("the " if article is None else article) + numbers.date(int(day), _month(name), year or "", day_first=True)


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
    return numbers.money(found[1], found[2], found[3] or "")


def _money_behind(found: re.Match[str]) -> str:
    return numbers.money(found[3], found[1], found[2] or "")


def _version(found: re.Match[str]) -> str:
    return " point ".join(digits_in_words(part) for part in found[0].split("."))


def _ordinal(found: re.Match[str]) -> str:
    return numbers.ordinal(int(found[1].replace(",", "")[:16]))


def _fraction(found: re.Match[str]) -> str | None:
    whole, above, below = found.groups()
    if not int(below):
        return None
    part = numbers.fraction(int(above), int(below))
    if not whole:
        return part
    return f"{numbers.cardinal(whole)} and {'a' + part[3:] if int(above) == 1 else part}"


def _range(found: re.Match[str]) -> str:
    return f"{numbers.whole(found[1])} to {numbers.whole(found[2])}"


def _number(found: re.Match[str]) -> str:
    return ("minus " if found[1] else "") + (
        numbers.whole(found[2]) if found[2].isdigit() else numbers.cardinal(found[2])
    )


def _measure(found: re.Match[str]) -> str:
    return ("minus " if found[1] else "") + numbers.measure(found[2], found[3])


def _mixed(found: re.Match[str]) -> str:
    """Letters and figures in one word: MP3, 4K, B2B, x86."""
    parts = re.findall(rf"\d+|(?:{_LETTER})+", found[0])
    return " ".join(
        digits_in_words(part)
        if part.isdigit()
        else " ".join(part.upper())
        if len(part) < 4 and part.isascii()
        else part
        for part in parts
    )


def _title(found: re.Match[str]) -> str | None:
    if found[1] == "St" and re.search(r"[A-Z][a-z]+ $", found.string[: found.start()]) and not found[2]:
        return "street"
    if found[1] == "Dr" and not found[2]:
        return "drive" if re.search(r"[A-Z][a-z]+ $", found.string[: found.start()]) else "doctor"
    return TITLES[found[1]]


def _abbreviation(found: re.Match[str]) -> str | None:
    short = found[1].lower()
    if short in {"no", "nos", "p", "pp", "vol", "fig"} and not re.compile(r" ?\d").match(found.string, found.end()):
        return None
    if short in {"sat", "sun", "mar", "min", "max"} and not found[1][0].isupper():
        return None
    return ABBREVIATIONS.get(short)


def _dotted(found: re.Match[str]) -> str:
    return found[0].replace(".", "").upper()


def _domain(found: re.Match[str]) -> str:
    return found[0].replace(".", " dot ").replace("_", " underscore ").replace("-", " dash ")


def _regnal(found: re.Match[str]) -> str | None:
    name, numeral = found.groups()
    value = numbers.roman(numeral)
    return f"{name} the {numbers.ordinal(value)}" if name in REGNAL and value else None


def _numbered(found: re.Match[str]) -> str | None:
    value = numbers.roman(found[2])
    return f"{found[1]} {numbers.cardinal(str(value))}" if value else None


def _a(found: re.Match[str]) -> str:
    """The article begins a sentence; elsewhere a capital A is the letter."""
    first = not re.search(r"[\w,] $", found.string[: found.start()])
    return "a" if first and re.compile(r" [\"'(]?\w").match(found.string, found.end()) else "A"


def _slash(found: re.Match[str]) -> str:
    return "or" if found.string[found.start() - 1].islower() and found.string[found.end()].islower() else "slash"


def _rules() -> list[tuple[re.Pattern[str], Say]]:
    """Tried in order at each place that a token may begin at."""
    half = r"(?: ?([apAP])\.?[mM]\b\.?)"
    table: list[tuple[str, Say]] = [
        (r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?![\w-])", _iso_date),
        (r"(?<![\w/])(\d\d?)/(\d\d?)/(\d{4}|\d\d)(?![\w/])", _slash_date),
        (rf"(?<!\w){_MONTH} (\d\d?){_SUFFIX}?(?![\w:%]|[.,]\d|-\d)(?:,? (\d{{4}})(?!\w))?", _month_day),
        (rf"(?<!\w)(the )?(\d\d?){_SUFFIX}? (?:of )?{_MONTH}(?!\w)(?:,? (\d{{4}})(?!\w))?", _day_month),
        (rf"(?<![\w:])(\d\d?):(\d\d)(?::(\d\d))?(?![\d:]){half}?", _clock),
        (rf"(?<![\w.,])(\d\d?){half}", _half_day),
        (r"(?<![\w.])\+?(?:\d{1,3}[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])", _telephone),
        (r"(?<![\w.-])\d{3}-\d{4}(?![\w-])|(?<!\w)\+\d{1,3}(?:[ -]\d{2,5}){2,5}(?![\w-])", _telephone),
        (rf"({_CURRENCY}) ?({NUMBER}){_MAGNITUDE}", _money),
        (rf"(?<![\w.])({NUMBER}){_MAGNITUDE} ?({_CURRENCY})(?!\d)", _money_behind),
        (r"\d+(?:\.\d+){2,9}(?!\w)", _version),
        (r"['’]?((?:1[1-9]|20)?\d0)['’]?s(?!\w)", lambda found: numbers.decade(found[1])),
        (rf"(\d[\d,]*){_SUFFIX}(?!\w)", _ordinal),
        (r"24/7(?![\w/])", lambda _: "twenty four seven"),
        (r"(?<![\w/.])(?:(\d+) )?(\d{1,4})[/⁄](\d{1,4})(?![\w/])", _fraction),
        (rf"(?<![\w.])(-)?({NUMBER}) ?({_UNIT})(?![A-Za-z0-9/²³])", _measure),
        (r"(?<![\w.-])(\d+)-(\d+)(?![\w-]|\.\d)", _range),
        (r"(?:[A-Za-z]+\d|\d+[A-Za-z])[A-Za-z0-9]*", _mixed),
        (rf"(?:(?<![\w)])(-))?({NUMBER})", _number),
        (rf"(?<!\w)({'|'.join(TITLES)})(?!\w)(\.?)(?= ?[A-Z]|$|[,.;])", _title),
        (rf"(?i:(?<!\w)({'|'.join(map(re.escape, ABBREVIATIONS))})\.)(?!\w)", _abbreviation),
        (r"(?<!\w)(?:[A-Za-z]\.){2,9}(?!\w)|(?<!\w)[A-Z]\.(?= [A-Z])", _dotted),
        (rf"[A-Za-z][\w-]*(?:\.[\w-]+)*\.(?:{_DOMAIN})(?!\w)", _domain),
        (r"(Chapter|Part|Volume|War|Act|Section|Book|Phase|Type|Class|Level|Episode|Season) ([IVX]+)(?!\w)", _numbered),
        (r"([A-Z][a-z]+) ([VX][IVX]*|I[IVX]+)(?!\w)", _regnal),
        (r"w/o(?!\w)", lambda _: "without"),
        (r"w/(?= ?\w)", lambda _: "with"),
        (r"(?<=[^\W\d_])/(?=[^\W\d_])", _slash),
        (r"(?<!\w)A(?!\w)", _a),
        (_WORD, lambda found: fold(found[0]) or None),
        (r"#(?=\d)", lambda _: "number"),
        (r"#(?=[^\W\d_])", lambda _: "hashtag"),
        (r"@(?=\w)", lambda _: "at"),
        (r"~(?=[\d$£€])", lambda _: "about"),
        (r"[²³]", lambda found: "squared" if found[0] == "²" else "cubed"),
        (r"[½¼¾⅓⅔⅛]", lambda found: _VULGAR[found[0]]),
        (r"[%=+€$£¥₹]|[<>](?= ?[\w-])", lambda found: _SYMBOLS[found[0]]),
    ]  # fmt: skip
    return [(re.compile(pattern), say) for pattern, say in table]


_VULGAR = {"½": "one half", "¼": "one quarter", "¾": "three quarters", "⅓": "one third", "⅔": "two thirds",
           "⅛": "one eighth"}  # fmt: skip
_SYMBOLS = {
    "%": "percent", "=": "equals", "+": "plus", "€": "euros", "$": "dollars", "£": "pounds", "¥": "yen",
    "₹": "rupees", "<": "less than", ">": "greater than",
}  # fmt: skip
_RULES = _rules()
