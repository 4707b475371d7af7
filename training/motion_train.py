"""From tracked speech to the motion model's file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, SAMPLES_PER_FRAME, TimedPhone
from engines.motion.features import CLASS_OF
from engines.motion.model import LIPS, MotionModel
from engines.tts.features import HOP, PHONES
from training.motion_data import Utterance, held_out, lip_ids, utterances
from training.motion_fit import Batches, fit
from training.motion_linear import Linear, fit_linear
from training.motion_nets import arrays
from training.motion_set import Example, Source, average_spectrum, examples, ruled, varied
from training.motion_targets import displaced, fitted
from training.voice_data import Example as Spoken
from training.voice_data import clips as voice_clips
from training.voice_data import examples as voice_examples
from training.voice_data import held_out as held_out_prompt

_FIRST = [next(i for i, name in enumerate(ARKIT_NAMES) if name.startswith(stem)) for stem in LIPS]
_RIDGE = 2.0
_CALIBRATES = 13
"""Every so many utterances show how the rules' amplitudes compare with the speaker's."""

Tell = Callable[[str], None]


def train(
    motion: Path,
    speech: Sequence[Path],
    output: Path,
    *,
    minutes: float,
    variants: int,
    resume: bool,
    seed: int,
    tell: Tell,
) -> None:
    """Writes the model to `output`; checkpoints and the prepared examples lie in a folder beside it.

    Args:
        motion: folder of tracked utterances. speech: folders of recordings, whose mouths the rules tell.
        minutes: of processor time. variants: disturbed copies of every utterance.

    Raises:
        ValueError, OSError: a folder is not what it should be, or the file can't be written.
    """
    if not output.parent.is_dir():
        raise ValueError(f"{output}: no such folder: {output.parent}")
    work = output.with_name(f"{output.stem}.work")
    work.mkdir(exist_ok=True)
    prepared = work / "examples.npz"
    if not (resume and prepared.is_file()):
        _prepare(motion, speech, variants, seed, prepared, tell)
    with np.load(prepared, allow_pickle=False) as stored:
        batches = Batches(**{name: stored[name] for name in ("heard", "phones", "lips", "known", "weak")})
        spectrum, linear = stored["spectrum"], Linear(stored["linear_weight"], stored["linear_bias"])
    net = fit(batches, work, minutes, resume=resume, seed=seed, tell=tell)
    found = arrays(net, spectrum, linear)
    MotionModel(found)
    write(found, output)
    tell(f"{output}: {output.stat().st_size / 1e6:.2f} MB, sha256 {hashlib.sha256(output.read_bytes()).hexdigest()}")


def write(found: dict[str, NDArray[np.float32]], output: Path) -> None:
    """The model's file, in half precision, which costs its figures nothing."""
    half = {name: value.astype(np.float16) for name, value in found.items()}
    with output.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **half)


def _prepare(motion: Path, speech: Sequence[Path], variants: int, seed: int, prepared: Path, tell: Tell) -> None:
    random = np.random.default_rng(seed)
    tell("aligning the utterances' words")
    everything = utterances(motion, lambda index: not held_out(index))
    ids = lip_ids(motion)
    sources = [source(one, ids) for index, one in enumerate(everything) if not held_out(index)]
    spectrum = average_spectrum([one.pcm for one in sources[::31]])
    found: list[Example] = []
    linear = Linear.none()
    for variant in range(variants + 1):
        tell(f"listening to {len(sources)} utterances, {variant} of {variants} times disturbed")
        for one in sources:
            found += examples(varied(one, random) if variant else one, spectrum)
        if not variant:
            linear = fit_linear(found)
    scale = calibration(sources[::_CALIBRATES])
    for folder in speech:
        tell(f"aligning {folder}")
        for one in _ruled_sources(folder, scale, tell):
            found += examples(varied(one, random), spectrum)
    batches = Batches.of(found)
    with prepared.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            spectrum=spectrum,
            linear_weight=linear.weight,
            linear_bias=linear.bias,
            **vars(batches),
        )
    (prepared.parent / "examples.json").write_text(json.dumps({"examples": len(found), "seed": seed}) + "\n")


def source(one: Utterance, ids: list[int]) -> Source:
    """A tracked utterance, its lips made to agree with its contours."""
    lips = fitted(one.shapes, displaced(one.lips, ids))[:, _FIRST]
    return Source(one.pcm, lips, one.tracked.astype(np.float32), one.phones, False)


def calibration(sources: Sequence[Source]) -> NDArray[np.float32]:
    """[11, 14]: the rules' ten parameters, and 1, as the speaker's shapes (ridge regression)."""
    made = np.concatenate([ruled(one.phones, len(one.lips)) for one in sources])
    design = np.concatenate([made, np.ones((len(made), 1), np.float32)], 1)
    real = np.concatenate([one.lips for one in sources])
    return np.linalg.solve(design.T @ design + _RIDGE * np.eye(design.shape[1]), design.T @ real).astype(np.float32)


def _ruled_sources(folder: Path, scale: NDArray[np.float32], tell: Tell) -> Iterator[Source]:
    clips = [clip for clip in voice_clips(folder) if not held_out_prompt(clip.name)]
    for one in voice_examples(clips, folder.name, tell):
        phones = spoken_phones(one)
        frames = len(one.samples) // SAMPLES_PER_FRAME
        made = ruled(phones, frames)
        lips = np.clip(np.concatenate([made, np.ones((frames, 1), np.float32)], 1) @ scale, 0, 1).astype(np.float32)
        pcm = (np.clip(one.samples[: frames * SAMPLES_PER_FRAME], -1, 1) * 32767).astype(np.int16)
        yield Source(pcm, lips, np.ones(frames, np.float32), phones, True)


def spoken_phones(one: Spoken) -> tuple[TimedPhone, ...]:
    """The units of a voice's example as phones; its pauses are silence."""
    ends = np.cumsum(one.frames) * HOP
    starts = ends - one.frames * HOP
    return tuple(
        TimedPhone(PHONES[unit] if PHONES[unit] in CLASS_OF else "SIL", int(start), int(end), 1)
        for unit, start, end in zip(one.phones, starts, ends, strict=True)
        if end > start
    )
