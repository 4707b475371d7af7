"""The voices that a speaker verifier learns from: real ones, free synthesizers, and both at other tape speeds.

A voice played faster or slower, as a tape is, has another pitch and another vocal tract: another person, spoken just
as naturally. The real speakers are learned from at other speeds only, so that as themselves they stay strangers.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from engines.tts.espeak_library import library
from training.verifier_features import RATE
from training.voice_data import clips
from training.voice_signal import Samples, read_sound, resampled

CLIPS = 32
"""Clips a voice, of about 3 s: enough that a text is no mark of a voice, little enough for 180 voices in memory."""

REAL_SPEEDS = (0.74, 0.8, 0.86, 0.9, 1.1, 1.14, 1.2, 1.28)
"""Never within 10 % of 1: the voice itself is a stranger."""

MADE_SPEEDS = (0.78, 0.86, 0.93, 1.0, 1.08, 1.16, 1.25)

FLITE = {"kal": "kal16", "awb": "awb", "slt": "slt", "rms": "rms"}
"""Speaker -> flite's name of the voice (CMU, BSD-like licence)."""

FESTIVAL = {"kal": "voice_kal_diphone", "ked": "voice_ked_diphone", "slt": "voice_cmu_us_slt_arctic_hts"}
"""Speaker -> festival's. Two synthesizers of one person are one voice: it's not the machine that should be told."""

STRANGERS = ("rms", "f2", "m3", "steph", "caleb", "adam", "belinda", "travis", "grandma")
"""Voices kept from training, to be told apart later."""

ESPEAK = (
    "f1", "f3", "f4", "f5", "m1", "m2", "m4", "m5", "m6", "m7", "m8", "Alex", "Alicia", "Andrea", "Andy", "Annie",
    "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "Reed",
    "antonio", "aunty", "benjamin", "boris", "david", "ed", "edward", "gustave", "iven", "john", "klatt", "linda",
    "marcelo", "max", "michel", "miguel", "norbert", "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby",
    "steph2", "victor", "zac", *STRANGERS[1:],
)  # fmt: skip
"""Variants of espeak-ng's US English."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice to be told from all others."""

    name: str
    stranger: bool
    clips: Callable[[], Iterator[Samples]]
    """Yields float32[n] at the verifier's rate."""


def all_voices(folders: Sequence[Path], work: Path) -> list[Voice]:
    """The recorded speakers of ``folders``, what free synthesizers are installed, and all of them at other speeds.

    Args:
        folders: recordings (see ``voice_data.clips``); their texts are what the synthesizers say.
        work: a folder for the synthesizers' files.

    Raises:
        ValueError: a folder is no folder of recordings, or neither flite nor festival is installed.
    """
    if not (shutil.which("flite") and shutil.which("text2wave")):
        raise ValueError(
            "a verifier needs many voices: apt-get install flite festival festvox-kallpc16k festvox-kdlpc16k "
            "festvox-us-slt-hts"
        )
    texts = [clip.text for clip in clips(folders[0])]
    voices = []
    for folder in folders:
        for speed in (*REAL_SPEEDS, 1.0):
            spoken = partial(_recorded, folder, speed)
            voices.append(Voice(f"{folder.name} x{speed}", speed == 1.0, spoken))
    for number, name in enumerate(sorted({*FLITE, *FESTIVAL})):
        for speed in MADE_SPEEDS:
            spoken = partial(_made, name, speed, texts[number * CLIPS :], work)
            voices.append(Voice(f"{name} x{speed}", name in STRANGERS, spoken))
    for number, name in enumerate(ESPEAK):
        for speed in (1.0,) if name in STRANGERS else (0.9, 1.08):
            spoken = partial(_espeak, name, speed, texts[number * 11 % (len(texts) - CLIPS) :])
            voices.append(Voice(f"espeak {name} x{speed}", name in STRANGERS, spoken))
    return voices


def _recorded(folder: Path, speed: float) -> Iterator[Samples]:
    found = clips(folder)
    step = max(1, len(found) // CLIPS)
    for clip in found[int(speed * 100) % step :: step][:CLIPS]:
        yield resampled(read_sound(clip.path, RATE), round(RATE * speed), RATE)


def _made(name: str, speed: float, texts: Sequence[str], work: Path) -> Iterator[Samples]:
    """Half by each synthesizer where two have this speaker."""
    makers = [maker for maker, known in ((_flite, FLITE), (_festival, FESTIVAL)) if name in known]
    for number, text in enumerate(texts[:CLIPS]):
        maker = makers[number % len(makers)]
        path = work / f"{maker.__name__}_{name}_{number}.wav"
        if not path.exists():
            maker(name, text, path)
        yield resampled(read_sound(path, RATE), round(RATE * speed), RATE)


def _flite(name: str, text: str, path: Path) -> None:
    subprocess.run(["flite", "-voice", FLITE[name], "-t", text, "-o", str(path)], check=True, capture_output=True)


def _festival(name: str, text: str, path: Path) -> None:
    command = ["text2wave", "-eval", f"({FESTIVAL[name]})", "-o", str(path)]
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)


def _espeak(name: str, speed: float, texts: Sequence[str]) -> Iterator[Samples]:
    rate = library().rate
    for text in texts[:CLIPS]:
        pcm = library().speak(text, f"en-us+{name}", 165, 50).pcm
        yield resampled(np.divide(pcm, 32768, dtype=np.float32), round(rate * speed), RATE)
