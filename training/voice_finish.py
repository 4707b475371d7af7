"""From fitted networks to a voice: its timbre, its liveliness, its loudness, and the mels that its vocoder hears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.media import SAMPLE_RATE
from engines.tts.features import HOP
from engines.tts.loudness import TARGET_LUFS, loudness
from training.voice_acoustic import by_frame
from training.voice_batch import Batch, Manner, collate
from training.voice_data import Example
from training.voice_nets import MELS, TIMBRE
from training.voice_parts import Networks
from training.voice_source import synthesize

CEPSTRA = 14
"""Coefficients whose variance is restored, c0 not among them: those that mel-cepstral distortion counts."""

MOST = 1.35
"""The largest gain: beyond it noise is what becomes livelier."""

Mel = NDArray[np.float32]


@torch.no_grad()
def timbre_of(parts: Networks, mels: Sequence[Mel]) -> Tensor:
    """float[64]: what the timbre encoder hears in log mels float32[T, 80] of one speaker, all together."""
    device = parts.mel_mean.device
    heard = [
        parts.timbre(parts.normal(torch.from_numpy(mel).to(device)[None]), torch.ones(1, len(mel), 1, device=device))
        for mel in mels
    ]
    return torch.nn.functional.normalize(torch.cat(heard).mean(0), dim=0) * TIMBRE**0.5


@torch.no_grad()
def spoken(parts: Networks, batch: Batch, timbre: Tensor, *, own: bool) -> tuple[Tensor, Tensor, Tensor]:
    """A batch with the recordings' durations.

    Args:
        timbre: float[B, 64].
        own: with the predicted pitch, voicing and energy, otherwise with the recordings'.

    Returns:
        Normalised mel float[B, T, 80] before `Networks.vary`, f0 (in sd) and voicing float[B, T].
    """
    edge = batch.inside.unsqueeze(-1)
    hidden, _ = parts.plan(batch.phones, batch.stress, batch.context, timbre, batch.unit_inside.unsqueeze(-1))
    hidden = by_frame(hidden, batch.owner)
    f0, voicing, energy = batch.f0, batch.voiced, batch.energy
    if own:
        melody = parts.melody(batch.phones, batch.stress, batch.context, batch.unit_inside.unsqueeze(-1))
        f0, logit, energy = parts.prosody(by_frame(melody, batch.owner), batch.place, timbre, edge)
        voicing = (logit > 0).float()
    mel = parts.decoder(hidden, batch.place, torch.stack([f0, voicing, energy], -1), timbre, edge)
    return mel, f0, voicing


def each(
    parts: Networks, examples: Sequence[Example], speakers: dict[str, Manner], timbres: dict[str, Tensor], *, own: bool
) -> Iterator[tuple[Example, Tensor, Tensor, Tensor]]:
    """`spoken` for one example after the other: the example, mel [1, T, 80], f0 [1, T], voicing [1, T]."""
    device = parts.mel_mean.device
    for example in examples:
        batch = collate([example], [example.mel], speakers).to(device)
        yield example, *spoken(parts, batch, timbres[example.speaker][None], own=own)


def predicted_mels(
    parts: Networks, examples: Sequence[Example], speakers: dict[str, Manner], timbres: dict[str, Tensor]
) -> list[Mel]:
    """Log mels float32[T, 80] as the vocoder will hear them, in the recordings' own rhythm and melody."""
    return [
        (parts.vary(mel)[0] * parts.mel_sd + parts.mel_mean).cpu().numpy()
        for _, mel, _, _ in each(parts, examples, speakers, timbres, own=False)
    ]


def enliven(
    parts: Networks, examples: Sequence[Example], speakers: dict[str, Manner], timbres: dict[str, Tensor]
) -> list[float]:
    """Sets `parts.liveliness` so that predicted mels vary as much as recorded ones; the gains of c1..c13."""
    base = cosines()
    real, made = np.zeros(CEPSTRA - 1), np.zeros(CEPSTRA - 1)
    for example, mel, _, _ in each(parts, examples, speakers, timbres, own=True):
        plain = (mel[0] * parts.mel_sd + parts.mel_mean).cpu().numpy()
        loud = example.mel.mean(1) > example.mel.mean(1).max() - 50 / 20 * np.log(10)
        real += (example.mel @ base[1:CEPSTRA].T)[loud].var(0)
        made += (plain @ base[1:CEPSTRA].T)[loud].var(0)
    gains = np.ones(MELS)
    gains[1:CEPSTRA] = np.sqrt(real / made).clip(1, MOST)
    gains[CEPSTRA:] = np.sqrt(gains[CEPSTRA - 1])  # the finer shape follows halfway: it is half noise
    sd = parts.mel_sd.cpu().numpy()
    matrix = np.diag(sd) @ base.T @ np.diag(gains) @ base @ np.diag(1 / sd)
    parts.liveliness.copy_(torch.from_numpy(matrix.astype(np.float32)))
    return gains[1:CEPSTRA].tolist()


def cosines() -> NDArray[np.float64]:
    """float[80, 80]: the orthonormal DCT-II, a row for each cepstral coefficient."""
    order, band = np.arange(MELS)[:, None], np.arange(MELS)[None]
    table = np.cos(np.pi * order * (band + 0.5) / MELS) * np.sqrt(2 / MELS)
    table[0] /= np.sqrt(2)
    return table


@torch.no_grad()
def sound_of(parts: Networks, mel: Tensor, hertz: Tensor, voicing: Tensor, seed: int = 0) -> NDArray[np.float32]:
    """One normalised mel [1, T, 80] (before `vary`), F0 and voicing [1, T] to samples float32[240·T]."""
    inside = torch.ones_like(mel[..., :1])
    filters = parts.vocoder(parts.vary(mel), hertz, voicing, inside)
    draw = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, mel.shape[1] * HOP, generator=draw).to(mel.device)
    return synthesize(filters, hertz, voicing, noise)[0].cpu().numpy()


def gain_db(
    parts: Networks, examples: Sequence[Example], speakers: dict[str, Manner], timbres: dict[str, Tensor]
) -> float:
    """What brings the voice's sentences to `TARGET_LUFS`."""
    sounds = []
    for example, mel, f0, voicing in each(parts, examples, speakers, timbres, own=True):
        mean, sd = speakers[example.speaker].f0
        sounds.append(sound_of(parts, mel, torch.exp(mean + sd * f0), voicing))
    return TARGET_LUFS - loudness(np.concatenate(sounds), SAMPLE_RATE)
