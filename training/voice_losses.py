"""What the voice's networks are trained for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RESOLUTIONS = (2048, 1024, 512, 240)
"""FFT sizes of the spectral loss: from single harmonics to single pulses."""


def masked(values: Tensor, inside: Tensor) -> Tensor:
    """The mean of float[B, T(, C)] over the frames where `inside` (float[B, T]) is 1."""
    if values.ndim == 3:
        return (values * inside.unsqueeze(-1)).sum() / (inside.sum().clamp(min=1) * values.shape[-1])
    return (values * inside).sum() / inside.sum().clamp(min=1)


def spectral_loss(made: Tensor, real: Tensor) -> Tensor:
    """Multi-resolution STFT loss (Yamamoto et al. 2020, Parallel WaveGAN): spectral convergence and log magnitudes."""
    total = made.new_zeros(())
    for size in RESOLUTIONS:
        window = torch.hann_window(size, device=made.device)
        ours, theirs = (
            torch.stft(signal, size, size // 4, window=window, return_complex=True).abs() for signal in (made, real)
        )
        convergence = torch.linalg.norm(theirs - ours) / torch.linalg.norm(theirs).clamp(min=1e-4)
        total = total + convergence + ((ours + 1e-3).log() - (theirs + 1e-3).log()).abs().mean()
    return total / len(RESOLUTIONS)


class PatchDiscriminator(nn.Module):
    """Judges patches of a picture of sound (mel or spectrogram), as Isola et al. 2017 judge photographs."""

    def __init__(self, widths: Sequence[int] = (32, 64, 96)) -> None:
        super().__init__()
        inputs = (1, *widths[:-1])
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(i, o, (3, 5), stride=(1, 2), padding=(1, 2)))
            for i, o in zip(inputs, widths, strict=True)
        )
        self.last = nn.utils.parametrizations.weight_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, picture: Tensor) -> list[Tensor]:
        """float[B, T, F] to the features of each layer, the verdicts last."""
        x = picture.unsqueeze(1)
        found: list[Tensor] = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            found.append(x)
            x = F.avg_pool2d(x, (2, 1)) if x.shape[2] > 8 else x
        return [*found, self.last(x)]


def judge_loss(real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """The discriminator's: least squares (Mao et al. 2017)."""
    return (real[-1].float() - 1).square().mean() + made[-1].float().square().mean()


def fool_loss(real: Sequence[Tensor], made: Sequence[Tensor], matching: float = 2.0) -> Tensor:
    """The generator's: least squares, and features like those of the recording (Kumar et al. 2019, MelGAN)."""
    features = [(a.detach() - b).abs().mean() for a, b in zip(real[:-1], made[:-1], strict=True)]
    return (made[-1].float() - 1).square().mean() + matching * torch.stack(features).mean()
