"""Fits plan, prosody, decoder and timbre: from units to mels, with the recordings' own durations and prosody."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.voice_batch import Batch, Sampler
from training.voice_data import Example
from training.voice_losses import PatchDiscriminator, fool_loss, judge_loss, masked
from training.voice_parts import Networks
from training.voice_preview import write_preview
from training.voice_run import Run, State

PEAK_RATE = 1.5e-3
"""Highest learning rate: the prototype's 1.2e-3, a little more for twice its batch."""

MELODIC_SHARE = 2.0
"""Learning rate of melody and prosody against the others': they are small, and dropped out a good deal."""

BATCH = 8
"""Phrases, about 25 s of speech."""

OWN_PROSODY = 0.5
"""Share of batches in which the decoder hears the prosody that was predicted, as it will when it is used, and not the
recording's; from a quarter of the training on."""

SHARPEN_FROM = 0.4
"""Progress at which the discriminator joins: before it, mels are too blurred for it to teach anything."""

SHARPEN = 0.08
"""Its weight against the mel's L1."""

PATCH = 64
"""Frames of mel that the discriminator sees."""


def acoustic_parts(parts: Networks) -> nn.ModuleDict:
    """The networks that are fitted here."""
    return nn.ModuleDict({name: getattr(parts, name) for name in ("plan", "melody", "prosody", "decoder", "timbre")})


def by_frame(hidden: Tensor, owner: Tensor) -> Tensor:
    """float[B, N, C] and int64[B, T] to float[B, T, C]."""
    return hidden.gather(1, owner.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))


def forward(parts: Networks, batch: Batch, own: bool, timbre: Tensor | None = None) -> tuple[dict[str, Tensor], Tensor]:
    """Losses (without the adversarial one) and the predicted mel float[B, T, 80], normalised.

    Args:
        own: the decoder hears the predicted pitch and energy.
        timbre: float[B, 64]; heard from the batch's references if not given.
    """
    unit_edge, edge = batch.unit_inside.unsqueeze(-1), batch.inside.unsqueeze(-1)
    if timbre is None:
        heard: Tensor = parts.timbre(parts.normal(batch.reference), torch.ones_like(batch.reference[..., :1]))
        timbre = heard
    hidden, length = parts.plan(batch.phones, batch.stress, batch.context, timbre, unit_edge)
    melody = by_frame(parts.melody(batch.phones, batch.stress, batch.context, unit_edge), batch.owner)
    f0, voicing, energy = parts.prosody(melody, batch.place, timbre.detach(), edge)
    f0, voicing, energy = f0.float(), voicing.float(), energy.float()
    given = torch.stack([batch.f0, batch.voiced, batch.energy], -1)
    if own:
        given = torch.stack([f0, (voicing > 0).float(), energy], -1).detach()
    mel = parts.decoder(by_frame(hidden, batch.owner), batch.place, given, timbre, edge).float()
    weight = batch.inside * (0.1 + 0.9 * batch.voiced)
    losses = {
        "mel": masked((mel - parts.normal(batch.mel)).abs(), batch.inside),
        "length": masked(
            F.smooth_l1_loss(length.float(), torch.log1p(batch.frames), reduction="none"), batch.unit_inside
        ),
        "f0": masked(F.smooth_l1_loss(f0, batch.f0, reduction="none"), weight),
        "voicing": masked(F.binary_cross_entropy_with_logits(voicing, batch.voiced, reduction="none"), batch.inside),
        "energy": masked(F.smooth_l1_loss(energy, batch.energy, reduction="none"), batch.inside),
    }
    return losses, mel


WEIGHTS = {"mel": 1.0, "length": 1.0, "f0": 0.5, "voicing": 0.3, "energy": 0.3}
"""Of the losses: each about as large as the mel's after the first minutes."""


class Acoustic:
    """One training."""

    def __init__(self, parts: Networks, device: torch.device, rate: float = PEAK_RATE) -> None:
        self._device = device
        self._rate = rate
        self.parts = parts.to(device)
        self._judge = PatchDiscriminator().to(device)
        learners = acoustic_parts(self.parts)
        melodic = [*parts.melody.parameters(), *parts.prosody.parameters()]
        others = [*parts.plan.parameters(), *parts.decoder.parameters(), *parts.timbre.parameters()]
        groups = [{"params": others, "share": 1.0}, {"params": melodic, "share": MELODIC_SHARE}]
        self._optimiser = torch.optim.AdamW(groups, rate, betas=(0.9, 0.98), weight_decay=0.03)
        self._critic = torch.optim.AdamW(self._judge.parameters(), 2e-4, betas=(0.5, 0.9))
        self.state = State(
            {"acoustic": learners, "judge": self._judge}, {"acoustic": self._optimiser, "judge": self._critic}
        )

    def fit(self, examples: Sequence[Example], run: Run, seed: int, batch: int = BATCH) -> None:
        """Trains until `run` is over; a checkpoint, and a picture of the first example beside it, at the end in any
        case."""
        sampler = Sampler(examples, batch, seed + run.step)
        shown = sampler.batch(examples[:1]).to(self._device)
        draw = torch.Generator().manual_seed(seed + run.step)
        run.begin()
        self.parts.train()
        while run.progress < 1:
            for one in sampler.epoch():
                run.advance(self._step(one.to(self._device), run, draw), lambda: self._keep(run, shown))
                if run.progress >= 1:
                    return

    def _keep(self, run: Run, shown: Batch) -> None:
        self.state.keep(run)
        self.parts.eval()
        with torch.no_grad():
            _, mel = forward(self.parts, shown, own=True)
        self.parts.train()
        write_preview(run.path.with_suffix(".png"), self.parts.normal(shown.mel)[0].cpu().numpy(), mel[0].cpu().numpy())

    def _step(self, batch: Batch, run: Run, draw: torch.Generator) -> dict[str, Tensor]:
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * run.rate * group["share"]
        chance = float(torch.rand((), generator=draw))
        own = run.progress > 0.25 and chance < OWN_PROSODY
        with torch.autocast(self._device.type, torch.bfloat16):
            losses, mel = forward(self.parts, batch, own)
        total = torch.stack([WEIGHTS[name] * value for name, value in losses.items()]).sum()
        if run.progress > SHARPEN_FROM:
            losses["judge"], fooled = self._sharpen(mel, self.parts.normal(batch.mel), batch.inside, draw)
            losses["fool"] = fooled
            total = total + SHARPEN * fooled
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.state.parts["acoustic"].parameters(), 1.0)
        self._optimiser.step()
        self.state.averages["acoustic"].update(self.state.parts["acoustic"], run.step)
        return losses

    def _sharpen(self, made: Tensor, real: Tensor, inside: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """One step of the discriminator on a stretch of each phrase; its loss, and the generator's."""
        length = min(PATCH, made.shape[1])
        last = (inside.sum(1).long() - length).clamp(min=0)
        starts = (torch.rand(len(made), generator=draw).to(made.device) * (last + 1)).long()
        rows = torch.arange(len(made), device=made.device)[:, None]
        columns = starts[:, None] + torch.arange(length, device=made.device)
        made, real = made[rows, columns], real[rows, columns]
        with torch.autocast(self._device.type, torch.bfloat16):
            judged = judge_loss(self._judge(real), self._judge(made.detach()))
        self._critic.zero_grad(set_to_none=True)
        judged.backward()
        self._critic.step()
        with torch.autocast(self._device.type, torch.bfloat16):
            return judged, fool_loss(self._judge(real), self._judge(made))
