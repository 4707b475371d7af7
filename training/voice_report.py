"""A page that shows an evaluation: its figures, and recorded and synthesised prompts side by side, to see and to hear.

The page stands alone. The web client's listening page (``listen.html``) opens it, too, for a blind comparison: the
element ``clips`` is what both read.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.media import SAMPLE_RATE
from engines.tts.loudness import TARGET_LUFS, level
from training.flac import encoded
from training.voice_signal import N_FFT, Samples

SHOWN = 12
"""Prompts on the page, evenly spread: some four megabytes."""

RANGE_DB = 70.0
"""From the loudest point of a spectrogram down to black."""

HEIGHT = 192
"""Pixels of 0..12 kHz."""

HOP = SAMPLE_RATE // 100
"""One pixel is 10 ms."""

COLOURS = ((0, 0, 4), (40, 11, 84), (101, 21, 110), (159, 42, 99), (212, 72, 66), (245, 125, 21), (250, 193, 39), (252, 255, 164))  # fmt: skip  # noqa: E501
"""Eight points of matplotlib's colour map "inferno" (CC0), evenly spaced: brightness rises evenly with level."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One prompt, both ways, levelled to one loudness; float32[n] at 24 kHz."""

    name: str
    text: str
    recorded: Samples
    made: Samples
    heard: str
    """What the recogniser understood of the synthesised one."""
    distortion: float


def spectrogram(samples: Samples) -> Image.Image:
    """Level over time (10 ms a pixel) and frequency (0 at the bottom, 12 kHz at the top)."""
    padded = np.pad(samples, N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(N_FFT + 1)[:-1]))
    decibels = 20 * np.log10(np.maximum(magnitude, 1e-7))
    return coloured(1 + (decibels - decibels.max()) / RANGE_DB, HEIGHT)


def coloured(levels: NDArray[np.floating], height: int) -> Image.Image:
    """Levels [columns, bands], 0..1 (clipped), as a picture `height` pixels high, the first band at the bottom."""
    bright = (255 * np.clip(levels, 0, 1)).astype(np.uint8)
    picture = Image.fromarray(np.flip(bright.T, axis=0)).convert("P")
    picture.putpalette(_palette())
    return picture.resize((picture.width, height), Image.Resampling.NEAREST)


def _palette() -> list[int]:
    points = np.linspace(0, 255, len(COLOURS))
    channels = [np.interp(np.arange(256), points, [colour[i] for colour in COLOURS]) for i in range(3)]
    return np.stack(channels, axis=-1).round().astype(int).reshape(-1).tolist()


def flac(samples: Samples) -> bytes:
    """The samples, brought to `TARGET_LUFS`, as a FLAC file."""
    return encoded(level(TARGET_LUFS).apply(samples))


def write_page(path: Path, title: str, figures: Mapping[str, object], pairs: Sequence[Pair]) -> None:
    """Writes the page; an older one is replaced.

    Raises:
        OSError: it can't be written.
    """
    step = max(1, len(pairs) // SHOWN)
    shown = pairs[::step][:SHOWN]
    clips = [
        {"id": pair.name, "text": pair.text, "recorded": _base64(flac(pair.recorded)), "made": _base64(flac(pair.made))}
        for pair in shown
    ]
    rows = "\n".join(f"<tr><th>{html.escape(key)}<td>{_figure(value)}" for key, value in figures.items())
    body = "\n".join(_section(pair) for pair in shown)
    # "<" would let a text end the element.
    data = json.dumps(clips).replace("<", "\\u003c")
    page = TEMPLATE.format(title=html.escape(title), rows=rows, pairs=body, clips=data)
    path.write_text(page, "utf-8")


def _section(pair: Pair) -> str:
    pictures = "".join(
        f'<figure><figcaption>{caption}</figcaption><img alt="Spectrogram, {caption}, 0 to 12 kHz" '
        f'src="data:image/png;base64,{_base64(_png(samples))}"><audio controls data-clip="{html.escape(pair.name)}" '
        f'data-side="{side}"></audio></figure>'
        for side, caption, samples in (
            ("recorded", "recorded", pair.recorded),
            ("made", "synthesised", pair.made),
        )
    )
    return (
        f"<section><h2>{html.escape(pair.text)}</h2><p>{html.escape(pair.name)} · {pair.distortion:.2f} dB · "
        f"understood: {html.escape(pair.heard)}</p><div>{pictures}</div></section>"
    )


def _figure(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return html.escape(str(value))


def _png(samples: Samples) -> bytes:
    buffer = io.BytesIO()
    spectrogram(samples).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: dark }}
body {{ font: 16px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 78rem; padding: 0 1rem; color: #f6f3ef;
  background: #0d1015 }}
table {{ border-collapse: collapse }}
th {{ text-align: left; font-weight: 500; padding-right: 2rem }}
td {{ text-align: right; font-variant-numeric: tabular-nums }}
section {{ border-top: 1px solid #333a44; margin-top: 1.5rem }}
section div {{ display: flex; flex-wrap: wrap; gap: 1rem }}
h2 {{ font-size: 1.1rem; margin-bottom: 0 }}
p, figcaption {{ color: #c3cad4; margin: .2rem 0 }}
figure {{ margin: 0; max-width: 100% }}
img {{ display: block; max-width: 100%; height: auto }}
audio {{ width: 100% }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Held-out prompts; both sides at one loudness. Spectrograms: 10 ms a pixel, 0 to 12 kHz, 70 dB. To compare without
knowing which is which, open this file in the server's page <code>/listen.html</code>.</p>
<table>
{rows}
</table>
{pairs}
<script type="application/json" id="clips">{clips}</script>
<script>
const clips = JSON.parse(document.getElementById("clips").textContent);
for (const audio of document.querySelectorAll("audio")) {{
  const clip = clips.find(({{ id }}) => id === audio.dataset.clip);
  audio.src = "data:audio/flac;base64," + clip[audio.dataset.side];
}}
</script>
</body>
</html>
"""
