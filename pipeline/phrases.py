"""Tokens in, speakable phrases out, their tags read and taken out.

Decisions depend on the characters alone, one by one, so that the phrases don't depend on how a model cuts its tokens;
joined, they are the reply without its tags, to the character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from engines.tags import KINDS, Kind, Tag
from engines.tts.normalise_words import binds

FIRST_CLAUSE_CHARS = 12
"""A first clause this long carries its own intonation, and lasts long enough for the next phrase to be made."""

FIRST_WORDS = 10
"""Without punctuation the first phrase is cut here: about three seconds of speech, as long as anybody waits."""

SENTENCE_CHARS = 30
"""Shorter later sentences are spoken together with the next one: separate ones sound like a list."""

CLAUSE_CHARS = 120
"""A later phrase this long may end at a clause: about eight seconds, while the sentence is still being written."""

MAX_CHARS = 240
"""A phrase without any boundary ends here, at a space where there is one."""

NEAR = 8
"""Spaces at which a phrase without any boundary may end: one after a word that belongs to the next is passed over."""

MAX_CODE = 4000
"""A block of code is one phrase, for a voice says that it is there and no more; longer ones are none."""

MAX_JOINED = 4 * MAX_CHARS
"""One character with so many marks is none: it is cut all the same."""

_SENTENCE_END = frozenset(".!?…。！？｡؟۔।")
_CLAUSE_END = frozenset(",;:—–、，；：،؛")
_UNSPACED_END = frozenset("。！？｡、，；：")
_CLOSERS = "\"'”’)]}»」』）"
_ABBREVIATION = re.compile(
    r"mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|e\.g|i\.e|cf|approx|no|vol|fig|pp?|[ap]\.m|u\.[sk]|inc|ltd|dept|est|min|max"
)
_JOINERS = frozenset("\u200d\ufe0e\ufe0f\u20e3")


_OPEN_TAG = re.compile(r"\[(?:[A-Za-z][A-Za-z_-]{0,23}(?:: ?[^\s\[\]:]{0,8})?)?")
"""What may still become a tag."""
_TAG = re.compile(r"\[([A-Za-z][A-Za-z_-]{1,23})(?:: ?([^\s\[\]:]{1,8}))?\]")
_AMOUNT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_PUNCTUATION = _SENTENCE_END | _CLAUSE_END | frozenset(_CLOSERS)
_OPENERS = frozenset("([{“‘«「『（")


class TagReader:
    """Takes the tags out of one reply. Feed it tokens in order, then `flush` once.

    A tag is `[name]` or `[name:0.6]`; an amount beyond 0..1 is taken as the nearer bound. A name that `KINDS` lacks is
    left out too where it can be nothing but a tag: one lower-case word of two letters or more (`[laughs]`), which
    nothing before makes an index, and no link's label. So are known names with an amount that is none. Everything else
    in brackets is text (`[1]`, `[x]`, `[see below]`, `[Paris]`, `[docs](https://…)`, `list[index]`), and so is all
    code between backticks. Of the spaces around a tag one is left, none before punctuation.
    """

    def __init__(self, unknown: Callable[[str], None]) -> None:
        """
        Args:
            unknown: told what was left out without effect, as it was written.
        """
        self._unknown = unknown
        self._candidate = ""
        self._space = False
        """A space is held back, because a tag may follow and punctuation after it."""
        self._after_tag = False
        self._last = ""
        """The last character of the text so far."""
        self._ticks = 0
        self._code = 0
        """Backticks that opened the code which this is; 0 outside of code."""

    def feed(self, token: str) -> Iterator[str | Tag]:
        """The text, in pieces, and the tags where they stand."""
        for char in token:
            yield from self._take(char)

    def flush(self) -> Iterator[str | Tag]:
        """What was held back. A tag that breaks off is no text."""
        if self._candidate.endswith("]"):
            yield from self._resolve()
        name = self._candidate[1:].partition(":")[0].lower()
        if self._candidate and not (name and any(known.startswith(name) for known in KINDS)):
            yield from self._text(self._candidate)
        self._candidate = ""
        if not self._after_tag:
            yield from self._text("")

    def _take(self, char: str) -> Iterator[str | Tag]:
        candidate = self._candidate
        if not candidate:
            yield from self._plain(char)
        elif candidate.endswith("]"):
            if char == "(":
                self._candidate = ""
                yield from self._text(candidate)
            else:
                yield from self._resolve()
            yield from self._plain(char)
        elif (char == "]" and _TAG.fullmatch(candidate + char)) or _OPEN_TAG.fullmatch(candidate + char):
            self._candidate += char
        else:
            self._candidate = ""
            yield from self._text(candidate)
            yield from self._plain(char)

    def _plain(self, char: str) -> Iterator[str | Tag]:
        if self._after_tag:
            loose = self._space or not self._last or self._last.isspace() or self._last in _OPENERS
            if loose and char in " \t":
                return
            self._after_tag = False
            self._space = self._space and char not in _PUNCTUATION
        if char == "[" and not self._code and not self._ticks and self._last != "\\":
            self._candidate = char
        elif char == " " and not self._space and self._last.isalnum():
            self._space = True
        else:
            yield from self._text(char)

    def _resolve(self) -> Iterator[str | Tag]:
        """The candidate is whole: a tag, something like one, or text."""
        candidate, self._candidate = self._candidate, ""
        match = _TAG.fullmatch(candidate)
        assert match is not None
        name, amount = match[1].lower(), match[2]
        measured = amount is None or _AMOUNT.fullmatch(amount) is not None
        attached = not self._space and (self._last.isalnum() or self._last in tuple(")]_"))
        if name in KINDS and measured:
            yield Tag(name, 1.0 if amount is None else min(max(float(amount), 0.0), 1.0))
        elif name in KINDS or (match[1].islower() and measured and not attached):
            self._unknown(candidate)
        else:
            yield from self._text(candidate)
            return
        self._after_tag = True

    def _text(self, text: str) -> Iterator[str]:
        if self._space:
            self._space = False
            text = " " + text
        if not text:
            return
        for char in text:
            self._note_code(char)
        self._last = text[-1]
        yield text

    def _note_code(self, char: str) -> None:
        if char == "`":
            self._ticks += 1
        elif self._ticks:
            self._code = self._ticks if not self._code else 0 if self._code == self._ticks else self._code
            self._ticks = 0
        if char == "\n" and self._code < 3:
            self._code = 0


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is spoken in one go."""

    text: str
    tags: tuple[Tag, ...] = ()
    """Those in force at its start, then those inside it, by their place."""


