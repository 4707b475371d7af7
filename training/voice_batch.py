"""Examples to padded batches, and each speaker's own means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engines.tts.features import place, spread
from training.voice_data import Example

REFERENCE = 160
"""Frames (1.6 s) of another clip that the timbre encoder hears in training; the whole clip when it is used."""


@dataclass(frozen=True, slots=True)
class Manner:
    """A speaker's mean and standard deviation of log F0 (voiced frames) and of energy (all frames)."""

    f0: tuple[float, float]
    energy: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Batch:
    """B phrases padded to N units and T frames; `unit_inside` float[B, N] and `inside` float[B, T] tell what is real.

    `f0` and `energy` are in the speaker's standard deviations; `owner` int64[B, T] is the unit of each frame;
    `reference` float[B, R, 80] is the mel of other words by the same speaker.
    """

    phones: Tensor
    stress: Tensor
    context: Tensor
    frames: Tensor
    unit_inside: Tensor
    owner: Tensor
    place: Tensor
    mel: Tensor
    f0: Tensor
    voiced: Tensor
    energy: Tensor
    inside: Tensor
    reference: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, name).to(device) for name in self.__slots__))


def manners(examples: Sequence[Example]) -> dict[str, Manner]:
    """Each speaker's, by name."""
    found: dict[str, Manner] = {}
    for speaker in {example.speaker for example in examples}:
        own = [example for example in examples if example.speaker == speaker]
        pitch = np.concatenate([np.log(e.hertz[e.voiced]) for e in own])
        energy = np.concatenate([e.energy for e in own])
        if not len(pitch):
            raise ValueError(f"no voiced sound in the recordings of {speaker}: they hold no speech")
        found[speaker] = Manner(_moments(pitch), _moments(energy))
    return found


def _moments(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), max(float(values.std()), 1e-3)


def collate(chosen: Sequence[Example], references: Sequence[np.ndarray], speakers: Mapping[str, Manner]) -> Batch:
    """One batch; `references` are log mels float32[*, 80], cut or repeated to `REFERENCE` frames."""
    units = max(len(e.phones) for e in chosen)
    frames = max(len(e.mel) for e in chosen)
    owners = [spread(e.frames) for e in chosen]
    f0 = [(np.log(np.maximum(e.hertz, 1)) - speakers[e.speaker].f0[0]) / speakers[e.speaker].f0[1] for e in chosen]
    energy = [(e.energy - speakers[e.speaker].energy[0]) / speakers[e.speaker].energy[1] for e in chosen]
    return Batch(
        phones=_padded([e.phones for e in chosen], units),
        stress=_padded([e.stress for e in chosen], units),
        context=_padded([e.context for e in chosen], units),
        frames=_padded([e.frames.astype(np.float32) for e in chosen], units),
        unit_inside=_padded([np.ones(len(e.phones), np.float32) for e in chosen], units),
        owner=_padded(owners, frames),
        place=_padded([place(e.frames).T for e in chosen], frames),
        mel=_padded([e.mel for e in chosen], frames),
        f0=_padded([f.astype(np.float32) for f in f0], frames),
        voiced=_padded([e.voiced.astype(np.float32) for e in chosen], frames),
        energy=_padded([e.astype(np.float32) for e in energy], frames),
        inside=_padded([np.ones(len(e.mel), np.float32) for e in chosen], frames),
        reference=torch.from_numpy(np.stack([np.resize(r, (REFERENCE, r.shape[1])) for r in references])),
    )


def _padded(arrays: Sequence[np.ndarray], length: int) -> Tensor:
    out = np.zeros((len(arrays), length, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in zip(out, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(out)


class Sampler:
    """Endless batches: phrases of like length together, every speaker's share as given."""

    def __init__(self, examples: Sequence[Example], size: int, seed: int) -> None:
        self._examples = list(examples)
        self._size = size
        self._random = np.random.default_rng(seed)
        self._speakers = manners(examples)
        self._by_speaker: dict[str, list[int]] = {}
        for index, example in enumerate(self._examples):
            self._by_speaker.setdefault(example.speaker, []).append(index)

    def epoch(self) -> Iterator[Batch]:
        """All examples once, in batches."""
        lengths = np.array([len(e.mel) for e in self._examples]) * self._random.uniform(0.85, 1.15, len(self._examples))
        order = np.argsort(lengths)
        groups = [order[i : i + self._size] for i in range(0, len(order), self._size)]
        for group in self._random.permutation(len(groups)):
            yield self.batch([self._examples[i] for i in groups[group]])

    def batch(self, chosen: Sequence[Example]) -> Batch:
        """These examples, each with a random stretch of another of its speaker's as reference."""
        references = []
        for example in chosen:
            mel = self._examples[int(self._random.choice(self._by_speaker[example.speaker]))].mel
            start = int(self._random.integers(max(len(mel) - REFERENCE, 0) + 1))
            references.append(mel[start : start + REFERENCE])
        return collate(chosen, references, self._speakers)
