"""An evaluation as one page: its figures, both sides as a film, the worst frames, and curves over the clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .page import Clip, curves, document, image, table, text

WORST = 6
"""Frames shown one by one."""
MAGNIFIED = 4
"""Times that the difference is brightened."""

Picture = NDArray[np.uint8]


@dataclass
class Report:
    """Gathers what the page shows while the clip is drawn."""

    film: Clip = field(default_factory=Clip)
    psnr: list[float] = field(default_factory=list)
    marks: dict[str, dict[str, NDArray[np.floating]]] = field(default_factory=dict)
    _worst: list[tuple[float, int, Picture]] = field(default_factory=list)

    def add(self, index: int, drawn: Picture, truth: Picture, psnr: float) -> None:
        """Takes the next frame: both pictures, uint8[512, 512, 3], and how alike the head is, dB."""
        self.film.add(np.concatenate([truth, drawn], 1))
        self.psnr.append(psnr)
        if len(self._worst) < WORST or psnr < self._worst[-1][0]:
            apart = np.abs(drawn.astype(np.int16) - truth) * MAGNIFIED
            shown = np.concatenate([truth, drawn, np.minimum(apart, 255).astype(np.uint8)], 1)
            self._worst = sorted([*self._worst, (psnr, index, shown)], key=lambda one: one[0])[:WORST]

    def found(
        self, distance: Sequence[float], gaps: Sequence[tuple[float, float]], eyes: Sequence[tuple[float, float]]
    ) -> None:
        """Takes what the landmarks of all frames tell: their distance, and how open mouth and eyes are."""
        self.marks = {"landmarks apart, pixels": {"mean of all": np.array(distance)}}
        for title, pairs in (("gap between the lips, pixels", gaps), ("eyes open, of their width", eyes)):
            drawn, true = np.array(pairs).T
            self.marks[title] = {"drawn": drawn, "true": true}

    def write(self, path: Path, figures: Mapping[str, float | None]) -> None:
        """
        Raises:
            OSError: it can't be written.
        """
        plots = [curves("head PSNR, dB", {"a frame": np.array(self.psnr)})]
        plots += [curves(title, lines) for title, lines in self.marks.items()]
        worst = [image(shown, f"frame {index}: head {psnr:.1f} dB") for psnr, index, shown in self._worst]
        page = document(
            "A face against its held-out frames",
            text("What the figures mean is in docs/measurements.md. Drawn pictures are AI-generated."),
            table(figures),
            text("Left the true frames, right the drawn ones", "h2"),
            self.film.element(),
            text("Frame by frame", "h2"),
            *plots,
            text(f"The worst frames: true, drawn, difference × {MAGNIFIED}", "h2"),
            *worst,
        )
        path.write_text(page, encoding="utf-8")