class Phraser:
    """Cuts one reply. Feed it tokens in order, then `flush` once."""

    def __init__(self, unknown: Callable[[str], None] = lambda _: None) -> None:
        """
        Args:
            unknown: told of each tag that has no meaning (see `TagReader`).
        """
        self._tags = TagReader(unknown)
        self._text = ""
        self._blank = True
        self._first = True
        self._inside: list[Tag] = []
        self._in_force: dict[Kind, Tag] = {}
        """The last tag of each kind, the newest last."""

    def feed(self, token: str) -> Iterator[Phrase]:
        """The phrases that this token completes."""
        for piece in self._tags.feed(token):
            yield from self._add(piece)

    def flush(self) -> Iterator[Phrase]:
        """The rest."""
        for piece in self._tags.flush():
            yield from self._add(piece)
        if self._text:
            yield self._take(len(self._text))

    def _add(self, piece: str | Tag) -> Iterator[Phrase]:
        if isinstance(piece, Tag):
            self._inside.append(replace(piece, at=0 if self._blank else len(self._text)))
            return
        for char in piece:
            cut = self._cut_before(char)
            self._text += char
            self._blank = self._blank and char.isspace()
            if cut:
                yield self._take(cut)

    def _take(self, cut: int) -> Phrase:
        text, self._text = self._text[:cut], self._text[cut:]
        self._blank = not self._text.strip()
        self._first = False
        here = [tag for tag in self._inside if tag.at < cut]
        self._inside = [replace(tag, at=tag.at - cut) for tag in self._inside if tag.at >= cut]
        for tag in here:
            if tag.at == 0:
                self._set(tag)
        begun = tuple(dict.fromkeys(self._in_force.values()))
        within = tuple(tag for tag in here if tag.at > 0)
        for tag in within:
            self._set(replace(tag, at=0))
        return Phrase(text, begun + within)

    def _set(self, tag: Tag) -> None:
        for kind in KINDS[tag.name]:
            self._in_force.pop(kind, None)
            self._in_force[kind] = tag

    def _cut_before(self, char: str) -> int:
        """Where to cut now that `char` follows the text; 0 for not yet."""
        text = self._text
        if self._blank or (text.count("```") % 2 and len(text) < MAX_CODE):
            return 0
        body = text.rstrip(_CLOSERS) or text
        last = body[-1]
        spaced = char.isspace() or last in _UNSPACED_END
        if char == "\n":
            return len(text)
        if spaced and last in _SENTENCE_END and char not in _CLOSERS and self._ends_sentence(body):
            return len(text) if self._first or len(text.strip()) >= SENTENCE_CHARS else 0
        if spaced and last in _CLAUSE_END and char not in _CLOSERS and self._ends_clause(text):
            return len(text)
        if self._first and char.isspace() and len(text.split()) >= FIRST_WORDS and not binds(text.split()[-1]):
            return len(text)
        return self._forced_cut(char) if len(text) >= MAX_CHARS else 0

    def _ends_clause(self, text: str) -> bool:
        return len(text.strip()) >= (FIRST_CLAUSE_CHARS if self._first else CLAUSE_CHARS)

    def _ends_sentence(self, body: str) -> bool:
        if body[-1] != ".":
            return True
        word = body[:-1].split()[-1:]
        if not word:
            return False
        stem = word[0].strip(_CLOSERS + "([{").lower()
        initial = len(stem) == 1 and stem.isalpha() and stem != "i"
        enumeration = stem.isdigit() and len(self._text.split()) == 1
        return not (_ABBREVIATION.fullmatch(stem) or initial or enumeration)

    def _forced_cut(self, char: str) -> int:
        spaces = [place for place, before in enumerate(self._text) if before in " \n" and place]
        if spaces:
            free = [place for place in spaces[-NEAR:] if not binds((self._text[:place].split() or [""])[-1])]
            return (free or spaces)[-1]
        # Never inside a character that a reader sees as one (a joined emoji, a letter with its accent).
        joined = char in _JOINERS or unicodedata.combining(char) or self._text[-1] in _JOINERS
        return 0 if joined and len(self._text) < MAX_JOINED else len(self._text)
