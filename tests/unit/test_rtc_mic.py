"""The microphone's buffer in virtual time: order, gaps, and a sample clock that never slips."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest

from engines.media import MIC_RATE
from server.rtc_mic import REORDER_S, STARVED_S, STEP, Microphone

pytestmark = pytest.mark.unit

PACKET_S = 0.02
PACKET = MIC_RATE // 50


class Handle:
    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when, self.callback, self.cancelled = when, callback, False

    def cancel(self) -> None:
        self.cancelled = True


class VirtualTimer:
    """An event loop's clock that moves only when told to."""

    def __init__(self) -> None:
        self._now = 0.0
        self._due: list[tuple[float, int, Handle]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], object], /) -> Handle:
        handle = Handle(when, callback)
        heapq.heappush(self._due, (when, next(self._order), handle))
        return handle

    def stall(self, seconds: float) -> None:
        """Time passes, and nothing rings."""
        self._now += seconds

    def ring(self) -> None:
        """Everything that is due by now, at once."""
        now = self._now
        while self._due and self._due[0][0] <= now:
            _, _, handle = heapq.heappop(self._due)
            if not handle.cancelled:
                handle.callback()

    def advance(self, seconds: float) -> None:
        until = self._now + seconds
        while self._due and self._due[0][0] <= until:
            when, _, handle = heapq.heappop(self._due)
            if not handle.cancelled:
                self._now = when
                handle.callback()
        self._now = until


class RawDecoder:
    """Payloads that are samples already; b'junk' is none."""

    def decode(self, payload: bytes) -> np.ndarray:
        if payload == b"junk":
            raise ValueError("junk")
        return np.frombuffer(payload, np.int16)


def value(k: int) -> int:
    return 100 * (k % 300 + 1)


