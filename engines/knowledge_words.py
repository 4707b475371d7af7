"""Words as the search compares them: contractions spelled out, stems, and what a misspelt word was meant to be."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable

from engines.knowledge_file import plain

MAX_TERMS = 48
"""Words of a question that are looked at: bounds the work that one very long message can cause."""
MAX_REPAIRS = 8
"""Unknown words of a question that are compared with the vocabulary."""
SIMILAR = 0.77
"""difflib ratio from which an unknown word counts as a known one misspelt: one edit in five letters."""
SIMILAR_SOUND = 0.65
"""The same where both sound alike ("maid" and "made"): recognisers err by sound, and their words are well spelt."""

_FILLERS = frozenset({
    "um", "uh", "er", "hmm", "please", "hey", "okay", "ok", "well", "actually", "basically", "just", "kindly",
})  # fmt: skip
_SAME = {
    "am": "be", "are": "be", "is": "be", "was": "be", "were": "be", "been": "be", "being": "be", "did": "do",
    "does": "do", "done": "do", "your": "you", "yours": "you", "yourself": "you", "my": "me", "mine": "me",
    "myself": "me", "i": "me", "color": "colour", "favorite": "favourite", "licence": "license", "hi": "hello",
    "made": "make", "built": "build", "ran": "run", "said": "say", "told": "tell", "bye": "goodbye",
    "mic": "microphone", "u": "you", "ur": "you", "r": "be", "heard": "hear", "saw": "see", "spoke": "speak",
    "spoken": "speak", "drawn": "draw", "written": "write", "wrote": "write", "renderer": "render",
    "recogniser": "recognise", "synthesiser": "synthesise", "meaning": "mean", "programmer": "program", "has": "have",
    "had": "have", "ok": "okay",
}  # fmt: skip
"""Irregular forms and spellings that no suffix rule reaches."""
_CONTRACTIONS = (
    (re.compile(r"\bcan't\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\b(what|who|where|how|when|why|that|there|it|here|let)'?s\b"), r"\1 is"),
    (re.compile(r"'(?:re|m)\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'(?:d|s)\b"), ""),
)
_SOUNDS = (
    (re.compile(r"ough"), "o"), (re.compile(r"ph"), "f"), (re.compile(r"^kn"), "n"), (re.compile(r"^wr"), "r"),
    (re.compile(r"wh"), "w"), (re.compile(r"que?\b|ck|[cq]"), "k"), (re.compile(r"x"), "ks"), (re.compile(r"z"), "s"),
    (re.compile(r"(?<=.)[aeiouyhw]"), ""), (re.compile(r"(.)\1+"), r"\1"),
)  # fmt: skip


_WHOLE = frozenset({
    "anything", "something", "nothing", "everything", "evening", "morning", "during", "always",
})  # fmt: skip
"""They only look like inflected forms."""


def words_of(text: str) -> list[str]:
    """The words of a question, contractions spelled out, fillers left out where there is anything else."""
    words = plain(text[:4000])
    for pattern, full in _CONTRACTIONS:
        words = pattern.sub(full, words)
    split = words.replace("'", "").split()
    return ([word for word in split if word not in _FILLERS] or split)[:MAX_TERMS]


def terms(text: str) -> list[str]:
    """The stemmed words of a question."""
    return [stem(word) for word in words_of(text)]


def stem(word: str) -> str:
    """Plurals and the commonest verb and adverb endings off (Harman 1991, the S-stemmer, plus -ing, -ed, -ly)."""
    word = re.sub(r"iz(e|er|ed|es|ing)$", r"is\1", word)
    word = _SAME.get(word, word)
    if word in _WHOLE:
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-2] if word.endswith(("shes", "ches", "sses", "xes")) else word[:-1]
    for ending, shortest in (("ing", 6), ("ed", 5), ("ly", 6)):
        if word.endswith(ending) and len(word) >= shortest:
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


_FUNCTION = (
    "a an the be do of to in on at for with from by and or but no it its this that these those there here me you we us "
    "our they them can could would will shall should may might must have get got tell about really some any so then as "
    "if than too also very more most thing exactly actual mean want like possible explain quite under over into "
    "through behind all because while during out up off down never ever always again still even wonder give short "
    "brief somewhere rather now today think guess know whole kind sort bit lot little anything something nothing "
    "everything somebody anybody nobody everybody someone anyone"
)
FUNCTION_WORDS = frozenset(map(stem, _FUNCTION.split()))
"""Stems that say little about a topic, yet "who are you" and "how are you" are made of nothing else."""
QUESTION_WORDS = frozenset(map(stem, ("what", "who", "whose", "which", "why", "when", "where", "how")))


def content(words: Iterable[str]) -> list[str]:
    """Those stems that say what is talked about."""
    return [word for word in words if word not in FUNCTION_WORDS and word not in QUESTION_WORDS]


class Speller:
    """Knows a vocabulary, and what an unknown word of a question was probably meant to be."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._words = {word for text in texts for word in words_of(text)}
        self._stems = {stem(word) for word in self._words}
        self._initials: dict[str, list[str]] = defaultdict(list)
        for word in sorted(self._words):
            self._initials[word[0]].append(word)
        # Transposed letters; words of three letters have too many accidental anagrams.
        self._shuffled = {"".join(sorted(word)): word for word in sorted(self._words) if len(word) > 3}

    def read(self, text: str) -> dict[str, float]:
        """A question's stems in their order, each with how sure it is to be meant (0..1; 1 for words as they stand)."""
        words = words_of(text)
        read: dict[str, float] = {}
        repairs = place = 0
        while place < len(words):
            word, following = words[place], words[place + 1] if place + 1 < len(words) else ""
            known, used, sure = [word], 1, 1.0
            if following and word + following in self._words:
                known, used = [word + following], 2
            elif word not in self._words and stem(word) not in self._stems and repairs < MAX_REPAIRS:
                repairs += 1
                known, used, sure = self._nearest(word, following)
            for one in known:
                read[stem(one)] = max(read.get(stem(one), 0.0), sure)
            place += used
        return read

    def _nearest(self, word: str, following: str) -> tuple[list[str], int, float]:
        """The words meant, how many of the given ones they replace, and how sure that is."""
        if shuffled := self._shuffled.get("".join(sorted(word))):
            return [shuffled], 1, 0.9
        sound = _sound(word)
        best, likeness = "", 0.0
        for known in self._initials[word[0]]:
            if abs(len(known) - len(word)) > (1 if len(word) < 6 else 2):
                continue
            ratio = difflib.SequenceMatcher(None, word, known).ratio()
            close = ratio >= SIMILAR
            alike = ratio >= SIMILAR_SOUND and sound == _sound(known)
            if ratio > likeness and ((close and (alike or len(word) > 3)) or (alike and _topical(known))):
                best, likeness = known, ratio
        if best:
            return [best], 1, likeness
        if following and (close := difflib.get_close_matches(word + following, self._initials[word[0]], 1, 0.82)):
            return close, 2, 0.8
        for cut in range(3, len(word) - 2):
            if word[:cut] in self._words and word[cut:] in self._words:
                return [word[:cut], word[cut:]], 1, 0.9
        return [word], 1, 1.0


def _topical(word: str) -> bool:
    return stem(word) not in FUNCTION_WORDS


def _sound(word: str) -> str:
    """A rough phonetic key after the idea of Metaphone: consonants as they sound, vowels only in front."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word
