"""Finds the entry that a question means: BM25 proposes entries, an overlap measure says how sure the match is.

BM25's scores have no scale of their own, so a threshold on them would mean something else in every file. The overlap
(a cosine with the nearest phrasing, and the share of the question that the entry speaks of, both over the same inverse
document frequencies) lies in 0..1, and a word the file has never seen lowers it, which makes "I don't know" possible.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rank_bm25 import BM25L

from engines.knowledge_file import Entry
from engines.knowledge_words import FUNCTION_WORDS, Speller, content, terms

CANDIDATES = 12
"""Entries that BM25 proposes."""
COMMON = 120
"""Entries after which no commoner word may propose more: they would say nothing that the rarer ones don't."""
FUNCTION_WEIGHT = 0.25
"""Function words are weighed down, not dropped: "who are you" and "how are you" are made of nothing else."""
PHRASING_SHARE = 0.7
"""Of the confidence: the nearest phrasing's cosine; the rest is how much of the question the whole entry speaks of."""
ANSWER_SHARE = 0.5
"""Worth of a word that stands only in an entry's answer, against one of its questions."""
OTHER_PERSON = 0.85
"""Keeps "what is my name" from "what is your name": all that differs is a function word."""
ORDER_SHARE = 0.03
"""Of the confidence: word order, which alone keeps "why can't I hear you" from "why can't you hear me"."""
STRANGE_COST = 0.3
"""What a question made of nothing but words that the file has never seen would lose."""


@dataclass(frozen=True, slots=True)
class Match:
    """An entry, and how sure the match is."""

    entry: Entry
    confidence: float
    """0..1; 1 is a known phrasing word for word."""
    covered: float
    """0..1: the share of the question's own weight that the nearest phrasing has."""


