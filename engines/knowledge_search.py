"""Finds the entry that a question means: BM25 proposes phrasings, a weighted cosine says how sure the match is.

BM25's scores have no scale of their own, so a threshold on them would mean something else in every file. The cosine
between query and phrasing over the same inverse document frequencies lies in 0..1, and a word the file has never seen
lowers it, which is what makes "I don't know" possible.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rank_bm25 import BM25L

from engines.knowledge_file import Entry, plain

MAX_TERMS = 48
"""Terms of a query that are looked at: bounds the work that one very long message can cause."""
MAX_REPAIRS = 8
"""Unknown words of a query that are compared with the vocabulary."""
CANDIDATES = 24
"""Phrasings that BM25 hands to the cosine."""
SIMILAR = 0.77
"""difflib ratio from which an unknown word counts as a known one misspelt or misheard: one edit in five letters."""
ANSWER_WEIGHT = 0.62
"""Of a match with an answer's words instead of a question's: they are many, and say less about what was asked."""

_FUNCTION_WEIGHT = 0.25
_FUNCTION_WORDS = frozenset({
    "a", "an", "the", "be", "do", "does", "of", "to", "in", "on", "at", "for", "with", "from", "by", "and", "or",
    "but", "not", "no", "it", "its", "this", "that", "these", "those", "there", "here", "i", "me", "my", "you",
    "your", "we", "us", "our", "they", "them", "can", "could", "would", "will", "shall", "should", "may", "might",
    "must", "have", "has", "had", "get", "got", "tell", "about", "please", "just", "really", "some", "any", "so",
    "then", "as", "if", "than", "too", "also", "very", "more",
})  # fmt: skip
"""They say little about a topic, yet "who are you" and "how are you" are made of nothing else: weighed, not dropped."""
_QUESTION_WORDS = frozenset({
    "what", "who", "whose", "which", "why", "when", "where", "how",
})  # fmt: skip
_SPOKEN_FILLERS = frozenset({
    "um", "uh", "er", "hmm", "please", "hey", "okay", "ok", "well", "actually", "basically", "just", "kindly",
})  # fmt: skip
_SAME = {
    "am": "be", "are": "be", "is": "be", "was": "be", "were": "be", "been": "be", "did": "do", "does": "do",
    "done": "do", "your": "you", "yours": "you", "yourself": "you", "my": "me", "mine": "me", "myself": "me",
    "i": "me", "color": "colour", "favorite": "favourite", "licence": "license", "hi": "hello", "made": "make",
    "built": "build", "ran": "run", "said": "say", "told": "tell", "bye": "goodbye", "cant": "not", "mic": "microphone",
    "u": "you", "ur": "you", "r": "be", "heard": "hear", "saw": "see", "spoke": "speak", "lips": "lip",
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


@dataclass(frozen=True, slots=True)
class Match:
    """An entry, and how sure the match is."""

    entry: Entry
    confidence: float
    """0..1; 1 is a known phrasing word for word."""
    covered: float
    """0..1: the share of the question's own weight that the matching phrasing has."""


def words_of(text: str) -> list[str]:
    """The words of a question, contractions spelled out, fillers left out."""
    words = plain(text[:4000])
    for pattern, full in _CONTRACTIONS:
        words = pattern.sub(full, words)
    kept = [word for word in words.replace("'", "").split() if word not in _SPOKEN_FILLERS]
    return kept[:MAX_TERMS]


def terms(text: str) -> list[str]:
    """The stemmed words of a question."""
    return [stem(word) for word in words_of(text)]


def stem(word: str) -> str:
    """Plurals and the commonest verb and adverb endings off (Harman 1991, the S-stemmer, plus -ing, -ed, -ly)."""
    word = _SAME.get(word, word)
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-2] if word.endswith(("shes", "ches", "sses", "xes")) else word[:-1]
    for ending, shortest in (("ing", 6), ("ed", 5), ("ly", 6), ("er", 6), ("or", 7)):
        if word.endswith(ending) and len(word) >= shortest:
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


