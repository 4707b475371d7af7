"""A speaker's tracked face and its sound: what the motion model learns from.

The folder holds utterances of equal length end to end in one audio file, and in one table the tracked ARKit shapes, the
head's pose, the lips' contours and the words' times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Pcm, TimedPhone
from engines.mel import HOP
from engines.tts.speech_text import Phone, SpokenWord
from training.voice_align import Aligner, AlignmentError, Spoken

AUDIO, TABLE = "grid_s1_audio.opus", "grid_s1_motion.npz"
KEYS = ("clips", "words", "blendshape_names", "blendshapes", "pose", "lips_px", "lip_landmark_ids", "tracked")

_LETTERS = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH", "i": "AY",
    "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY", "q": "K Y UW",
    "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY", "x": "EH K S", "y": "W AY", "z": "Z EH D",
}  # fmt: skip
_WORDS = {
    "again": "AH G EH N", "at": "AE T", "bin": "B IH N", "blue": "B L UW", "by": "B AY", "eight": "EY T",
    "five": "F AY V", "four": "F AO R", "green": "G R IY N", "in": "IH N", "lay": "L EY", "nine": "N AY N",
    "now": "N AW", "one": "W AH N", "place": "P L EY S", "please": "P L IY Z", "red": "R EH D", "set": "S EH T",
    "seven": "S EH V AH N", "six": "S IH K S", "soon": "S UW N", "three": "TH R IY", "two": "T UW", "white": "W AY T",
    "with": "W IH DH", "zero": "Z IH R OW",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording of T frames.

    Attributes:
        pcm: int16[T · 960].
        shapes: float32[T, 52], as tracked, in the order of `ARKIT_NAMES`.
        lips: float32[T, 40, 3], cm in the head's own space, from the contours; `LIP_IDS` says which landmark.
        tracked: bool[T].
        phones: from the words' times; empty where the words don't fit the sound.
    """

    name: str
    pcm: Pcm
    shapes: NDArray[np.float32]
    lips: NDArray[np.float32]
    tracked: NDArray[np.bool_]
    phones: tuple[TimedPhone, ...]


def held_out(index: int) -> bool:
    """The folder's split: 0, 9, 19, 29, … measure, the rest trains."""
    return index == 0 or index % 10 == 9


def sound(folder: Path) -> Pcm:
    """All the recordings, int16 at `SAMPLE_RATE`.

    Raises:
        ValueError: there is no such file, or it is no audio.
    """
    path = folder / AUDIO
    try:
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            parts = [
                part.to_ndarray()[0]
                for frame in [*container.decode(audio=0), None]
                for part in resampler.resample(frame)
            ]
    except (OSError, IndexError) as error:
        raise ValueError(f"{path} can't be read ({error}): give the folder of the motion data") from error
    return np.concatenate(parts)


def table(folder: Path) -> dict[str, NDArray]:
    """The tracked motion, by the names of its README.

    Raises:
        ValueError: there is no such file, or it lacks something.
    """
    path = folder / TABLE
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {key: stored[key] for key in stored.files}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} can't be read ({error}): give the folder of the motion data") from error
    absent = [key for key in KEYS if key not in found]
    if absent:
        raise ValueError(f"{path} lacks {', '.join(absent)}: copy the motion data again")
    return found


def arkit(shapes: NDArray, names: Sequence[str]) -> NDArray[np.float32]:
    """Tracked shapes [..., n] under `names` in the order of `ARKIT_NAMES`; what isn't tracked is 0."""
    out = np.zeros((*shapes.shape[:-1], len(ARKIT_NAMES)), np.float32)
    for index, name in enumerate(names):
        if name in ARKIT_NAMES:
            out[..., ARKIT_NAMES.index(name)] = shapes[..., index]
    return out


_FOCAL = 144 / np.tan(np.radians(31.5))
"""Pixels: mediapipe's camera sees 63 degrees of height, here 288 pixels."""


