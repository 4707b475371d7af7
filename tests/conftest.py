"""Test layers: every module says which one it belongs to, so that none runs unnoticed in the wrong place."""

from __future__ import annotations

import pytest

LAYERS = {"unit", "train", "rtc", "e2e", "gpu"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not LAYERS & {mark.name for mark in item.iter_markers()}:
            raise pytest.UsageError(f"{item.nodeid} has no layer; set pytestmark to one of {', '.join(sorted(LAYERS))}")
