"""Percentiles that say when they mean nothing, ratios with their uncertainty, and slopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NEEDED = {50: 1, 90: 20, 95: 40, 99: 100}
"""Percentile -> samples it needs: so many that at least two of them (p99: one) lie beyond it."""

RESAMPLES = 2000
"""Bootstrap resamples: the interval's ends are then stable to a few per cent of its width."""

CONFIDENCE = 95
"""Per cent of the resampled ratios that the interval holds."""

BINS = 24
"""Bars of a histogram: what can be told apart in a report's column."""

FEWEST = 5
"""Samples below which resampling says nothing about a median."""


def percentile(values: Sequence[float], q: int) -> float | None:
    """The q-th percentile (of `NEEDED`), linearly interpolated; None where there are too few values for it."""
    return round(float(np.percentile(values, q)), 2) if len(values) >= NEEDED[q] else None


def summary(name: str, values: Sequence[float]) -> dict[str, float | int | None]:
    """`{name}_p50`, `_p90`, `_p95`, `_p99` and `_n`."""
    figures: dict[str, float | int | None] = {f"{name}_p{q}": percentile(values, q) for q in NEEDED}
    return figures | {f"{name}_n": len(values)}


def histogram(values: Sequence[float]) -> tuple[list[int], float, float]:
    """Counts of `BINS` equal bins, the first bin's left edge, and a bin's width.

    The bins span the values up to their 99th percentile, and what lies beyond is counted in the last one: one outlier
    would press all others into one bar.
    """
    array = np.asarray(values, float)
    low, high = float(array.min()), float(np.percentile(array, 99))
    width = max((high - low) / BINS, 1e-6)
    places = np.clip(((array - low) / width).astype(int), 0, BINS - 1)
    return np.bincount(places, minlength=BINS).tolist(), low, width


def slope(times: Sequence[float], values: Sequence[float]) -> float | None:
    """Least squares slope, per unit of `times`; None of fewer than three points or of one moment."""
    if len(times) < 3 or max(times) == min(times):
        return None
    return float(np.polyfit(np.asarray(times) - times[0], np.asarray(values, float), 1)[0])


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure's new value over its old one."""

    name: str
    before: float
    after: float
    low: float
    """Ends of the bootstrap interval."""
    high: float

    @property
    def value(self) -> float:
        return self.after / self.before

    def worse_than(self, tolerance: float) -> bool:
        """Surely more than `tolerance` above the old value: the whole interval lies beyond it."""
        return self.low > 1 + tolerance


def ratio(name: str, before: Sequence[float], after: Sequence[float], q: int, random: np.random.Generator) -> Ratio:
    """The ratio of two samples' q-th percentiles, with its percentile bootstrap interval (Efron 1979).

    Raises:
        ValueError: the old percentile is not above 0, so that no ratio to it says anything.
    """
    old, new = np.asarray(before, float), np.asarray(after, float)
    base = float(np.percentile(old, q))
    if base <= 0:
        raise ValueError(f"{name}: a ratio to {base:g} says nothing")
    olds = np.percentile(random.choice(old, (RESAMPLES, len(old))), q, axis=1)
    news = np.percentile(random.choice(new, (RESAMPLES, len(new))), q, axis=1)
    ratios = news / np.maximum(olds, 1e-9)
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(ratios, [tail, 100 - tail])
    return Ratio(f"{name}_p{q}", base, float(np.percentile(new, q)), float(low), float(high))


def ratios(before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]]) -> list[Ratio]:
    """Of every measure that both runs took often enough: of its median, and of its p95 where that is known.

    Measures whose old value is not above 0 (an offset, lips that lead) are left out.
    """
    random = np.random.default_rng(0)
    found: list[Ratio] = []
    for name in before.keys() & after.keys():
        fewest = min(len(before[name]), len(after[name]))
        for q in (50, 95):
            if fewest >= max(FEWEST, NEEDED[q]) and np.percentile(before[name], q) > 0:
                found.append(ratio(name, before[name], after[name], q, random))
    return sorted(found, key=lambda one: one.name)
