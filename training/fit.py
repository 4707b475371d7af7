"""Fits a portrait field to a capture, or to a person's video: ``visavis train SOURCE -o AVATAR``.

A video is tracked first, which makes it a capture. Three stages, read top to bottom. The *field* is fitted alone at a
quarter of the resolution, with eight samples a ray in a thick slab. Its mean depth places the *shell*. Then field,
shell and upsampler are fitted together at full resolution, one frame a step: whole frames and, more often, the rays
round the face. Time is the budget: rates decay over ``minutes``, counted while training runs, so a resumed fit goes on
where it stopped. What is minimised is in ``losses``, what is weighted in ``frames``.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from safetensors.torch import load_file, save_file
from torch import Tensor

from engines.nerf.field import PortraitField
from engines.nerf.geometry import ray_directions

from .capture import Capture, load
from .evaluate import evaluate
from .export import export, record
from .frames import Frames, read_frames
from .losses import FIELD_STEP, field_loss, picture_loss, place_shell

FIELD_SHARE = 0.09  # of the time for the first stage: its shape has settled by then
PLANE_RATE, NET_RATE, SHELL_RATE = 6e-3, 1.2e-3, 0.02  # Adam; the shell's is in cm
HOLD, FLOOR = 0.3, 0.02  # rates are held for this share of a stage, then fall exponentially to FLOOR
CHECKPOINT_S = 60.0
PREVIEWS = 4
COLUMNS = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()

log = logging.getLogger(__name__)


def rate(progress: float) -> float:
    """The factor on the learning rates at ``progress`` 0..1 of a stage."""
    return 1.0 if progress < HOLD else math.exp(math.log(FLOOR) * (progress - HOLD) / (1 - HOLD))


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


@dataclass
class Progressed:
    """Where a fit stands: its stage (``field`` or ``picture``), steps within it and seconds trained in all."""

    stage: str = "field"
    step: int = 0
    seconds: float = 0.0


def save(folder: Path, model: PortraitField, adam: torch.optim.Adam, at: Progressed) -> None:
    """Writes the checkpoint; the JSON goes last, so a fit that is killed between leaves a whole older pair or none."""
    tensors = {f"model.{name}": value.detach().contiguous() for name, value in model.state_dict().items()}
    for number, state in adam.state_dict()["state"].items():
        tensors |= {f"adam.{number}.{name}": value for name, value in state.items()}
    save_file(tensors, folder / "fit.safetensors.part")
    (folder / "fit.safetensors.part").replace(folder / "fit.safetensors")
    (folder / "fit.json").write_text(json.dumps(vars(at)))


def restore(folder: Path, model: PortraitField, adam: torch.optim.Adam) -> Progressed:
    """Loads what ``save`` wrote into ``model`` and ``adam``.

    Raises:
        ValueError: there is nothing to go on from, or it belongs to another network.
    """
    try:
        at = Progressed(**json.loads((folder / "fit.json").read_text()))
        tensors = load_file(folder / "fit.safetensors")
        model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
    except (OSError, TypeError, RuntimeError, json.JSONDecodeError) as error:
        raise ValueError(f"{folder} holds no fit to go on from: train without --resume") from error
    stored: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("adam."):
            _, number, name = key.split(".")
            stored.setdefault(int(number), {})[name] = value
    adam.load_state_dict({"state": stored, "param_groups": adam.state_dict()["param_groups"]})
    return at


def preview(model: PortraitField, frames: Frames, path: Path) -> None:
    """A few training poses as the model draws them, side by side, as a PNG."""
    chosen = np.linspace(0, len(frames.drive) - 1, PREVIEWS).astype(int)
    with torch.no_grad():
        drawn = [model(frames.drive[i], frames.rot[i], frames.origin[i], frames.left[i])[0] for i in chosen]
    wide = torch.cat(drawn, 2).clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    Image.fromarray((wide * 255 + 0.5).astype(np.uint8)).save(path)


class Fit:
    """One fit: the model, its optimiser, its frames and the clock that ends each stage."""

    def __init__(self, capture: Capture, folder: Path, minutes: float, device: str, seed: int) -> None:
        torch.manual_seed(seed)
        self.folder, self.seed, self.budget = folder, seed, 60 * minutes
        self.frames = read_frames(capture, device)
        self.model = PortraitField(capture.scene).to(device)
        with torch.no_grad():
            self.model.plate.copy_(self.frames.plate)
        self.adam = optimiser(self.model)
        self.rays = torch.from_numpy(ray_directions(capture.scene, FIELD_STEP)).to(device)
        self.at = Progressed()

    def order(self, step: int) -> int:
        """The frame of a step: every frame once in each round, in an order that depends on seed and round alone."""
        count = len(self.frames.drive)
        shuffled = np.random.default_rng((self.seed, step // count)).permutation(count)
        return int(shuffled[step % count])

    def span(self) -> tuple[float, float]:
        """Seconds at which the present stage begins and ends."""
        edge = FIELD_SHARE * self.budget
        return (0.0, edge) if self.at.stage == "field" else (edge, self.budget)

    def loss(self) -> Tensor:
        """The present stage's loss at the present step."""
        i = self.order(self.at.step)
        if self.at.stage == "field":
            return field_loss(self.model, self.frames, i, self.rays)
        return picture_loss(self.model, self.frames, i, self.at.step)

    def run(self, moved: Callable[[float, str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Trains to the end of the budget by ``clock``; ``moved(seconds, words)`` is told every second or so."""
        started, before = clock(), self.at.seconds
        saved, told, recent = 0.0, 0.0, 0.0
        while self.at.seconds < self.budget:
            begin, end = self.span()
            if self.at.seconds >= end:
                place_shell(self.model, self.frames, self.rays)
                self.at.stage, self.at.step = "picture", 0
                self.adam = optimiser(self.model)
                continue
            factor = rate((self.at.seconds - begin) / (end - begin))
            for group in self.adam.param_groups:
                group["lr"] = group["base"] * factor
            loss = self.loss()
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
            recent += 0.02 * (loss.item() - recent) if recent else loss.item()
            self.at.step += 1
            self.at.seconds = before + clock() - started
            words = f"{self.at.stage} step {self.at.step} loss {recent:.4f}"
            if self.at.seconds - told > 1:
                told = self.at.seconds
                moved(told, words)
            if self.at.seconds - saved > CHECKPOINT_S or self.at.seconds >= self.budget:
                saved = self.at.seconds
                log.info("%s, %.1f min", words, saved / 60)
                save(self.folder, self.model, self.adam, self.at)
                preview(self.model, self.frames, self.folder / "preview.png")


def workshop(output: Path) -> Path:
    """The folder beside the avatar where checkpoints and previews lie; it keeps itself out of git."""
    folder = output.with_name(output.name + ".fit")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder


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
) -> None:
    """Fits the field to ``source``, a capture's folder or a video, for ``minutes``; writes the avatar to ``output``.

    Checkpoints and previews go to ``<output>.fit`` every minute; ``resume`` goes on from there. Where the capture holds
    frames out, the avatar's ``meta.json`` gets the scores that ``evaluate`` gives. ``consent`` is kept there too: see
    ``AvatarMeta.consent``. ``landmarker`` is for videos: see ``training.landmarks.landmarker_file``.

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
    shown = load(capture)
    fit = Fit(shown, folder, minutes, device, seed)
    if resume:
        fit.at = restore(folder, fit.model, fit.adam)
    with Progress(*COLUMNS) as bar:
        task = bar.add_task("field", total=fit.budget, completed=int(fit.at.seconds))
        fit.run(lambda seconds, words: bar.update(task, completed=seconds, description=words))
    export(fit.model.cpu(), shown, Path(output), consent)
    if {"test", "wide"} <= set(shown.split):
        record(Path(output), evaluate(Path(output), capture))
