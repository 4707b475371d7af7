"""How tags steer a voice: which words they hold for, and how styles meet."""

from __future__ import annotations

import numpy as np
import pytest

from engines.tags import Tag
from engines.tts.bundle import Style
from engines.tts.control import PLAIN, Controls, controls, eased, styles_of

pytestmark = pytest.mark.unit

CALM, LOUD = Style(rate=0.8), Style(energy=1.0)
KNOWN = {"calm": CALM, "loud": LOUD}
ENDS = [5, 11, 16, 22]
"""Of "Hello there, how about"."""


@pytest.mark.parametrize(
    ("tags", "styles"),
    [
        ([], [PLAIN] * 4),
        ([Tag("calm")], [CALM] * 4),
        ([Tag("calm", 1.0, 6)], [PLAIN, CALM, CALM, CALM]),
        ([Tag("calm", 1.0, 5)], [PLAIN, CALM, CALM, CALM]),
        ([Tag("calm"), Tag("loud", 1.0, 13)], [CALM, CALM, LOUD, LOUD]),
        ([Tag("calm"), Tag("neutral", 1.0, 6), Tag("joy", 1.0, 13)], [CALM, PLAIN, PLAIN, PLAIN]),
        ([Tag("calm"), Tag("loud")], [LOUD] * 4),
        ([Tag("calm", 1.0, 22)], [PLAIN] * 4),
    ],
)
def test_a_tag_holds_from_its_word_to_the_next_of_its_kind(tags: list[Tag], styles: list[Style]) -> None:
    assert styles_of(ENDS, tags, KNOWN) == styles


def test_a_pause_goes_with_the_word_before_it() -> None:
    found = controls([CALM, LOUD], np.array([-1, 0, 0, -1, 1, -1]))
    np.testing.assert_allclose(found.rate, [0.8, 0.8, 0.8, 0.8, 1, 1])
    np.testing.assert_allclose(found.energy, [0, 0, 0, 0, 1, 1])
    np.testing.assert_allclose(found.take(np.array([0, 4])).rate, [0.8, 1])


def test_styles_meet_without_a_step() -> None:
    flat = np.zeros(30, np.float32)
    step = np.repeat(np.array([0, 1], np.float32), 15)
    soft = eased(Controls(flat, step, flat, flat, flat))
    assert np.diff(soft.pitch).max() <= 1 / 9 + 1e-6
    assert (np.diff(soft.pitch) >= -1e-6).all()
    assert (soft.pitch[0], soft.pitch[-1]) == (pytest.approx(0), pytest.approx(1))
    assert len(soft.rate) == 30
    one = Controls(step + 1, flat, flat, flat, flat)
    assert eased(one).rate.dtype == np.float32
