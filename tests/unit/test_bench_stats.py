"""The bench's statistics, on samples whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from bench.stats import BINS, histogram, percentile, ratio, ratios, slope, summary

pytestmark = pytest.mark.unit


def test_a_percentile_needs_values_beyond_it() -> None:
    assert percentile([1, 2, 3, 4], 50) == 2.5
    assert percentile([], 50) is None
    assert percentile(range(39), 95) is None
    assert percentile(range(40), 95) == 37.05
    assert percentile(range(99), 99) is None
    assert percentile(range(101), 99) == 99


def test_a_summary_tells_how_many_values_it_is_of() -> None:
    assert summary("x_ms", [3.0] * 40) == {
        "x_ms_p50": 3.0, "x_ms_p90": 3.0, "x_ms_p95": 3.0, "x_ms_p99": None, "x_ms_n": 40,
    }  # fmt: skip


def test_a_histogram_counts_every_value_and_is_not_stretched_by_one() -> None:
    counts, low, width = histogram([*map(float, range(200)), 1e6])
    assert sum(counts) == 201
    assert (len(counts), low) == (BINS, 0.0)
    assert width == pytest.approx(198 / BINS, rel=0.02)


def test_a_slope_is_found_in_noise_and_not_in_nothing() -> None:
    times = np.arange(200.0)
    noisy = 5 + 0.25 * times + np.random.default_rng(0).normal(0, 3, 200)
    assert slope(list(times), list(noisy)) == pytest.approx(0.25, abs=0.02)
    assert slope([1, 2], [3, 4]) is None
    assert slope([1, 1, 1], [3, 4, 5]) is None


def test_a_true_change_lies_beyond_a_tolerance_and_noise_does_not() -> None:
    random = np.random.default_rng(1)
    before, same, slower = ((scale * random.gamma(20, 10, 60)).tolist() for scale in (1, 1, 1.3))
    unchanged = ratio("a", before, same, 50, random)
    assert unchanged.low < 1 < unchanged.high
    assert not unchanged.worse_than(0.0)
    changed = ratio("a", before, slower, 50, random)
    assert changed.low < changed.value < changed.high
    assert changed.value == pytest.approx(1.3, rel=0.1)
    assert changed.worse_than(0.1)


def test_only_what_both_runs_measured_is_compared() -> None:
    found = ratios(
        {"many": [1.0] * 50, "few": [1.0] * 6, "once": [1.0], "gone": [1.0] * 50, "lead": [-4.0] * 50},
        {"many": [2.0] * 50, "few": [2.0] * 6, "once": [1.0], "new": [1.0] * 50, "lead": [1.0] * 50},
    )
    assert [(one.name, one.value) for one in found] == [("few_p50", 2.0), ("many_p50", 2.0), ("many_p95", 2.0)]