def in_head(lips: NDArray, pose: NDArray) -> NDArray[np.float32]:
    """Contours as pixels of a 360×288 picture in the head's own space.

    Args:
        lips: [..., 40, 3]. pose: [..., 4, 4], the head in front of mediapipe's camera, cm.

    Returns:
        float32[..., 40, 3], cm, x right, y up.
    """
    shift, turn = pose[..., None, :3, 3], pose[..., :3, :3]
    scale = _FOCAL / np.maximum(-shift[..., 2:], 1.0)  # an untracked frame's pose is 0
    centre = np.array([180.0, 144.0]) + shift[..., :2] * scale * (1, -1)
    away = np.concatenate([lips[..., :2] - centre, lips[..., 2:]], -1) / scale * (1, -1, -1)
    return np.einsum("...ji,...pj->...pi", turn, away).astype(np.float32)


def align(aligner: Aligner, words: str, pcm: Pcm) -> tuple[TimedPhone, ...]:
    """The phones of an utterance, pauses included; none where its words don't fit the sound.

    Args:
        words: a line each `start end word`.
    """
    said = [line.split()[2] for line in words.splitlines() if line.split()[2] not in ("sil", "sp")]
    spoken: list[SpokenWord] = []
    for word in said:
        symbols = (_WORDS.get(word) or _LETTERS[word]).split()
        # As GRID's letters are spoken, not as the dictionary's articles are.
        spoken.append(SpokenWord(f"{word}.", 0, tuple(Phone(symbol, 1) for symbol in symbols), ""))
    try:
        _, heard = aligner.align(spoken, pcm.astype(np.float32) / np.float32(32768))
    except AlignmentError:
        return ()
    return timed(heard)


def timed(heard: Sequence[Spoken]) -> tuple[TimedPhone, ...]:
    """Aligned phones in samples; vowels count as stressed."""
    return tuple(TimedPhone(one.symbol, one.start * HOP, one.end * HOP, 1) for one in heard)


def lip_ids(folder: Path) -> list[int]:
    """Which of mediapipe's landmarks the contours' points are.

    Raises:
        ValueError: as `table`.
    """
    return [int(index) for index in table(folder)["lip_landmark_ids"]]


def utterances(folder: Path, aligned: Callable[[int], bool]) -> list[Utterance]:
    """Everything in the folder, in its order; frames that weren't tracked are as their nearest neighbours.

    Args:
        aligned: of which indices the phones are wanted.

    Raises:
        ValueError: the folder holds no such data, or it is not consistent.
    """
    found, pcm = table(folder), sound(folder)
    count, frames = found["blendshapes"].shape[:2]
    length = frames * SAMPLES_PER_FRAME
    # A lossy codec may end a few milliseconds early.
    if len(pcm) < count * length - SAMPLE_RATE // FPS:
        raise ValueError(f"{folder}: the sound has {len(pcm)} samples, {count} utterances need {count * length}")
    pcm = np.pad(pcm, (0, max(0, count * length - len(pcm))))
    shapes = arkit(found["blendshapes"].astype(np.float32), [str(name) for name in found["blendshape_names"]])
    lips = in_head(found["lips_px"].astype(np.float64), found["pose"].astype(np.float64))
    aligner = Aligner()
    out: list[Utterance] = []
    for index in range(count):
        samples = pcm[index * length : (index + 1) * length]
        phones = align(aligner, str(found["words"][index]), samples) if aligned(index) else ()
        tracked = found["tracked"][index]
        near = _nearest(tracked)
        name = str(found["clips"][index])
        out.append(Utterance(name, samples, shapes[index][near], lips[index][near], tracked, phones))
    return out


def _nearest(tracked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """For each frame the nearest that was tracked; itself where none was."""
    good = np.flatnonzero(tracked)
    places = np.arange(len(tracked))
    return good[np.abs(places[:, None] - good).argmin(1)] if len(good) else places
