"""Sums in a conversation: "what is twelve times 7", "15 percent of 80", "(3 + 4) / 2". A parser, never `eval`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction

from engines.numbers import LARGEST, read_number

MAX_TOKENS = 64
"""Longer input is no sum that anybody asks aloud; it also bounds the parser's recursion."""

_TOKEN = re.compile(r"\d[\d,]{0,20}(?:\.\d{1,12})?|\.\d{1,12}|[a-z']+|[-+*/^()%=×÷−·√]")
_PHRASES = (
    (r"\b(?:raised )?to the power (?:of )?", " ^ "),
    (r"\bmultiplied (?:by|with) ", " * "),
    (r"\bdivided by ", " / "),
    (r"\b(?:take away|takeaway) ", " - "),
    (r"\badded to ", " + "),
    (r"(?:\bper ?cent|%) of ", " %of "),
    (r"\b(?:square root|root) of ", " sqrt "),
    (r"\bhalf of ", " half "),
    (r"(?<=[a-z])-(?=[a-z])", " "),
)
_WORDS = {
    "plus": "+", "minus": "-", "less": "-", "negative": "-", "times": "*", "x": "*", "over": "/", "mod": "mod",
    "modulo": "mod", "squared": "squared", "cubed": "cubed", "sqrt": "sqrt", "×": "*", "·": "*", "÷": "/", "−": "-",
    "√": "sqrt", "half": "half", "double": "double", "twice": "double", "and": "and",
    "by": "by", "from": "from", "with": "with",
}  # fmt: skip
_BEFORE = frozenset({
    "what", "what's", "whats", "is", "are", "does", "do", "how", "much", "many", "the", "result", "value", "answer",
    "of", "calculate", "compute", "please", "tell", "me", "can", "could", "would", "you", "hey", "ok", "okay", "so",
    "and", "now", "work", "out", "know", "then", "solve",
})  # fmt: skip
_AFTER = frozenset({
    "equal", "equals", "make", "makes", "be", "is", "please", "now", "then", "altogether", "=",
})  # fmt: skip
_SAID_AS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by", "^": "to the power of", "mod": "modulo",
            "%of": "percent of", "sqrt": "the square root of",
            "half": "half of", "double": "twice", "squared": "squared", "cubed": "cubed"}  # fmt: skip
_HOMOPHONES = {"to": Fraction(2), "too": Fraction(2), "for": Fraction(4)}
_RESULT = re.compile(r"\b(?:is|makes) (?:about )?(minus )?(\d{1,15}(?:\.\d{1,12})?)\.\s*$")

_Token = Fraction | str


class _NotASum(Exception):
    """The text is something else."""


def answer_sum(text: str, before: str = "") -> str | None:
    """The spoken answer to a sum, or None where `text` is not one.

    Args:
        text: what was asked, spoken or written.
        before: the last thing said to the asker, so that "and times two?" goes on from its result.
    """
    try:
        tokens = _read(text, _result_in(before))
        value, exact = _Parser(tokens).value()
        if abs(value) >= LARGEST:
            raise OverflowError
    except _NotASum:
        return None
    except ZeroDivisionError:
        return "Nothing can be divided by zero. I tried, and the universe said no."
    except OverflowError:
        return "That number is too large for me to say aloud."
    except ValueError:
        return "A negative number has no real square root."
    said = _said(tokens)
    return f"{said} is {_spoken(value, exact)}." if said else f"That makes {_spoken(value, exact)}."


def _result_in(reply: str) -> Fraction | None:
    found = _RESULT.search(reply)
    if not found:
        return None
    return Fraction(found[2]) * (-1 if found[1] else 1)


def _read(text: str, previous: Fraction | None) -> list[_Token]:
    lowered = text.lower().strip(" ?!.") + " "
    for pattern, sign in _PHRASES:
        lowered = re.sub(pattern, sign, lowered)
    words = re.findall(r"%of|" + _TOKEN.pattern, lowered)
    if not words or len(words) > MAX_TOKENS or len(re.sub(r"[\s?!,.:]", "", lowered)) > len("".join(words)):
        raise _NotASum
    while words and words[0] in _BEFORE:
        words.pop(0)
    while words and words[-1] in _AFTER:
        words.pop()
    verb = words[0] if words else ""
    tokens = list(_tokens(words[1:] if verb in _VERBS else words))
    tokens = _arranged(verb, tokens)
    if previous is not None and tokens and tokens[0] in {"+", "-", "*", "/", "^", "squared", "cubed"}:
        tokens.insert(0, previous)
    if not any(isinstance(token, str) for token in tokens):
        raise _NotASum
    return tokens


_VERBS = {
    "add": "+", "sum": "+", "multiply": "*", "product": "*", "divide": "/", "subtract": "from", "difference": "-",
}  # fmt: skip


