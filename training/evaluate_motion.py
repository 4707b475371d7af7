"""How well the motion model moves a mouth: on utterances that it was not trained on, on a speaker and a voice that it
has never heard, and in rendered pictures; needs no torch. The method in words is in ``docs/measurements.md``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines import Gesture, Motion
from engines.media import (
    ARKIT_NAMES,
    BLENDSHAPES,
    FPS,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    AudioChunk,
    Coeffs,
    Pcm,
    TimedPhone,
)
from engines.motion.compose import compose
from engines.motion.model import FILE, LOOKAHEAD, load_model
from engines.motion.speech import SpeechMotion
from training import video
from training.body import angles_of
from training.landmarks import find_faces, landmarker_file
from training.motion_body import body_figures
from training.motion_data import Utterance, held_out, lip_ids, table, utterances
from training.motion_metrics import (
    loudness,
    mean_lag_ms,
    pearson,
    predicted,
    regressed,
    six_bands,
    speeds,
)
from training.motion_page import Shown, write_page
from training.motion_rendered import Mouths, closures
from training.motion_rules import RuleMotion
from training.motion_sheet import write_sheet
from training.motion_targets import displaced, lip_moves, opening
from training.motion_voice import heard, voice_figures

JAW, LID = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("eyeBlinkLeft")
LONGEST_SHIFT_S = 1.0
SHEET = 1
"""Which of the held-out utterances is shown picture by picture."""
DRAWN = 10
"""Held-out utterances that are rendered: some thirty closures."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Played:
    """One held-out utterance as the model and the rules move it, from its sound alone and with its phones.

    Attributes:
        shifted: float32[T, 58], from the sound alone, after silence. moved: float32[T, 20, 2], the truth's lip points.
    """

    truth: Utterance
    moved: NDArray[np.float32]
    shifted: Coeffs
    told: Coeffs
    rules: Coeffs
    rules_told: Coeffs
    gestures: list[Gesture]


def play(motion: Motion, pcm: Pcm, phones: Sequence[TimedPhone] = ()) -> list[Gesture]:
    """One phrase in one turn, in chunks of 20 ms; the phones come first, as a voice of ours gives them."""
    stream = motion.stream()
    stream.push(AudioChunk(np.zeros(0, np.int16), (), tuple(phones)))
    half = SAMPLES_PER_FRAME // 2
    frames = [gesture for at in range(0, len(pcm), half) for gesture in stream.push(AudioChunk(pcm[at : at + half]))]
    return frames + stream.flush()


def faces(gestures: Sequence[Gesture]) -> Coeffs:
    """float32[T, 58]."""
    return np.stack([gesture.coeffs for gesture in gestures])


def evaluate(
    folder: Path,
    *,
    avatar: Path,
    model: Path | None = None,
    landmarker: Path | None = None,
    unseen: Path | None = None,
    voice: Path | None = None,
    page: Path | None = None,
    sheet: Path | None = None,
    tell: Tell,
) -> dict[str, Any]:
    """
    Args:
        folder: of the motion data, split as its README says.
        avatar: whose mouth is rendered. model: another than the one that serves.
        landmarker: mediapipe's file, see `training.landmarks.landmarker_file`.
        unseen: a video of a person that nothing was trained on. voice: recordings with `metadata.csv` of another.
        page: an HTML file to write. sheet: a PNG, one utterance picture by picture.

    Returns:
        The figures of ``docs/measurements.md``; shares are fractions.

    Raises:
        ValueError: a folder or file is not what it should be; the message says what to do.
    """
    motion, rules = SpeechMotion(load_model(model or FILE)), RuleMotion()
    tell("reading the utterances")
    everything, ids = utterances(folder, held_out), lip_ids(folder)
    train = [one for index, one in enumerate(everything) if not held_out(index)]
    tell("moving the mouth")
    played = _play_all([one for index, one in enumerate(everything) if held_out(index)], motion, rules, ids)
    figures: dict[str, Any] = {"utterances": len(played)}
    figures |= _jaw_figures(train, played)
    figures |= _lip_figures(played, np.mean([displaced(one.lips, ids) for one in train], axis=(0, 1)))
    figures |= _motion_figures(played)
    figures |= body_figures(
        [[gesture.prosody for gesture in one.gestures] for one in played],
        list(angles_of(table(folder)["pose"])[[held_out(index) for index in range(len(everything))]]),
        [one.truth.shapes[:, LID] for one in played],
    )
    figures |= {"lookahead_ms": LOOKAHEAD * 1000 / FPS, "real_time_share": real_time_share(motion)}
    tell("rendering")
    mouths = Mouths(avatar, landmarker_file(landmarker))
    drawn, shown = _drawn_figures(played, mouths)
    figures |= drawn
    if sheet is not None:
        write_sheet(sheet, mouths, played[SHEET].told, played[SHEET].truth.phones)
    if unseen is not None:
        tell("watching the unseen speaker")
        figures |= _unseen_figures(unseen, landmarker, motion)
    if voice is not None:
        tell("hearing the unseen voice")
        figures |= voice_figures(heard(voice, lambda pcm: play(motion, pcm), tell), mouths)
    if page is not None:
        write_page(page, figures, shown)
    return figures


