"""Gives the voice to another speaker: from a few minutes of speech (few-shot), or from ten seconds (zero-shot).

Few-shot, the timbre vector, what it steers, the decoder, the vocoder and the ends of prosody and timing are fitted to
the recording. Zero-shot, only the timbre vector, the mean and the range of the pitch are the speaker's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.voice_acoustic import WEIGHTS, forward
from training.voice_batch import Manner, Sampler, manners
from training.voice_data import Example, clips, examples
from training.voice_export import export, read_bundle
from training.voice_finish import enliven, gain_db, predicted_mels, timbre_of
from training.voice_parts import Networks
from training.voice_recording import as_folder, check
from training.voice_run import Run
from training.voice_signal import Samples, analysed, levelled, read_sound
from training.voice_vocoder import VocoderTraining

FEW_SHOT, ZERO_SHOT = 60.0, 10.0
"""Seconds of speech that are needed."""

MINUTES = 6.0
"""Of training on two cores: longer learns a few minutes of recording by heart."""

ACOUSTIC_SHARE = 0.6
"""Of the time; the vocoder has the rest, for it knows already how any speaker sounds."""

RATE, VOCODER_RATE = 5e-4, 3e-4
"""Learning rates: a third of those from scratch, so that what was learned of speech stays."""

BATCH = 4
LIVELIEST = 60
"""Clips that variance and loudness are measured on."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose voice it is, as `voice.json` tells it.

    Attributes:
        consent: what the speaker agreed to, in their words; None where nobody was asked, which keeps the voice on the
            machine that made it.
    """

    name: str
    consent: str | None
    licence: str = "the speaker's own"


def adapt(
    source: Path, output: Path, speaker: Speaker, base: Path, report: Callable[[str], None], *,
    minutes: float = MINUTES, steps: int | None = None, zero_shot: bool = False,
    keep: Callable[[str], bool] = lambda _: True, seconds: float | None = None, seed: int = 1, device: str = "cpu",
) -> None:  # fmt: skip
    """Writes a bundle that speaks like the one in `source`.

    Args:
        source: a folder with `metadata.csv`, a video or a sound file.
        output: where the bundle goes.
        base: the bundle to start from.
        report: is told of progress and of what was left out.
        minutes, steps: the budget of a few-shot training; steps count if given.
        keep: which clips, by name, may be used.
        seconds: use no more of the recording than this.

    Raises:
        ValueError: a recording that is silent, clipped, too short or without words, or a consent without a word.
    """
    if speaker.consent is not None and not speaker.consent.strip():
        raise ValueError("the speaker's consent is empty: give what they agreed to")
    parts, voice = read_bundle(base)
    parts = parts.to(device).eval()
    with tempfile.TemporaryDirectory() as folder:
        if zero_shot:
            mels, manner, duration = _heard(source, seconds or 30.0)
            timbre = timbre_of(parts, mels)
        else:
            found = _examples(as_folder(source, Path(folder), report, FEW_SHOT), speaker.name, report, keep, seconds)
            duration = sum(len(example.mel) for example in found) / 100
            manner = manners(found)[speaker.name]
            timbre = fit(parts, found, report, minutes=minutes, steps=steps, seed=seed)
            voice["gain_db"] = gain_db(parts, found[:10], {speaker.name: manner}, {speaker.name: timbre})
    kind = "its timbre and pitch" if zero_shot else "a fine-tuned voice"
    export(parts, output, {
        **{key: voice[key] for key in ("gain_db", "styles")},
        "name": speaker.name, "timbre": [round(float(value), 5) for value in timbre],
        "log_f0_mean": manner.f0[0], "log_f0_sd": manner.f0[1], "licence": speaker.licence,
        "consent": speaker.consent,
        "source": f"{voice['name']}, with {kind} from {duration:.0f} seconds of speech",
        "figures": {},
    })  # fmt: skip


def _heard(source: Path, longest: float) -> tuple[list[np.ndarray], Manner, float]:
    """Mels and manner of the first seconds of any recording, whose words need not be known."""
    paths = [clip.path for clip in clips(source)] if source.is_dir() else [source]
    sounds: list[Samples] = []
    for path in paths:
        sounds.append(read_sound(path))
        if sum(map(len, sounds)) >= longest * 24_000:
            break
    raw = np.concatenate(sounds)[: round(longest * 24_000)]
    check(raw, ZERO_SHOT)
    sound = analysed(levelled(raw))
    if not sound.voiced.any():
        raise ValueError("the recording holds no voiced speech: record ten seconds of it")
    pitch, energy = np.log(sound.hertz[sound.voiced]), sound.energy
    manner = Manner((float(pitch.mean()), float(pitch.std())), (float(energy.mean()), float(energy.std())))
    return [sound.mel], manner, len(raw) / 24_000


def _examples(
    folder: Path, name: str, report: Callable[[str], None], keep: Callable[[str], bool], seconds: float | None
) -> list[Example]:
    chosen = [clip for clip in clips(folder) if keep(clip.name)]
    if seconds is not None:
        lengths = np.cumsum([len(read_sound(clip.path)) / 24_000 for clip in chosen])
        chosen = chosen[: int(np.searchsorted(lengths, seconds)) + 1]
    if not chosen:
        raise ValueError(f"{folder} holds no clips: give recordings of at least {FEW_SHOT:.0f} seconds")
    check(np.concatenate([read_sound(clip.path) for clip in chosen]), FEW_SHOT)
    found = list(examples(chosen, name, report))
    if sum(len(example.mel) for example in found) / 100 < FEW_SHOT / 2:
        raise ValueError("too little of the recording fits its words: check the transcript")
    return found


def fit(
    parts: Networks, found: Sequence[Example], report: Callable[[str], None], *, minutes: float, steps: int | None,
    seed: int,
) -> Tensor:  # fmt: skip
    """Fits `parts` to one speaker's examples; that speaker's timbre vector float[64]."""
    device = parts.mel_mean.device
    torch.manual_seed(seed)
    name = found[0].speaker
    whole = [example for example in found if example.whole]
    timbre = nn.Parameter(timbre_of(parts, [example.mel for example in whole]))
    learners = _learners(parts)
    for parameter in parts.parameters():
        parameter.requires_grad_(False)
    for parameter in learners:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW([{"params": learners}, {"params": [timbre]}], RATE, weight_decay=0.0)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(
            Path(folder) / "acoustic.safetensors", report, minutes=minutes * ACOUSTIC_SHARE, steps=steps, every=1e9
        )
        sampler = Sampler(found, BATCH, seed)
        parts.train()
        run.begin()
        while run.progress < 1:
            for batch in sampler.epoch():
                for group in optimiser.param_groups:
                    group["lr"] = RATE * run.rate
                with torch.autocast(device.type, torch.bfloat16):
                    many = timbre.expand(len(batch.mel), -1)
                    losses, _ = forward(parts, batch.to(device), own=run.step % 3 == 2, timbre=many)
                total = torch.stack([WEIGHTS[key] * value for key, value in losses.items()]).sum()
                optimiser.zero_grad(set_to_none=True)
                total.backward()
                nn.utils.clip_grad_norm_([*learners, timbre], 1.0)
                optimiser.step()
                run.advance(losses, lambda: None)
                if run.progress >= 1:
                    break
        vector = timbre.detach()
        parts.eval()
        speakers, timbres = manners(found), {name: vector}
        enliven(parts, whole[:LIVELIEST], speakers, timbres)
        mels = predicted_mels(parts, whole, speakers, timbres)
        for parameter in parts.vocoder.parameters():
            parameter.requires_grad_(True)
        training = VocoderTraining(parts, device, VOCODER_RATE)
        second = Run(
            Path(folder) / "vocoder.safetensors", report, minutes=minutes * (1 - ACOUSTIC_SHARE), steps=steps, every=1e9
        )
        training.fit(whole, second, seed, mels=mels, sharpen=False)
    parts.requires_grad_(True).eval()
    return vector


def _learners(parts: Networks) -> list[nn.Parameter]:
    """What a new speaker changes: all that timbre steers, the decoder, and the ends of timing and prosody."""
    chosen: list[nn.Parameter] = [*parts.decoder.parameters(), *parts.plan.timing.parameters()]
    chosen += [*parts.plan.length.parameters(), *parts.prosody.leave.parameters(), *parts.prosody.norm.parameters()]
    kept = {id(parameter) for parameter in chosen}
    for name, parameter in [*parts.plan.named_parameters(), *parts.prosody.named_parameters()]:
        if ".film." in name and id(parameter) not in kept:
            chosen.append(parameter)
    return chosen
