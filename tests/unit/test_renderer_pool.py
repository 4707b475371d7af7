from __future__ import annotations

import numpy as np
import pytest

from engines import Renderer
from engines.fake import FakeRenderer
from engines.media import COEFFS
from engines.nerf.pool import RendererPool

pytestmark = pytest.mark.unit

POSE = np.zeros(COEFFS, np.float32)


def test_sessions_draw_with_renderers_of_their_own_and_leave_them_to_the_next() -> None:
    made: list[Renderer] = []

    def load() -> Renderer:
        made.append(FakeRenderer())
        return made[-1]

    pool = RendererPool(load)
    assert len(made) == 1, "the first is there before anybody asks"
    first, second = pool.lend(), pool.lend()
    assert len(made) == 1, "lending never loads"
    first.render(POSE)
    second.render(POSE)
    assert len(made) == 2
    pool.give_back(first)
    third = pool.lend()
    third.render(POSE)
    assert len(made) == 2


def test_a_broken_avatar_is_noticed_when_the_server_starts() -> None:
    def load() -> Renderer:
        raise ValueError("no avatar here")

    with pytest.raises(ValueError, match="no avatar"):
        RendererPool(load)
