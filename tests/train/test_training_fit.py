"""The trainer's bookkeeping: schedule, order of frames, checkpoints, and what it refuses."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # on busy cores threads only wait for each other

from PIL import Image  # noqa: E402

from engines.avatar_meta import read_meta  # noqa: E402
from engines.nerf.engine import load_renderer  # noqa: E402
from training import fit  # noqa: E402
from training.capture import load  # noqa: E402
from training.export import export  # noqa: E402
from training.fit import Fit, Progressed, rate, restore, save, train, workshop  # noqa: E402

from .test_training_capture import write  # noqa: E402

pytestmark = pytest.mark.train


def small() -> tuple[Any, Any]:
    """A network with one step of Adam behind it; stands in for a field in checkpoints."""
    torch.manual_seed(1)
    model = torch.nn.Linear(3, 2)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    model(torch.ones(1, 3)).sum().backward()
    adam.step()
    return model, adam


def test_rates_are_held_then_fall_to_the_floor() -> None:
    assert rate(0) == rate(0.29) == 1
    assert rate(1) == pytest.approx(fit.FLOOR)
    assert rate(0.65) == pytest.approx(fit.FLOOR**0.5)


def test_a_checkpoint_brings_back_weights_moments_and_place(tmp_path: Path) -> None:
    model, adam = small()
    save(tmp_path, model, adam, Progressed("picture", 7, 61.5))
    other = torch.nn.Linear(3, 2)
    again = torch.optim.Adam(other.parameters(), fused=True)
    assert restore(tmp_path, cast(Any, other), again) == Progressed("picture", 7, 61.5)
    torch.testing.assert_close(other.weight, model.weight)
    for key in (0, 1):
        for name, value in adam.state_dict()["state"][key].items():
            torch.testing.assert_close(again.state_dict()["state"][key][name], value)


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    model, adam = small()
    with pytest.raises(ValueError, match="train without --resume"):
        restore(tmp_path, model, adam)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    model, adam = small()
    save(tmp_path, model, adam, Progressed())
    with pytest.raises(ValueError, match="train without --resume"):
        restore(tmp_path, cast(Any, torch.nn.Linear(4, 2)), adam)


def test_every_frame_comes_once_a_round_in_an_order_of_the_seed() -> None:
    made = Fit.__new__(Fit)
    made.seed = 3
    made.frames = cast(Any, type("Frames", (), {"drive": range(5)}))
    rounds = [[made.order(5 * r + k) for k in range(5)] for r in range(2)]
    assert [sorted(r) for r in rounds] == [[0, 1, 2, 3, 4]] * 2
    assert rounds[0] != rounds[1]
    assert rounds[0] == [made.order(k) for k in range(5)]


def test_checkpoints_keep_themselves_out_of_git(tmp_path: Path) -> None:
    folder = workshop(tmp_path / "someone")
    assert folder.name == "someone.fit"
    assert (folder / ".gitignore").read_text() == "*\n"


def test_held_out_frames_alone_are_nothing_to_train_on(tmp_path: Path) -> None:
    write(tmp_path, {"split": np.array(["test", "wide"])})
    with pytest.raises(ValueError, match="no frame with split 'train'"):
        train(tmp_path, tmp_path / "out", minutes=1)


def test_two_frames_become_an_avatar(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    marks = np.broadcast_to(random.uniform((200, 160), (310, 320), (68, 2)), (2, 68, 2)).astype(np.float32)
    write(tmp_path, {"landmarks": marks, "angles": np.zeros((2, 3), np.float32)})
    for kind, name, picture in (
        ("frames", "{:05d}.jpg", random.integers(0, 255, (512, 512, 3), np.uint8)),
        ("masks", "{:05d}.png", np.pad(np.full((300, 200), 2, np.uint8), ((80, 132), (156, 156)))),
    ):
        (tmp_path / kind).mkdir()
        for index in range(2):
            Image.fromarray(picture).save(tmp_path / kind / name.format(index))

    capture = load(tmp_path)
    made = Fit(capture, workshop(tmp_path / "someone"), 1.0, "cpu", 0)
    ticks = itertools.count()
    told: list[str] = []
    made.run(lambda _, words: told.append(words.split(" loss")[0]), lambda: 20.0 * next(ticks))  # a step takes 20 s
    assert told == ["field step 1", "picture step 1", "picture step 2"]
    assert made.at == Progressed("picture", 2, 60.0)
    assert (tmp_path / "someone.fit" / "preview.png").is_file()
    export(made.model, capture, tmp_path / "someone", None)
    assert read_meta(tmp_path / "someone").local_test
    assert load_renderer(tmp_path / "someone").render(capture.coeffs[0]).shape == (768, 512)


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_a_budget_must_be_positive(tmp_path: Path, minutes: float) -> None:
    with pytest.raises(ValueError, match="give a positive time"):
        train(tmp_path, tmp_path / "out", minutes=minutes)


def test_the_place_is_plain_json(tmp_path: Path) -> None:
    save(tmp_path, *small(), Progressed("field", 3, 1.0))
    assert json.loads((tmp_path / "fit.json").read_text()) == {"stage": "field", "step": 3, "seconds": 1.0}
