"""Sessions of one avatar: who draws for whom, and that they share what is loaded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engines.media import COEFFS, Coeffs, Image
from engines.nerf.engine import NerfRenderer, load_renderer
from engines.nerf.service import RenderService

pytestmark = pytest.mark.unit

AVATAR = Path(__file__).parents[2] / "avatars" / "default"
PATIENCE_S = 30


def pose(number: int) -> Coeffs:
    coeffs = np.zeros(COEFFS, np.float32)
    coeffs[:52] = number / 10
    coeffs[55] = number - 1.0  # the window moves too
    return coeffs


class Gate:
    """Paints numbers, each call only when it is let through."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def paint(self, batch: Sequence[Coeffs]) -> list[Image]:
        numbers = [round(float(coeffs[0]) * 10) for coeffs in batch]
        self.calls.append(numbers)
        self.begun.release()
        assert self.go.acquire(timeout=PATIENCE_S)
        if 9 in numbers:
            raise RuntimeError("the engine broke")
        return [np.full((1, 1), number, np.uint8) for number in numbers]


class Sessions:
    """Each asks for one picture in a thread of its own."""

    def __init__(self, service: RenderService) -> None:
        self.service = service
        self.found: dict[int, Image | BaseException] = {}
        self.threads: list[threading.Thread] = []

    def ask(self, *numbers: int) -> None:
        for number in numbers:
            self.threads.append(threading.Thread(target=self._draw, args=(number,)))
            self.threads[-1].start()

    def _draw(self, number: int) -> None:
        try:
            self.found[number] = self.service.render(pose(number))
        except RuntimeError as error:
            self.found[number] = error

    def wait(self) -> None:
        for thread in self.threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def wait_for_line(service: RenderService, length: int) -> None:
    for _ in range(10 * PATIENCE_S):
        if len(service._waiting) == length:
            return
        threading.Event().wait(0.1)
    raise AssertionError("nobody stands in the line")


def test_frames_that_fall_due_while_one_is_drawn_make_a_batch() -> None:
    gate = Gate()
    sessions = Sessions(service := RenderService([gate.paint], most=4))
    sessions.ask(1)
    assert gate.begun.acquire(timeout=PATIENCE_S)
    sessions.ask(2, 3, 4)
    wait_for_line(service, 3)
    gate.go.release(2)
    sessions.wait()
    assert gate.calls[0] == [1]
    assert sorted(gate.calls[1]) == [2, 3, 4]
    assert {number: int(np.asarray(image)[0, 0]) for number, image in sessions.found.items()} == {
        1: 1,
        2: 2,
        3: 3,
        4: 4,
    }


def test_a_batch_is_no_larger_than_the_engine_takes_and_nobody_is_overtaken() -> None:
    gate = Gate()
    sessions = Sessions(service := RenderService([gate.paint], most=2))
    sessions.ask(1)
    assert gate.begun.acquire(timeout=PATIENCE_S)
    for place, number in enumerate((2, 3, 4)):
        sessions.ask(number)
        wait_for_line(service, place + 1)
    gate.go.release(3)
    sessions.wait()
    assert gate.calls == [[1], [2, 3], [4]]


def test_as_many_draw_at_a_time_as_there_are_painters() -> None:
    gates = Gate(), Gate()
    sessions = Sessions(RenderService([gate.paint for gate in gates]))
    sessions.ask(1, 2)
    for gate in gates:
        assert gate.begun.acquire(timeout=PATIENCE_S)
        gate.go.release()
    sessions.wait()
    assert sorted(number for gate in gates for (number,) in gate.calls) == [1, 2]


def test_a_broken_run_fails_those_that_it_was_for_and_no_other() -> None:
    gate = Gate()
    gate.go.release(2)
    sessions = Sessions(RenderService([gate.paint]))
    sessions.ask(9)
    sessions.wait()
    sessions.ask(1)
    sessions.wait()
    assert isinstance(sessions.found[9], RuntimeError)
    assert int(np.asarray(sessions.found[1])[0, 0]) == 1


def test_coefficients_of_a_wrong_shape_never_enter_a_batch() -> None:
    gate = Gate()
    with pytest.raises(ValueError, match=r"give \(58,\)"):
        RenderService([gate.paint]).render(np.zeros(52, np.float32))
    assert gate.calls == []


@pytest.fixture(scope="module")
def renderer() -> NerfRenderer:
    return load_renderer(AVATAR)


def test_three_sessions_draw_their_own_faces_through_one_loaded_graph(renderer: NerfRenderer) -> None:
    alone = {number: renderer.render(pose(number)) for number in range(3)}
    sessions = Sessions(RenderService([renderer.paint, renderer.twin().paint]))
    for _ in range(3):
        sessions.ask(0, 1, 2)
        sessions.wait()
        for number, image in alone.items():
            np.testing.assert_array_equal(np.asarray(sessions.found[number]), image)
