"""The voice's networks: plan (text to phones' lengths), prosody (pitch, voicing, energy), decode (mel, then filters).

ConvNeXt blocks over time (Liu et al. 2022, in one dimension as in Vocos, Siuzdak 2023) with channels last. In `Decoder`
and `Vocoder` every kernel's reach is bounded and nothing is normalised over time, so that a window of the phrase gives
what the whole would. Timbre enters by FiLM (Perez et al. 2018): one vector a speaker, as in Ada-TTA (Ye et al. 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.tts.features import CONTEXT, PHONES

MELS = 80
TIMBRE = 64
BINS = 481
"""Frequencies of the vocoder's spectra: n_fft 960 at 24 kHz."""

HIDDEN = 192
"""Channels from text to mel; half of it blurs mels, twice of it does not fit the bundle."""

MELODY = 64
"""Channels from text to prosody, which has a way of its own: sharing the mel's, it learned sentences by heart."""

DECODER_REACH = ((5, 1), (5, 1), (3, 1), (3, 1), (3, 1), (3, 1))
VOCODER_REACH = ((3, 1), (3, 1), (3, 1), (3, 1), (3, 1), (3, 1))
"""Frames before and after that each block sees: 12 after in all, a wait of nothing but computation."""

LOUDEST, FAINTEST = 6.0, -14.0
"""Bounds of a filter's log magnitude: beyond what speech at -20 LUFS reaches, and finite whatever the input."""


def context() -> tuple[int, int]:
    """Frames before and after a window that `Decoder` and `Vocoder` together read."""
    reach = (*DECODER_REACH, *VOCODER_REACH)
    return sum(left for left, _ in reach), sum(right for _, right in reach)


class Block(nn.Module):
    """Depthwise convolution, normalisation over channels, two linear layers, residual."""

    def __init__(
        self,
        width: int,
        reach: tuple[int, int],
        grow: int = 2,
        timbre: bool = True,
        drop: float = 0.0,
        spacing: int = 1,
    ) -> None:
        """`reach`: taps before and after, `spacing` frames apart; `grow`: inner channels as a multiple of `width`."""
        super().__init__()
        self.left, self.right = reach[0] * spacing, reach[1] * spacing
        self.spacing = spacing
        taps = reach[0] + reach[1] + 1
        self.mix = nn.Conv2d(width, width, (1, taps), groups=width, dilation=(1, spacing))
        self.norm = nn.LayerNorm(width)
        self.film = nn.Linear(TIMBRE, 2 * width) if timbre else None
        if self.film is not None:
            nn.init.normal_(self.film.weight, std=0.02)
            nn.init.zeros_(self.film.bias)
        self.grow = nn.Linear(width, grow * width)
        self.shrink = nn.Linear(grow * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.3))
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor, inside: Tensor, timbre: Tensor | None = None) -> Tensor:
        """float[B, T, C], float[B, T, 1], float[B, 64] -> float[B, T, C]."""
        padded = F.pad((x * inside).float(), (0, 0, self.left, self.right))
        with torch.autocast(x.device.type, enabled=False):  # CPUs take twice as long over this one in bf16
            h = self.mix(padded.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2)
        h = self.norm(h)
        if self.film is not None and timbre is not None:
            gain, shift = self.film(timbre).unsqueeze(1).chunk(2, -1)
            h = h * (1 + gain) + shift
        h = F.relu(self.grow(h)).square()
        if self.training:
            h = h * self.drop(
                torch.ones_like(h[:, :1])
            )  # one mask for all frames (Gal and Ghahramani 2016): far cheaper
        return x + self.scale * self.shrink(h)


