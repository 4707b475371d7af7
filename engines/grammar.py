"""The phrases a speaker is likely to say, as a finite-state grammar for pocketsphinx."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engines.numbers import TENS, UNITS

NUMBER = "{number}"
"""Stands for 0 to 100 in a phrase."""

SUMS = tuple(
    f"{ask} {NUMBER} {operation} {NUMBER}"
    for ask in ("what is", "what's", "how much is")
    for operation in ("plus", "minus", "times", "divided by", "multiplied by")
)
"""Arithmetic, as it is asked for aloud."""

LEADS = ("hey", "hi", "hello", "okay", "so", "well", "please", "and", "but", "um", "uh")
TAILS = ("please", "now", "thanks")
ASIDE = 0.01
"""Probability of one of the words people put around a phrase. Rare, or a breath becomes an "uh"."""

START, LEAD_END, PHRASE_END, FINAL = range(4)


@dataclass(frozen=True, slots=True)
class Arc:
    """From one state to another by a word; "" for a step without one."""

    start: int
    end: int
    word: str
    probability: float = 1.0


class Grammar:
    """Phrases that share their beginnings, each with an optional word before and after it."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """`phrases` are words of a–z and apostrophes in lower case; `NUMBER` in them stands for any of 0..100."""
        self._arcs: dict[Arc, None] = {}
        self._states = FINAL + 1
        self._next: dict[tuple[int, str], int] = {}
        self._add_asides(START, LEAD_END, LEADS)
        self._add_asides(PHRASE_END, FINAL, TAILS)
        for phrase in phrases:
            self._add(phrase.split())
        self._leaving: dict[int, list[Arc]] = {}
        for arc in self._arcs:
            self._leaving.setdefault(arc.start, []).append(arc)

    @property
    def words(self) -> set[str]:
        return {arc.word for arc in self._arcs if arc.word}

    def accepts(self, words: Sequence[str]) -> bool:
        """The words are a whole phrase, with or without a word around it."""
        states = self._settled({START})
        for word in words:
            states = self._settled({arc.end for state in states for arc in self._out(state) if arc.word == word})
        return FINAL in states and bool(words)

    def as_fsg(self) -> str:
        """The grammar in the Sphinx FSG format (src/lm/fsg_model.c, `fsg_model_read`)."""
        head = f"FSG_BEGIN phrases\nNUM_STATES {self._states}\nSTART_STATE {START}\nFINAL_STATE {FINAL}\n"
        arcs = (f"TRANSITION {arc.start} {arc.end} {arc.probability:g} {arc.word}".rstrip() for arc in self._arcs)
        return head + "\n".join(arcs) + "\nFSG_END\n"

    def _add_asides(self, start: int, end: int, words: Sequence[str]) -> None:
        self._arc(Arc(start, end, "", 1.0 - ASIDE))
        for word in words:
            self._arc(Arc(start, end, word, ASIDE / len(words)))

    def _add(self, words: list[str]) -> None:
        state = LEAD_END
        for place, word in enumerate(words):
            end = PHRASE_END if place == len(words) - 1 else self._branch(state, word)
            if word == NUMBER:
                self._add_number(state, end)
            else:
                self._arc(Arc(state, end, word))
            state = end

    def _branch(self, state: int, word: str) -> int:
        if (state, word) not in self._next:
            self._next[state, word] = self._new_state()
        return self._next[state, word]

    def _add_number(self, start: int, end: int) -> None:
        for word in (*UNITS, *TENS):
            self._arc(Arc(start, end, word))
        tens = self._branch(start, f"{NUMBER} tens {end}")
        for word in TENS:
            self._arc(Arc(start, tens, word))
        for word in UNITS[1:10]:
            self._arc(Arc(tens, end, word))
        hundred = self._branch(start, f"{NUMBER} hundred {end}")
        for word in ("a", "one"):
            self._arc(Arc(start, hundred, word))
        self._arc(Arc(hundred, end, "hundred"))

    def _new_state(self) -> int:
        self._states += 1
        return self._states - 1

    def _arc(self, arc: Arc) -> None:
        self._arcs[arc] = None

    def _out(self, state: int) -> list[Arc]:
        return self._leaving.get(state, [])

    def _settled(self, states: set[int]) -> set[int]:
        """The states, and those a step without a word leads to (no two follow each other here)."""
        return states | {arc.end for state in states for arc in self._out(state) if not arc.word}
