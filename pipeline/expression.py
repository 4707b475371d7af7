"""How she feels and moves: her own way in a session, and what the tags of a reply change of it until its end."""

from __future__ import annotations

from collections.abc import Iterable

from engines import IdleMotion
from engines.tags import KINDS, NEUTRAL, Kind, Tag
from pipeline.options import Expression


class Expressions:
    """Tells the body what to feel and how to behave. The body eases; here is only who has the say."""

    def __init__(self, body: IdleMotion, own: Expression) -> None:
        self._body = body
        self._own = own
        self._emotion = (NEUTRAL, 1.0)
        self._manner = NEUTRAL
        self._tagged: set[Kind] = set()
        """What a tag decides just now."""
        self._show_own()

    def settle(self, own: Expression) -> None:
        """Her own way from now on; where a tag holds, from that one's end."""
        self._own = own
        self._show_own()

    def follow(self, tags: Iterable[Tag]) -> None:
        """Act on tags that begin; `neutral` gives her own way back."""
        for tag in tags:
            kinds = KINDS[tag.name]
            if tag.name == NEUTRAL:
                self._tagged -= kinds
                self._show_own()
                continue
            self._tagged |= kinds
            if "emotion" in kinds:
                self._feel(tag.name, tag.intensity)
            if "manner" in kinds:
                self._behave(tag.name)

    def rest(self) -> None:
        """The turn is over: back to her own way."""
        self._tagged.clear()
        self._show_own()

    def _show_own(self) -> None:
        if "emotion" not in self._tagged:
            self._feel(self._own.emotion, self._own.intensity)
        if "manner" not in self._tagged:
            self._behave(self._own.manner)

    def _feel(self, emotion: str, intensity: float) -> None:
        if (emotion, intensity) != self._emotion:
            self._emotion = (emotion, intensity)
            self._body.feel(emotion, intensity)

    def _behave(self, manner: str) -> None:
        if manner != self._manner:
            self._manner = manner
            self._body.behave(manner)
