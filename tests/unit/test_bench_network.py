"""A bad line, packet by packet, in counted time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from bench.network import cases, script
from bench.network_line import QUEUE_S, STRAGGLE_S, Conditions, Line, Way, read_line
from bench.network_netem import commands

pytestmark = pytest.mark.unit


class Loop:
    """Time that stands still until it is told to pass."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> None:
        self.calls.append((when, call))

    def until(self, end: float) -> None:
        while due := sorted((one for one in self.calls if one[0] <= end), key=lambda one: one[0]):
            self.calls.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = end


def arrivals(conditions: Conditions, packets: int = 1000, size: int = 100) -> dict[int, float]:
    """Packet -> how late it came; one each 20 ms, the line bad from second 1 on."""
    loop = Loop()
    way = Way(conditions, (1.0, 1e9), np.random.default_rng(1), loop)
    came: dict[int, float] = {}

    def arrived(packet: int) -> None:
        came.setdefault(packet, loop.now - packet * 0.02)

    for packet in range(packets):
        loop.until(packet * 0.02)
        way.send(size, partial(arrived, packet))
    loop.until(1e6)
    return came


def test_before_its_time_a_line_is_good() -> None:
    came = arrivals(Conditions(loss=1.0), 60)
    assert came == dict.fromkeys(range(50), 0.0)


def test_losses_are_the_share_that_was_asked_for() -> None:
    assert 950 - 40 < len(arrivals(Conditions(loss=0.05))) < 950 + 40


def test_jitter_delays_and_keeps_the_order() -> None:
    came = arrivals(Conditions(jitter_s=0.05))
    late = [came[packet] for packet in range(60, 1000)]
    assert max(late) < 0.0501
    assert np.mean(late) > 0.02
    arrived = [packet * 0.02 + came[packet] for packet in range(1000)]
    assert arrived == sorted(arrived)


def test_reordered_packets_come_behind_their_successors() -> None:
    came = arrivals(Conditions(reorder=0.1))
    late = [packet for packet, by in came.items() if by > 0]
    assert 60 < len(late) < 140
    assert {round(came[packet], 6) for packet in late} == {STRAGGLE_S}


def test_a_narrow_link_queues_and_then_drops() -> None:
    # 800 bytes each 20 ms are 320 kbit/s.
    came = arrivals(Conditions(rate=160_000), size=800)
    assert max(came.values()) < QUEUE_S + 0.041
    assert 0.45 < len([packet for packet in came if packet >= 100]) / 900 < 0.55


def test_a_blackout_lets_nothing_pass() -> None:
    came = arrivals(Conditions(blackout_s=2.0))
    assert set(range(1000)) - set(came) == set(range(50, 150))


def test_a_line_travels_as_json() -> None:
    import json
    from dataclasses import asdict

    line = Line(Conditions(loss=0.01, jitter_s=0.05), 3.0, 60.0, seed=7)
    assert read_line(json.dumps(asdict(line))) == line
    assert read_line(None) is None


def test_the_kernel_is_told_of_udp_alone() -> None:
    said = [" ".join(command) for command in commands(Conditions(loss=0.05, jitter_s=0.05))]
    assert "netem loss 5% delay 25ms 25ms" in said[2]
    assert "protocol 17" in said[3]


def test_each_case_talks_while_the_line_is_bad() -> None:
    for case in cases(20, 60):
        typed = [act for act in script(case).flat() if act.type is not None]
        assert len(typed) == int(case.seconds / 9.5)
