"""Pages that stand alone: a table, curves as inline SVG, pictures and a film inside the file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.media import FPS

MOST_POINTS = 1500
"""Of a curve: more than there are pixels across a page."""
COLOURS = ("#0b6bcb", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#0f766e", "#be123c", "#475569")
"""Of the curves in one drawing, all dark enough on white."""
_WIDE, _HIGH, _LEFT, _BELOW = 1000, 160, 52, 20
"""Pixels of a drawing, and of it the room for its numbers."""
_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:66rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "table{border-collapse:collapse}th{text-align:left;font-weight:500;padding-right:2rem}"
    "td{font-variant-numeric:tabular-nums}th,td{border-bottom:1px solid #ddd;padding-block:.15rem}"
    "svg,img,video{max-width:100%;height:auto;display:block}svg text{font-size:12px;fill:#444}"
    "figure{margin:0 0 1rem}figcaption{color:#444}"
)

Picture = NDArray[np.uint8]
Spans = Sequence[tuple[int, int]]
"""First and last frame of each."""


def document(title: str, *parts: str) -> str:
    """A whole page of parts that are HTML."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><h1>{html.escape(title)}</h1>"
        + "\n".join(parts)
        + "</html>\n"
    )


def text(words: str, element: str = "p") -> str:
    """Words as a paragraph, or as another element."""
    return f"<{element}>{html.escape(words)}</{element}>"


def table(rows: Mapping[str, object]) -> str:
    """Names and values."""
    lines = "".join(f"<tr><th>{html.escape(name)}<td>{_told(value)}" for name, value in rows.items())
    return f"<table>{lines}</table>"


def _told(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))


def image(picture: Picture, caption: str) -> str:
    """uint8[h, w, 3], sRGB, with words below."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=88)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    words = html.escape(caption)
    return f'<figure><img alt="{words}" src="data:image/jpeg;base64,{data}"><figcaption>{words}</figcaption></figure>'


def curves(title: str, lines: Mapping[str, NDArray[np.floating]], marked: Spans = ()) -> str:
    """Curves of one value a frame, [n] each, over the time in seconds; NaN leaves a gap, `marked` frames are shaded."""
    count = max(len(values) for values in lines.values())
    known = np.concatenate([values[np.isfinite(values)] for values in lines.values()])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    high = high if high > low else low + 1.0
    across = (_WIDE - _LEFT) / max(count - 1, 1)

    def place(frame: int, value: float) -> str:
        return f"{_LEFT + frame * across:.1f},{8 + (high - value) / (high - low) * (_HIGH - _BELOW - 8):.1f}"

    shades = "".join(
        f'<rect x="{_LEFT + (first - 0.5) * across:.1f}" y="0" width="{max((last - first + 1) * across, 1):.1f}" '
        f'height="{_HIGH - _BELOW}" fill="#c00" opacity=".18"/>'
        for first, last in marked
    )
    drawn = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.4" points="{points}"/>'
        for values, colour in zip(lines.values(), COLOURS * len(lines), strict=False)
        for points in _stretches(values, place)
    )
    numbers = f'<text x="2" y="16">{high:.3g}</text><text x="2" y="{_HIGH - _BELOW}">{low:.3g}</text>'
    numbers += "".join(
        f'<text x="{_LEFT + share * (_WIDE - _LEFT):.0f}" y="{_HIGH - 4}" text-anchor="{anchor}">'
        f"{share * (count - 1) / FPS:.1f} s</text>"
        for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    )
    keys = " · ".join(
        f'<span style="color:{colour}">{html.escape(name)}</span>'
        for name, colour in zip(lines, COLOURS * len(lines), strict=False)
    )
    return (
        f"<figure><figcaption>{html.escape(title)}: {keys}</figcaption>"
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{html.escape(title)}">{shades}{drawn}{numbers}'
        "</svg></figure>"
    )


def _stretches(values: NDArray[np.floating], place: Callable[[int, float], str]) -> list[str]:
    """The points of each stretch of known values; every so many frames where there are more than a page can show."""
    step = -(-len(values) // MOST_POINTS)
    found: list[list[str]] = [[]]
    for frame in range(0, len(values), step):
        if np.isfinite(values[frame]):
            found[-1].append(place(frame, float(values[frame])))
        elif found[-1]:
            found.append([])
    return [" ".join(points) for points in found if points]


class Clip:
    """A small H.264 film, kept in memory."""

    def __init__(self, rate: float = FPS, quality: int = 26) -> None:
        """
        Args:
            rate: pictures a second.
            quality: x264's constant rate factor; 26 is good enough to judge a face by, at some 100 kB a second.
        """
        self._buffer = io.BytesIO()
        self._file = av.open(self._buffer, "w", format="mp4")
        options = {"crf": str(quality), "preset": "veryfast"}
        self._stream = self._file.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000), options=options)
        self._stream.pix_fmt = "yuv420p"
        self._begun = False

    def add(self, picture: Picture) -> None:
        """uint8[h, w, 3], sRGB, even sizes, all of one size."""
        if not self._begun:
            self._stream.height, self._stream.width = picture.shape[:2]
            self._begun = True
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        self._file.mux(self._stream.encode(frame))

    def element(self) -> str:
        """Ends the film, and gives it as HTML."""
        if self._begun:
            self._file.mux(self._stream.encode(None))
        self._file.close()
        data = base64.b64encode(self._buffer.getvalue()).decode("ascii")
        return f'<video controls loop muted src="data:video/mp4;base64,{data}"></video>'
