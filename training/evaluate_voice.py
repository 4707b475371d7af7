"""How near a voice is to its speaker, how well it is understood and how it streams, on prompts that it was not trained
on; needs no torch. The method in words is in ``docs/measurements.md``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from engines import TTS
from engines.media import SAMPLE_RATE
from training.verifier import Verifier
from training.voice_data import Clip, clips, held_out
from training.voice_identity import Clone, identity, margin
from training.voice_load import load_voice
from training.voice_metrics import (
    Cepstra,
    bandwidth,
    cepstra,
    clipped,
    distances,
    power_spectrum,
    variance_ratio,
    warped_mean,
)
from training.voice_report import Pair, write_page
from training.voice_signal import levelled, read_sound
from training.voice_streaming import Roughness, Streamed, dbfs, extra_memory_mb, size_mb, speak, worst_click
from training.voice_words import Recogniser, WordErrors

CHAT = Path(__file__).parent / "data" / "chat.txt"
"""Sentences of everyday talk, fixed before the first voice was trained."""

SEAM_SECONDS = 600.0
"""Speech in which clicks are sought: long enough for a thousand seams."""

WARM_UP = "Let me think about that for a moment."


@dataclass
class Scores:
    """What is gathered prompt by prompt."""

    made: WordErrors = field(default_factory=WordErrors)
    recorded: WordErrors = field(default_factory=WordErrors)
    distortion: list[float] = field(default_factory=list)
    cepstra: tuple[list[Cepstra], list[Cepstra]] = field(default_factory=lambda: ([], []))
    spectra: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = field(default_factory=lambda: ([], []))
    clipped: list[float] = field(default_factory=list)
    streams: list[Streamed] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)


def chosen(folder: Path, prompts: int | None) -> list[Clip]:
    """The held-out clips of ``folder``, or ``prompts`` of them, evenly spread.

    Raises:
        ValueError: nothing is held out.
    """
    found = [clip for clip in clips(folder) if held_out(clip.name)]
    if not found:
        raise ValueError(f"{folder} holds no prompt out: evaluation is on the ids that end in 7")
    if prompts is None or prompts >= len(found):
        return found
    return [found[int(index)] for index in np.linspace(0, len(found) - 1, prompts)]


def add_prompt(scores: Scores, tts: TTS, clip: Clip, recogniser: Recogniser) -> None:
    """Has one prompt spoken and compares it with its recording."""
    recorded = levelled(read_sound(clip.path))
    streamed = speak(tts, clip.text)
    made = levelled(streamed.samples)
    heard = recogniser.hear(made, SAMPLE_RATE)
    scores.made.add(clip.text, heard)
    scores.recorded.add(clip.text, recogniser.hear(recorded, SAMPLE_RATE))
    both = cepstra(made), cepstra(recorded)
    scores.distortion.append(warped_mean(distances(*both)))
    for kept, found in zip(scores.cepstra, both, strict=True):
        kept.append(found)
    for kept, samples in zip(scores.spectra, (made, recorded), strict=True):
        kept.append(power_spectrum(samples))
    scores.clipped.append(clipped(streamed.samples))
    scores.streams.append(streamed)
    scores.pairs.append(Pair(clip.name, clip.text, recorded, made, " ".join(heard), scores.distortion[-1]))


def evaluate(
    voice: Path,
    folder: Path,
    console: Console,
    *,
    prompts: int | None = None,
    clone: Clone | None = None,
    page: Path | None = None,
) -> dict[str, Any]:
    """Compares a voice with its speaker's held-out recordings.

    Args:
        voice: see ``load_voice``.
        folder: the speaker's recordings.
        console: where progress is shown.
        prompts: how many held-out prompts to use, and little else: a quick look; all of them by default.
        clone: what ``fewshot_margin`` is measured on.
        page: a page (HTML) to write.

    Returns:
        Figures by the names in ``docs/measurements.md``; None where a voice of this kind has none.

    Raises:
        ValueError: something that was given is missing or broken; the message says what to do.
        SpeechError: the voice can't be run.
    """
    held = chosen(folder, prompts)
    tts = load_voice(voice)
    speak(tts, WARM_UP)
    recogniser, scores = Recogniser(), Scores()
    with Progress(console=console, transient=True) as progress:
        for clip in progress.track(held, description="held-out prompts"):
            add_prompt(scores, tts, clip, recogniser)
        chat = WordErrors()
        for text in progress.track(CHAT.read_text("utf-8").splitlines(), description="chat"):
            streamed = speak(tts, text)
            chat.add(text, recogniser.hear(levelled(streamed.samples), SAMPLE_RATE))
            scores.streams.append(streamed)
        more = [clip.text for clip in clips(folder) if not held_out(clip.name)] if prompts is None else []
        seams = _seams(voice, tts, [*(clip.text for clip in held), *more], progress)
        given = _given(voice, progress.track(held, description="recorded rhythm"))
    verifier = Verifier()
    with console.status("Whose voice is it …"):
        alike = identity(verifier, folder, [pair.made for pair in scores.pairs])
        alike |= margin(verifier, clone)
        memory = extra_memory_mb(voice)
    figures = {
        **_likeness(scores),
        "chat_wer": chat.rate(),
        **given,
        **_speed(scores.streams),
        **seams,
        **alike,
        "extra_memory_mb": memory,
        "voice_mb": size_mb(voice) if voice.exists() else None,
        "prompts": len(held),
    }
    if page is not None:
        write_page(page, f"{voice.name} and {folder.name}", figures, scores.pairs)
    return figures


def _likeness(scores: Scores) -> dict[str, float]:
    made, recorded = (np.mean(found, axis=0) for found in scores.spectra)
    return {
        "wer": scores.made.rate(),
        "wer_reference": scores.recorded.rate(),
        "wer_over_reference": scores.made.rate() - scores.recorded.rate(),
        "mcd": float(np.mean(scores.distortion)),
        "gv_ratio": variance_ratio(*scores.cepstra),
        "bandwidth": bandwidth(made),
        "bandwidth_reference": bandwidth(recorded),
        "clipping": float(np.mean(scores.clipped)),
    }


def _speed(streams: Sequence[Streamed]) -> dict[str, float]:
    seconds = sum(len(streamed.samples) for streamed in streams) / SAMPLE_RATE
    first = [streamed.first_ms for streamed in streams]
    return {
        "first_chunk_ms": float(np.median(first)),
        "first_chunk_ms_p95": float(np.percentile(first, 95)),
        "first_chunk_cpu_ms": float(np.median([streamed.first_cpu_ms for streamed in streams])),
        "rtf": sum(streamed.seconds for streamed in streams) / seconds,
        "rtf_cpu": sum(streamed.cpu_seconds for streamed in streams) / seconds,
    }


GIVEN = ("f0_correlation", "log_f0_rmse", "voicing_error", "duration_error_ms", "chunk_error", "aligned")


def _given(voice: Path, held: Iterable[Clip]) -> dict[str, Any]:
    """What only a voice of our own has."""
    if not voice.is_dir():
        return dict.fromkeys(GIVEN)
    from training.voice_given import score_given

    return score_given(voice, held)


def _seams(voice: Path, tts: TTS, texts: Sequence[str], progress: Progress) -> dict[str, Any]:
    """Clicks in up to ``SEAM_SECONDS`` of speech."""
    twin = None
    if voice.is_dir():
        from training.voice_given import WholeVoice

        twin = WholeVoice(voice)
    rough, worst, samples, count = Roughness(), 0.0, 0, 0
    for text in progress.track(texts, description="seams"):
        streamed = speak(tts, text)
        rough.add(streamed.samples, streamed.seams)
        samples, count = samples + len(streamed.samples), count + len(streamed.seams)
        if twin is not None:
            worst = max(worst, worst_click(streamed.samples, streamed.seams, speak(twin, text).samples))
        if samples >= SEAM_SECONDS * SAMPLE_RATE:
            break
    return {
        "worst_click_dbfs": None if twin is None else dbfs(worst),
        "seam_roughness_db": rough.decibels(),
        "seams": count,
        "seam_minutes": samples / SAMPLE_RATE / 60,
    }
