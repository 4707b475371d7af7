"""Trains the motion model: cheap enough for one slow core, resumable, and told as it goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from engines.media import ARKIT_NAMES
from engines.mel import BANDS
from engines.motion.features import CLASS_OF, CLASSES, HEARD, STEPS
from engines.motion.model import LIPS, LOOKAHEAD
from training.motion_nets import MotionNet
from training.motion_set import Example
from training.motion_targets import lip_moves, opening

BATCH = 24
RATE, LAST_RATE = 1e-3, 5e-5
CLIP = 1.0
WEAK = 0.5
"""Of a frame whose mouth is the teacher's, next to one of a tracked face."""
PHONES_HIDDEN = 0.6
"""Share of the examples whose phones are not told."""
VELOCITY, JERK, GAP, PHONE = 1.0, 0.3, 2.0, 0.08
"""Weights of the losses next to the coefficients' own."""
CLOSURE = 4.0
"""How much worse an open bilabial is than another error of the gap."""
_UNIT = 0.05
"""A shape's least standard deviation: what hardly moves shall not count as much as a jaw."""
_FORMANTS = 1
"""Bands by which a voice's formants are moved up or down: about a tenth."""
_BANDS_HIDDEN, _SHIFT = 0.3, 0.15
_EVERY = 100
"""Steps from one checkpoint to the next."""

_BILABIAL = CLASS_OF["M"]
_LABIODENTAL = CLASS_OF["F"]


@dataclass(frozen=True)
class Batches:
    """All examples as arrays, and how much of them a training step takes."""

    heard: NDArray[np.float16]
    phones: NDArray[np.uint8]
    lips: NDArray[np.float16]
    known: NDArray[np.float16]
    weak: NDArray[np.bool_]

    @staticmethod
    def of(examples: Sequence[Example]) -> Batches:
        """
        Raises:
            ValueError: there are none.
        """
        if not examples:
            raise ValueError("there is nothing to train on: give a folder with utterances")
        return Batches(
            np.stack([one.heard for one in examples]),
            np.stack([one.phones for one in examples]),
            np.stack([one.lips for one in examples]),
            np.stack([one.known for one in examples]),
            np.array([one.weak for one in examples]),
        )

    def scale(self) -> NDArray[np.float32]:
        """The lips' standard deviations over the tracked faces."""
        strong = self.lips[~self.weak].astype(np.float32)
        return np.maximum(strong.std((0, 1)), _UNIT)


def inputs(heard: NDArray, phones: NDArray, random: np.random.Generator | None) -> Tensor:
    """float32[batch, steps, FEATURES]; with `random`, phones are hidden and the sound is disturbed."""
    sound = heard.astype(np.float32)
    told = phones.astype(np.int64)
    if random is not None:
        told[random.random(len(told)) < PHONES_HIDDEN] = len(CLASSES)
        sound[..., : HEARD - 2] += random.normal(0, _SHIFT, (len(sound), 1, HEARD - 2)).astype(np.float32)
        for row, shift in enumerate(random.integers(-_FORMANTS, _FORMANTS + 1, len(sound))):
            sound[row, :, :BANDS] = np.roll(sound[row, :, :BANDS], shift, axis=1)
        for row in np.flatnonzero(random.random(len(sound)) < _BANDS_HIDDEN):
            first = random.integers(0, HEARD - 8)
            sound[row, :, first : first + random.integers(2, 6)] = 0
    classes = np.eye(len(CLASSES) + 1, dtype=np.float32)[told]
    return torch.from_numpy(np.concatenate([sound, classes], axis=2))


