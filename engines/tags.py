"""Tags in a reply's text, `[joy:0.6]`: the one table of their names, for the voice and for the face.

`pipeline/phrases.py` finds them and takes them out of the text; each side acts on the names that it knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["emotion", "manner", "style"]
"""What a tag sets: the face's emotion, how she moves, how she sounds."""

NEUTRAL = "neutral"
"""No emotion, no manner and no style in particular: as a tag it ends all three."""

EMOTIONS = (NEUTRAL, "joy", "sadness", "surprise", "anger", "concern", "thinking")

MANNERS = ("calm", "lively", "formal")

VOICE_STYLES = ("calm", "cheerful", "serious", "whisper")

KINDS: dict[str, frozenset[Kind]] = {
    NEUTRAL: frozenset(("emotion", "manner", "style")),
    **dict.fromkeys(EMOTIONS[1:], frozenset[Kind](("emotion",))),
    "calm": frozenset(("manner", "style")),
    "lively": frozenset(("manner",)),
    "formal": frozenset(("manner",)),
    "cheerful": frozenset(("style",)),
    "serious": frozenset(("style",)),
    "whisper": frozenset(("style",)),
}
"""Every name, and what it sets: a tag holds until the next one of its kind, or to the end of the turn."""


EXPLAINED = (
    "You are seen and heard, and you can say how: write a tag such as [joy] or [concern:0.5] before the words that it "
    f"belongs to. What you feel: {', '.join(EMOTIONS)}. How you sound: {', '.join(VOICE_STYLES)}. "
    f"How you move: {', '.join(MANNERS)}. A number from 0 to 1 says how much. A tag holds until the next one of its "
    "kind, [neutral] ends them all. Use few, where a person's face would change, and write nothing else in brackets."
)
"""For a language model's system prompt."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag, where it stands in its phrase."""

    name: str
    """A key of `KINDS`."""
    intensity: float = 1.0
    """0..1."""
    at: int = 0
    """Index into the phrase's text from which it holds; 0 too where it was given in a phrase before."""
