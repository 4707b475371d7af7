"""How sessions end from our side."""

from __future__ import annotations

from typing import Literal

Limit = Literal["idle_timeout", "max_session", "place_taken"]
"""What a client is told of a session that was ended on purpose: calling again at once is not wanted."""

FAREWELL_S = 1.5
"""From the last event to the hang-up: a packet that is lost is sent again after a second (RTO.Min, RFC 9260, 16)."""


class HungUp(Exception):
    """The connection is over, for a reason that is nobody's fault."""


def causes(failures: BaseExceptionGroup[Exception]) -> list[Exception]:
    """What went wrong, out of the groups that passed it up."""
    return [
        cause
        for failure in failures.exceptions
        for cause in (causes(failure) if isinstance(failure, BaseExceptionGroup) else [failure])
    ]
