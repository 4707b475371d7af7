"""What the voice's networks read of a text: its units (phones and pauses) and each one's place in word and phrase.

Training and serving both come here, so that a network is never asked what it was not taught.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from engines.tts.speech_text import SpokenWord

HOP = 240
"""Samples of one frame: 10 ms at 24 kHz, so that one picture (40 ms) is four frames."""

PAUSES = ("SIL", ",", ".", "?", "!")
"""Pauses: at the phrase's edges and where nothing is written (`SIL`), or by the punctuation that they stand at."""

PHONES = (
    *PAUSES,
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K",
    "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""Units in the order of their ids: the pauses, then CMUdict's 39 phones."""

VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])

CONTEXT = (
    "word_place", "word_length", "word_first", "word_last", "syllable_place", "syllables", "phrase_place",
    "from_start", "to_end", "words_before", "words_after", "clause_from_start", "clause_to_end", "function_word",
    "accents_before", "accents_after", "clause_comma", "clause_period", "clause_question", "clause_exclamation",
    "question", "wh_question", "last_clause", "edge",
)  # fmt: skip
"""What each column of `Units.context` tells, about 0..1 each."""

LONGEST_PAUSE = 60
"""Frames (0.6 s): a longer silence in a phrase sounds like its end."""

_KINDS = {",": ",", ";": ",", ":": ",", "-": ",", ".": ".", "?": "?", "!": "!"}
_IDS = {symbol: index for index, symbol in enumerate(PHONES)}
_WH = frozenset(("what", "when", "where", "which", "who", "whom", "whose", "why", "how"))
_FUNCTION_WORDS = _WH | frozenset(
    """
    a an the and or but nor so if as at by for from in into of off on onto out over than that then this these those to
    up upon with i me my you your he him his she her it its we us our they them their be am is are was were been being
    do does did have has had will would shall should can could may might must not no i'm i'll i'd i've you're you'll
    he's she's it's we're they're don't didn't there
    """.split()  # noqa: SIM905
) - {"whom", "whose", "why"}  # fmt: skip
"""English words that seldom carry an accent of their own."""


@dataclass(frozen=True, slots=True)
class Units:
    """A phrase of N units.

    Attributes:
        phones: int64[N], ids into `PHONES`.
        stress: int64[N]: 0 none, 1 primary, 2 secondary.
        context: float32[N, K], columns as in `CONTEXT`.
        words: int64[N], index of the word that the unit belongs to; -1 for pauses.
    """

    phones: NDArray[np.int64]
    stress: NDArray[np.int64]
    context: NDArray[np.float32]
    words: NDArray[np.int64]

    @property
    def pause(self) -> NDArray[np.bool_]:
        """bool[N]: which units are pauses."""
        return self.phones < len(PAUSES)


def units(words: Sequence[SpokenWord], breaks: Collection[int] = ()) -> Units:
    """The units of a phrase: SIL, the words' phones, a pause wherever punctuation follows a word, a closing pause.

    Args:
        words: as `engines.tts.speech_text.read` gives them; at least one.
        breaks: indices of words after which a recorded speaker paused though nothing is written there.

    Raises:
        ValueError: there is no word, or a phone is not one of CMUdict's 39.
    """
    if not words:
        raise ValueError("a phrase needs at least one word")
    symbols, stress, owners = ["SIL"], [0], [-1]
    for index, word in enumerate(words):
        for phone in word.phones:
            if phone.symbol not in _IDS:
                raise ValueError(f"{phone.symbol!r} in {word.text!r} is no ARPAbet phone")
            symbols.append(phone.symbol)
            stress.append(phone.stress)
            owners.append(index)
        kind = _KINDS.get(word.after[:1], "")
        if index == len(words) - 1 or kind or index in breaks:
            symbols.append(kind or "SIL")
            stress.append(0)
            owners.append(-1)
    phones = np.array([_IDS[symbol] for symbol in symbols], np.int64)
    owner = np.array(owners, np.int64)
    levels = np.array(stress, np.int64)
    return Units(phones, levels, _context(words, symbols, levels, owner), owner)


