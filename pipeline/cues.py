"""When the tags of a phrase begin, in samples; and the light emotion that its punctuation gives where it has none."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

from engines.media import SAMPLE_RATE, TimedWord
from engines.tags import KINDS, Tag
from pipeline.phrases import Phrase

MARKS = {"!": ("joy", 0.25), "?": ("surprise", 0.15)}
"""What a sentence's end does to the face, as far as it can be seen at all: an exclamation brightens it, a question
lifts the brows (as in Ekman, About brows: emotional and conversational signals, 1979)."""

SAMPLES_PER_CHAR = SAMPLE_RATE // 15
"""Pace of a voice that gives no word times: 15 characters a second are 160 words a minute."""

_SENTENCE = re.compile(r"\S[^.!?…。！？]*([.!?…。！？]*)")


class Cues:
    """One phrase's tags on their way to the face, in order."""

    def __init__(self, phrase: Phrase, lead: int, *, punctuation: bool) -> None:
        """
        Args:
            lead: samples of silence before its first sound.
            punctuation: sentences without an emotion of their own take `MARKS`.
        """
        felt = any("emotion" in KINDS[tag.name] for tag in phrase.tags)
        marks = punctuated(phrase.text) if punctuation and not felt else ()
        self._waiting = deque(sorted((*phrase.tags, *marks), key=lambda tag: tag.at))
        self._lead = lead

    def until(self, sample: int, words: Iterable[TimedWord]) -> tuple[Tag, ...]:
        """Those whose word begins before `sample` of the phrase, each once.

        Args:
            words: what is known of them; each is known no later than its first sample.
        """
        begun: list[Tag] = []
        while self._waiting and self._start(self._waiting[0], words) < sample:
            begun.append(self._waiting.popleft())
        return tuple(begun)

    def _start(self, tag: Tag, words: Iterable[TimedWord]) -> float:
        if not tag.at:
            return 0
        timed = False
        for word in words:
            timed = True
            if word.text_end > tag.at:
                return word.start
        return float("inf") if timed else self._lead + tag.at * SAMPLES_PER_CHAR


def punctuated(text: str) -> list[Tag]:
    """The emotions of the sentences of `text` by their last mark; a sentence without one of `MARKS` ends the former's.

    An emotion ends as the same one of no intensity: `neutral` would end a manner too.
    """
    tags: list[Tag] = []
    for sentence in _SENTENCE.finditer(text):
        mark = next((mark for mark in reversed(sentence[1]) if mark in MARKS), "")
        name, intensity = MARKS.get(mark, ("joy", 0.0))
        tags.append(Tag(name, intensity, sentence.start() if tags else 0))
    return tags
