"""Text from JSON, made fit for UTF-8: `"\\ud83d"` is valid JSON and half a character."""

from __future__ import annotations


def repair(text: str) -> str:
    """The same text with surrogate pairs joined and halves without their other replaced by U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class SurrogateJoiner:
    """Repairs text that comes in pieces, where an emoji may be split over two of them."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What is whole by now: a high surrogate at the end waits for its other half."""
        text = self._held + text
        whole = len(text) - 1 if text and "\ud800" <= text[-1] <= "\udbff" else len(text)
        self._held = text[whole:]
        return repair(text[:whole])

    def flush(self) -> str:
        held, self._held = self._held, ""
        return repair(held)
