"""The motion model's training: the twin, targets from contours, a tiny fit, and its figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from engines.media import ARKIT_NAMES, SAMPLES_PER_FRAME, TimedPhone
from engines.mel import BANDS
from engines.motion.features import begin, hear, read_phones
from engines.motion.model import LIPS, LOOKAHEAD, MotionModel, load_model
from training.motion_fit import Batches, fit, inputs
from training.motion_linear import Linear, fit_linear, pooled
from training.motion_metrics import lag_ms, pearson, predicted, regressed
from training.motion_nets import MotionNet, arrays
from training.motion_rendered import closures
from training.motion_set import FRAMES, Source, blocks, examples, phone_classes, sped, varied
from training.motion_targets import fitted, lip_moves, opening
from training.motion_teacher import fit_teacher
from training.motion_train import write
from training.motion_voice import Heard, voice_figures

pytestmark = pytest.mark.train

SPECTRUM = np.full(BANDS, -45, np.float32)
PHONES = tuple(
    TimedPhone(symbol, at * 2400, (at + 1) * 2400, 1) for at, symbol in enumerate(("SIL", "M", "AA", "T") * 5)
)

SLOW = tuple(replace(phone, start=2 * phone.start, end=2 * phone.end) for phone in PHONES[:10])


def _pcm(frames: int = 50) -> np.ndarray:
    random = np.random.default_rng(0)
    loud = np.repeat(random.uniform(0, 1, frames // 2), 2 * SAMPLES_PER_FRAME)
    return (random.standard_normal(frames * SAMPLES_PER_FRAME) * 4000 * loud).astype(np.int16)


def _source() -> Source:
    pcm = _pcm()
    loud = np.abs(pcm.reshape(50, -1).astype(float)).mean(1) / 4000
    lips = np.zeros((50, len(LIPS)), np.float32)
    lips[:, 0] = loud
    return Source(pcm, lips, np.ones(50, np.float32), PHONES, False)


def test_the_network_at_run_time_is_the_one_that_was_trained() -> None:
    torch.manual_seed(0)
    net = MotionNet().eval()
    model = MotionModel(arrays(net, SPECTRUM, Linear.none()) | {"linear.share": np.zeros(len(LIPS), np.float32)})
    pcm = _pcm()
    state, out = model.phrase(None), []
    for block in range(50):
        samples = pcm[block * SAMPLES_PER_FRAME : (block + 1) * SAMPLES_PER_FRAME]
        state, lips, _ = model.step(state, samples, read_phones(PHONES, block))
        out.append(lips)
    heard = blocks(begin(SPECTRUM), pcm)
    with torch.no_grad():
        twin = net(inputs(heard[None], phone_classes(PHONES, 50)[None], None))[0][0].numpy()
    assert np.allclose(np.stack(out), np.clip(twin, 0, 1), atol=1e-3)


def test_the_linear_part_at_run_time_is_the_one_that_was_fitted() -> None:
    found = examples(_source(), SPECTRUM)
    linear = fit_linear(found)
    torch.manual_seed(0)
    model = MotionModel(arrays(MotionNet(), SPECTRUM, linear) | {"linear.share": np.ones(len(LIPS), np.float32)})
    state, out = model.phrase(None), []
    for block in range(50):
        samples = _pcm()[block * SAMPLES_PER_FRAME : (block + 1) * SAMPLES_PER_FRAME]
        state, lips, sound = model.step(state, samples, read_phones((), block))
        out.append((lips, sound))
    heard = np.concatenate([sound for _, sound in out])
    expected = np.clip(pooled(heard) @ linear.weight + linear.bias, 0, 1)
    assert np.allclose(np.stack([lips for lips, _ in out]), expected, atol=1e-4)


def test_the_linear_part_learns_from_a_second_voice() -> None:
    tracked, heard_only = examples(_source(), SPECTRUM)[0], examples(replace(_source(), weak=True), SPECTRUM)[0]
    heard_only = replace(heard_only, lips=np.ones_like(heard_only.lips))
    alone, both = fit_linear([tracked]), fit_linear([tracked, heard_only])
    jaw = [pooled(tracked.heard)[LOOKAHEAD:50] @ found.weight[:, 0] + found.bias[0] for found in (alone, both)]
    assert jaw[1].mean() > jaw[0].mean() + 0.2


def test_the_teacher_has_learned_what_phones_look_like() -> None:
    opens = {"AA": 0.5, "T": 0.2, "M": 0.0, "SIL": 0.0}
    lips = np.zeros((50, len(LIPS)), np.float32)
    lips[:, 0] = np.repeat([opens[phone.symbol] for phone in SLOW], 5)
    teacher = fit_teacher([replace(_source(), lips=lips, phones=SLOW), replace(_source(), phones=())])
    other = tuple(
        TimedPhone(symbol, at * 4800, (at + 1) * 4800, 1) for at, symbol in enumerate(("SIL", "AA", "M", "AA", "SIL"))
    )
    pcm = np.full(25 * SAMPLES_PER_FRAME, 3000, np.int16)
    jaw = teacher.lips(pcm, other, 25)[:, 0]
    assert jaw.shape == (25,)
    assert min(jaw[7], jaw[17]) > jaw[13] + 0.15
    assert jaw[2] < 0.1


def test_an_unseen_voice_is_measured_by_what_its_phones_say() -> None:
    class Mouths:
        def gaps(self, faces: np.ndarray) -> np.ndarray:
            return faces[:, ARKIT_NAMES.index("jawOpen")] * 40

    said = np.tile(np.repeat(np.array([0.0, 0.0, 0.4, 0.2], np.float32), 5), 3)[:50]
    made = np.zeros((50, 58), np.float32)
    made[:, ARKIT_NAMES.index("jawOpen")] = said
    figures = voice_figures([Heard(_pcm(), SLOW, said, made)], cast("Any", Mouths()))
    assert figures["jaw_correlation_voice"] == pytest.approx(1)
    assert abs(figures["jaw_correlation_voice_rms"]) < 0.9
    assert figures["lag_voice_ms"] == pytest.approx(0, abs=1)
    assert (figures["closure_recall_voice_sound"], figures["false_closures_voice_sound"]) == (1, 0)


def test_hearing_all_at_once_is_hearing_block_by_block() -> None:
    pcm = _pcm()
    heard, out = begin(SPECTRUM), []
    for block in pcm.reshape(-1, SAMPLES_PER_FRAME):
        heard, sound = hear(heard, block)
        out.append(sound)
    assert np.allclose(np.concatenate(out), blocks(begin(SPECTRUM), pcm), atol=1e-3)


def test_targets_follow_the_contours_where_the_tracker_reports_nothing() -> None:
    shapes = np.zeros((10, 52), np.float32)
    raised = [index for index, name in enumerate(ARKIT_NAMES) if name.startswith("mouthUpperUp")]
    moved = np.linspace(0, 0.4, 10)[:, None, None] * lip_moves()[raised].sum(0)
    found = fitted(shapes, moved.astype(np.float32))
    assert found[-1, raised[0]] > 0.1
    assert found.min() >= 0
    made = opening(np.einsum("tk,kpc->tpc", found, lip_moves()))
    assert np.abs(made - opening(moved)).max() < 0.01


def test_a_faster_recording_takes_its_face_along() -> None:
    from fractions import Fraction

    quick = sped(_source(), Fraction(5, 4))
    assert len(quick.lips) == len(quick.pcm) // SAMPLES_PER_FRAME == 40
    assert quick.phones[4].start == round(_source().phones[4].start / 1.25)
    assert pearson(quick.lips[:, 0], np.abs(quick.pcm.reshape(40, -1).astype(float)).mean(1)) > 0.9


def test_variants_keep_length_and_range() -> None:
    random = np.random.default_rng(0)
    for _ in range(6):
        other = varied(_source(), random)
        assert len(other.pcm) == len(other.lips) * SAMPLES_PER_FRAME
        assert np.abs(other.pcm).max() > 0


def test_a_fit_learns_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    found = examples(_source(), SPECTRUM)
    assert found[0].lips.shape == (FRAMES, len(LIPS))
    data = Batches.of(found)
    told: list[str] = []
    fit(data, tmp_path, 30, resume=False, seed=0, tell=told.append)
    net = fit(data, tmp_path, 60, resume=True, seed=0, tell=told.append)
    with torch.no_grad():
        made = net(inputs(data.heard, data.phones, None))[0][0].numpy()
    assert pearson(made[LOOKAHEAD:52, 0], data.lips[0, LOOKAHEAD:52, 0].astype(float)) > 0.6
    write(arrays(net, SPECTRUM, Linear.none()), tmp_path / "motion.npz")
    assert load_model(tmp_path / "motion.npz").phrase(None).entered.shape[0] == 4
    with pytest.raises(ValueError, match="nothing to train on"):
        Batches.of([])


def test_lag_is_found_between_frames() -> None:
    time = np.arange(200) / 25
    truth = np.sin(2 * np.pi * time) + np.sin(2 * np.pi * 1.7 * time)
    late = np.sin(2 * np.pi * (time - 0.05)) + np.sin(2 * np.pi * 1.7 * (time - 0.05))
    assert lag_ms(late, truth) == pytest.approx(50, abs=6)
    assert pearson(np.ones(10), np.arange(10.0)) == 0


def test_a_linear_model_is_recovered() -> None:
    random = np.random.default_rng(0)
    inputs_ = random.standard_normal((500, 3))
    truth = inputs_ @ np.array([1.0, -2.0, 0.5]) + 3
    assert np.allclose(predicted(inputs_, regressed(inputs_, truth)), truth, atol=0.02)


def test_closures_and_false_ones_are_counted() -> None:
    phones = (
        TimedPhone("AA", 0, 4800), TimedPhone("M", 4800, 6720), TimedPhone("T", 6720, 9600),
        TimedPhone("AA", 9600, 14400), TimedPhone("B", 16320, 17280),
    )  # fmt: skip
    gaps = np.full(20, 8.0)
    gaps[6] = 1.0
    assert closures(gaps, phones) == ([True, False], [False, False])
    gaps[12] = 0.5
    assert closures(gaps, phones)[1] == [False, True]
