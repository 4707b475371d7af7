"""The keys of `[motion]`: how she feels and moves where no tag and no client says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.options import Expression
from server.config_types import Section


class Motion(Section):
    """How her face moves."""

    emotion: Literal["neutral", "joy", "sadness", "surprise", "anger", "concern", "thinking"] = Field(
        default="neutral", description="What she feels while no tag of a reply and no client says otherwise."
    )
    intensity: float = Field(default=0.5, ge=0, le=1, description="How much of that emotion, 0 to 1.")
    manner: Literal["neutral", "calm", "lively", "formal"] = Field(
        default="neutral", description="How much her face and head move."
    )
    style: Path | None = Field(
        default=None,
        description="JSON file of a person's own manner, which `visavis manner` takes from a video.",
        examples=["manner.json"],
    )
    punctuation: bool = Field(
        default=True, description="Sentences that end in ! or ? show it a little, while she is neutral."
    )

    @property
    def expression(self) -> Expression:
        return Expression(self.emotion, self.intensity, self.manner, self.punctuation)
