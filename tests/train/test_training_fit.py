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
from training.capture import load  # noqa: E402
from training.export import export  # noqa: E402
from training.fit import STAGES, Fit, Stage, rate, train  # noqa: E402
from training.start import begin_from  # noqa: E402
from training.workshop import Progressed, restore, save, workshop  # noqa: E402

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
    stage = Stage(1.0, 0.5, 0.005)
    assert rate(stage, 0) == rate(stage, 0.29) == 0.5
    assert rate(stage, 1) == pytest.approx(0.005)
    assert rate(stage, 0.65) == pytest.approx(0.05)


def test_the_stages_take_all_of_the_time() -> None:
    assert sum(stage.share for stage in STAGES.values()) == pytest.approx(1)


def test_a_checkpoint_brings_back_weights_moments_and_place(tmp_path: Path) -> None:
    model, adam = small()
    save(tmp_path, {"model": model}, adam, Progressed("picture", 7, 61.5))
    other = torch.nn.Linear(3, 2)
    again = torch.optim.Adam(other.parameters(), fused=True)
    assert restore(tmp_path, {"model": other}, again) == Progressed("picture", 7, 61.5)
    torch.testing.assert_close(other.weight, model.weight)
    for key in (0, 1):
        for name, value in adam.state_dict()["state"][key].items():
            torch.testing.assert_close(again.state_dict()["state"][key][name], value)


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    model, adam = small()
    with pytest.raises(ValueError, match="train without --resume"):
        restore(tmp_path, {"model": model}, adam)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    model, adam = small()
    save(tmp_path, {"model": model}, adam, Progressed("field"))
    with pytest.raises(ValueError, match="train without --resume"):
        restore(tmp_path, {"model": torch.nn.Linear(4, 2)}, adam)


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


def pictured(folder: Path) -> Path:
    """A capture of two equal frames: a head of noise before noise."""
    random = np.random.default_rng(0)
    marks = np.broadcast_to(random.uniform((200, 160), (310, 320), (68, 2)), (2, 68, 2)).astype(np.float32)
    write(folder, {"landmarks": marks, "angles": np.zeros((2, 3), np.float32)})
    for kind, name, picture in (
        ("frames", "{:05d}.jpg", random.integers(0, 255, (512, 512, 3), np.uint8)),
        ("masks", "{:05d}.png", np.pad(np.full((300, 200), 2, np.uint8), ((80, 132), (156, 156)))),
    ):
        (folder / kind).mkdir()
        for index in range(2):
            Image.fromarray(picture).save(folder / kind / name.format(index))
    return folder


def test_two_frames_become_an_avatar_from_which_another_fit_begins(tmp_path: Path) -> None:
    capture = load(pictured(tmp_path))
    made = Fit(capture, workshop(tmp_path / "someone"), 1.0, "cpu", 0)
    ticks = itertools.count()
    told: list[str] = []
    made.run(lambda _, words: told.append(words.split(" loss")[0]), lambda: 15.0 * next(ticks))  # a step takes 15 s
    assert told == ["field step 1", "picture step 1", "picture step 2", "polish step 1"]
    assert made.at == Progressed("polish", 1, 60.0)
    assert (tmp_path / "someone.fit" / "preview.png").is_file()
    export(made.best, capture, tmp_path / "someone", None)
    assert read_meta(tmp_path / "someone").local_test
    assert "the person whom it was fitted to" in (tmp_path / "someone" / "LICENSE").read_text()
    assert load_renderer(tmp_path / "someone").render(capture.coeffs[0]).shape == (768, 512)

    again = Fit(capture, workshop(tmp_path / "again"), 1.0, "cpu", 1, begin=tmp_path / "someone")
    assert again.at == Progressed("polish")
    for (name, ours), theirs in zip(again.model.named_parameters(), made.best.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3, msg=name)


def test_a_fit_does_not_begin_from_something_else(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is missing"):
        begin_from(cast(Any, torch.nn.Linear(1, 1)), tmp_path)


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_a_budget_must_be_positive(tmp_path: Path, minutes: float) -> None:
    with pytest.raises(ValueError, match="give a positive time"):
        train(tmp_path, tmp_path / "out", minutes=minutes)


def test_the_place_is_plain_json(tmp_path: Path) -> None:
    model, adam = small()
    save(tmp_path, {"model": model}, adam, Progressed("field", 3, 1.0))
    assert json.loads((tmp_path / "fit.json").read_text()) == {"stage": "field", "step": 3, "seconds": 1.0}
