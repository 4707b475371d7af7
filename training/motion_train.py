"""From tracked speech to the motion model's file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, SAMPLES_PER_FRAME
from engines.motion.model import LIPS, MotionModel
from training.motion_data import Utterance, held_out, lip_ids, utterances
from training.motion_fit import Batches, fit
from training.motion_linear import Linear, fit_linear
from training.motion_nets import arrays
from training.motion_recordings import recordings
from training.motion_set import Example, Source, average_spectrum, examples, varied
from training.motion_targets import displaced, fitted
from training.motion_teacher import Teacher, fit_teacher
from training.voice_data import clips
from training.voice_data import held_out as held_out_prompt

_FIRST = [next(i for i, name in enumerate(ARKIT_NAMES) if name.startswith(stem)) for stem in LIPS]
_HEARD_EVERY = 4
"""Of a voice's recordings: some ten minutes of LJ Speech's first part hold every class of phones hundreds of times."""

Tell = Callable[[str], None]


def train(
    motion: Path,
    speech: Sequence[Path],
    output: Path,
    *,
    steps: int,
    variants: int,
    resume: bool,
    seed: int,
    tell: Tell,
) -> None:
    """Writes the model to `output`; checkpoints and the prepared examples lie in a folder beside it.

    Args:
        motion: folder of tracked utterances. speech: folders of recordings, whose mouths `motion_teacher` tells.
        steps: of the network, a tenth of a second each. variants: disturbed copies of every utterance.

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
    net = fit(batches, work, steps, resume=resume, seed=seed, tell=tell)
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
    sources = tracked(motion)
    spectrum = average_spectrum([one.pcm for one in sources[::31]])
    teacher = fit_teacher(sources)
    for folder in speech:
        tell(f"aligning {folder}")
        sources += taught(folder, teacher, tell)
    found: list[Example] = []
    linear = Linear.none()
    for variant in range(variants + 1):
        tell(f"listening to {len(sources)} recordings, {variant} of {variants} times disturbed")
        for one in sources:
            found += examples(varied(one, random) if variant else one, spectrum)
        if not variant:
            linear = fit_linear(found)
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


def tracked(motion: Path) -> list[Source]:
    """The utterances that train."""
    everything = utterances(motion, lambda index: not held_out(index))
    ids = lip_ids(motion)
    return [source(one, ids) for index, one in enumerate(everything) if not held_out(index)]


def source(one: Utterance, ids: list[int]) -> Source:
    """A tracked utterance, its lips made to agree with its contours."""
    lips = fitted(one.shapes, displaced(one.lips, ids))[:, _FIRST]
    return Source(one.pcm, lips, one.tracked.astype(np.float32), one.phones, False)


def taught(folder: Path, teacher: Teacher, tell: Tell) -> list[Source]:
    """Recordings of a voice, with the mouth that the teacher has for them."""
    chosen = [clip for clip in clips(folder)[::_HEARD_EVERY] if not held_out_prompt(clip.name)]
    out: list[Source] = []
    for pcm, phones in recordings(folder, chosen, tell):
        frames = len(pcm) // SAMPLES_PER_FRAME
        out.append(Source(pcm, teacher.lips(pcm, phones, frames), np.ones(frames, np.float32), phones, True))
    return out
