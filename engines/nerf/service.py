"""Draws for all sessions of one avatar, through weights that are loaded once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from engines.media import COEFFS, Coeffs, Image

Paint = Callable[[Sequence[Coeffs]], list[Image]]
"""A picture for each of some coefficients; called by one thread at a time, from any thread."""


class _Wish:
    """A picture that a session waits for."""

    def __init__(self, coeffs: Coeffs) -> None:
        self.coeffs = coeffs
        self.image: Image | None = None
        self.error: BaseException | None = None

    @property
    def met(self) -> bool:
        return self.image is not None or self.error is not None


class RenderService:
    """One avatar's renderer, used by any number of threads; it keeps nothing of a session between two pictures.

    Sessions that ask while all painters are busy wait in a line. Whoever stands among the first ``most`` of it when one
    falls free draws for all of these together, in its own thread: frames that fall due within the time of a picture
    make a batch, nobody waits for others to come, and a session alone costs no change of thread.
    """

    def __init__(self, painters: Sequence[Paint], most: int = 1) -> None:
        """
        Args:
            painters: so many calls run at the same time.
            most: pictures that one call may be asked for.
        """
        self._idle = list(painters)
        self._most = most
        self._waiting: list[_Wish] = []
        self._changed = threading.Condition()

    def render(self, coeffs: Coeffs) -> Image:
        """uint8[768, 512], planar I420, for float32[58]; waits while others are being drawn.

        Raises:
            ValueError: ``coeffs`` has another shape.
        """
        if coeffs.shape != (COEFFS,):
            raise ValueError(f"coeffs is {coeffs.shape}, give ({COEFFS},): others are drawn with it")
        wish = _Wish(coeffs)
        lead = self._join(wish)
        if lead is not None:
            self._draw(*lead)
        if wish.error is not None:
            raise wish.error
        assert wish.image is not None
        return wish.image

    def _join(self, wish: _Wish) -> tuple[Paint, list[_Wish]] | None:
        """Waits in the line: until ``wish`` is met, or its thread shall draw, with which painter and what for."""
        with self._changed:
            self._waiting.append(wish)
            self._changed.wait_for(lambda: wish.met or (self._idle and wish in self._waiting[: self._most]))
            if wish.met:
                return None
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            # Those who stood behind may lead another painter now.
            self._changed.notify_all()
            return self._idle.pop(), batch

    def _draw(self, paint: Paint, batch: Sequence[_Wish]) -> None:
        """Meets every wish of ``batch``, and frees the painter."""
        try:
            for wish, image in zip(batch, paint([wish.coeffs for wish in batch]), strict=True):
                wish.image = image
        except BaseException as error:
            for wish in batch:
                wish.error = error
            raise
        finally:
            with self._changed:
                self._idle.append(paint)
                self._changed.notify_all()
