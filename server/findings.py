"""What the doctor's checks return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    state: State
    """`fail`: serving does not work; `note`: something that some uses need."""
    found: str
    advice: str = ""