class Losses:
    """What a prediction costs."""

    def __init__(self, scale: NDArray[np.float32]) -> None:
        gaps = opening(lip_moves())
        self.scale = torch.from_numpy(scale)
        self.gap = torch.tensor([_gap_of(stem, gaps) for stem in LIPS], dtype=torch.float32)

    def __call__(
        self, lips: Tensor, phone: Tensor, truth: Tensor, known: Tensor, weak: Tensor, said: Tensor
    ) -> dict[str, Tensor]:
        """
        Args:
            lips, truth: [batch, T, len(LIPS)]. phone: [batch, T, classes]. known: [batch, T].
            weak: bool[batch]. said: int64[batch, T], the phone's class at each frame.
        """
        weight = (known * torch.where(weak, WEAK, 1.0)[:, None])[..., None]
        away = (lips - truth) / self.scale
        speed = away[:, 1:] - away[:, :-1]
        jerk = speed[:, 1:] - speed[:, :-1]
        total = weight.sum() * len(LIPS)
        gap = ((lips - truth) @ self.gap) / (self.scale[0] * self.gap[0])
        shut = (said == _BILABIAL).float() + 0.5 * (said == _LABIODENTAL).float()
        opened = 1 + CLOSURE * shut * (gap > 0)
        truths = said.clamp(max=len(CLASSES) - 1).flatten()
        counted = known * (said < len(CLASSES)).float()
        wrong = functional.cross_entropy(phone.flatten(0, 1), truths, reduction="none")
        return {
            "lips": (weight * away.square()).sum() / total,
            "velocity": VELOCITY * (weight[:, 1:] * speed.square()).sum() / total,
            "jerk": JERK * (weight[:, 2:] * jerk.square()).sum() / total,
            "gap": GAP * (weight[..., 0] * opened * gap.square()).sum() / total,
            "phone": PHONE * (counted.flatten() * wrong).sum() / counted.sum().clamp(min=1),
        }


def _gap_of(stem: str, gaps: NDArray[np.float32]) -> float:
    return float(sum(gaps[index] for index, name in enumerate(ARKIT_NAMES) if name.startswith(stem)))


def said(phones: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[batch, T · STEPS] classes of phones to those in the middle of the frame that each block answers for."""
    middle = phones[:, STEPS // 2 :: STEPS].astype(np.int64)
    return np.pad(middle, ((0, 0), (LOOKAHEAD, 0)), constant_values=len(CLASSES))[:, : middle.shape[1]]


def fit(data: Batches, folder: Path, steps: int, *, resume: bool, seed: int, tell: Callable[[str], None]) -> MotionNet:
    """Trains for so many steps in all, on one thread; keeps a checkpoint in `folder`."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    net = MotionNet()
    average = MotionNet()
    average.load_state_dict(net.state_dict())
    done = 0
    kept, notes = folder / "motion.safetensors", folder / "motion-fit.json"
    if resume and kept.is_file() and notes.is_file():
        weights = load_file(kept)
        net.load_state_dict({name[4:]: value for name, value in weights.items() if name.startswith("net.")})
        average.load_state_dict({name[4:]: value for name, value in weights.items() if name.startswith("ema.")})
        done = int(json.loads(notes.read_text())["steps"])
        random = np.random.default_rng(seed + done)
    losses = Losses(data.scale())
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.02)
    sums: dict[str, float] = {}
    strong, weak = np.flatnonzero(~data.weak), np.flatnonzero(data.weak)
    for step in range(done + 1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = LAST_RATE + (RATE - LAST_RATE) * 0.5 * (1 + np.cos(np.pi * step / steps))
        rows = random.choice(strong, BATCH)
        if len(weak):
            rows[: BATCH // 4] = random.choice(weak, BATCH // 4)
        parts = _step(net, losses, data, rows, random)
        total = torch.stack(list(parts.values())).sum()
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimizer.step()
        decay = min(0.998, step / (step + 20))
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), net.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        if step % _EVERY == 0:
            tell(f"{step} of {steps} steps: " + ", ".join(f"{k} {v / _EVERY:.3f}" for k, v in sums.items()))
            _keep(kept, notes, net, average, step)
            sums = {}
    _keep(kept, notes, net, average, max(done, steps))
    return average.eval()


def _step(
    net: MotionNet, losses: Losses, data: Batches, rows: NDArray[np.intp], random: np.random.Generator
) -> dict[str, Tensor]:
    net.train()
    lips, phone = net(inputs(data.heard[rows], data.phones[rows], random))
    return losses(
        lips,
        phone,
        torch.from_numpy(data.lips[rows].astype(np.float32)),
        torch.from_numpy(data.known[rows].astype(np.float32)),
        torch.from_numpy(data.weak[rows]),
        torch.from_numpy(said(data.phones[rows])),
    )


def _keep(kept: Path, notes: Path, net: MotionNet, average: MotionNet, steps: int) -> None:
    weights = {f"net.{name}": value for name, value in net.state_dict().items()}
    weights |= {f"ema.{name}": value for name, value in average.state_dict().items()}
    save_file(weights, kept)
    notes.write_text(json.dumps({"steps": steps}) + "\n", encoding="utf-8")
