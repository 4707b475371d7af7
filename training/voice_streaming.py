"""How a voice streams: when its first chunk comes, what it costs, what is heard where its chunks meet."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engines import TTS
from engines.media import SAMPLE_RATE
from training.voice_signal import Samples

SEAM = SAMPLE_RATE // 200
"""5 ms on either side of a seam: beyond the overlap-add's own ripple, within the ear's fusion of a click with what
surrounds it."""

SILENT_DBFS = -120.0
"""What is reported where there is no difference at all."""

MEMORY_TEXT = "The quick brown fox jumps over the lazy dog, and she sells sea shells by the sea shore, every day."
MEMORY_TIMES = 12
"""A minute of speech, in sentences as long as most."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """One text as it came."""

    samples: Samples
    """float32[n], full scale 1."""
    seams: tuple[int, ...]
    """Index of the first sample of each chunk but the first."""
    first_ms: float
    """From the text to the first chunk, on the wall's clock."""
    first_cpu_ms: float
    """The same in processor time of all threads."""
    seconds: float
    """From the text to the last chunk, on the wall's clock."""
    cpu_seconds: float
    """The same in processor time of all threads."""


def speak(tts: TTS, text: str) -> Streamed:
    """Has ``text`` spoken, as fast as it can be.

    Raises:
        ValueError: the voice said nothing.
    """
    chunks, first, first_cpu = [], 0.0, 0.0
    began, cpu = time.perf_counter(), time.process_time()
    for chunk in tts.synthesize(text):
        if not chunks:
            first, first_cpu = time.perf_counter() - began, time.process_time() - cpu
        chunks.append(chunk.pcm)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if not sum(map(len, chunks)):
        raise ValueError(f"the voice has nothing to say for: {text}")
    lengths = np.cumsum([len(pcm) for pcm in chunks])
    samples = np.divide(np.concatenate(chunks), 32768, dtype=np.float32)
    seams = tuple(int(seam) for seam in lengths[:-1] if 0 < seam < len(samples))
    return Streamed(samples, seams, 1000 * first, 1000 * first_cpu, seconds, cpu)


def dbfs(amplitude: float) -> float:
    """Of full scale, at least ``SILENT_DBFS``."""
    return float(max(20 * np.log10(max(amplitude, 1e-9)), SILENT_DBFS))


def worst_click(streamed: Samples, seams: Sequence[int], whole: Samples) -> float:
    """The loudest click of one phrase, amplitude of full scale.

    At a seam inside the phrase it is what differs, within 5 ms, from the same phrase made in one piece: speech itself
    is full of pulses as steep as a click, and only the seamless twin tells one from the other. At the phrase's two ends
    and wherever digital silence begins or ends in it, it is the step from and to silence.

    Raises:
        ValueError: the two are not of one length.
    """
    if len(streamed) != len(whole):
        raise ValueError(f"streamed, the phrase has {len(streamed)} samples, whole {len(whole)}")
    worst = _steps(streamed)
    for seam in seams:
        near = slice(max(0, seam - SEAM), seam + SEAM)
        worst = max(worst, float(np.abs(streamed[near] - whole[near]).max()))
    return worst


def _steps(samples: Samples) -> float:
    """The largest sample beside silence: beside `SEAM` zeros or more, or at an end."""
    padded = np.concatenate([np.zeros(SEAM, np.float32), samples, np.zeros(SEAM, np.float32)])
    edges = np.flatnonzero(np.diff(np.pad(padded == 0, 1).astype(np.int8)))
    beside = [0.0]
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin >= SEAM:
            beside += [abs(float(padded[place])) for place in (begin - 1, end) if 0 <= place < len(padded)]
    return max(beside)


@dataclass
class Roughness:
    """How much rougher the waveform is at seams than elsewhere, without any twin: a second opinion on clicks.

    Measured by the fourth difference, which leaves of speech little and of a step or a kink nearly everything.
    """

    seams: list[float] = field(default_factory=list)
    elsewhere: list[float] = field(default_factory=list)

    def add(self, samples: Samples, seams: Sequence[int]) -> None:
        """Counts one phrase."""
        rough = np.abs(np.diff(samples.astype(np.float64), 4))
        if len(rough) < 4 * SEAM:
            return
        self.seams += [float(rough[max(0, seam - 4) : seam].max()) for seam in seams if 4 <= seam < len(rough)]
        # Everywhere else in the phrase, at the same width.
        blocks = rough[: len(rough) // 4 * 4].reshape(-1, 4).max(axis=1)
        self.elsewhere += blocks[2::7].tolist()

    def decibels(self) -> float | None:
        """RMS at seams over RMS elsewhere; about 0 where seams can't be told; None without a seam."""
        if not self.seams or not any(self.elsewhere):
            return None
        at, off = (float(np.sqrt(np.mean(np.square(found)))) for found in (self.seams, self.elsewhere))
        return 20 * float(np.log10(max(at, 1e-9) / off))


def extra_memory_mb(voice: Path) -> float:
    """What loading the voice in ``voice`` and a minute of speech add to the peak memory of a process that already draws
    a face, as the server does; measured in a process of its own.

    Raises:
        ValueError: the process failed.
    """
    command = [sys.executable, "-m", "training.voice_memory", str(voice)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise ValueError(f"memory could not be measured: {found.stderr.strip().splitlines()[-1:]}")
    return float(found.stdout)


def size_mb(folder: Path) -> float:
    """All files of a voice, in units of 10^6 bytes."""
    files: Iterable[Path] = folder.rglob("*") if folder.is_dir() else (folder, Path(f"{folder}.json"))
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6
