"""Speech to text without a network: two pocketsphinx decoders that listen to the same utterance.

One knows only the phrases that are likely to be said here and gets those right even from a poor voice or microphone;
the other knows 134 000 words and gets the gist of the rest. Where both heard the same sounds, the phrase is what was
said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines import Partial, Transcript
from engines.grammar import Grammar
from engines.media import MIC_RATE, Pcm
from engines.sphinx import FRAME_SAMPLES, Decoder, Segment
from engines.sphinx_pool import DEFAULT_MEAN, DecoderPair, Pool

HEAD_SAMPLES = MIC_RATE * 8 // 10
"""Audio to measure the cepstral mean by before anything is searched: with 0.5 s the mean is one of silence, and errors
on recorded voices at unusual levels rise by half."""

MEAN_WINDOW = 500
"""Frames the library's running mean counts a given mean for (`CMN_WIN` in src/feat/cmn.h)."""

MOST_DOUBT = 0.56
"""The phrase is believed up to here (see `doubt`). Fitted on 151 utterances of five synthetic and two recorded voices
with 960 phrases: 92 of 95 phrases that were said lay below, 51 of 56 other sentences above (with narrower beams; with
today's, 31 of 33 and 17 of 20 of every third utterance)."""

SCORE_WEIGHT = 0.005
"""What a unit of acoustic score a frame counts against phone distance (fitted with `MOST_DOUBT`)."""

POSTERIOR_WEIGHT = 0.3
"""What free speech being sure of its words counts against the phrase (fitted with `MOST_DOUBT`)."""

MOST_DISTANCE = 0.5
"""The same for the words so far, by phone distance alone, as there are no scores yet."""

NGRAM_SCALE = 1024
"""An n-gram search's acoustic scores over a grammar's (`SENSCR_SHIFT`)."""

OTHER_SOUND = 0.6
"""Cost of hearing one vowel for another, or one consonant for another; a vowel for a consonant costs 1."""

LOUD_SHARE = 0.03
"""Of the loudest frame's level: -30 dB, below any phone of a sentence and above a room's noise."""

VOWELS = frozenset(("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"))


class PocketsphinxASR:
    """Implements `engines.ASR` (US English). Streams of several sessions may run at once, each in its own thread."""

    def __init__(self, phrases: Sequence[str], *, decoders: int = 2) -> None:
        """
        Args:
            phrases: what is likely to be said: words of a–z and apostrophes in lower case (`engines.grammar`).
            decoders: decoders for free speech at most, 95 MB each. Utterances beyond that many at once are
                recognised when one is free, at their end if need be, else by phrases alone.

        Raises:
            SphinxError: the library refuses the model or the phrases.
        """
        self._grammar = Grammar(phrases)
        self._pool = Pool(self._grammar, decoders)

    def stream(self) -> SphinxStream:
        return SphinxStream(self._pool, self._grammar)


@dataclass(frozen=True, slots=True)
class _Guess:
    text: str
    phones: tuple[str, ...]


class SphinxStream:
    """Implements `engines.ASRStream`."""

    def __init__(self, pool: Pool, grammar: Grammar) -> None:
        self._pool = pool
        self._grammar = grammar
        self._pair: DecoderPair | None = pool.take()
        self._head: list[Pcm] = []
        self._head_samples = 0
        self._mean: str | None = None
        self._late: list[Pcm] = []
        self._partial = Partial("", complete=False)
        self._heard = ("", "")

    def __del__(self) -> None:
        # An utterance that nobody finishes (a cough, a session that ends) gives its decoders back.
        self._release()

    def feed(self, pcm: Pcm) -> None:
        """int16[n] at 16 kHz.

        Raises:
            SphinxError: the library failed, or the utterance was finished before.
        """
        if self._mean is not None:
            self._search(pcm)
            return
        self._head.append(pcm)
        self._head_samples += len(pcm)
        if self._head_samples >= HEAD_SAMPLES:
            self._begin()

    def partial(self) -> Partial:
        if self._mean is None:
            return self._partial
        pair = self._open()
        heard = (pair.phrases.hypothesis(), pair.speech.hypothesis() if pair.speech else "")
        if heard != self._heard:
            self._heard = heard
            self._partial = self._compare(pair)
        return self._partial

    def finish(self) -> Transcript:
        pair = self._open()
        if self._mean is None:
            if not self._head:
                self._release()
                return Transcript("")
            self._begin()
        self._catch_up(pair)
        pair.phrases.end()
        if pair.speech is not None:
            pair.speech.end()
        transcript = self._choose(pair)
        self._release()
        return transcript

    def _begin(self) -> None:
        """Measure the voice and the microphone, then let both decoders hear what was held back."""
        pair = self._open()
        head = np.concatenate(self._head)
        self._head.clear()
        self._mean = measured_mean(pair.phrases, loud_part(head))
        pair.phrases.cepstral_mean = self._mean
        pair.phrases.start(anew=False)
        self._start_speech(pair)
        self._search(head)

    def _start_speech(self, pair: DecoderPair) -> None:
        if pair.speech is not None and self._mean is not None:
            pair.speech.cepstral_mean = self._mean
            pair.speech.start(anew=True)

    def _search(self, pcm: Pcm) -> None:
        pair = self._open()
        pair.phrases.feed(pcm)
        self._late.append(pcm)
        self._catch_up(pair)

    def _catch_up(self, pair: DecoderPair) -> None:
        """Feed the decoder for free speech, which may have been busy with somebody else until now."""
        if pair.speech is None and self._pool.add_speech(pair):
            self._start_speech(pair)
        if pair.speech is not None:
            for pcm in self._late:
                pair.speech.feed(pcm)
            self._late.clear()

    def _compare(self, pair: DecoderPair) -> Partial:
        phrase = _guess(pair.phrases.segments(), pair.phrases)
        if pair.speech is None:
            return Partial(sentence(phrase.text), self._grammar.accepts(phrase.text.split()))
        speech = _guess(pair.speech.segments(), pair.speech)
        if phrase.text and phone_distance(phrase.phones, speech.phones) <= MOST_DISTANCE:
            return Partial(sentence(phrase.text), self._grammar.accepts(phrase.text.split()))
        return Partial(sentence(speech.text), complete=False)

    def _choose(self, pair: DecoderPair) -> Transcript:
        said = pair.phrases.segments()
        # At the end a grammar's search has a hypothesis only where a whole phrase fits.
        phrase = _guess(said, pair.phrases) if pair.phrases.hypothesis() else _Guess("", ())
        if pair.speech is None:
            return Transcript(sentence(phrase.text), 0.5)
        heard = pair.speech.segments()
        speech = _guess(heard, pair.speech)
        words = max(1, len(speech.text.split()))
        certainty = math.exp(min(0.0, pair.speech.log_posterior() / words))
        if phrase.text:
            gain = acoustic_gain(said, heard)
            doubted = doubt(phone_distance(phrase.phones, speech.phones), gain, certainty)
            if doubted <= MOST_DOUBT:
                return Transcript(sentence(phrase.text), min(1.0, max(0.0, 1.0 - doubted)))
        return Transcript(sentence(speech.text), certainty)

    def _open(self) -> DecoderPair:
        if self._pair is None:
            raise RuntimeError("this utterance was finished; begin another stream")
        return self._pair

    def _release(self) -> None:
        pair, self._pair = getattr(self, "_pair", None), None
        if pair is not None:
            self._pool.give_back(pair)


