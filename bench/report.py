"""The report: one page that needs nothing beside it, and a Markdown table for a README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from bench.charts import curve_svg, histogram_svg, waterfall_svg
from bench.result import Figure, Result
from bench.stats import NEEDED, Ratio, summary

HEADLINES = (
    ("first_audio_ms", "typed → first sound at the peer"),
    ("spoken_first_audio_ms", "end of speech → first sound at the peer"),
    ("first_frame_ms", "typed → first moving lips"),
    ("spoken_first_frame_ms", "end of speech → first moving lips"),
    ("first_frame_after_audio_ms", "first sound → first moving lips"),
    ("onset_to_ducked_ms", "talked over: onset → softer"),
    ("onset_to_silence_ms", "talked over: onset → silence"),
    ("commit_to_silence_ms", "talked over: decided → silence"),
    ("silence_to_still_ms", "talked over: silence → face still"),
    ("interrupt_to_silence_ms", "stop button → silence"),
    ("connect_to_first_frame_ms", "call → first picture, warm"),
    ("av_offset_ms", "picture against sound, by arrival"),
    ("av_content_offset_ms", "mouth against voice, in the media"),
    ("pacing_error_ms", "pictures' intervals off 40 ms"),
)
"""Measures of the summary, where they were taken, and what they are in words."""

METHOD = (
    "A synthetic user in a process of its own calls the server over its public protocol and real WebRTC, types, speaks "
    "recordings whose first and last voiced samples are known exactly, interrupts and coughs. Every moment is on that "
    "user's monotonic clock.",
    "Wire: a packet counts when it comes off the network, before any jitter buffer; sound is a packet whose decoded "
    "peak is above -47 dB of full scale. Face: the mouth is the part of the picture that moves when she speaks and is "
    "still when she does not; its first movement is found in the pixels and cross-checked with the RTP time stamp of "
    "the picture that the server calls the answer's first. Server: the server's own spans, brought over by the offset "
    "of its clock, which is measured as NTP does. Browser: Chromium's own presentation times.",
    "Percentiles are of single turns; p95 is told from 40 of them on, p99 from 100 on. What the clocks can't see is in "
    "docs/benchmarking.md.",
)

STYLE = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { margin-top: 2.2rem; font-size: 1.2rem; } h3 { font-size: 1rem; margin-bottom: .2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .2rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; max-width: 44rem; height: auto; display: block; } svg text { font-size: 11px; }
code { font-size: .9em; } .worse { font-weight: bold; }
figure { margin: 0 0 1rem; break-inside: avoid; } details { break-inside: avoid; }
@media print { body { max-width: none; margin: 0; font-size: 10pt; } details > * { display: block !important; } }
"""


def page(
    results: Sequence[Result], environment: Mapping[str, str], ratios: Sequence[Ratio] = (), tolerance: float = 0.0
) -> str:
    """One HTML page without scripts or anything from elsewhere."""
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>",
        f"<title>Visavis bench</title><style>{STYLE}</style>",
        f"<h1>From the last word to the lips: {escape(', '.join(result.scenario for result in results))}</h1>",
        f"<p>{escape(environment['measured'])} · {escape(environment['processor'])}</p>",
        "<h2>Summary</h2>",
        _summary(results),
    ]
    if ratios:
        parts += ["<h2>Against the baseline</h2>", _ratios(ratios, tolerance)]
    parts += [_scenario(result) for result in results]
    parts += ["<h2>Environment</h2>", _table(("", ""), [(name, value) for name, value in environment.items()])]
    parts += ["<h2>Method</h2>", *(f"<p>{escape(paragraph)}</p>" for paragraph in METHOD), "</html>"]
    return "\n".join(parts)


def markdown(results: Sequence[Result]) -> str:
    """The summary as a table for a README."""
    rows = [_row(words, name, values) for words, name, values in _headlines(results)]
    lines = ["| measure | p50 | p90 | p95 | p99 | n |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _headlines(results: Sequence[Result]) -> list[tuple[str, str, list[float]]]:
    found: list[tuple[str, str, list[float]]] = []
    for name, words in HEADLINES:
        taken = [result.samples[name] for result in results if result.samples.get(name)]
        if taken:
            found.append((words, name, max(taken, key=len)))
    return found


def _summary(results: Sequence[Result]) -> str:
    rows = [_row(words, name, values) for words, name, values in _headlines(results)]
    return _table(("milliseconds", "p50", "p90", "p95", "p99", "n"), rows)


def _row(words: str, name: str, values: Sequence[float]) -> tuple[str, ...]:
    found = summary(name, values)
    return (words, *(_shown(found[f"{name}_p{q}"]) for q in NEEDED), str(len(values)))


def _ratios(ratios: Sequence[Ratio], tolerance: float) -> str:
    rows: list[tuple[str, ...]] = []
    for ratio in ratios:
        verdict = "slower" if ratio.worse_than(tolerance) else "faster" if ratio.high < 1 else ""
        ends = f"{ratio.low:.2f} to {ratio.high:.2f}"
        rows.append((ratio.name, _shown(ratio.before), _shown(ratio.after), f"{ratio.value:.2f}", ends, verdict))
    return _table(("measure", "before", "after", "ratio", "95 % interval", ""), rows)


def _scenario(result: Result) -> str:
    parts = [f"<h2>{escape(result.scenario)}</h2>"]
    parts += [f"<p>{escape(note)}</p>" for note in result.notes]
    for waterfall in result.waterfalls:
        parts.append(f"<figure><h3>{escape(waterfall.title)}</h3>{waterfall_svg(waterfall)}</figure>")
    for curve in result.curves:
        parts.append(f"<figure><h3>{escape(curve.title)}</h3>{curve_svg(curve)}</figure>")
    figures = [(name, _shown(value)) for name, value in result.figures.items()]
    if figures:
        parts.append(_table(("figure", ""), figures))
    taken = {name: values for name, values in result.samples.items() if values}
    if taken:
        rows = [_row(name, name, values) for name, values in taken.items()]
        parts.append(_table(("measure", "p50", "p90", "p95", "p99", "n"), rows))
    drawn = [
        f"<figure><h3><code>{escape(name)}</code></h3>{histogram_svg(name, values)}</figure>"
        for name, values in taken.items()
        if len(values) > 1
    ]
    if drawn:
        parts.append(f"<details open><summary>Histograms</summary>{''.join(drawn)}</details>")
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _shown(value: Figure) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)
