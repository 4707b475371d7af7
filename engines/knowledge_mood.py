"""What she feels when she says one of her own sentences: the offline answers' only tags."""

from __future__ import annotations

import re

_MOODS = (
    (re.compile(r"hello|hi\b|good (?:morning|afternoon|evening)|welcome|nice to meet|you're welcome|my pleasure|"
                r"any time|goodbye|bye\b|thank you", re.IGNORECASE), "[joy:0.4] "),
    (re.compile(r"(?:i'm )?sorry|i (?:don't know|have no answer|can't)|that isn't in my notes", re.IGNORECASE),
     "[concern:0.4] "),
    (re.compile(r"i'm not sure|did you mean", re.IGNORECASE), "[thinking:0.5] "),
)  # fmt: skip


def mood_of(reply: str) -> str:
    """The tag that goes before a reply, "" for most: an answer from the file is told with a plain face."""
    return next((tag for opening, tag in _MOODS if opening.match(reply)), "")