def _context(
    words: Sequence[SpokenWord], symbols: Sequence[str], stress: NDArray[np.int64], owner: NDArray[np.int64]
) -> NDArray[np.float32]:
    count = len(symbols)
    table = {name: np.zeros(count) for name in CONTEXT}
    index = np.arange(count)
    pause = owner < 0
    function = np.array([word.text.lower().replace("’", "'") in _FUNCTION_WORDS for word in words])
    vowel = np.array([symbol in VOWELS for symbol in symbols])
    accent = vowel & (stress == 1) & ~pause
    accent[~pause] &= ~function[owner[~pause]]
    home = np.maximum.accumulate(np.where(pause, -1, owner)).clip(0)  # a pause goes with the word before it
    table["phrase_place"] = index / max(count - 1, 1)
    table["from_start"] = np.minimum(index / 50, 1)
    table["to_end"] = np.minimum(index[::-1] / 50, 1)
    table["words_before"] = np.minimum(home / 12, 1)
    table["words_after"] = np.minimum((len(words) - 1 - home) / 12, 1)
    table["function_word"] = np.where(pause, 0, function[home])
    table["edge"][[0, -1]] = 1
    for word in range(len(words)):
        _word(table, np.flatnonzero(owner == word), vowel)
    starts = np.flatnonzero(pause).tolist()
    for begin, end in pairwise(starts):
        _clause(table, begin, end, symbols[end], accent, last=end == count - 1)
    whole = symbols[-1] == "?"
    table["question"][:] = whole
    table["wh_question"][:] = whole and words[0].text.lower() in _WH
    return np.stack([table[name] for name in CONTEXT], 1).astype(np.float32)


def _word(table: dict[str, NDArray[np.float64]], span: NDArray[np.int64], vowel: NDArray[np.bool_]) -> None:
    if not len(span):
        return
    syllables = max(int(vowel[span].sum()), 1)
    table["word_place"][span] = (np.arange(len(span)) + 0.5) / len(span)
    table["word_length"][span] = min(len(span) / 10, 1)
    table["word_first"][span[0]] = table["word_last"][span[-1]] = 1
    table["syllable_place"][span] = np.minimum(np.cumsum(vowel[span]), syllables) / syllables
    table["syllables"][span] = min(syllables / 5, 1)


def _clause(
    table: dict[str, NDArray[np.float64]], begin: int, end: int, kind: str, accent: NDArray[np.bool_], *, last: bool
) -> None:
    """Units after the pause at `begin` up to and with the one at `end`."""
    span = np.arange(begin + 1, end + 1)
    table["clause_from_start"][span] = np.minimum((span - begin) / 25, 1)
    table["clause_to_end"][span] = np.minimum((end - span) / 25, 1)
    past = np.cumsum(accent[span])
    table["accents_before"][span] = np.minimum((past - accent[span]) / 6, 1)
    table["accents_after"][span] = np.minimum((past[-1] - past) / 6, 1)
    column = {",": "clause_comma", ".": "clause_period", "?": "clause_question", "!": "clause_exclamation"}.get(kind)
    if column:
        table[column][span] = 1
    table["last_clause"][span] = last


def whole_frames(
    duration: NDArray[np.floating], pause: NDArray[np.bool_], rate: float = 1.0, lead: int = 3
) -> NDArray[np.int64]:
    """Durations in frames as integers that keep the phrase's length.

    Args:
        duration: float[N], frames at rate 1, >= 0.
        pause: bool[N], which units may vanish; every other one keeps at least a frame.
        rate: > 0; 2 speaks twice as fast.
        lead: frames of silence before the first phone: enough for its onset, and no wait for the listener.

    Returns:
        int64[N].
    """
    lengths = np.minimum(duration / rate, np.where(pause, LONGEST_PAUSE, np.inf))
    frames = np.zeros(len(lengths), np.int64)
    frames[0] = lead
    owed = 0.0
    for index in range(1, len(lengths)):
        owed += float(lengths[index])
        frames[index] = max(round(owed), 0 if pause[index] else 1)
        owed -= int(frames[index])
    return frames


def spread(frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[T]: the index of the unit that each frame belongs to, for int64[N] frames of each unit."""
    return np.repeat(np.arange(len(frames)), frames)


def place(frames: NDArray[np.int64]) -> NDArray[np.float32]:
    """float32[3, T]: each frame's position in its unit (0..1), the unit's frames / 20, the position in the phrase."""
    owner = spread(frames)
    starts = np.cumsum(frames) - frames
    lengths = frames[owner]
    inner = (np.arange(len(owner)) - starts[owner] + 0.5) / np.maximum(lengths, 1)
    return np.stack([inner, np.minimum(lengths / 20, 2), np.arange(len(owner)) / max(len(owner), 1)]).astype(np.float32)
