"""A style from a capture: amplitude, range, asymmetry and codebook."""

from __future__ import annotations

import numpy as np
import pytest

from engines.media import ARKIT_NAMES
from engines.motion.model import LIPS
from engines.motion.style import MOST_CODES, NEIGHBOURS, SHARE
from training.motion_style import compared

pytestmark = pytest.mark.train

JAW = LIPS.index("jawOpen")
SMILE = LIPS.index("mouthSmile")


def _spoken(jaw: float, left: float = 0.0, right: float = 0.0) -> np.ndarray:
    shapes = np.zeros((400, 52), np.float32)
    shapes[:, ARKIT_NAMES.index("jawOpen")] = jaw * (0.5 + 0.5 * np.sin(np.arange(400) / 3))
    shapes[:, ARKIT_NAMES.index("mouthSmileLeft")] = left
    shapes[:, ARKIT_NAMES.index("mouthSmileRight")] = right
    return shapes


def test_a_wide_speaker_gets_a_wide_mouth() -> None:
    style = compared(_spoken(0.45), _spoken(0.3))
    assert style.gain[JAW] == pytest.approx(1.5, abs=0.01)
    assert 0.4 < style.high[JAW] <= 0.45
    assert style.share[JAW] == np.float32(SHARE)
    assert NEIGHBOURS <= len(style.codebook) <= MOST_CODES


def test_what_the_tracker_never_saw_stays_free() -> None:
    style = compared(_spoken(0.3), _spoken(0.3))
    funnel = LIPS.index("mouthFunnel")
    assert (style.gain[funnel], style.low[funnel], style.high[funnel], style.share[funnel]) == (1, 0, 1, 0)


def test_a_lopsided_smile_is_kept() -> None:
    style = compared(_spoken(0.3, left=0.3, right=0.1), _spoken(0.3))
    assert style.balance[SMILE] == pytest.approx(0.5, abs=0.01)


def test_somebody_silent_has_no_style() -> None:
    with pytest.raises(ValueError, match="the jaw hardly moves"):
        compared(_spoken(0.001), _spoken(0.3))