def _tokens(words: list[str]) -> Iterator[_Token]:
    place = 0
    operand_due = True
    while place < len(words):
        word = words[place]
        number = None if word == "half" else read_number(words, place)
        if number and operand_due:
            value, place = number
        elif word[0].isdigit() or word[0] == ".":
            value, place = Fraction(word.replace(",", "")), place + 1
        elif operand_due and word in _HOMOPHONES and place > 0:
            value, place = _HOMOPHONES[word], place + 1
        elif operand_due and word in {"of", "the", "between"}:
            place += 1
            continue
        else:
            sign = _WORDS.get(word, word)
            if sign not in _SAID_AS and sign not in {"(", ")", "and", "by", "from", "with", "to"}:
                raise _NotASum
            yield sign
            operand_due = sign not in {")", "squared", "cubed"}
            place += 1
            continue
        if abs(value) >= LARGEST:
            raise OverflowError
        yield value
        operand_due = False


def _arranged(verb: str, tokens: list[_Token]) -> list[_Token]:
    """Word order turned into infix: "subtract 3 from 10" is 10 - 3; a bare "two and two" is a sum."""
    kind = _VERBS.get(verb)
    if kind == "from":
        if tokens.count("from") != 1:
            raise _NotASum
        place = tokens.index("from")
        return [*tokens[place + 1 :], "-", *tokens[:place]]
    joined = kind or "+"
    links = {"and"} if kind is None else {"and", "by", "with", "to"}
    return [joined if token in links else token for token in tokens]


class _Parser:
    """Recursive descent over the usual precedences; exact in fractions until a root is drawn."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._exact = True

    def value(self) -> tuple[Fraction, bool]:
        value = self._sum()
        if self._place != len(self._tokens):
            raise _NotASum
        return value, self._exact

    def _take(self, *signs: str) -> str | None:
        if self._place < len(self._tokens):
            token = self._tokens[self._place]
            if isinstance(token, str) and token in signs:
                self._place += 1
                return token
        return None

    def _sum(self) -> Fraction:
        value = self._product()
        while sign := self._take("+", "-"):
            value += self._product() if sign == "+" else -self._product()
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while sign := self._take("*", "/", "mod"):
            right = self._signed()
            value = value * right if sign == "*" else value / right if sign == "/" else value % right
            _check(value)
        return value

    def _signed(self) -> Fraction:
        if self._take("-"):
            return -self._signed()
        if self._take("sqrt"):
            return self._root(self._signed())
        if sign := self._take("half", "double"):
            return self._signed() * (2 if sign == "double" else Fraction(1, 2))
        value = self._power()
        if self._take("%of"):
            return value / 100 * self._signed()
        return value

    def _power(self) -> Fraction:
        value = self._atom()
        while sign := self._take("^", "squared", "cubed"):
            exponent = self._signed() if sign == "^" else Fraction(2 if sign == "squared" else 3)
            value = _raised(value, exponent)
        return value

    def _atom(self) -> Fraction:
        if self._take("("):
            value = self._sum()
            if not self._take(")"):
                raise _NotASum
            return value
        if self._place >= len(self._tokens):
            raise _NotASum
        token = self._tokens[self._place]
        if isinstance(token, str):
            raise _NotASum
        self._place += 1
        return token

    def _root(self, value: Fraction) -> Fraction:
        if value < 0:
            raise ValueError
        above, below = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if above**2 == value.numerator and below**2 == value.denominator:
            return Fraction(above, below)
        self._exact = False
        return Fraction(math.sqrt(value))


def _raised(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise _NotASum
    if abs(exponent) > 64 and abs(base) not in {0, 1}:
        raise OverflowError
    value = base ** int(exponent)
    _check(Fraction(value))
    return Fraction(value)


def _check(value: Fraction) -> None:
    """Values people can say; it also keeps a chain of operations from growing without end."""
    if abs(value) >= LARGEST or value.denominator >= LARGEST**4:
        raise OverflowError


def _said(tokens: list[_Token]) -> str:
    """The sum read back, where it is short; "" where a readback would be longer than its use."""
    if len(tokens) > 5 or "(" in tokens:
        return ""
    spoken = [_spoken(token, True) if isinstance(token, Fraction) else _SAID_AS[token] for token in tokens]
    text = " ".join(spoken)
    return text[0].upper() + text[1:]


def _spoken(value: Fraction, exact: bool) -> str:
    sign = "minus " if value < 0 else ""
    value = abs(value)
    if exact and 10**6 % value.denominator == 0:
        return f"{sign}{_decimal(value, 6)}"
    places = 3 if value >= 1 else min(12, 3 - math.floor(math.log10(value)) if value else 3)
    return f"about {sign}{_decimal(value, places)}"


def _decimal(value: Fraction, places: int) -> str:
    whole, rest = divmod(round(value * 10**places), 10**places)
    digits = f"{rest:0{places}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
