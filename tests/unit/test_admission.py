"""At most so many sessions, reserved in one step; the silent give way, and may come back to a free place."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from server.calls import Busy, Call, CallTable, measured_capacity

pytestmark = pytest.mark.unit


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Line:
    """Somebody on the line."""

    table: CallTable
    clock: Clock
    ended: list[str] = field(default_factory=list)
    heard: float = 0.0

    def join(self) -> Call:
        self.heard = self.clock.now
        call = self.table.reserve(None, self.ended.append)
        call.last_packet = lambda: self.heard
        return call


def lines(places: int, count: int) -> tuple[Clock, CallTable, list[Line]]:
    clock = Clock()
    table = CallTable(places, 3.0, clock)
    return clock, table, [Line(table, clock) for _ in range(count)]


def test_a_full_house_is_busy_until_somebody_leaves() -> None:
    _, table, (one, two, three) = lines(2, 3)
    first = one.join()
    two.join()
    with pytest.raises(Busy):
        three.join()
    assert len(table) == 2
    table.release(first)
    three.join()
    assert len(table) == 2


def test_a_place_is_taken_before_anything_is_built() -> None:
    clock, table, _ = lines(1, 0)
    table.reserve(None, lambda reason: None)
    clock.now += 2.9
    with pytest.raises(Busy):
        table.reserve(None, lambda reason: None)


def test_the_quietest_gives_its_place_after_three_seconds() -> None:
    clock, table, (one, two, three, four) = lines(2, 4)
    one.join()
    second = two.join()
    clock.now += 2.0
    one.heard = clock.now
    clock.now += 0.9
    with pytest.raises(Busy):
        three.join()
    clock.now += 0.2
    third = three.join()
    assert (one.ended, len(two.ended)) == ([], 1)
    assert table.get(second.id) is None
    assert table.get(third.id) is third
    with pytest.raises(Busy):
        four.join()


def test_who_comes_back_in_time_to_a_free_place_stays() -> None:
    clock, table, (one, two) = lines(1, 2)
    call = one.join()
    clock.now += 9.0
    assert table.get(call.id) is call
    one.heard = clock.now
    clock.now += 1.0
    with pytest.raises(Busy):
        two.join()
    assert one.ended == []


def test_releasing_twice_is_harmless() -> None:
    _, table, (one, two) = lines(1, 2)
    call = one.join()
    table.release(call)
    taken = two.join()
    table.release(call)
    assert table.get(taken.id) is taken


def test_call_ids_cannot_be_guessed() -> None:
    _, table, _ = lines(100, 0)
    ids = {table.reserve(None, lambda reason: None).id for _ in range(100)}
    assert len(ids) == 100
    assert all(name.startswith("rtc_") and len(name) >= 24 for name in ids)


@pytest.mark.parametrize(
    ("render_ms", "encode_ms", "cores", "sessions"),
    [
        # (12 + 4) ms · 25 pictures/s = 0.4 cores, and 0.12 beside them: 0.8 · 2 / 0.52 = 3.07.
        (12, 4, 2, 3),
        # (25 + 5) ms · 25 = 0.75, 0.87 in all: 0.8 · 2 / 0.87 = 1.8.
        (25, 5, 2, 1),
        # A machine too slow for one still serves one.
        (90, 10, 1, 1),
        (12, 4, 64, 98),
    ],
)
def test_capacity_is_what_the_cores_carry(render_ms: float, encode_ms: float, cores: int, sessions: int) -> None:
    assert measured_capacity(render_ms, encode_ms, 25, cores) == sessions