class Index:
    """Searchable entries. Building it is linear in the file; a search touches only entries that share a word."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._speller = Speller(question for entry in entries for question in entry.questions)
        phrasings = [
            [[*self._speller.read(question)] or [question] for question in entry.questions] for entry in entries
        ]
        self._bm25 = BM25L([[word for words in mine for word in words] for mine in phrasings])
        self._weights = {word: self._weighed(word, idf) for word, idf in self._bm25.idf.items()}
        self._unseen = math.log(len(entries) + 1) - math.log(0.5)
        self._phrasings = [[frozenset(words) for words in mine] for mine in phrasings]
        self._pairs = [[_pairs(words) for words in mine] for mine in phrasings]
        self._norms = [[self._norm(dict.fromkeys(words, 1.0)) for words in mine] for mine in self._phrasings]
        self._asked = [frozenset[str]().union(*mine) for mine in self._phrasings]
        self._answers = [frozenset(w for t in (*e.answers, e.more) for w in terms(t)) for e in entries]
        self._answer_words = Counter(word for words in self._answers for word in words)
        self._postings: dict[str, list[int]] = defaultdict(list)
        for number, words in enumerate(self._asked):
            for word in words:
                self._postings[word].append(number)
        self._numbers = {id(entry): number for number, entry in enumerate(entries)}

    def read(self, text: str) -> dict[str, float]:
        """A question's stems, each with how sure it is to be meant."""
        return self._speller.read(text)

    def topic(self, entry: Entry) -> list[str]:
        """The two words that most of an entry's phrasings share."""
        mine = self._phrasings[self._numbers[id(entry)]]
        counts = Counter(word for phrasing in mine for word in content(phrasing))
        return sorted(counts, key=lambda word: (-counts[word] * self._weight(word), word))[:2]

    def search(self, words: Mapping[str, float], context: Mapping[str, float] | None = None) -> Match | None:
        """The best entry for a question.

        Args:
            words: from `read`.
            context: stems of what was talked about before, with weights in 0..1; then the phrasing must have one of
                them.
        """
        borrowed = {word: share for word, share in (context or {}).items() if word not in words}
        query = {**words, **borrowed}
        norm = self._norm(dict.fromkeys(words, 1.0) | borrowed)
        own = self._total(words) or 1.0
        unseen = self._total(word for word in words if word not in self._weights and word not in self._answer_words)
        known = 1.0 - STRANGE_COST * unseen / own
        order = _pairs([*words])
        best: Match | None = None
        for number in self._candidates(query):
            spoken_of = self._spoken_of(words, number)
            mine = zip(self._phrasings[number], self._norms[number], self._pairs[number], strict=True)
            for phrasing, length, pairs in mine:
                if context and not phrasing.intersection(context):
                    continue
                shared = sum(share * self._weight(word) ** 2 for word, share in query.items() if word in phrasing)
                cosine = shared / (norm * length) if norm else 0.0
                whole = cosine if spoken_of is None else PHRASING_SHARE * cosine + (1 - PHRASING_SHARE) * spoken_of
                confidence = min(1.0, max(whole, cosine if cosine > 0.95 else 0.0)) * known
                confidence *= 1.0 - ORDER_SHARE * (1.0 - len(order & pairs) / (len(order) or 1))
                if _other_person(words, phrasing):
                    confidence *= OTHER_PERSON
                if best is None or confidence > best.confidence + 1e-9:
                    covered = self._total(word for word in words if word in phrasing) / own
                    best = Match(self._entries[number], confidence, covered)
        return best

    def nearest(self, text: str) -> list[Entry]:
        """The entries most likely to matter for a text, best first."""
        return [self._entries[number] for number in self._candidates(self.read(text))]

    def search_answers(self, words: Mapping[str, float]) -> Entry | None:
        """The entry whose answer speaks of what was asked, where no question does.

        All the question's content must be there, and some of it must be rare.
        """
        wanted = set(content(words))
        if not any(0 < self._answer_words[word] <= 3 for word in wanted):
            return None
        found = [n for n, known in enumerate(self._answers) if wanted <= known | self._asked[n]]
        return self._entries[min(found, key=lambda number: len(self._answers[number]))] if found else None

    def _spoken_of(self, words: Mapping[str, float], number: int) -> float | None:
        """The share of the question's content that an entry speaks of anywhere; None where it has no content."""
        wanted = content(words)
        if not wanted:
            return None
        asked, answered = self._asked[number], self._answers[number]
        found = sum(
            words[word] * self._weight(word) * (1.0 if word in asked else ANSWER_SHARE)
            for word in wanted
            if word in asked or word in answered
        )
        return found / self._total(wanted)

    def _candidates(self, query: Mapping[str, float]) -> list[int]:
        """Entries in BM25's order that share a word with the query, proposed by its rarest words."""
        numbers: set[int] = set()
        for word in sorted((word for word in query if word in self._postings), key=lambda w: len(self._postings[w])):
            if len(numbers) > COMMON:
                break
            numbers.update(self._postings[word])
        if not numbers:
            return []
        ordered = sorted(numbers)
        # A long entry repeats the function words often, which BM25 would take for relevance.
        scores = self._bm25.get_batch_scores(content(query) or [*query], ordered)
        ranked = sorted(zip(scores, ordered, strict=True), key=lambda pair: (-pair[0], pair[1]))
        return [number for _, number in ranked[:CANDIDATES]]

    def _weighed(self, word: str, idf: float) -> float:
        return max(idf, 0.1) * (FUNCTION_WEIGHT if word in FUNCTION_WORDS else 1.0)

    def _weight(self, word: str) -> float:
        """Inverse document frequency over the entries; unknown words weigh most."""
        known = self._weights.get(word)
        return self._weighed(word, self._unseen) if known is None else known

    def _total(self, words: Iterable[str]) -> float:
        return sum(map(self._weight, words))

    def _norm(self, query: Mapping[str, float]) -> float:
        return math.sqrt(sum(share * self._weight(word) ** 2 for word, share in query.items()))


def _pairs(words: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Neighbours in the order of the words."""
    return frozenset(pairwise(words))


def _other_person(words: Mapping[str, float], phrasing: frozenset[str]) -> bool:
    """One speaks only of "you", the other only of "me"."""
    asked = {"me", "you"}.intersection(words)
    return len(asked) == 1 and phrasing & {"me", "you"} == {"me", "you"} - asked