class Attention(nn.Module):
    """Self-attention over a phrase's units, for what convolutions don't reach: the melody of a long sentence."""

    def __init__(self, width: int, heads: int = 4, drop: float = 0.1) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 3 * width)
        self.outer = nn.Linear(width, width)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        """float[B, N, C], float[B, N, 1] -> float[B, N, C]."""
        batch, count, width = x.shape
        parts = self.inner(self.norm(x)).reshape(batch, count, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        score = query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5
        score = score + (inside.transpose(1, 2).unsqueeze(1) - 1) * 1e4
        mixed = (score.float().softmax(-1).to(value.dtype) @ value).transpose(1, 2).reshape(batch, count, width)
        return x + self.drop(self.outer(mixed))


class Plan(nn.Module):
    """Units of a text to hidden vectors and durations."""

    def __init__(self, drop: float = 0.1) -> None:
        super().__init__()
        self.phone = nn.Embedding(len(PHONES), HIDDEN)
        self.stress = nn.Embedding(3, HIDDEN)
        self.context = nn.Linear(len(CONTEXT), HIDDEN)
        self.near = nn.ModuleList(Block(HIDDEN, (2, 2), drop=drop) for _ in range(3))
        self.far = Attention(HIDDEN, drop=drop)
        self.after = nn.ModuleList(Block(HIDDEN, (3, 3), drop=drop) for _ in range(2))
        self.norm = nn.LayerNorm(HIDDEN)
        self.timing = nn.ModuleList(Block(HIDDEN, (1, 1), drop=2 * drop) for _ in range(1))
        self.length = nn.Linear(HIDDEN, 1)

    def forward(
        self, phones: Tensor, stress: Tensor, context: Tensor, timbre: Tensor, inside: Tensor
    ) -> tuple[Tensor, Tensor]:
        """int64[B, N] twice, float[B, N, K], float[B, 64], float[B, N, 1] -> hidden [B, N, C], log(1 + frames) [B, N]
        (natural, so that no length is negative)."""
        x = self.phone(phones) + self.stress(stress) + self.context(context)
        for block in self.near:
            x = block(x, inside, timbre)
        x = self.far(x, inside)
        for block in self.after:
            x = block(x, inside, timbre)
        hidden = self.norm(x)
        timing = hidden
        for block in self.timing:
            timing = block(timing, inside, timbre)
        return hidden, self.length(timing).squeeze(-1)


class Melody(nn.Module):
    """Units of a text to what their prosody depends on: stress and place above all, and little of the phones."""

    PHONE = 8
    """Channels of a phone: enough for its manner and height, too few to tell a sentence by."""

    def __init__(self, drop: float = 0.3) -> None:
        super().__init__()
        self.phone = nn.Embedding(len(PHONES), self.PHONE)
        self.enter = nn.Linear(self.PHONE, MELODY)
        self.stress = nn.Embedding(3, MELODY)
        self.context = nn.Linear(len(CONTEXT), MELODY)
        self.near = nn.ModuleList(Block(MELODY, (2, 2), timbre=False, drop=drop) for _ in range(3))
        self.far = Attention(MELODY, drop=drop)

    def forward(self, phones: Tensor, stress: Tensor, context: Tensor, inside: Tensor) -> Tensor:
        """int64[B, N] twice, float[B, N, K], float[B, N, 1] -> float[B, N, 64]."""
        x = self.enter(self.phone(phones)) + self.stress(stress) + self.context(context)
        for block in self.near:
            x = block(x, inside)
        return self.far(x, inside)


class Prosody(nn.Module):
    """The melody's channels by frame to pitch, voicing and energy, with a view of a second to both sides."""

    WIDTH = 96

    def __init__(self, drop: float = 0.3) -> None:
        super().__init__()
        self.drop = nn.Dropout(drop)
        self.enter = nn.Linear(MELODY + 3, self.WIDTH)
        self.blocks = nn.ModuleList(Block(self.WIDTH, (3, 3), drop=drop, spacing=spacing) for spacing in (1, 2, 4, 8))
        self.norm = nn.LayerNorm(self.WIDTH)
        self.leave = nn.Linear(self.WIDTH, 3)

    def forward(self, melody: Tensor, place: Tensor, timbre: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """float[B, T, 64], float[B, T, 3] -> f0 [B, T] (in sd of log F0), voicing (logit) [B, T], energy [B, T]."""
        if self.training:
            melody = melody * self.drop(torch.ones_like(melody[:, :1]))
        x = self.enter(torch.cat([melody, place], -1))
        for block in self.blocks:
            x = block(x, inside, timbre)
        f0, voicing, energy = self.leave(self.norm(x)).unbind(-1)
        return f0, voicing, energy


class Decoder(nn.Module):
    """Hidden vectors and prosody by frame to the normalised log mel."""

    def __init__(self, grow: int = 3, drop: float = 0.05) -> None:
        super().__init__()
        self.enter = nn.Linear(HIDDEN + 6, HIDDEN)
        self.blocks = nn.ModuleList(Block(HIDDEN, reach, grow, drop=drop) for reach in DECODER_REACH)
        self.norm = nn.LayerNorm(HIDDEN)
        self.leave = nn.Linear(HIDDEN, MELS)

    def forward(self, hidden: Tensor, place: Tensor, prosody: Tensor, timbre: Tensor, inside: Tensor) -> Tensor:
        """float[B, T, C], float[B, T, 3], float[B, T, 3] (f0, voicing, energy) -> float[B, T, 80]."""
        x = self.enter(torch.cat([hidden, place, prosody], -1))
        for block in self.blocks:
            x = block(x, inside, timbre)
        return self.leave(self.norm(x))


class Vocoder(nn.Module):
    """The mel, pitch and voicing of a frame to the filters of its two sources."""

    WIDTH = 192
    shape: Tensor

    def __init__(self, shape: Tensor | None = None, grow: int = 3) -> None:
        """`shape`: float[80, 481] and float[481] below it ([81, 481]): a filter's log magnitude to begin with."""
        super().__init__()
        self.register_buffer("shape", torch.zeros(MELS + 1, BINS) if shape is None else shape)
        self.enter = nn.Linear(MELS + 2, self.WIDTH)
        self.blocks = nn.ModuleList(Block(self.WIDTH, reach, grow, timbre=False) for reach in VOCODER_REACH)
        self.norm = nn.LayerNorm(self.WIDTH)
        self.leave = nn.Linear(self.WIDTH, 3 * BINS)
        nn.init.normal_(self.leave.weight, std=0.01)
        nn.init.zeros_(self.leave.bias)

    def forward(self, mel: Tensor, hertz: Tensor, voicing: Tensor, inside: Tensor) -> Tensor:
        """float[B, T, 80] (normalised), float[B, T], float[B, T] -> float[B, T, 3, 481] as the bundle's `filters`."""
        pitch = (torch.log(hertz) - 5.1) / 0.3  # about 164 Hz, a third of an octave
        x = self.enter(torch.cat([mel, pitch.unsqueeze(-1), voicing.unsqueeze(-1)], -1))
        for block in self.blocks:
            x = block(x, inside)
        harmonic, phase, noise = self.leave(self.norm(x)).float().chunk(3, -1)
        outline = mel @ self.shape[:MELS] + self.shape[MELS]
        harmonic = (outline + harmonic).clamp(FAINTEST, LOUDEST)
        noise = (outline + noise).clamp(FAINTEST, LOUDEST)
        return torch.stack([harmonic, phase, noise], 2)


class Timbre(nn.Module):
    """A mel of any words by a speaker to that speaker's vector of unit length times 8 (so that elements are near 1)."""

    WIDTH = 96

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(MELS, self.WIDTH)
        self.blocks = nn.ModuleList(Block(self.WIDTH, (2, 2), timbre=False) for _ in range(3))
        self.leave = nn.Linear(2 * self.WIDTH, TIMBRE)

    def forward(self, mel: Tensor, inside: Tensor) -> Tensor:
        """float[B, T, 80], float[B, T, 1] -> float[B, 64]."""
        x = self.enter(mel)
        for block in self.blocks:
            x = block(x, inside)
        count = inside.sum(1).clamp(min=1)
        mean = (x * inside).sum(1) / count
        spread = (((x - mean.unsqueeze(1)) * inside).square().sum(1) / count + 1e-4).sqrt()
        return F.normalize(self.leave(torch.cat([mean, spread], -1)).float(), dim=-1) * TIMBRE**0.5
