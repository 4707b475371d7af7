"""Writes a trained field as an avatar: ``face.onnx``, ``meta.json``, ``preview.png`` and the credits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from engines.avatar_meta import FORMAT, AvatarMeta, CameraMeta, WindowMeta, read_meta
from engines.media import ARKIT_NAMES
from engines.nerf.engine import load_renderer
from engines.nerf.field import PortraitField
from engines.nerf.geometry import BLENDSHAPES, SIZE

from .capture import Capture
from .evaluate_source import of_video
from .graph import build

SYNTHETIC = "5f849bab00d567b5479211102804f2a390d1a59e60fcc419a32dec2cc39a5b5a"
"""Digest of the default person's capture."""
OTHERS = """\
What this avatar shows is AI-generated, and whoever shows it says so.

It has the likeness of the person whom it was fitted to. What that person agreed to is in meta.json, under consent;
where nothing is said there, it stays on the machine that made it.
"""
CREDITS = """\
A synthetic person, nobody's likeness. She is AI-generated, and whoever shows her says so.

The field in face.onnx was fitted to a rendered capture. Its geometry:
  face, eyes and mouth   ICT-FaceKit, MIT licence, (c) 2020 USC Institute for Creative Technologies
  torso and brows        CharMorph-Vitruvian, CC0

ICT-FaceKit's licence:

  Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
  documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
  rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
  persons to whom the Software is furnished to do so, subject to the following conditions:

  The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
  Software.

  THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
  WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
  COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
  OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

The graph and the preview are part of Visavis and under its licence, Apache-2.0.
"""

TAIL = 0.003
"""Of a clip's frames, at either end of a coefficient's values: they don't count as what it was trained on."""


def export(model: PortraitField, capture: Capture, output: Path, consent: str | None) -> None:
    """Writes the avatar to ``output``, a graph that was checked and drawn once; an older avatar there is replaced.

    Args:
        consent: what the person agreed to, see ``AvatarMeta.consent``.
    """
    output.mkdir(parents=True, exist_ok=True)
    data = build(model).SerializeToString()
    (output / "face.onnx").write_bytes(data)
    scene, train = capture.scene, capture.coeffs[capture.indices("train")]
    # A tracker's widest values are its errors; a capture's are known, and some are held by one frame alone.
    tail = TAIL if of_video(capture.folder) else 0.0
    low, high = np.quantile(train, (tail, 1 - tail), axis=0)
    meta = AvatarMeta(
        format=FORMAT,
        engine="grid-nerf",
        ai_generated=True,
        size=(SIZE, SIZE),
        fps=25,
        sha256=hashlib.sha256(data).hexdigest(),
        source_sha256=capture.digest,
        arkit_names=list(ARKIT_NAMES),
        coeffs_low=[round(float(v), 5) for v in low],
        coeffs_high=[round(float(v), 5) for v in high],
        camera=CameraMeta(**asdict(scene.camera)),
        window=WindowMeta(**asdict(scene.window)),
        box_centre=scene.box_centre,
        box_half=scene.box_half,
        head_centre=scene.head_centre,
        torso_top=None if model.torso is None else model.torso.top,
        licence="LICENSE",
        consent=consent,
        figures={},
    )  # fmt: skip
    write_meta(output, meta)
    (output / "LICENSE").write_text(CREDITS if capture.digest == SYNTHETIC else OTHERS, encoding="utf-8")
    rest = np.zeros(BLENDSHAPES + 6, np.float32)
    Image.fromarray(load_renderer(output).render_rgb(rest)).save(output / "preview.png")


def record(output: Path, figures: Mapping[str, float | None]) -> None:
    """Writes what ``evaluate`` measured into the avatar's ``meta.json``, under ``figures``."""
    rounded = {key: round(value, 4) for key, value in figures.items() if value is not None}
    write_meta(output, read_meta(output).model_copy(update={"figures": rounded}))


def write_meta(output: Path, meta: AvatarMeta) -> None:
    """Writes ``meta.json``, in the order of its fields, one key a line."""
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in meta.model_dump().items())
    (output / "meta.json").write_text("{\n" + lines + "\n}\n", encoding="utf-8")
