"""How a training of the voice runs: on a clock, in checkpoints, with a line of progress a minute."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from training.voice_parts import load, save

WARM_UP = 200
"""Steps in which the learning rate rises: Adam's second moments mean little before."""

LAST_RATE = 0.02
"""Of the highest learning rate, at the end of the cosine."""


@dataclass(slots=True)
class Run:
    """Progress of one training, 0..1, by a budget of minutes (over all resumptions) or of steps.

    Attributes:
        path: where its checkpoint is kept.
        minutes, steps: the budget; the one that is given counts.
        report: is told a line of progress a minute.
        clock: seconds, monotonic.
    """

    path: Path
    report: Callable[[str], None]
    minutes: float | None = None
    steps: int | None = None
    every: float = 180.0
    clock: Callable[[], float] = time.monotonic
    step: int = 0
    spent: float = 0.0
    _sums: dict[str, float] = field(default_factory=dict)
    _count: int = 0
    _last: float = 0.0
    _told: float = 0.0
    _saved: float = 0.0

    @property
    def progress(self) -> float:
        if self.steps is not None:
            return min(self.step / self.steps, 1.0)
        return min(self.spent / 60 / (self.minutes or 1e-9), 1.0)

    @property
    def rate(self) -> float:
        """The learning rate as a share of the highest: a short rise, then a cosine."""
        fall = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * self.progress))
        return min((self.step + 1) / WARM_UP, 1.0) * fall

    def begin(self) -> None:
        self._last = self._told = self._saved = self.clock()

    def advance(self, losses: dict[str, Tensor], keep: Callable[[], None]) -> None:
        """One step is done; `keep` writes a checkpoint when it is time."""
        now = self.clock()
        self.spent += now - self._last
        self._last = now
        self.step += 1
        self._count += 1
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach())
        if now - self._told >= 60 or self.progress >= 1:
            pace = self._count / max(now - self._told, 1e-9)
            means = "  ".join(f"{name} {value / self._count:.4f}" for name, value in self._sums.items())
            self.report(f"{self.progress:6.1%}  step {self.step}  {pace:.2f} steps/s  {means}")
            self._sums, self._count, self._told = {}, 0, now
        if now - self._saved >= self.every or self.progress >= 1:
            keep()
            self._saved = self._last = self.clock()  # writing is not training


class Average(nn.Module):
    """An exponential moving average of a module's weights: what is exported, steadier than the last step."""

    def __init__(self, module: nn.Module, decay: float = 0.998) -> None:
        super().__init__()
        self._decay = decay
        self._kept = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self._decay, (step + 1) / (step + 10))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self._kept[name].lerp_(value, 1 - decay)
            else:
                self._kept[name].copy_(value)

    @property
    def weights(self) -> dict[str, Tensor]:
        return self._kept

    def restore(self, weights: dict[str, Tensor]) -> None:
        for name, value in weights.items():
            self._kept[name].copy_(value)


class State(nn.Module):
    """What a checkpoint holds: modules, their averages and their optimisers' moments."""

    def __init__(self, modules: dict[str, nn.Module], optimisers: dict[str, torch.optim.Optimizer]) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(modules)
        self.optimisers = optimisers
        self.averages = {name: Average(module) for name, module in modules.items()}

    def keep(self, run: Run) -> None:
        """Writes the checkpoint of `run`."""
        tensors: dict[str, Tensor] = {}
        for name, module in self.parts.items():
            tensors |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
            tensors |= {f"average.{name}.{key}": value for key, value in self.averages[name].weights.items()}
        for name, optimiser in self.optimisers.items():
            for index, state in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser.{name}.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
        save(run.path, tensors, {"step": run.step, "spent": run.spent})

    def resume(self, run: Run) -> None:
        """Goes on where the checkpoint of `run` was written.

        Raises:
            ValueError: the file is no checkpoint of this training.
        """
        tensors, notes = load(run.path)
        run.step, run.spent = int(notes["step"]), float(notes["spent"])
        try:
            for name, module in self.parts.items():
                module.load_state_dict(_under(tensors, f"{name}."))
                self.averages[name].restore(_under(tensors, f"average.{name}."))
        except (RuntimeError, KeyError) as error:
            raise ValueError(f"{run.path} belongs to other networks: begin anew without --resume") from error
        for name, optimiser in self.optimisers.items():
            plain = optimiser.state_dict()
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(tensors, f"optimiser.{name}.").items():
                index, what = key.split(".", 1)
                moments.setdefault(int(index), {})[what] = value
            optimiser.load_state_dict({"state": moments, "param_groups": plain["param_groups"]})


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
