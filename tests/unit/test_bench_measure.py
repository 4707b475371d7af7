"""The bench's measures, on signals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from bench.inbox import Inbox
from bench.measure import (
    MOUTH_CELLS,
    Picture,
    Sound,
    av_offsets_ms,
    cells_of,
    shown,
)
from bench.mouth import Mouth
from bench.recording import Recording

pytestmark = pytest.mark.unit

LIPS = (slice(44, 49), slice(28, 36))
"""8 x 5 cells."""


def recorded(pictures: list[Picture], heard: list[Sound]) -> Recording:
    """As if an inbox had taken them."""
    inbox = Inbox(lambda: 0.0)
    for sound in heard:
        inbox.sound(sound.arrived, sound.media, np.full(480, sound.peak, np.int16))
    for picture in pictures:
        inbox.picture(picture.arrived, picture.arrived, picture.media, picture.cells)
    return inbox.recording()


def sounds(peaks: list[int], media: float | None = 100.0, lag: float = 0.003) -> list[Sound]:
    """20 ms packets from time 0, arriving `lag` after they were sent."""
    return [Sound(0.02 * i + lag, None if media is None else media + 0.02 * i, peak) for i, peak in enumerate(peaks)]


def face(random: np.random.Generator, times: list[float], opening: list[float]) -> list[Picture]:
    """A head that sways, with lips that open: both change the luma of their cells."""
    base = random.uniform(60, 180, (64, 64))
    slope = np.gradient(base)[1]
    pictures = []
    for time, open_ in zip(times, opening, strict=True):
        cells = base + 0.15 * np.sin(1.7 * time) * slope + random.normal(0, 0.2, (64, 64))
        cells[LIPS] -= 40 * open_
        pictures.append(Picture(time, None, cells.astype(np.float32)))
    return pictures


def test_cells_are_means_of_squares() -> None:
    luma = np.zeros((512, 512), np.uint8)
    luma[8:16, 16:24] = 200
    cells = cells_of(luma)
    assert cells.shape == (64, 64)
    assert cells[1, 2] == 200
    assert cells.sum() == 200


def test_the_mouth_is_found_and_its_first_movement_is_told_from_the_sway_of_the_head() -> None:
    random = np.random.default_rng(3)
    times = [0.04 * i for i in range(150)]
    talking = [abs(np.sin(9 * (t - 3))) if t >= 3 else 0.0 for t in times]
    pictures = face(random, times, talking)
    mouth = Mouth.learn(recorded(pictures, sounds([0] * 150 + [9000] * 150)))
    assert mouth.cells.sum() == MOUTH_CELLS
    assert mouth.cells[LIPS].all()
    assert mouth.first_moving(0, 2.9) is None
    found = mouth.first_moving(1.0, 9)
    assert found is not None
    assert pictures[found].arrived == pytest.approx(3.04)
    assert mouth.still_from(1.0, 2.0, 5) == 1.0
    assert mouth.still_from(3.5, 9, 5) is None


def test_pictures_delayed_by_100_ms_are_seen_as_100_ms_late() -> None:
    heard = sounds([0] * 100, media=5000.0)
    for delay in (0.0, 0.1):
        seen = [Picture(0.04 * k + 0.003 + delay, 5000.0 + 0.04 * k, np.zeros((64, 64), np.float32)) for k in range(50)]
        offsets = av_offsets_ms(seen, heard)
        assert len(offsets) == 50
        assert offsets == pytest.approx([1000 * delay] * 50, abs=0.01)


def test_a_picture_inside_a_packet_belongs_to_it_and_one_outside_the_sound_to_none() -> None:
    heard = sounds([0] * 10, media=7.0)
    blank = np.zeros((64, 64), np.float32)
    seen = [Picture(0.05, 7.03, blank), Picture(0.0, 6.9, blank), Picture(9.0, 7.3, blank), Picture(9.0, None, blank)]
    assert av_offsets_ms(seen, heard) == pytest.approx([1000 * (0.05 - 0.023)])
    assert av_offsets_ms(seen, sounds([0] * 10, media=None)) == []


def test_pictures_shown_while_she_speaks() -> None:
    times = [40.0 * i for i in range(100)]
    steady = shown(times, [True] * 100, [(1000, 3000)])
    assert (steady.distinct_fps, steady.longest_gap_ms) == (25.0, 40.0)
    repeats = shown(times, [i % 2 == 0 for i in range(100)], [(0, 1600), (2000, 3600)])
    assert (repeats.distinct_fps, repeats.longest_gap_ms) == (12.5, 80.0)


def test_a_stall_at_the_end_of_speech_is_a_gap() -> None:
    assert shown([0.0, 40.0, 80.0], [True] * 3, [(0, 500)]).longest_gap_ms == 420
