"""Fits a portrait field to a capture, or to a person's video: ``visavis train SOURCE -o AVATAR``.

A video is tracked first, which makes it a capture. A torso that moves is measured (``torso``). Then four stages, read
top to bottom. The *field* is fitted alone at a quarter of the resolution, with eight samples a ray in a thick slab. Its
mean depth places the *shell*. Then field, shell and upsampler are fitted together at full resolution, one frame a step:
whole frames and, more often, the rays round the face. The last quarter is the *polish*: low rates, squared errors, and
the average of the weights along the way. Time is the budget: rates decay over ``minutes``, counted while training runs,
so a resumed fit goes on where it stopped. What is minimised is in ``losses``, what is weighted in ``frames``.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from engines.nerf.field import PortraitField
from engines.nerf.geometry import ray_directions

from .capture import Capture, load
from .evaluate import evaluate
from .evaluate_source import landmarker_of, of_video
from .export import export, record
from .frames import drive_units, read_frames
from .losses import FIELD_STEP, POLISH, SQUARE_LOSS, WHOLE_EVERY, field_loss, picture_loss, place_shell
from .start import begin_from
from .workshop import Progressed, preview, restore, save, workshop


@dataclass(frozen=True)
class Stage:
    """A stage's share of the time, and the factors on all rates that it begins and ends with."""

    share: float
    begin: float
    end: float


STAGES = {
    "field": Stage(0.09, 1.0, 0.02),  # its shape has settled by then
    "picture": Stage(0.66, 1.0, 0.1),
    "polish": Stage(0.25, 0.1, 0.005),
}
AGAIN = {"polish": Stage(1.0, 0.15, 0.005)}
"""Of a fit that begins from an avatar."""
PLANE_RATE, NET_RATE, SHELL_RATE = 6e-3, 1.2e-3, 0.02  # Adam; the shell's is in cm
HOLD = 0.3  # rates are held for this share of a stage, then change exponentially
AVERAGE = 0.998  # of the weights' average, a step: the last five hundred or so count
CHECKPOINT_S = 60.0
COLUMNS = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()

log = logging.getLogger(__name__)


def rate(stage: Stage, progress: float) -> float:
    """The factor on the learning rates at ``progress`` 0..1 of a stage."""
    fallen = max(progress - HOLD, 0) / (1 - HOLD)
    return stage.begin * math.exp(math.log(stage.end / stage.begin) * fallen)


def optimiser(model: PortraitField) -> torch.optim.Adam:
    """Adam with a rate each for planes, shell and networks; ``base`` keeps it while the schedule scales it."""
    slow = {"planes", "basis", "shell"}
    groups = [
        {"params": [model.planes, model.basis], "lr": PLANE_RATE},
        {"params": [model.shell], "lr": SHELL_RATE},
        {"params": [p for name, p in model.named_parameters() if name not in slow], "lr": NET_RATE},
    ]
    for group in groups:
        group["base"] = group["lr"]
    return torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)


