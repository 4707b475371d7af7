from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest

from engines.media import SAMPLES_PER_FRAME, Image, Pcm
from pipeline.playout import TICK_SAMPLES, Playout, Slot
from tests.unit.stage import Counts

pytestmark = pytest.mark.unit


@dataclass
class Sink:
    video: bool = True
    sounds: list[tuple[int, Pcm, float]] = field(default_factory=list)
    pictures: list[tuple[int, Image | None]] = field(default_factory=list)

    def audio(self, pcm: Pcm, pts: int) -> None:
        self.sounds.append((pts, pcm, asyncio.get_running_loop().time()))

    def picture(self, image: Image | None, pts: int) -> None:
        self.pictures.append((pts, image))


def slot(level: int, *, image: bool = True) -> Slot:
    pcm = np.full(SAMPLES_PER_FRAME, level, np.int16)
    picture = np.zeros((768, 512), np.uint8) if image else None
    return Slot(pcm, np.zeros(58, np.float32), image=picture)


async def play(playout: Playout, seconds: float) -> None:
    task = asyncio.ensure_future(playout.run(lambda slot, whole: None))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_silence_leaves_every_20_ms_with_contiguous_pts_and_a_picture_on_every_second_tick() -> None:
    sink, counts = Sink(), Counts()
    playout = Playout(sink, asyncio.get_running_loop().time, counts)
    await play(playout, 1.001)
    assert [pts for pts, _, _ in sink.sounds] == [k * TICK_SAMPLES for k in range(51)]
    assert [round(at, 6) for _, _, at in sink.sounds] == [round(k * 0.02, 6) for k in range(51)]
    assert [pts for pts, _ in sink.pictures] == [k * SAMPLES_PER_FRAME for k in range(26)]
    assert counts.jumps == counts.late == 0


async def test_a_frame_leaves_without_its_picture_when_that_is_late() -> None:
    sink, counts = Sink(), Counts()
    playout = Playout(sink, asyncio.get_running_loop().time, counts)
    playout.put(slot(5, image=False))
    await play(playout, 0.03)
    assert sink.pictures[0] == (0, None)
    assert sink.sounds[0][1][0] == 5
    assert counts.late == 1


async def test_a_flush_fades_within_one_tick_and_pts_goes_on() -> None:
    sink, counts = Sink(), Counts()
    playout = Playout(sink, asyncio.get_running_loop().time, counts)
    for _ in range(3):
        playout.put(slot(1000))
    silent: list[float] = []
    task = asyncio.ensure_future(playout.run(lambda slot, whole: None))
    await asyncio.sleep(0.01)
    playout.flush(lambda: silent.append(asyncio.get_running_loop().time()))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    loud = [int(np.abs(pcm).max()) for _, pcm, _ in sink.sounds]
    assert loud[:3] == [1000, 1000, 0]
    assert sink.sounds[1][1][-1] == 0
    assert silent == pytest.approx([0.02])
    assert [pts for pts, _, _ in sink.sounds] == [k * TICK_SAMPLES for k in range(len(sink.sounds))]


async def test_ducking_and_coming_back_ramp() -> None:
    sink, counts = Sink(), Counts()
    playout = Playout(sink, asyncio.get_running_loop().time, counts)
    for _ in range(4):
        playout.put(slot(1000))
    playout.duck(True)
    task = asyncio.ensure_future(playout.run(lambda slot, whole: None))
    await asyncio.sleep(0.05)
    playout.duck(False)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sink.sounds[0][1][0] == 1000
    assert sink.sounds[1][1][0] == 250
    assert sink.sounds[4][1][-1] == 1000


@pytest.mark.parametrize(("stall", "jumps"), [(0.15, 0), (0.5, 1)])
async def test_a_short_stall_is_caught_up_with_and_a_long_one_jumps(stall: float, jumps: int) -> None:
    sink, counts = Sink(), Counts()
    now = 0.0
    playout = Playout(sink, lambda: now, counts)
    task = asyncio.ensure_future(playout.run(lambda slot, whole: None))
    await asyncio.sleep(0)
    assert len(sink.sounds) == 1
    now += stall
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    steps = np.diff([pts for pts, _, _ in sink.sounds])
    assert counts.jumps == jumps
    assert (steps > TICK_SAMPLES).sum() == jumps
    assert all(step % TICK_SAMPLES == 0 for step in steps)
