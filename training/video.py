"""A person's video as pictures at 25 fps and sound at 24 kHz, whatever it was recorded as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from numpy.typing import NDArray

from engines.media import FPS, SAMPLE_RATE

SHORTEST_S, LONGEST_S = 5.0, 20 * 60.0
"""Below, no mouth is seen in enough shapes; above, more of the same only takes time and disk."""
LONGEST_GAP_S = 1.0
"""Cameras that save light or data fall to a few pictures a second, not below; a damaged file lacks whole seconds."""
MOST_PIXELS = 4096 * 4096
"""Beyond 4K nothing is gained: the face is shown at 512."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a file says of itself before it is decoded."""

    seconds: float | None
    width: int
    height: int
    audio: bool


def probe(path: Path) -> VideoInfo:
    """
    Raises:
        ValueError: the file is missing, broken, or has no pictures; too short, too long or too large.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ValueError(f"{path} has no pictures: give a video of the person talking to the camera")
            stream = container.streams.video[0]
            seconds = float(container.duration / av.time_base) if container.duration else None
            info = VideoInfo(seconds, stream.width, stream.height, bool(container.streams.audio))
    except (OSError, FFmpegError) as error:
        raise ValueError(f"{path} can't be read as a video ({error}): copy or convert it again") from error
    if seconds is not None and not SHORTEST_S <= seconds <= LONGEST_S:
        raise ValueError(f"{path} lasts {seconds:.1f} s: give {SHORTEST_S:.0f} s to {LONGEST_S / 60:.0f} min of it")
    if info.width * info.height > MOST_PIXELS:
        raise ValueError(f"{path} is {info.width}x{info.height}: scale it to 4096x2160 or less")
    return info


def pictures(path: Path) -> Iterator[Picture]:
    """uint8[h, w, 3], sRGB, one every 40 ms: the frame that is shown then; a gap repeats the one before it.

    Raises:
        ValueError: frames can't be decoded or are missing (their time is named), or the size changes.
    """
    shown: Picture | None = None
    due, size, last = 0, None, 0.0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            first: float | None = None
            ends = _claimed(container, stream)
            for frame in container.decode(stream):
                at = frame.time if frame.time is not None else due / FPS
                first = at if first is None else first
                if shown is not None and at - last > LONGEST_GAP_S:
                    lacking = f"it has no pictures from {last - first:.2f} to {at - first:.2f} s"
                    raise ValueError(f"{path} is damaged: {lacking}; copy it again")
                last = at
                # A frame is shown from its time on; half a tick forgives time stamps that were rounded.
                while shown is not None and (at - first) * FPS > due + 0.5:
                    yield shown
                    due += 1
                    if due > LONGEST_S * FPS:
                        raise ValueError(f"{path} lasts more than {LONGEST_S / 60:.0f} min: cut it")
                picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                size = size or picture.shape
                if picture.shape != size:
                    raise ValueError(f"{path} changes its size at {at:.2f} s: convert it to one size")
                shown = picture
            if first is not None and ends - (last - first) > max(LONGEST_GAP_S, 0.05 * ends):
                lacking = f"its pictures end at {last - first:.2f} s of {ends:.2f} s"
                raise ValueError(f"{path} is damaged: {lacking}; copy it again")
    except (OSError, FFmpegError) as error:
        raise ValueError(f"{path} is broken at {due / FPS:.2f} s ({error}): copy or convert it again") from error
    if shown is not None:
        yield shown


def _claimed(container: InputContainer, stream: VideoStream) -> float:
    """Seconds that the pictures should last; 0 where the file doesn't say."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def sound(path: Path) -> NDArray[np.int16]:
    """int16[n], mono, at 24 kHz; empty where the video has none.

    Raises:
        ValueError: it can't be decoded.
    """
    parts: list[NDArray[np.int16]] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return np.zeros(0, np.int16)
            resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            for frame in container.decode(container.streams.audio[0]):
                parts += _pcm(resampler.resample(frame))
            parts += _pcm(resampler.resample(None))
    except (OSError, FFmpegError) as error:
        raise ValueError(f"the sound of {path} is broken ({error}): copy or convert it again") from error
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def _pcm(frames: list[av.AudioFrame]) -> list[NDArray[np.int16]]:
    return [np.asarray(frame.to_ndarray(), np.int16).reshape(-1) for frame in frames]
