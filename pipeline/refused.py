"""The one way to say no to a client."""

from __future__ import annotations


class Refused(Exception):
    """A client asked for an answer that it can't get; the session lives on."""

    def __init__(self, message: str, code: str | None = None, param: str | None = None) -> None:
        """
        Args:
            code: a Realtime error code where one fits.
            param: the field at fault.
        """
        super().__init__(message)
        self.code = code
        self.param = param
