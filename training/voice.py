"""Trains a voice from folders of recordings, start to end; `training.voice_adapt` gives it to another speaker.

The steps: align and analyse (`voice_data`), fit text to mel (`voice_acoustic`) and mel to sound (`voice_vocoder`) side
by side, measure timbre and loudness (`voice_finish`), write the bundle (`voice_export`). Everything that takes long is
kept in the working folder and taken up again with `resume`.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.voice_acoustic import Acoustic
from training.voice_batch import manners
from training.voice_data import Example, clips, digest, examples, held_out, load, write
from training.voice_export import export
from training.voice_finish import gain_db, timbre_of
from training.voice_parts import Networks
from training.voice_parts import load as load_tensors
from training.voice_run import Run
from training.voice_vocoder import VocoderTraining, shape_for

MINUTES = 100.0
"""Of training; with 57 minutes of speech on two cores the mel's loss falls little after it."""

FACTORS = (0.84, 0.9, 1.06, 1.12)
"""Speeds at which recordings are played to make other speakers of them: formants from a man's to a small woman's."""

PSEUDO_SHARE = 0.06
"""Of each speaker's clips that are used at each speed: a fifth of the training is other timbres in all."""

MEASURED = 40
"""Clips that timbre and loudness are measured on."""

SEED = 1
STATISTICS = "statistics.npz"
"""The training set's mels, mean and deviation of each band: what both networks are trained with."""


@dataclass(frozen=True, slots=True)
class Credits:
    """What `voice.json` says of whose voice it is."""

    name: str
    licence: str
    consent: str | None
    source: str


def train(
    folders: Sequence[Path], output: Path, credits_: Credits, report: Callable[[str], None], *,
    minutes: float = MINUTES, steps: int | None = None, resume: bool = False, pseudo: bool = True, device: str = "cpu",
    keep: Callable[[str], bool] = lambda name: not held_out(name),
) -> None:  # fmt: skip
    """Trains a voice and writes its bundle to `output`.

    Args:
        folders: one for each speaker, see `voice_data.clips`; the voice is the first one's, the others teach it timbre.
        report: is told of progress.
        minutes, steps: the budget; steps (of each network) count if given.
        resume: go on in `OUTPUT.training`, where checkpoints are kept; otherwise begin anew.
        pseudo: make further speakers by playing the recordings faster and slower.
        device: `cpu` or `cuda`.
        keep: which clips, by name, may be learned from.

    Raises:
        ValueError: a folder is not one of recordings, or a checkpoint belongs to another training.
    """
    work = output.with_name(f"{output.name}.training")
    work.mkdir(parents=True, exist_ok=True)
    if not resume:
        for name in ("acoustic.safetensors", "vocoder.safetensors", STATISTICS):
            (work / name).unlink(missing_ok=True)
    found = gathered(folders, work, report, keep=keep, pseudo=pseudo)
    budget = {"minutes": None if steps else minutes, "steps": steps}
    _side_by_side(work, budget, device, report)
    parts = assembled(work)
    first = folders[0].name
    own = [example for example in found if example.speaker == first and example.whole]
    speakers, timbre = manners(own), timbre_of(parts, [example.mel for example in own[:MEASURED]])
    export(parts, output, {
        **asdict(credits_), "timbre": [round(float(value), 5) for value in timbre],
        "log_f0_mean": speakers[first].f0[0], "log_f0_sd": speakers[first].f0[1],
        "gain_db": gain_db(parts, own[:MEASURED], speakers, {first: timbre}),
        "figures": {},
    })  # fmt: skip


def gathered(
    folders: Sequence[Path], work: Path, report: Callable[[str], None], *, keep: Callable[[str], bool], pseudo: bool
) -> list[Example]:
    """The examples of all speakers, from the working folder if they were made from the same recordings before."""
    found: list[Example] = []
    names: list[str] = []
    for folder in folders:
        path = work / f"{folder.name}-{digest(folder)[:16]}-{'pseudo' if pseudo else 'plain'}.npz"
        if not path.is_file():
            report(f"aligning {folder.name}")
            chosen = [clip for clip in clips(folder) if keep(clip.name)]
            made = list(examples(chosen, folder.name, report))
            step = round(1 / PSEUDO_SHARE)
            for index, factor in enumerate(FACTORS if pseudo else ()):
                made += examples(chosen[index::step], folder.name, report, factor)
            write(path, made)
        found += load(path)
        names.append(f"{path.name}\n")
    if not found:
        raise ValueError("nothing in the recordings could be aligned with its text")
    _write_statistics(work, found, folders[0].name)
    (work / "examples.txt").write_text("".join(names), encoding="utf-8")
    return found


def _write_statistics(work: Path, found: Sequence[Example], first: str) -> None:
    if not (work / STATISTICS).is_file():
        mels = np.concatenate([example.mel for example in found if example.speaker == first])
        np.savez(work / STATISTICS, mean=mels.mean(0), sd=np.maximum(mels.std(0), 0.1))


def fresh(work: Path) -> Networks:
    """Untrained networks that know the training set's mels."""
    with np.load(work / STATISTICS, allow_pickle=False) as table:
        mean, sd = torch.from_numpy(table["mean"]), torch.from_numpy(table["sd"])
    torch.manual_seed(SEED)
    parts = Networks(shape_for(mean, sd))
    parts.mel_mean.copy_(mean)
    parts.mel_sd.copy_(sd)
    return parts


def assembled(work: Path) -> Networks:
    """The averaged weights of both checkpoints."""
    parts = fresh(work)
    for name in ("acoustic", "vocoder"):
        tensors, _ = load_tensors(work / f"{name}.safetensors")
        kept = {k.removeprefix(f"average.{name}."): v for k, v in tensors.items() if k.startswith(f"average.{name}.")}
        if name == "vocoder":
            parts.vocoder.load_state_dict(kept)
        else:
            parts.load_state_dict({**parts.state_dict(), **kept})
    return parts.eval()


def _side_by_side(work: Path, budget: Mapping[str, Any], device: str, report: Callable[[str], None]) -> None:
    """Fits the acoustic networks and the vocoder: each in a process of its own on CPUs, in turn on a GPU."""
    if device != "cpu":
        for name in ("acoustic", "vocoder"):
            fit_one(name, work, budget, device, report)
        return
    context = multiprocessing.get_context("spawn")
    beside = context.Process(target=fit_one, args=("vocoder", work, budget, device, None))
    beside.start()
    try:
        fit_one("acoustic", work, budget, device, report)
        beside.join()
    finally:
        if beside.is_alive():
            beside.terminate()
    if beside.exitcode:
        raise RuntimeError(f"the vocoder's training ended with code {beside.exitcode}")


def fit_one(
    name: str, work: Path, budget: Mapping[str, Any], device: str, report: Callable[[str], None] | None
) -> None:
    """Fits `acoustic` or `vocoder` from what lies in the working folder; its lines go to `NAME.log` there too."""
    torch.set_num_threads(max(torch.get_num_threads() // 2, 1))
    names = (work / "examples.txt").read_text(encoding="utf-8").split()
    found = [example for path in names for example in load(work / path)]

    def say(line: str) -> None:
        with (work / f"{name}.log").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        if report is not None:
            report(f"{name}  {line}")

    parts = fresh(work)
    training = (Acoustic if name == "acoustic" else VocoderTraining)(parts, torch.device(device))
    run = Run(work / f"{name}.safetensors", say, **budget)
    if run.path.is_file():
        training.state.resume(run)
    if name == "vocoder":
        found = [example for example in found if example.whole]
    training.fit(found, run, SEED)
