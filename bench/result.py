"""What a scenario found: samples that percentiles are taken of, single figures, curves and typical turns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.inbox import BenchError
from bench.stats import Ratio, ratios, summary

MAX_BYTES = 256 * 1024 * 1024
"""Of a saved run: an hour's soak."""

FORMAT = "visavis-bench/1"

Figure = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Curve:
    """One figure against another."""

    title: str
    x: str
    """Name and unit of the horizontal axis."""
    lines: dict[str, list[tuple[float, float]]]
    """Name and unit of each line, and its points."""


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Where the time of one turn went."""

    title: str
    moments: list[tuple[str, float, float]]
    """Stage, and its beginning and end in milliseconds from the question."""


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario's."""

    scenario: str
    samples: dict[str, list[float]] = field(default_factory=dict)
    """Measure -> its values; the name ends in its unit."""
    figures: dict[str, Figure] = field(default_factory=dict)
    curves: list[Curve] = field(default_factory=list)
    waterfalls: list[Waterfall] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a reader must know to read the figures rightly."""


def flat(results: Sequence[Result]) -> dict[str, Figure]:
    """All figures by name. A measure that a later scenario took too keeps the name of its first."""
    figures: dict[str, Figure] = {}
    for result in results:
        found: dict[str, Figure] = {}
        for name, values in result.samples.items():
            found |= summary(name, values)
        for name, value in (found | result.figures).items():
            figures[name if name not in figures else f"{result.scenario}_{name}"] = value
    return figures


def save(path: Path, results: Sequence[Result], environment: Mapping[str, str]) -> None:
    """Write a run that `--baseline` reads."""
    run = {"format": FORMAT, "environment": dict(environment), "results": [asdict(result) for result in results]}
    path.write_text(json.dumps(run))


def load_samples(path: Path) -> dict[str, list[float]]:
    """The samples of a saved run, `scenario.measure` -> values.

    Raises:
        BenchError: the file can't be read, or is none.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BenchError(f"{path} is larger than any run that --save writes")
        run: Any = json.loads(path.read_text())
        if run["format"] != FORMAT:
            raise BenchError(f"{path} is of format {run['format']}, this bench reads {FORMAT}: measure again")
        return {
            f"{result['scenario']}.{name}": [float(value) for value in values]
            for result in run["results"]
            for name, values in result["samples"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"{path} is no run that --save wrote: {error}") from None


def compare(results: Sequence[Result], baseline: Mapping[str, Sequence[float]]) -> list[Ratio]:
    """The ratios of everything that both runs measured."""
    now = {f"{result.scenario}.{name}": values for result in results for name, values in result.samples.items()}
    return ratios(baseline, now)