def _play_all(test: Sequence[Utterance], motion: Motion, rules: Motion, ids: list[int]) -> list[Played]:
    random = np.random.default_rng(0)
    out: list[Played] = []
    for one in test:
        frames = len(one.shapes)
        late = int(random.integers(0, int(LONGEST_SHIFT_S * FPS) + 1))
        pcm = np.concatenate([np.zeros(late * SAMPLES_PER_FRAME, np.int16), one.pcm])
        told = play(motion, one.pcm, one.phones)
        out.append(
            Played(
                one,
                displaced(one.lips, ids),
                faces(play(motion, pcm))[late : late + frames],
                faces(told)[:frames],
                faces(play(rules, pcm))[late : late + frames],
                faces(play(rules, one.pcm, one.phones))[:frames],
                told[:frames],
            )
        )
    return out


def _jaw_figures(train: Sequence[Utterance], played: Sequence[Played]) -> dict[str, float]:
    """Correlations of the jaw's deviation from the training mean trajectory, moved with the clip."""
    jaws = np.stack([one.shapes[:, JAW] for one in train])
    mean = jaws.mean(0)
    truth = [one.truth.shapes[:, JAW] - mean for one in played]
    loud = regressed(np.concatenate([loudness(one.pcm) for one in train])[:, None], jaws.ravel())
    linear = regressed(np.concatenate([six_bands(one.pcm) for one in train]), jaws.ravel())

    def score(curves: Sequence[NDArray[np.floating]]) -> float:
        return float(np.mean([pearson(made - mean, real) for made, real in zip(curves, truth, strict=True)]))

    return {
        "jaw_correlation": score([one.shifted[:, JAW] for one in played]),
        "jaw_correlation_onset_only": score([mean for _ in played]),
        "jaw_correlation_rms": score([predicted(loudness(one.truth.pcm)[:, None], loud) for one in played]),
        "jaw_correlation_linear": score([predicted(six_bands(one.truth.pcm), linear) for one in played]),
        "jaw_correlation_rules": score([one.rules[:, JAW] for one in played]),
        "jaw_correlation_phones": score([one.told[:, JAW] for one in played]),
        "jaw_correlation_rules_phones": score([one.rules_told[:, JAW] for one in played]),
    }


