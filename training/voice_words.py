"""How well a voice is understood: word error rates of a recogniser that was never tuned to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.voice_signal import Samples, resampled

RATE = 16_000


def words(text: str) -> list[str]:
    """What counts as the words of a text: letters and apostrophes in lower case, hyphens apart."""
    plain = text.lower().replace("’", "'").replace("-", " ")
    return [word for word in (part.strip("'") for part in re.findall(r"[a-z']+", plain)) if word]


def errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest words to insert, drop or replace between both (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, one in enumerate(said, 1):
        corner, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (one != other))
    return row[-1]


@dataclass
class WordErrors:
    """Errors pooled over utterances."""

    wrong: int = 0
    said: int = 0

    def add(self, text: str, heard: Sequence[str]) -> None:
        """Counts one utterance of ``text``."""
        self.wrong += errors(words(text), heard)
        self.said += len(words(text))

    def rate(self) -> float:
        """Errors a word; 0 where nothing was said."""
        return self.wrong / self.said if self.said else 0.0


class Recogniser:
    """pocketsphinx with the general US English model of its wheel and its default settings. It hears each utterance
    whole, so that its cepstral mean is the utterance's own, and what it heard before changes nothing."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(loglevel="FATAL")

    def hear(self, samples: Samples, rate: int) -> list[str]:
        """The words of one utterance, float32[n]."""
        sound = np.clip(resampled(samples, rate, RATE), -1, 1)
        self._decoder.start_utt()
        self._decoder.process_raw((sound * 32767).astype(np.int16).tobytes(), full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return words(found.hypstr) if found else []
