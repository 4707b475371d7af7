"""The decoders that utterances share: made when they are first needed, lent to one utterance at a time."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from engines.grammar import Grammar
from engines.pronounce import pronunciations
from engines.sphinx import Decoder, model_path

DEFAULT_MEAN = "40,3,-1,0,0,0,0,0,0,0,0,0,0"
"""The library's own guess at a cepstral mean (`cmninit`)."""


@dataclass(slots=True, eq=False)
class DecoderPair:
    """What listens to one utterance."""

    phrases: Decoder
    speech: Decoder | None
    """None while every decoder for free speech is lent."""


class Pool:
    """Lends decoders to utterances in any thread. Phrase decoders (16 MB) are as many as ever were needed at once."""

    def __init__(self, grammar: Grammar, speech_decoders: int) -> None:
        self._lock = threading.Lock()
        self._unmade = speech_decoders - 1
        first = _speech_decoder()
        self._dictionary = "".join(
            f"{word if not place else f'{word}({place + 1})'} {phones}\n"
            for word in sorted(grammar.words)
            for place, phones in enumerate(pronunciations(word, first.pronunciations))
        )
        self._fsg = grammar.as_fsg()
        self._speech = [first]
        self._phrases = [self._phrase_decoder()]

    def take(self) -> DecoderPair:
        with self._lock:
            phrases = self._phrases.pop() if self._phrases else None
        pair = DecoderPair(phrases or self._phrase_decoder(), None)
        self.add_speech(pair)
        return pair

    def add_speech(self, pair: DecoderPair) -> bool:
        """Complete the pair; False where every decoder for free speech is lent."""
        with self._lock:
            if self._speech:
                pair.speech = self._speech.pop()
                return True
            if not self._unmade:
                return False
            self._unmade -= 1
        pair.speech = _speech_decoder()
        return True

    def give_back(self, pair: DecoderPair) -> None:
        with self._lock:
            self._phrases.append(pair.phrases)
            if pair.speech is not None:
                self._speech.append(pair.speech)

    def _phrase_decoder(self) -> Decoder:
        with tempfile.TemporaryDirectory(prefix="visavis-") as folder:
            dictionary, fsg = Path(folder, "phrases.dict"), Path(folder, "phrases.fsg")
            dictionary.write_text(self._dictionary, encoding="ascii")
            fsg.write_text(self._fsg, encoding="ascii")
            return Decoder(
                hmm=str(model_path("en-us/en-us")),
                dict=str(dictionary),
                fsg=str(fsg),
                cmninit=DEFAULT_MEAN,
                beam=1e-80,  # wide: a grammar whose last word was pruned understands nothing at all
                pbeam=1e-80,
                wbeam=1e-60,
                bestpath=False,  # 50 ms at the end of an utterance, for the same words
            )


def _speech_decoder() -> Decoder:
    return Decoder(
        hmm=str(model_path("en-us/en-us")),
        dict=str(model_path("en-us/cmudict-en-us.dict")),
        lm=str(model_path("en-us/en-us.lm.bin")),
        cmninit=DEFAULT_MEAN,
        maxhmmpf=5000,  # a third less work than unlimited, for the same errors on recorded voices
        fwdflat=False,  # a second pass that costs 100 ms after the last word and gains nothing
    )
