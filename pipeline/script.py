"""What a reply says and when: the text of each phrase against the samples that carry it."""

from __future__ import annotations

from dataclasses import dataclass, field

from engines.media import TimedWord


@dataclass(slots=True)
class SpokenPhrase:
    """One phrase of a reply."""

    text: str
    start: int
    """Samples of the turn before it."""
    samples: int = 0
    """Its length so far."""
    words: list[TimedWord] = field(default_factory=list[TimedWord])
    whole: bool = False
    """All its samples are there."""

    def said(self, released: int, *, begun: bool) -> str:
        """The text said once `released` samples of the turn were heard.

        Args:
            begun: count a word from its first sample (captions) instead of from its last (history).
        """
        here = released - self.start
        if self.whole and here >= self.samples:
            return self.text
        if here <= 0:
            return ""
        if self.words:
            ends = [word.text_end for word in self.words if (word.start if begun else word.end) <= here]
            return self.text[: ends[-1]] if ends else ""
        return self._in_proportion(here)

    def _in_proportion(self, here: int) -> str:
        # A voice without word times: as many characters as the audio's share, back to a whole word. A phrase that is
        # still being made is taken to last at least a second longer than what there is of it.
        total = self.samples if self.whole else self.samples + 24_000
        cut = int(len(self.text) * min(1.0, here / max(total, 1)))
        return self.text[: self.text.rfind(" ", 0, cut + 1) + 1].rstrip()


class Script:
    """The phrases of one turn, in order. Owned by the turn; written by `act`, read by the session."""

    def __init__(self) -> None:
        self.phrases: list[SpokenPhrase] = []
        self.lead = 0
        """Samples of silence before the first sound."""

    @property
    def text(self) -> str:
        return "".join(phrase.text for phrase in self.phrases)

    @property
    def samples(self) -> int:
        return sum(phrase.samples for phrase in self.phrases)

    def begin(self, text: str) -> SpokenPhrase:
        phrase = SpokenPhrase(text, self.samples)
        self.phrases.append(phrase)
        return phrase

    def heard(self, released: int) -> str:
        """The words that had ended once `released` samples were heard."""
        return self._said(released, begun=False).strip()

    def captions(self, released: int) -> str:
        """The words that had begun."""
        return self._said(released, begun=True)

    def _said(self, released: int, *, begun: bool) -> str:
        text = ""
        for phrase in self.phrases:
            said = phrase.said(released, begun=begun)
            text += said
            if len(said) < len(phrase.text):
                break
        return text
