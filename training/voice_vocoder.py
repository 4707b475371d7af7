"""Fits the vocoder: from mel, pitch and voicing to the filters of its sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from engines.media import SAMPLE_RATE
from engines.tts.features import HOP
from training.voice_data import Example
from training.voice_losses import PatchDiscriminator, fool_loss, judge_loss, spectral_loss
from training.voice_nets import BINS, MELS, VOCODER_REACH
from training.voice_parts import Networks
from training.voice_run import Run, State
from training.voice_signal import mel_bands
from training.voice_source import N_FFT, synthesize

PEAK_RATE = 1.2e-3
BATCH = 10
LENGTH = 72
"""Frames (0.72 s) whose sound is compared; the network sees its reach more on both sides."""

MEL_NOISE = 0.1
"""Standard deviation of noise on the normalised mel: predicted mels are not recorded ones."""

SHARPEN_FROM = 0.7
"""Progress at which the discriminators join: a spectral loss alone comes nearly as far at a third of the cost."""

SHARPEN = 0.1
JUDGED = 4
"""Crops of a batch that the discriminators see: all of them would cost more than all the rest."""

PICTURES = (1024, 256)
"""FFT sizes of the spectrograms that are judged (Jang et al. 2021, UnivNet, has three)."""


def outline() -> Tensor:
    """float[81, 481]: the filter that a normalised mel suggests before anything is learned (see `Vocoder.shape`)
    for log mels themselves; the last row is added.

    White noise of unit variance through a filter of magnitude g has STFT magnitudes near g·√(Σ window²)·0.886.
    """
    bands = mel_bands()
    centres = (bands * np.arange(bands.shape[1])).sum(1) * SAMPLE_RATE / 1024
    bins = np.arange(BINS) * SAMPLE_RATE / N_FFT
    table = np.stack([np.interp(bins, centres, row) for row in np.eye(MELS)])
    gain = np.log(np.sqrt(np.sum(np.hanning(1025)[:-1] ** 2)) * 0.886)
    return torch.from_numpy(np.concatenate([table, np.full((1, BINS), -gain)]).astype(np.float32))


def shape_for(mean: Tensor, sd: Tensor) -> Tensor:
    """`outline` for mels normalised by float[80] means and deviations; 3 dB down, for two sources share the sound."""
    table = outline()
    scaled = sd[:, None] * table[:MELS]
    return torch.cat([scaled, (mean @ table[:MELS] + table[MELS] - 0.35)[None]])


class VocoderTraining:
    """One training."""

    def __init__(self, parts: Networks, device: torch.device, rate: float = PEAK_RATE) -> None:
        self._device = device
        self._rate = rate
        self.parts = parts.to(device)
        self._judges = nn.ModuleList(PatchDiscriminator() for _ in PICTURES).to(device)
        self._optimiser = torch.optim.AdamW(parts.vocoder.parameters(), rate, betas=(0.8, 0.98), weight_decay=0.01)
        self._critic = torch.optim.AdamW(self._judges.parameters(), 2e-4, betas=(0.5, 0.9))
        self.state = State(
            {"vocoder": parts.vocoder, "judges": self._judges},
            {"vocoder": self._optimiser, "judges": self._critic},
        )

    def fit(
        self, examples: Sequence[Example], run: Run, seed: int, mels: Sequence[np.ndarray] | None = None,
        batch: int = BATCH, length: int = LENGTH, sharpen: bool = True,
    ) -> None:  # fmt: skip
        """Trains until `run` is over.

        Args:
            mels: predicted log mels of the examples, each float32[T, 80], in place of the recorded ones.
            sharpen: let the discriminators join.
        """
        draw = np.random.default_rng(seed + run.step)
        torch.manual_seed(seed + run.step)
        weights = np.array([len(e.mel) for e in examples], float)
        weights /= weights.sum()
        run.begin()
        self.parts.train()
        while run.progress < 1:
            chosen = draw.choice(len(examples), batch, p=weights)
            crops = [self._crop(examples[i], None if mels is None else mels[i], length, draw) for i in chosen]
            mel, hertz, voiced, inside, sound = (
                torch.from_numpy(np.stack(column)).to(self._device) for column in zip(*crops, strict=True)
            )
            judged = sharpen and run.progress > SHARPEN_FROM
            losses = self._step(mel, hertz, voiced, inside, sound, run.rate, noisy=mels is None, judged=judged)
            self.state.averages["vocoder"].update(self.parts.vocoder, run.step)
            run.advance(losses, lambda: self.state.keep(run))

    def _crop(
        self, example: Example, mel: np.ndarray | None, length: int, draw: np.random.Generator
    ) -> tuple[np.ndarray, ...]:
        """A random stretch with the network's reach on both sides, zeros beyond the recording's ends."""
        left = sum(reach[0] for reach in VOCODER_REACH)
        right = sum(reach[1] for reach in VOCODER_REACH)
        count = len(example.mel)
        start = int(draw.integers(-4, max(count - length + 4, -3)))
        rows = np.arange(start - left, start + length + right)
        inside = (rows >= 0) & (rows < count)
        rows = rows.clip(0, count - 1)
        samples = np.zeros(length * HOP, np.float32)
        first, last = max(start, 0) * HOP, min(start + length, count) * HOP
        samples[first - start * HOP : last - start * HOP] = example.samples[first:last]
        chosen = example.mel if mel is None else mel
        return (
            chosen[rows].astype(np.float32),
            np.maximum(example.hertz[rows], 50).astype(np.float32),
            (example.voiced[rows] & inside).astype(np.float32),
            inside.astype(np.float32),
            samples,
        )

    def _step(
        self,
        mel: Tensor,
        hertz: Tensor,
        voiced: Tensor,
        inside: Tensor,
        sound: Tensor,
        rate: float,
        *,
        noisy: bool,
        judged: bool,
    ) -> dict[str, Tensor]:
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * rate
        left = sum(reach[0] for reach in VOCODER_REACH)
        right = sum(reach[1] for reach in VOCODER_REACH)
        normal = self.parts.normal(mel)
        if noisy:
            normal = normal + MEL_NOISE * torch.rand(len(mel), 1, 1, device=mel.device) * torch.randn_like(normal)
        with torch.autocast(self._device.type, torch.bfloat16):
            filters = self.parts.vocoder(normal, hertz, voiced, inside.unsqueeze(-1))
        filters = filters.float()[:, left:-right]
        kept = slice(left, mel.shape[1] - right)
        noise = torch.randn_like(sound)
        phase = torch.rand(len(mel), device=mel.device) * 6.2831853
        made = synthesize(filters, hertz[:, kept], voiced[:, kept], noise, phase)
        real = sound[:, 2 * HOP : -2 * HOP]  # the crop's edges lack their neighbours' overlap
        made = made[:, 2 * HOP : -2 * HOP]
        losses = {"spectrum": spectral_loss(made, real)}
        total = losses["spectrum"]
        if judged:
            losses["judge"], losses["fool"] = self._sharpen(made, real)
            total = total + SHARPEN * losses["fool"]
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.parts.vocoder.parameters(), 3.0)
        self._optimiser.step()
        return losses

    def _sharpen(self, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        ours, theirs = ([picture(signal[:JUDGED], size) for size in PICTURES] for signal in (made, real))
        with torch.autocast(self._device.type, torch.bfloat16):
            judged = torch.stack(
                [judge_loss(j(b), j(a.detach())) for j, a, b in zip(self._judges, ours, theirs, strict=True)]
            ).mean()
        self._critic.zero_grad(set_to_none=True)
        judged.backward()
        self._critic.step()
        with torch.autocast(self._device.type, torch.bfloat16):
            fooled = [fool_loss(j(b), j(a)) for j, a, b in zip(self._judges, ours, theirs, strict=True)]
        return judged, torch.stack(fooled).mean()


def picture(signal: Tensor, size: int) -> Tensor:
    """float[B, n] to log magnitudes float[B, frames, size / 2 + 1], about -1..1."""
    window = torch.hann_window(size, device=signal.device)
    spectrum = torch.stft(signal, size, size // 4, window=window, return_complex=True)
    return ((spectrum.abs() + 1e-3).log() / 4).transpose(1, 2)
