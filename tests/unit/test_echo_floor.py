"""How loud her own voice comes back, told from what is no echo."""

from __future__ import annotations

import pytest

from pipeline.endpointing import ECHO_MARGIN_DB, EchoFloor

pytestmark = pytest.mark.unit


def heard(*levels: float) -> EchoFloor:
    """A floor after 20 windows of a faint echo, these, and a faint second."""
    floor = EchoFloor()
    for level in (*[-50.0] * 20, *levels, *[-50.0] * 30):
        floor.hear(level)
    return floor


def test_a_cough_does_not_raise_the_floor_over_the_voice_that_follows_it() -> None:
    assert heard(-18.0, -29.0, -40.0).exceeded_by(-30.0)


def test_an_echo_that_lasts_a_vowel_does() -> None:
    floor = heard(-22.0, -20.0, -20.0, -21.0)
    assert not floor.exceeded_by(-30.0)
    assert floor.exceeded_by(-20.0 + ECHO_MARGIN_DB)
