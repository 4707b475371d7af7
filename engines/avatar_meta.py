"""What an avatar's folder says of itself: `meta.json`, checked key by key."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from engines.media import ARKIT_NAMES, COEFFS, FPS

FORMAT = 2
"""Of `meta.json` and of the graph's named tensors."""

Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Point = tuple[float, float, float]
Vector = Annotated[list[float], Field(min_length=COEFFS, max_length=COEFFS)]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CameraMeta(_Checked):
    """A pinhole camera: focal length and centre in pixels, positions in centimetres."""

    focal: Annotated[float, Field(gt=0)]
    cx: float
    cy: float
    position: Point
    pivot: Point


class WindowMeta(_Checked):
    """The part of the picture that is drawn, pixels: see `engines.nerf.geometry.Window`."""

    top: Annotated[int, Field(ge=0, le=512, multiple_of=4)]
    height: Annotated[int, Field(ge=64, le=512, multiple_of=8)]
    width: Annotated[int, Field(ge=64, le=512, multiple_of=8)]

    @model_validator(mode="after")
    def _within(self) -> WindowMeta:
        if self.top + self.height > 512:
            raise ValueError("the window reaches below the picture")
        return self


class AvatarMeta(_Checked):
    """One avatar."""

    format: Literal[2]
    engine: Literal["grid-nerf"]
    """How `face.onnx` is drawn."""
    ai_generated: Literal[True]
    size: tuple[Literal[512], Literal[512]]
    fps: Literal[25]
    sha256: Digest
    """Of `face.onnx`."""
    source_sha256: Digest
    """Of what it was trained on."""
    arkit_names: list[str]
    coeffs_low: Vector
    coeffs_high: Vector
    """What it was trained on, each coefficient's lowest and highest value; others are clamped."""
    camera: CameraMeta
    window: WindowMeta
    box_centre: Point
    box_half: Point
    head_centre: Point
    """Centimetres: see `engines.nerf.geometry.Scene`."""
    torso_top: Annotated[int, Field(ge=0, le=504, multiple_of=8)] | None = None
    """The first row of a torso that moves; None: it stands still."""
    licence: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """A name, or the file of the folder that holds it."""
    consent: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None
    """What the person agreed to, in their words; None: nobody was asked, so it stays on the machine that made it."""
    figures: dict[str, float]
    """What `visavis evaluate` measured on held-out frames."""

    @model_validator(mode="after")
    def _same_order(self) -> AvatarMeta:
        if tuple(self.arkit_names) != ARKIT_NAMES:
            raise ValueError("arkit_names are not ARKit's 52 in the order of engines/media.py")
        if self.fps != FPS:
            raise ValueError(f"fps is {self.fps}, this version shows {FPS}")
        return self

    @property
    def local_test(self) -> bool:
        """Made without consent: to be looked at on the machine that made it, and nowhere else."""
        return self.consent is None


def read_meta(avatar: Path) -> AvatarMeta:
    """The `meta.json` of the folder `avatar`, after checking that it and `face.onnx` belong together.

    Raises:
        ValueError: a file is missing, of another format, or not the one that was exported.
    """
    path, graph = avatar / "meta.json", avatar / "face.onnx"
    for needed in (path, graph):
        if not needed.is_file():
            raise ValueError(f"{needed} is missing: give the folder of an avatar, or make one with `visavis train`")
    try:
        meta = AvatarMeta.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise ValueError(
            f"{path} is no avatar's meta.json that this version reads (format {FORMAT}): "
            f"{place}: {first['msg']}; export the avatar again"
        ) from error
    if hashlib.sha256(graph.read_bytes()).hexdigest() != meta.sha256:
        raise ValueError(f"{graph} is not the graph that {path} describes: copy the avatar again")
    return meta