def loud_part(pcm: Pcm) -> Pcm:
    """int16[n] from its first to its last loud frame: silence says nothing of a voice, and a third of it in the mean
    cost half of the known phrases."""
    frames = pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).astype(np.float32)
    if not len(frames):
        return pcm
    level = np.abs(frames).mean(axis=1)
    loud = np.flatnonzero(level >= level.max() * LOUD_SHARE)
    return pcm[loud[0] * FRAME_SAMPLES : (loud[-1] + 1) * FRAME_SAMPLES]


def measured_mean(decoder: Decoder, pcm: Pcm) -> str:
    """The cepstral mean of int16[n] at 16 kHz, without the default mean that the library dilutes it with."""
    decoder.cepstral_mean = DEFAULT_MEAN
    decoder.start(anew=True)
    decoder.feed(pcm)
    decoder.end()
    before, after = _numbers(DEFAULT_MEAN), _numbers(decoder.cepstral_mean)
    frames = max(1, len(pcm) // FRAME_SAMPLES)
    mean = before + (after - before) * (MEAN_WINDOW + frames) / frames
    return ",".join(f"{value:.4f}" for value in mean)


def doubt(distance: float, gain: float, certainty: float) -> float:
    """How unlikely it is that the phrase was said.

    Free speech explains the sounds of a phrase about as well as the phrase does, in about the same phones, and is not
    sure of its words; it explains anything else better, otherwise, and knows it.

    Args:
        distance: phone distance between what the two decoders understood, 0..1.
        gain: the phrase's acoustic score over that of free speech, per frame (`acoustic_gain`).
        certainty: posterior probability of free speech's words, geometric mean, 0..1.
    """
    return distance - SCORE_WEIGHT * gain + POSTERIOR_WEIGHT * certainty


def acoustic_gain(phrase: Sequence[Segment], speech: Sequence[Segment]) -> float:
    """How much better the phrase explains the sound, per frame in which either heard a word."""
    voiced = {
        frame for segment in (*phrase, *speech) if not segment.filler for frame in range(segment.start, segment.end)
    }
    scores = sum(segment.acoustic for segment in phrase) - sum(segment.acoustic for segment in speech) / NGRAM_SCALE
    return scores / max(1, len(voiced))


def phone_distance(first: Sequence[str], second: Sequence[str]) -> float:
    """Edit distance of two phone sequences over the longer's length, 0 (the same) .. 1."""
    row = [float(place) for place in range(len(second) + 1)]
    for place, phone in enumerate(first, 1):
        diagonal, left = row[0], float(place)
        vowel = phone in VOWELS
        row[0] = left
        for column, other in enumerate(second, 1):
            change = diagonal if phone == other else diagonal + (OTHER_SOUND if (other in VOWELS) == vowel else 1.0)
            diagonal = row[column]
            left = min(diagonal + 1.0, left + 1.0, change)
            row[column] = left
    return row[-1] / max(len(first), len(second), 1)


def sentence(text: str) -> str:
    """Decoder words as people write them: "what can i do" is "What can I do"."""
    text = re.sub(r"\bi\b", "I", text)
    return text[:1].upper() + text[1:]


def _guess(segments: Sequence[Segment], decoder: Decoder) -> _Guess:
    words = [segment.word for segment in segments if not segment.filler]
    phones = [phone for word in words for phone in decoder.phones(word)]
    return _Guess(" ".join(word.partition("(")[0] for word in words), tuple(phones))


def _numbers(mean: str) -> np.ndarray:
    return np.array([float(value) for value in mean.split(",")])