def _lip_figures(played: Sequence[Played], mean: NDArray[np.float32]) -> dict[str, float]:
    """Mean distance of lip landmarks from the person's own, in the head's space, millimetres.

    Args:
        mean: [20, 2], the mean pose.
    """
    moves = lip_moves()

    def error(pick: Callable[[Played], NDArray]) -> float:
        return 63.0 * float(np.mean([np.linalg.norm(pick(one) - one.moved, axis=-1).mean() for one in played]))

    def points(coeffs: Coeffs) -> NDArray:
        return np.einsum("tk,kpc->tpc", coeffs[:, :BLENDSHAPES], moves)

    sound, told = error(lambda one: points(one.shifted)), error(lambda one: points(one.told))
    rules, rules_told = error(lambda one: points(one.rules)), error(lambda one: points(one.rules_told))
    return {
        "lip_error_mm": sound,
        "lip_error_rules_mm": rules,
        "lip_error_phones_mm": told,
        "lip_error_rules_phones_mm": rules_told,
        "lip_error_mean_pose_mm": error(lambda one: mean),
        "lip_error_vs_rules": sound / min(rules, rules_told) - 1,
        "lip_error_vs_rules_phones": told / rules_told - 1,
    }


def _motion_figures(played: Sequence[Played]) -> dict[str, float]:
    made, real = [one.shifted[:, JAW] for one in played], [one.truth.shapes[:, JAW] for one in played]
    (speed, fast), (real_speed, real_fast) = speeds(made), speeds(real)
    return {
        "lag_ms": mean_lag_ms(made, real),
        "jaw_speed": speed,
        "jaw_speed_real": real_speed,
        "jaw_speed_p99": fast,
        "jaw_speed_p99_real": real_fast,
        "jaw_sd": float(np.std(made)),
        "jaw_sd_real": float(np.std(real)),
    }


def _drawn_figures(played: Sequence[Played], mouths: Mouths) -> tuple[dict[str, float], list[Shown]]:
    made: dict[str, list[bool]] = {"": [], "_sound": []}
    false: dict[str, list[bool]] = {"": [], "_sound": []}
    gaps: list[NDArray] = []
    real: list[NDArray] = []
    shown: list[Shown] = []
    for one in played[:: max(1, len(played) // DRAWN)][:DRAWN]:
        for key, coeffs in (("", one.told), ("_sound", one.shifted)):
            rest = np.zeros(coeffs.shape[1], np.float32)
            gap = mouths.gaps(np.stack([compose(rest, face) for face in coeffs]))
            hits, misses = closures(gap, one.truth.phones)
            made[key] += hits
            false[key] += misses
            if not key:
                gaps.append(gap)
                real.append(opening(one.moved))
                shown.append(Shown(one.truth.name, gap, real[-1], one.truth.phones))
    figures = {"lag_rendered_ms": mean_lag_ms(gaps, real)}
    for key in made:
        figures[f"closure_recall{key}"] = float(np.mean(made[key]))
        figures[f"false_closures{key}"] = float(np.mean(false[key]))
    return figures, shown


def _unseen_figures(video_file: Path, landmarker: Path | None, motion: Motion) -> dict[str, float]:
    jaw = np.array(
        [
            found[0].blendshapes[JAW] if found else np.nan
            for found in find_faces(video.pictures(video_file), landmarker_file(landmarker), 1)
        ]
    )
    pcm = video.sound(video_file)
    count = min(len(jaw), len(pcm) // SAMPLES_PER_FRAME)
    seen = np.isfinite(jaw[:count])
    made = faces(play(motion, pcm[: count * SAMPLES_PER_FRAME]))[:, JAW]
    return {
        "jaw_correlation_unseen": pearson(made[seen], jaw[:count][seen]),
        "jaw_correlation_unseen_rms": pearson(loudness(pcm)[:count][seen], jaw[:count][seen]),
        "lag_unseen_ms": mean_lag_ms([made[seen]], [jaw[:count][seen]]),
    }


def real_time_share(motion: Motion, seconds: float = 8.0) -> float:
    """Processor seconds of this thread for a second of speech."""
    random = np.random.default_rng(0)
    pcm = (random.standard_normal(int(seconds * SAMPLE_RATE)) * 2000).astype(np.int16)
    play(motion, pcm[: SAMPLE_RATE // 2])
    begun = time.thread_time()
    play(motion, pcm)
    return (time.thread_time() - begun) / seconds
