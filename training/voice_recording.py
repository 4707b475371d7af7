"""A speaker's own recording, video or sound, cut into clips with their words; and what a recording must be like."""

from __future__ import annotations

import re
import wave
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.media import MIC_RATE, SAMPLE_RATE
from engines.tts.features import HOP
from training.voice_data import clips
from training.voice_signal import Samples, read_sound, resampled

QUIETEST_DB = -50.0
"""Of full scale, the loudest tenth of the frames: quieter than this is a muted microphone."""

CLIPPED = 2e-4
"""Share of samples at full scale; more of them is audible distortion, which the voice would learn."""

LONGEST_CLIP = 12.0
"""Seconds; a longer one aligns badly."""

PAUSE = 0.25
"""Seconds of silence at which a recording may be cut."""

_SRT_TIME = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->\s*(\d+):(\d\d):(\d\d)[,.](\d{1,3})")


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of a recording, in samples at 24 kHz, and its words."""

    start: int
    end: int
    text: str


def check(samples: Samples, needed: float) -> None:
    """Refuses a recording that no voice can be learned from.

    Args:
        samples: float32[n] at 24 kHz, all there is, as recorded.
        needed: seconds of speech.

    Raises:
        ValueError: silent, clipped or too short; the message says what is needed.
    """
    level = frame_levels(samples)
    if not len(level) or np.percentile(level, 90) < QUIETEST_DB:
        raise ValueError(f"the recording is silent: record at least {needed:.0f} seconds of speech at a normal level")
    share = float(np.mean(np.abs(samples) >= 0.999))
    if share > CLIPPED:
        raise ValueError(
            f"the recording is clipped ({share:.2%} of its samples are at full scale): record again at a lower level"
        )
    seconds = float(np.sum(level > np.percentile(level, 90) - 30)) * HOP / SAMPLE_RATE
    if seconds < needed:
        raise ValueError(f"the recording holds {seconds:.0f} seconds of speech: at least {needed:.0f} are needed")


def frame_levels(samples: Samples) -> NDArray[np.float64]:
    """dBFS of each 10 ms."""
    count = len(samples) // HOP
    power = np.mean(samples[: count * HOP].reshape(count, HOP).astype(np.float64) ** 2, 1)
    return 10 * np.log10(power + 1e-12)


def as_folder(source: Path, work: Path, report: Callable[[str], None], needed: float) -> Path:
    """A folder of clips for `source`: itself if it is one, otherwise one made in `work` from a video or sound file.

    Its words come from NAME.srt or NAME.txt beside it, otherwise from the embedded recogniser.

    Args:
        needed: seconds of speech that a video or sound file must hold.

    Raises:
        ValueError: no sound in it, none that a voice can be learned from (see `check`), or no words.
    """
    if source.is_dir():
        clips(source)
        return source
    if not source.is_file():
        raise ValueError(f"{source} is not there: give a folder with metadata.csv, a video or a recording")
    samples = read_sound(source)
    check(samples, needed)
    captions, words = source.with_suffix(".srt"), source.with_suffix(".txt")
    if captions.is_file():
        found = subtitles(captions.read_text(encoding="utf-8-sig"))
    elif words.is_file():
        found = shared_out(words.read_text(encoding="utf-8-sig"), stretches(samples))
    else:
        report(
            f"{source.name} has no {captions.name} or {words.name}: its words are recognised, with mistakes; a voice "
            "learned from the true words is clearer"
        )
        found = recognised(samples, stretches(samples))
    return _write(found, samples, work)


def stretches(samples: Samples) -> list[tuple[int, int]]:
    """Where somebody speaks, in samples: cut at pauses, none longer than `LONGEST_CLIP` where a pause allows it."""
    level = frame_levels(samples)
    loud = level > max(np.percentile(level, 95) - 35, np.percentile(level, 5) + 6)
    gap, most = round(PAUSE * SAMPLE_RATE / HOP), LONGEST_CLIP * SAMPLE_RATE / HOP
    found: list[list[int]] = []
    for frame in np.flatnonzero(loud).tolist():
        if found and (frame - found[-1][1] <= gap or frame - found[-1][0] < most / 2):
            found[-1][1] = frame
        else:
            found.append([frame, frame])
    edge = gap // 2
    return [
        (max(first - edge, 0) * HOP, min(last + edge, len(level)) * HOP) for first, last in found if last - first > 30
    ]


def subtitles(text: str) -> list[Utterance]:
    """The captions of an SRT file."""
    found: list[Utterance] = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        time = _SRT_TIME.search(block)
        words = " ".join(block[time.end() :].split()) if time else ""
        if time and words:
            clock = [int(part) for part in time.groups()]
            start, end = (3600 * h + 60 * m + s + float(f"0.{t:03d}") for h, m, s, t in (clock[:4], clock[4:]))
            found.append(Utterance(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE), words))
    return found


def shared_out(text: str, spans: Sequence[tuple[int, int]]) -> list[Utterance]:
    """A transcript's lines given to the stretches of speech, one each.

    Raises:
        ValueError: as many lines as stretches are needed, or one for all.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) == len(spans):
        return [Utterance(start, end, line) for (start, end), line in zip(spans, lines, strict=True)]
    if len(lines) == 1 and spans and spans[-1][1] - spans[0][0] <= LONGEST_CLIP * SAMPLE_RATE:
        return [Utterance(spans[0][0], spans[-1][1], lines[0])]
    raise ValueError(
        f"the transcript has {len(lines)} lines and the recording {len(spans)} stretches of speech between pauses: "
        "write one line for each, or an .srt file with times"
    )


def recognised(samples: Samples, spans: Iterable[tuple[int, int]]) -> list[Utterance]:
    """The stretches with what pocketsphinx's general model understands: about a third of the words are wrong."""
    from pocketsphinx import Decoder

    decoder = Decoder(loglevel="FATAL")
    found: list[Utterance] = []
    for start, end in spans:
        sound = resampled(samples[start:end], SAMPLE_RATE, MIC_RATE)
        decoder.start_utt()
        decoder.process_raw((sound.clip(-1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        best = decoder.hyp()
        if best is not None and best.hypstr:
            found.append(Utterance(start, end, f"{best.hypstr}."))
    return found


def _write(found: Sequence[Utterance], samples: Samples, work: Path) -> Path:
    if not found:
        raise ValueError("no words were found in the recording: give them in a .txt or .srt file beside it")
    work.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for number, one in enumerate(found):
        name = f"clip{number:04d}"
        with wave.open(str(work / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes((samples[one.start : one.end].clip(-1, 1) * 32767).astype(np.int16).tobytes())
        lines.append(f"{name}|{one.text.replace('|', ' ')}\n")
    (work / "metadata.csv").write_text("".join(lines), encoding="utf-8")
    return work