class Index:
    """Searchable entries. Building it is linear in the file; a search touches only phrasings that share a word."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._phrasings: list[frozenset[str]] = []
        self._owner: list[int] = []
        documents: list[list[str]] = []
        for number, entry in enumerate(entries):
            for question in entry.questions:
                words = terms(question) or [question]
                documents.append(words)
                self._phrasings.append(frozenset(words))
                self._owner.append(number)
        # A phrasing's length says nothing about its relevance, hence the small b.
        self._bm25 = BM25L(documents, b=0.2)
        self._postings: dict[str, list[int]] = defaultdict(list)
        for number, phrasing in enumerate(self._phrasings):
            for word in phrasing:
                self._postings[word].append(number)
        self._norms = [self._norm(dict.fromkeys(phrasing, 1.0)) for phrasing in self._phrasings]
        self._answers = [frozenset(w for t in (*e.answers, e.more) for w in terms(t)) for e in entries]
        self._answer_words: Counter[str] = Counter(word for words in self._answers for word in words)
        self._initials: dict[str, list[str]] = defaultdict(list)
        self._vocabulary = {word for entry in entries for text in entry.questions for word in words_of(text)}
        for word in sorted(self._vocabulary):
            self._initials[word[0]].append(word)
        # Transposed letters; words of three letters have too many accidental anagrams.
        self._shuffled = {"".join(sorted(word)): word for word in sorted(self._vocabulary) if len(word) > 3}
        owned: dict[int, list[int]] = defaultdict(list)
        for phrasing, owner in enumerate(self._owner):
            owned[owner].append(phrasing)
        self._topics = [self._topic(owned[number]) for number in range(len(entries))]
        self._numbers = {id(entry): number for number, entry in enumerate(entries)}

    def weight(self, word: str) -> float:
        """Inverse document frequency over the phrasings, function words turned down; unknown words weigh most."""
        known = self._bm25.idf.get(word)
        idf = math.log(len(self._phrasings) + 1) - math.log(0.5) if known is None else max(known, 0.1)
        return idf * (_FUNCTION_WEIGHT if word in _FUNCTION_WORDS else 1.0)

    def content(self, words: Iterable[str]) -> list[str]:
        """Those words that say what is talked about."""
        return [word for word in words if word not in _FUNCTION_WORDS and word not in _QUESTION_WORDS]

    def topic(self, entry: Entry) -> tuple[str, ...]:
        """The words that most of an entry's phrasings share."""
        return self._topics[self._numbers[id(entry)]]

    def read(self, text: str) -> list[str]:
        """A question's terms, unknown words replaced by the known ones they were probably meant to be."""
        words = words_of(text)
        read: list[str] = []
        attempts = place = 0
        while place < len(words):
            word, used = words[place], 1
            if word not in self._vocabulary and stem(word) not in self._postings and attempts < MAX_REPAIRS:
                attempts += 1
                known, used = self._nearest(word, words[place + 1] if place + 1 < len(words) else "")
                read += [stem(one) for one in known]
            else:
                read.append(stem(word))
            place += used
        return read

    def search(self, words: Sequence[str], context: Mapping[str, float] | None = None) -> Match | None:
        """The best entry for a question's terms.

        Args:
            words: from `read`.
            context: words of what was talked about before, with weights in 0..1; then a phrasing must have one of
                them.
        """
        query = dict.fromkeys(words, 1.0)
        for word, share in (context or {}).items():
            query.setdefault(word, share)
        if not query:
            return None
        norm = self._norm(query)
        own = sum(self.weight(word) for word in set(words)) or 1.0
        best: Match | None = None
        for number in self._candidates(list(query)):
            phrasing = self._phrasings[number]
            if context and not phrasing.intersection(context):
                continue
            shared = sum(share * self.weight(word) ** 2 for word, share in query.items() if word in phrasing)
            confidence = shared / (norm * self._norms[number]) if norm else 0.0
            if best is None or confidence > best.confidence + 1e-9:
                covered = sum(self.weight(word) for word in set(words) & phrasing) / own
                best = Match(self._entries[self._owner[number]], min(confidence, 1.0), covered)
        return best

    def search_answers(self, words: Sequence[str]) -> Match | None:
        """The entry whose answer speaks of what was asked, where no phrasing does: every content word must be there."""
        wanted = set(self.content(words))
        if not wanted or not any(0 < self._answer_words[word] <= 3 for word in wanted):
            return None
        found = [number for number, known in enumerate(self._answers) if wanted <= (known | set(self._topics[number]))]
        if not found:
            return None
        nearest = max(found, key=lambda number: -len(self._answers[number]))
        return Match(self._entries[nearest], ANSWER_WEIGHT, 1.0)

    def _candidates(self, query: list[str]) -> list[int]:
        """Phrasings in BM25's order that share a word with the query; common words alone propose few."""
        rare = sorted((word for word in query if word in self._postings), key=lambda word: len(self._postings[word]))
        numbers: set[int] = set()
        for word in rare:
            if len(numbers) > 8 * CANDIDATES:
                break
            numbers.update(self._postings[word])
        if not numbers:
            return []
        ordered = sorted(numbers)
        scores = self._bm25.get_batch_scores(query, ordered)
        ranked = sorted(zip(scores, ordered, strict=True), key=lambda pair: (-pair[0], pair[1]))
        return [number for _, number in ranked[:CANDIDATES]]

    def _norm(self, query: Mapping[str, float]) -> float:
        return math.sqrt(sum(share * self.weight(word) ** 2 for word, share in query.items()))

    def _nearest(self, word: str, following: str) -> tuple[list[str], int]:
        """What an unknown word stands for, and how many words that uses up: "tlak" is one, "visa vis" are two."""
        joined = word + following
        if following and joined in self._vocabulary:
            return [joined], 2
        if shuffled := self._shuffled.get("".join(sorted(word))):
            return [shuffled], 1
        if len(word) >= 4:
            alike = [known for known in self._initials[word[0]] if abs(len(known) - len(word)) <= 2]
            if close := difflib.get_close_matches(word, alike, n=1, cutoff=SIMILAR):
                return close, 1
        if following:
            alike = [known for known in self._initials[word[0]] if abs(len(known) - len(joined)) <= 2]
            if close := difflib.get_close_matches(joined, alike, n=1, cutoff=SIMILAR + 0.05):
                return close, 2
        for cut in range(3, len(word) - 2):
            if word[:cut] in self._vocabulary and word[cut:] in self._vocabulary:
                return [word[:cut], word[cut:]], 1
        return [word], 1

    def _topic(self, phrasings: Sequence[int]) -> tuple[str, ...]:
        counts = Counter(word for number in phrasings for word in self.content(self._phrasings[number]))
        ranked = sorted(counts, key=lambda word: (-counts[word] * self.weight(word), word))
        return tuple(ranked[:2])
