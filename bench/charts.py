"""Charts as SVG, drawn so that they read the same on a screen and on paper."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.result import Curve, Waterfall
from bench.stats import histogram

WIDTH = 640
HEIGHT = 150
MARGIN = 44
"""Left of a chart, for its numbers."""

ROW = 22
"""Height of one bar of a waterfall."""

INKS = ("#2b5c8a", "#b5552b", "#4a7d3a", "#7a4d8c")
"""Told apart in grey too, and by people who don't see red and green."""


def histogram_svg(name: str, values: Sequence[float]) -> str:
    """Bars of equal width, the outliers in the last one."""
    counts, low, width = histogram(values)
    high = max(counts)
    step = (WIDTH - MARGIN) / len(counts)
    base = HEIGHT - 24
    bars = "".join(
        f'<rect x="{MARGIN + place * step:.1f}" y="{base - (base - 16) * count / high:.1f}" width="{step - 1:.1f}" '
        f'height="{(base - 16) * count / high:.1f}" fill="{INKS[0]}"/>'
        for place, count in enumerate(counts)
        if count
    )
    ticks = "".join(
        _text(MARGIN + share * (WIDTH - MARGIN), base + 16, _number(low + share * width * len(counts)), _anchor(share))
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    return _svg(HEIGHT, f"{name}: {len(values)} values", bars + ticks + _text(MARGIN - 6, 20, str(high), "end"))


def waterfall_svg(waterfall: Waterfall) -> str:
    """One bar a stage, against milliseconds from the question."""
    left = 110
    first = min(0.0, *(begin for _, begin, _ in waterfall.moments)) if waterfall.moments else 0.0
    last = max((end for _, _, end in waterfall.moments), default=1.0)
    scale = (WIDTH - left - 60) / max(last - first, 1.0)
    parts: list[str] = []
    for row, (name, begin, end) in enumerate(waterfall.moments):
        y = row * ROW + 6
        x, width = left + (min(begin, end) - first) * scale, abs(end - begin) * scale
        parts.append(f'<rect x="{x:.1f}" y="{y}" width="{max(width, 1):.1f}" height="{ROW - 6}" fill="{INKS[0]}"/>')
        parts.append(_text(left - 8, y + 13, name, "end"))
        parts.append(_text(x + width + 6, y + 13, f"{end - begin:.0f} ms"))
    return _svg(len(waterfall.moments) * ROW + 10, waterfall.title, "".join(parts))


def curve_svg(curve: Curve) -> str:
    """Lines over one axis, each to its own scale from 0, which its name tells."""
    points = [point for line in curve.lines.values() for point in line]
    if not points:
        return ""
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    base = HEIGHT - 24
    parts = [
        _text(MARGIN, base + 16, _number(left)),
        _text(WIDTH, base + 16, _number(right), "end"),
        _text((MARGIN + WIDTH) / 2, base + 16, curve.x, "middle"),
    ]
    for row, (name, line) in enumerate(curve.lines.items()):
        ink = INKS[row % len(INKS)]
        top = max((y for _, y in line), default=0.0) or 1.0
        places = [
            (MARGIN + (x - left) / max(right - left, 1e-9) * (WIDTH - MARGIN - 8), base - y / top * (base - 34))
            for x, y in line
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        dash = f' stroke-dasharray="{row * 4} 3"' if row else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="2"{dash}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{ink}"/>' for x, y in places if len(places) < 50]
        parts.append(_text(MARGIN + row * 200, 14, f"{name}, to {_number(top)}", ink=ink))
    return _svg(HEIGHT, curve.title, "".join(parts))


def _svg(height: float, title: str, content: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title, quote=True)}">'
        f"<title>{escape(title)}</title>{content}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", ink: str = "currentColor") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{ink}">{escape(text)}</text>'


def _anchor(share: float) -> str:
    return "start" if share == 0 else "end" if share == 1 else "middle"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