class Fit:
    """One fit: the model, its optimiser, its frames and the clock that ends each stage."""

    def __init__(
        self, capture: Capture, folder: Path, minutes: float, device: str, seed: int, begin: Path | None = None
    ) -> None:
        """``begin``: an avatar whose weights to start from, with the polish alone."""
        torch.manual_seed(seed)
        self.folder, self.seed, self.budget = folder, seed, 60 * minutes
        self.frames = read_frames(capture, device)
        self.model = PortraitField(capture.scene, self.frames.torso).to(device)
        with torch.no_grad():
            self.model.plate.copy_(self.frames.plate)
            if of_video(capture.folder):
                self.model.units.copy_(drive_units(self.frames.drive))
        if begin is not None:
            begin_from(self.model, begin)
        self.stages = STAGES if begin is None else AGAIN
        self.mean = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
        self.adam = optimiser(self.model)
        self.rays = torch.from_numpy(ray_directions(capture.scene, FIELD_STEP)).to(device)
        self.at = Progressed(next(iter(self.stages)))

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """What a checkpoint holds."""
        return {"model": self.model, "mean": self.mean}

    @property
    def best(self) -> PortraitField:
        """The model to be shown: the average once there is one."""
        averaged = self.mean.module
        assert isinstance(averaged, PortraitField)
        return averaged if int(self.mean.n_averaged) else self.model

    def order(self, step: int) -> int:
        """The frame of a step: every frame once in each round, in an order that depends on seed and round alone."""
        count = len(self.frames.drive)
        shuffled = np.random.default_rng((self.seed, step // count)).permutation(count)
        return int(shuffled[step % count])

    def span(self) -> tuple[float, float]:
        """Seconds at which the present stage begins and ends."""
        begin = 0.0
        for name, stage in self.stages.items():
            if name == self.at.stage:
                return begin, begin + stage.share * self.budget
            begin += stage.share * self.budget
        raise ValueError(f"{self.folder} holds a fit of another recipe: train without --resume")

    def enter(self, stage: str) -> None:
        """Begins the stage after the present one."""
        if self.at.stage == "field":
            place_shell(self.model, self.frames, self.rays)
        self.at.stage, self.at.step = stage, 0
        self.adam = optimiser(self.model)

    def learn(self, factor: float) -> float:
        """One step with rates scaled by ``factor``; returns the loss."""
        for group in self.adam.param_groups:
            group["lr"] = group["base"] * factor
        i = self.order(self.at.step)
        if self.at.stage == "field":
            loss = field_loss(self.model, self.frames, i, self.rays)
        else:
            polish = self.at.stage == "polish"
            whole = polish or self.at.step % WHOLE_EVERY == 0
            loss = picture_loss(self.model, self.frames, i, whole, POLISH if polish else SQUARE_LOSS)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        if self.at.stage == "polish":
            self.mean.update_parameters(self.model)
        return loss.item()

    def run(self, moved: Callable[[float, str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Trains to the end of the budget by ``clock``; ``moved(seconds, words)`` is told every second or so."""
        started, before = clock(), self.at.seconds
        saved, told, recent = before, before, 0.0
        names = list(self.stages)
        while self.at.seconds < self.budget:
            begin, end = self.span()
            if self.at.seconds >= end and self.at.stage != names[-1]:
                self.enter(names[names.index(self.at.stage) + 1])
                continue
            loss = self.learn(rate(self.stages[self.at.stage], (self.at.seconds - begin) / (end - begin)))
            recent += 0.02 * (loss - recent) if recent else loss
            self.at.step += 1
            self.at.seconds = before + clock() - started
            words = f"{self.at.stage} step {self.at.step} loss {recent:.4f}"
            if self.at.seconds - told > 1:
                told = self.at.seconds
                moved(told, words)
            if self.at.seconds - saved > CHECKPOINT_S or self.at.seconds >= self.budget:
                saved = self.at.seconds
                log.info("%s, %.1f min", words, saved / 60)
                save(self.folder, self.networks, self.adam, self.at)
                preview(self.best, self.frames, self.folder / "preview.png")


def captured(source: Path, folder: Path, landmarker: Path | None) -> Path:
    """``source`` if it is a capture, else the capture of the video ``source`` in ``folder``; one that is there is kept.

    Raises:
        ValueError: the video can't be used; the message says what to do.
    """
    if source.is_dir():
        return source
    from .track import is_track_of, track  # brings mediapipe and OpenCV, which a capture doesn't need

    made = folder / "capture"
    if not is_track_of(made, source):
        with Progress(*COLUMNS, TextColumn("{task.completed} frames")) as bar:
            tasks: dict[str, TaskID] = {}

            def tell(words: str, frames: int) -> None:
                if words not in tasks:
                    tasks[words] = bar.add_task(words, total=None)
                bar.update(tasks[words], completed=frames)

            for warning in track(source, made, landmarker, tell).warnings:
                log.warning("%s", warning)
    return made


def train(
    source: Path,
    output: Path,
    *,
    minutes: float = 80,
    resume: bool = False,
    threads: int = 2,
    device: str = "cpu",
    seed: int = 0,
    consent: str | None = None,
    landmarker: Path | None = None,
    begin: Path | None = None,
) -> None:
    """Fits the field to ``source``, a capture's folder or a video, for ``minutes``; writes the avatar to ``output``.

    Checkpoints and previews go to ``<output>.fit`` every minute; ``resume`` goes on from there. Where the capture holds
    frames out, the avatar's ``meta.json`` gets the scores that ``evaluate`` gives. ``consent`` is kept there too: see
    ``AvatarMeta.consent``. ``landmarker`` is for videos: see ``training.landmarks.landmarker_file``. ``begin`` is an
    avatar of the same person to go on from, with the polish alone.

    Raises:
        ValueError: the capture, the budget or the checkpoint is not usable; the message says what to do.
    """
    if not minutes > 0:
        raise ValueError(f"minutes is {minutes}: give a positive time")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError("no CUDA device is there: train with --device cpu")
    torch.set_num_threads(max(1, threads))
    folder = workshop(Path(output))
    capture = captured(Path(source), folder, landmarker)
    marks = landmarker_of(capture, landmarker)
    shown = load(capture)
    fit = Fit(shown, folder, minutes, device, seed, begin)
    if resume:
        fit.at = restore(folder, fit.networks, fit.adam)
    with Progress(*COLUMNS) as bar:
        task = bar.add_task("field", total=fit.budget, completed=int(fit.at.seconds))
        fit.run(lambda seconds, words: bar.update(task, completed=seconds, description=words))
    export(fit.best.cpu(), shown, Path(output), consent)
    if "test" in shown.split:
        record(Path(output), evaluate(Path(output), capture, marks))
