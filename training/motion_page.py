"""The motion model's figures as one HTML page: a table, and for some utterances the mouth next to the real one."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLES_PER_FRAME, TimedPhone

_WIDE, _HIGH, _PX_PER_GAP = 900, 140, 80.0
"""Pixels; the last one of an eye distance, which is what the real gap is measured in."""
_STYLE = (
    "body{font:15px sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}"
    "td{padding:.15rem .8rem .15rem 0;border-bottom:1px solid #ddd}svg{max-width:100%}text{font-size:11px}"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One utterance: the gap between the lips in the rendered pictures (px) and the person's own (eye distances)."""

    name: str
    made: NDArray
    real: NDArray
    phones: tuple[TimedPhone, ...]


def write_page(path: Path, figures: Mapping[str, object], shown: Sequence[Shown]) -> None:
    """
    Raises:
        OSError: it can't be written.
    """
    rows = "".join(f"<tr><td>{html.escape(key)}</td><td>{_told(value)}</td></tr>" for key, value in figures.items())
    curves = "".join(f"<h2>{html.escape(one.name)}</h2>{_drawing(one)}" for one in shown)
    path.write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Motion</title><style>{_STYLE}</style>"
        f"<h1>Motion</h1><table>{rows}</table><p>Gap between the inner lips: rendered (blue), the person's (grey).</p>"
        f"{curves}</html>\n",
        encoding="utf-8",
    )


def _told(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return html.escape(", ".join(f"{one:.2f}" for one in value) if isinstance(value, list) else str(value))


def _drawing(one: Shown) -> str:
    frames = len(one.made)
    most = max(float(np.nanmax(one.made)), float(one.real.max() * _PX_PER_GAP), 1.0)

    def line(values: NDArray, colour: str) -> str:
        points = " ".join(
            f"{(k + 0.5) / frames * _WIDE:.1f},{_HIGH - 20 - max(value, 0) / most * (_HIGH - 30):.1f}"
            for k, value in enumerate(values.tolist())
            if np.isfinite(value)
        )
        return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>'

    letters = "".join(
        f'<text x="{(phone.start + phone.end) / 2 / SAMPLES_PER_FRAME / frames * _WIDE:.0f}" y="{_HIGH - 4}" '
        f'text-anchor="middle">{html.escape(phone.symbol)}</text>'
        for phone in one.phones
        if phone.symbol != "SIL"
    )
    lines = line(one.real * _PX_PER_GAP, "#999") + line(one.made, "#06c")
    return f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img">{lines}{letters}</svg>'