class Bench:
    """A microphone whose packet k holds 20 ms of the value `value(k)`."""

    def __init__(self, first_sequence: int = 0, first_timestamp: int = 0) -> None:
        self.timer = VirtualTimer()
        self.pcm: list[np.ndarray] = []
        self.count = 0
        self.mic = Microphone(self._hear, self.timer, RawDecoder())  # type: ignore[arg-type]
        self._sequence, self._timestamp = first_sequence, first_timestamp

    def _hear(self, pcm: np.ndarray) -> None:
        self.pcm.append(pcm)
        self.count += len(pcm)

    def send(self, k: int, payload: bytes | None = None) -> None:
        samples = np.full(STEP, value(k), np.int16).tobytes()
        self.mic.packet(
            samples if payload is None else payload,
            (self._sequence + k) % 65_536,
            (self._timestamp + k * STEP) % (1 << 32),
        )

    @property
    def heard(self) -> np.ndarray:
        return np.concatenate(self.pcm) if self.pcm else np.empty(0, np.int16)

    def middle_of(self, k: int) -> int:
        """The sample in the middle of packet k's time, undisturbed by the resampler's edges."""
        return int(self.heard[k * PACKET + PACKET // 2])


def test_packets_in_order_pass_at_once() -> None:
    bench = Bench()
    for k in range(10):
        bench.send(k)
        assert bench.count >= (k + 1) * PACKET - 32
        bench.timer.advance(PACKET_S)
    assert [bench.middle_of(k) for k in range(9)] == pytest.approx([100 * (k + 1) for k in range(9)], abs=3)


def test_swapped_packets_come_out_in_order() -> None:
    bench = Bench()
    for k in (0, 1, 3, 2, 4, 5):
        bench.send(k)
        bench.timer.advance(PACKET_S)
    assert [bench.middle_of(k) for k in range(5)] == pytest.approx([100, 200, 300, 400, 500], abs=3)
    assert bench.mic.lost == 0


def test_a_lost_packet_is_waited_for_briefly_then_filled_and_never_again_paid_for() -> None:
    bench = Bench()
    for k in (0, 1, 3):
        bench.send(k)
        bench.timer.advance(0.001)
    assert bench.count < 2 * PACKET + 1
    bench.timer.advance(REORDER_S)
    assert bench.count >= 4 * PACKET - 32
    assert bench.mic.lost == 1
    bench.send(4)
    assert bench.count >= 5 * PACKET - 32
    bench.send(2)
    bench.send(4)
    assert bench.count <= 5 * PACKET


def test_a_gap_begins_without_a_click_and_fades() -> None:
    bench = Bench()
    wave = (10_000 * np.sin(np.arange(STEP) / 30)).astype(np.int16)
    bench.send(0, wave.tobytes())
    bench.send(5, wave.tobytes())
    bench.timer.advance(REORDER_S)
    gap = bench.heard[PACKET : 5 * PACKET - 32].astype(int)
    assert np.abs(np.diff(bench.heard[: 4 * PACKET].astype(int))).max() < 2000
    assert np.abs(gap[PACKET + 32 :]).max() < 50


def test_one_percent_loss_never_ratchets_the_delay_up() -> None:
    bench, chance = Bench(), random.Random(7)
    delays = []
    for k in range(2000):
        if chance.random() >= 0.01:
            bench.send(k)
        delays.append(bench.timer.time() + PACKET_S - bench.count / MIC_RATE)
        bench.timer.advance(PACKET_S)
    assert 8 < bench.mic.lost < 40
    assert max(delays) <= REORDER_S + 1.5 * PACKET_S + 0.003
    assert sum(d > 0.003 for d in delays) / len(delays) < 0.05
    assert bench.middle_of(1998) == pytest.approx(value(1998), abs=3)


def test_counters_wrap() -> None:
    bench = Bench(first_sequence=65_533, first_timestamp=(1 << 32) - 2 * STEP)
    for k in (0, 1, 2, 4, 5):
        bench.send(k)
        bench.timer.advance(REORDER_S)
    assert [bench.middle_of(k) for k in (1, 2, 4)] == pytest.approx([200, 300, 500], abs=3)


def test_when_packets_stop_silence_runs_on_in_real_time() -> None:
    bench = Bench()
    for k in range(5):
        bench.send(k)
        bench.timer.advance(PACKET_S)
    bench.timer.advance(STARVED_S + 1.0)
    assert bench.count / MIC_RATE == pytest.approx(5 * PACKET_S + 1.0, abs=0.05)
    assert np.abs(bench.heard[-PACKET:]).max() == 0

    late, current = 20, int(bench.timer.time() / PACKET_S)
    bench.send(late)
    before = bench.count
    assert before / MIC_RATE == pytest.approx(5 * PACKET_S + 1.0, abs=0.05)
    bench.send(current)
    bench.timer.advance(REORDER_S)
    assert bench.count / MIC_RATE == pytest.approx((current + 1) * PACKET_S, abs=0.005)


def test_a_stalled_event_loop_loses_no_speech() -> None:
    bench = Bench()
    bench.send(0)
    bench.timer.stall(STARVED_S + 1.0)
    bench.timer.ring()
    for k in range(1, 76):
        bench.send(k)
    bench.timer.advance(0.2)
    assert bench.mic.lost == 0
    assert bench.count >= 76 * PACKET - 32


def test_a_long_pause_of_the_sender_is_a_new_stream_not_minutes_of_silence() -> None:
    bench = Bench()
    bench.send(0)
    bench.mic.packet(np.full(STEP, 7, np.int16).tobytes(), 1, 100 * 48_000)
    assert bench.count <= 2 * PACKET


def test_a_sender_that_begins_anew_is_heard_at_once() -> None:
    bench = Bench(first_sequence=30_000)
    bench.send(0)
    bench.mic.packet(np.full(STEP, 7, np.int16).tobytes(), 12, 99)
    bench.mic.packet(np.full(STEP, 7, np.int16).tobytes(), 13, 99 + STEP)
    assert bench.count >= 3 * PACKET - 32


def test_junk_is_filled_like_a_loss() -> None:
    bench = Bench()
    for k in range(4):
        bench.send(k, b"junk" if k == 1 else None)
    assert bench.count >= 4 * PACKET - 32
    assert bench.mic.lost == 1


def test_a_flood_behind_a_gap_stays_bounded() -> None:
    bench = Bench()
    bench.send(0)
    for k in range(2, 1000, 2):
        bench.send(k)
    assert len(bench.mic._waiting) <= 65  # pyright: ignore[reportPrivateUsage]


def test_nothing_comes_after_close() -> None:
    bench = Bench()
    bench.send(0)
    heard = bench.count
    bench.mic.close()
    bench.send(1)
    bench.timer.advance(5)
    assert bench.count == heard
