"""Trains the speaker verifier: ``python -m training.verifier_fit SPEECH_FOLDER... -o training/data/verifier.onnx``.

A time-delay network with attentive statistics pooling (Okabe et al., arXiv 1803.10963) and an additive-margin softmax
(Wang et al., arXiv 1801.05599) over the voices. It shares nothing with the voice's own timbre encoder: another
architecture, other features, other seed. Its equal error rate is measured on voices and clips that it was not
trained on, and travels in the graph's metadata.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn
from torch.nn import functional

from training.verifier import Verifier, equal_error_rate
from training.verifier_features import BANDS, Features, features
from training.verifier_voices import Voice, all_voices

WIDTH, POOLED, EMBEDDING = 96, 128, 64
BATCH, CROP = 64, 160
"""Clips a step, and frames of each (1.6 s of speech)."""
SCALE, MARGIN = 30.0, 0.2
RATE = 2e-3
HELD_CLIPS = 4
"""Of each voice, clips kept from training."""

console = Console(stderr=True, highlight=False)


class Net(nn.Module):
    """float32[batch, frames, 40] to unit vectors float32[batch, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(BANDS, WIDTH, 5, padding=2)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Conv1d(WIDTH, WIDTH, 3, padding=gap, dilation=gap))
            for gap in (1, 2, 3, 4)
        )
        self.out = nn.Sequential(nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Conv1d(WIDTH, POOLED, 1), nn.ReLU())
        self.attention = nn.Sequential(nn.Conv1d(POOLED, 32, 1), nn.Tanh(), nn.Conv1d(32, POOLED, 1))
        self.embed = nn.Sequential(nn.BatchNorm1d(2 * POOLED), nn.Linear(2 * POOLED, EMBEDDING))

    def forward(self, mel: Tensor) -> Tensor:
        """Weighs the frames, and embeds their weighted mean and deviation."""
        x = self.enter(mel.transpose(1, 2))
        for block in self.blocks:
            x = x + block(x)
        x = self.out(x)
        weight = torch.softmax(self.attention(x), dim=2)
        mean = (x * weight).sum(2)
        deviation = ((x * x * weight).sum(2) - mean * mean).clamp(min=1e-5).sqrt()
        return functional.normalize(self.embed(torch.cat([mean, deviation], 1)), dim=1)


def disturbed(crop: Features, random: np.random.Generator) -> Features:
    """The crop as another microphone, room and line would have it: a smooth equaliser, noise, a narrower band."""
    place = np.linspace(0, np.pi, BANDS)
    waves = sum(random.normal(0, 0.5 / (1 + n / 2)) * np.cos(n * place) for n in range(1, 5))
    crop = crop + np.asarray(waves, np.float32)
    if random.random() < 0.5:
        colour = random.uniform(-5.0, -2.0) + random.uniform(-1, 1) * np.linspace(-1, 1, BANDS)
        crop = np.logaddexp(crop, crop.max() + colour)
    if random.random() < 0.3:
        top = random.integers(BANDS - 10, BANDS)
        crop[:, top:] = crop[:, top:].min()
    return (crop - crop.mean()).astype(np.float32)


def gather(voices: Sequence[Voice]) -> dict[str, list[Features]]:
    """Features of every clip of every voice."""
    found: dict[str, list[Features]] = {}
    with Progress(console=console) as progress:
        for voice in progress.track(voices, description="voices"):
            found[voice.name] = []
            for samples in voice.clips():
                try:
                    found[voice.name].append(features(samples))
                except ValueError:  # a clip of almost nothing is no clip
                    continue
    return found


def fit(clips: Sequence[Sequence[Features]], minutes: float, seed: int) -> Net:
    """Trains on ``clips[voice][n]`` for so many minutes of one thread's own time."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    net, weights = Net(), nn.Parameter(torch.randn(len(clips), EMBEDDING))
    adam = torch.optim.AdamW([*net.parameters(), weights], lr=RATE, weight_decay=1e-3)
    budget, step, shown = 60 * minutes, 0, 0.0
    with Progress(console=console) as progress:
        task = progress.add_task("verifier", total=budget)
        began = time.process_time()
        while (spent := time.process_time() - began) < budget:
            for group in adam.param_groups:
                group["lr"] = RATE * min(1, (step + 1) / 200) * (0.01 + 0.99 * (1 - spent / budget))
            labels = random.integers(0, len(clips), BATCH)
            mel = torch.from_numpy(np.stack([_crop(clips[label], random) for label in labels]))
            target = torch.from_numpy(labels)
            cosines = net(mel) @ functional.normalize(weights, dim=1).T
            loss = functional.cross_entropy(SCALE * (cosines - MARGIN * functional.one_hot(target, len(clips))), target)
            adam.zero_grad()
            loss.backward()
            adam.step()
            step += 1
            shown += 0.02 * (loss.item() - shown)
            progress.update(task, completed=spent, description=f"verifier step {step} loss {shown:.2f}")
    return net.eval()


def _crop(clips: Sequence[Features], random: np.random.Generator) -> Features:
    clip = clips[int(random.integers(len(clips)))]
    while len(clip) < CROP:
        clip = np.concatenate([clip, clip])
    start = random.integers(len(clip) - CROP + 1)
    return disturbed(clip[start : start + CROP].copy(), random)


def export(net: Net, path: Path, notes: dict[str, object]) -> None:
    """Writes the graph: input ``mel`` float32[1, frames, 40], output ``embedding`` float32[1, 64]."""
    torch.onnx.export(
        net, (torch.zeros(1, CROP, BANDS),), str(path), input_names=["mel"], output_names=["embedding"],
        dynamic_axes={"mel": {1: "frames"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {"verifier": json.dumps(notes)})
    onnx.save(model, str(path))


def trials(verifier: Verifier, clips: dict[str, list[Features]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Similarities of all pairs of clips: of the same voice, of different voices."""
    names = [name for name, found in clips.items() for _ in found]
    vectors = np.stack([verifier.embed_features(clip) for found in clips.values() for clip in found])
    same = np.equal.outer(names, names)
    upper = np.triu_indices(len(names), 1)
    scores = (vectors @ vectors.T)[upper].astype(np.float64)
    return scores[same[upper]], scores[~same[upper]]


def main() -> None:
    """Gathers, trains, exports and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory(prefix="visavis-") as work:
        voices = all_voices(given.folders, Path(work))
        found = gather(voices)
    strangers = {voice.name: found[voice.name] for voice in voices if voice.stranger}
    known = {voice.name: found[voice.name] for voice in voices if not voice.stranger}
    net = fit([clips[:-HELD_CLIPS] for clips in known.values()], given.minutes, given.seed)
    export(net, given.output, {})
    measured: dict[str, object] = {"voices": len(known)}
    verifier = Verifier(given.output)
    real = {folder.name: strangers[f"{folder.name} x1.0"] for folder in given.folders}
    sets = {
        "": strangers,
        "_real": real,
        "_held_out_clips": {name: clips[-HELD_CLIPS:] for name, clips in known.items()},
    }
    for suffix, clips in sets.items():
        same, different = trials(verifier, clips)
        measured[f"eer{suffix}"] = round(equal_error_rate(same, different), 4)
        measured[f"trials{suffix}"] = len(same) + len(different)
    measured["strangers"] = len(strangers)
    export(net, given.output, measured)
    console.print_json(data=measured)


if __name__ == "__main__":
    main()
