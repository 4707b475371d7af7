"""What a language model writes, as a voice should read it.

Models write Markdown, links, markup, emoji and control characters. `speakable` turns them into words or drops them, and
remembers for every character that is spoken where it came from, because the history is cut in the original text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MAX_PIECE = 400
"""Characters handed to a voice at once (about 25 s of speech): bounds the time that one call holds it."""

_SCRIPTS = ("LATIN", "GREEK", "MODIFIER")
"""Scripts that a voice of a European language reads; words in others are left out rather than spelt."""

_WORDLIKE = re.compile(r"[A-Za-z0-9μΩ⁄]{1,4}")

_DROPPED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "So", "Sk", "Me"})
"""Unicode categories without a sound: controls and bidirectional marks, unassigned, private, emoji and pictograms."""

_SYMBOLS = {
    "&": " and ", "°": " degrees ", "→": " to ", "≈": " about ", "×": " times ", "÷": " divided by ",
    "≤": " at most ", "≥": " at least ", "≠": " is not ", "…": "...", "–": " - ", "—": " - ",
    "“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "№": " number ", "|": ", ", "•": ", ",
}  # fmt: skip

_SYNTAX = re.compile(
    r"""
      (?P<fence>```[\s\S]{0,4000}?(?:```|\Z))
    | !?\[(?P<label>[^\[\]\n]{0,300})\]\([^()\s]{0,2000}(?:\s+"[^"\n]{0,300}")?\)
    | <?(?P<url>(?:https?://|www\.)[^\s<>()\[\]"'“”*`]{1,2000})>?
    | (?P<email>[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,4})
    | (?P<comment><!--[\s\S]{0,1000}?-->)
    | (?P<tag></?[A-Za-z][\w:-]{0,40}(?:\s[^<>=]{0,100}=[^<>]{0,1000})?\s?/?>)
    | (?P<escape>\x1b\[[0-9;]{0,20}[A-Za-z])
    | (?P<entity>&(?:\#\d{1,7}|\#x[0-9A-Fa-f]{1,6}|[A-Za-z]{2,31});)
    | (?P<opening>^[ \t]{0,12}(?:\#{1,6}[ ]+|>[ ]?|[-*+•][ ]+|[-*_=][-*_= ]{2,200}$)+)
    | (?P<cells>\|[ ]{0,9}:?-{2,99}[-:| ]{0,999})
    | (?P<times>(?<=\d)[ ]?\*[ ]?(?=\d))
    | (?P<range>(?<=[\d%])[–—](?=[$£€]?\d))
    | (?P<mark>\*{1,3}|~~|`{1,2}|\\(?=[^\w\s])|(?<!\w)_{1,3}(?=\w)|(?<=\w)_{1,3}(?!\w))
    | (?P<run>(?P<one>[^\w\s])(?P=one){3,999})
    | (?P<line>[ \t\r]{0,9}(?:\n[ \t\r]{0,99}){1,99})
    """,
    re.VERBOSE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """Text for a voice."""

    text: str
    ends: tuple[int, ...]
    """For each of its characters, the index in the original text just past what it stands for; never falls."""

    def __bool__(self) -> bool:
        """There is something to say."""
        return any(char.isalnum() for char in self.text)


def speakable(text: str) -> Spoken:
    """What a voice should read aloud of `text`."""
    out = _Writer()
    for piece, end in _read(text):
        out.write(piece, end)
    return Spoken("".join(out.chars), tuple(out.ends))


def pieces(text: str, longest: int = MAX_PIECE) -> Iterator[tuple[int, int]]:
    """Cut `text` into ranges of at most `longest` characters, at a sentence's end or a space where there is one."""
    start = 0
    while len(text) - start > longest:
        window = text[start : start + longest]
        sentence = max(window.rfind(mark) for mark in (". ", "! ", "? ", "; "))
        cut = sentence + 2 if sentence > longest // 3 else window.rfind(" ") + 1
        end = start + (cut or longest)
        yield start, end
        start = end
    if start < len(text):
        yield start, len(text)


class _Writer:
    """Collects characters with the places they come from; squeezes spaces, leaves out what has no sound."""

    def __init__(self) -> None:
        self.chars: list[str] = []
        self.ends: list[int] = []

    def write(self, piece: str, end: int) -> None:
        for char in piece:
            self._put(" " if char.isspace() else char, end)

    def _put(self, char: str, end: int) -> None:
        last = self.chars[-1] if self.chars else " "
        if char == " " and last == " ":
            return
        if unicodedata.combining(char) and unicodedata.combining(last):
            return  # stacked accents ("zalgo") are noise; one accent is a letter's own
        if char == "," and (not self.chars or last == ","):
            return
        if char in ",." and self.chars and last == " ":
            self.chars.pop()
            self.ends.pop()
            return self._put(char, end)
        self.chars.append(char)
        self.ends.append(end)


def _read(text: str) -> Iterator[tuple[str, int]]:
    """Spoken pieces, each with the index in `text` just past its source."""
    place = 0
    for match in _SYNTAX.finditer(text):
        yield from _plain(text, place, match.start())
        place = match.end()
        if match["label"] is not None:
            yield from _label(match)
        else:
            yield _replacement(match, text), place
    yield from _plain(text, place, len(text))


def _label(match: re.Match[str]) -> Iterator[tuple[str, int]]:
    """A link or a picture is read as its label."""
    offset = match.start("label")
    for piece, end in _read(match["label"]):
        yield piece, offset + end
    yield "", match.end()


def _replacement(match: re.Match[str], text: str) -> str:
    """What stands for a piece of syntax."""
    if match["fence"]:
        return " some code. "
    if match["url"]:
        return _spoken_url(match["url"])
    if match["email"]:
        return _spoken_address(match["email"])
    if match["entity"]:
        char = html.unescape(match["entity"])
        return _sound(char) if len(char) == 1 else " "
    if match["times"]:
        return " times "
    if match["range"]:
        return "-"
    if match["run"]:
        return match["one"] if match["one"] in ".,!?-" else " "
    if match["line"]:
        before = text[: match.start()].rstrip()[-1:]
        return ", " if before.isalnum() or before in ")\"'*_`" else " "
    return "" if match["mark"] else " "


def _spoken_url(url: str) -> str:
    """The host, and the sentence's own punctuation after it: nobody wants a path read out."""
    bare = url.rstrip(".,;:!?")
    host = re.sub(r"^(?:https?://)?(?:[^/@]*@)?(?:www\.)?", "", bare).split("/")[0].split("?")[0].split(":")[0]
    return host.replace(".", " dot ") + url[len(bare) :]


def _spoken_address(address: str) -> str:
    return address.replace("@", " at ").replace(".", " dot ").replace("_", " underscore ")


def _plain(text: str, start: int, end: int) -> Iterator[tuple[str, int]]:
    for index in range(start, end):
        yield _sound(text[index]), index + 1


def _sound(char: str) -> str:
    """One character as a voice reads it; nothing where it has no sound."""
    if char.isascii() and char.isprintable():
        return _SYMBOLS.get(char, char)
    if char in _SYMBOLS:
        return _SYMBOLS[char]
    if char.isspace():
        return " "
    plain = unicodedata.normalize("NFKC", char)
    if char not in "²³" and plain != char and _WORDLIKE.fullmatch(plain):
        return f" {plain} " if "⁄" in plain else plain  # full-width and ornamental letters, ½, µ
    category = unicodedata.category(char)
    if category in _DROPPED or "︀" <= char <= "️":  # variation selectors turn letters into emoji
        return ""
    if category.startswith("L"):
        return char if unicodedata.name(char, "").startswith(_SCRIPTS) else ""
    return char
