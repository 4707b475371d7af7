"""Loaded renderers, lent to sessions one each: loading one takes a second, in which no caller may wait."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engines import Renderer
from engines.media import Coeffs, Image


class _Lent:
    """A renderer of the pool, taken when the first picture is asked for: in the thread that renders."""

    def __init__(self, take: Callable[[], Renderer]) -> None:
        self._take = take
        self.taken: Renderer | None = None

    def render(self, coeffs: Coeffs) -> Image:
        if self.taken is None:
            self.taken = self._take()
        return self.taken.render(coeffs)


class RendererPool:
    """Keeps what sessions gave back for those that come. One renderer draws for one session at a time."""

    def __init__(self, load: Callable[[], Renderer]) -> None:
        """Loads the first one, so that a broken avatar is noticed here.

        Args:
            load: makes a renderer; may take seconds, and is called from any thread.
        """
        self._load = load
        self._lock = threading.Lock()
        self._spare = [load()]

    def lend(self) -> Renderer:
        """Never waits; where none is spare, the first picture takes as long as loading does."""
        return _Lent(self._take)

    def give_back(self, renderer: Renderer) -> None:
        """From the thread that rendered, after its last picture."""
        if isinstance(renderer, _Lent) and renderer.taken is not None:
            with self._lock:
                self._spare.append(renderer.taken)
            renderer.taken = None

    def _take(self) -> Renderer:
        with self._lock:
            if self._spare:
                return self._spare.pop()
        return self._load()
