"""What an avatar is evaluated on: a capture, or the capture of a video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engines.avatar_meta import read_meta


def of_video(capture: Path) -> bool:
    """Whether the folder `capture` is what `training.track` made of a video."""
    return (capture / "track.json").is_file()


def landmarker_of(capture: Path, given: Path | None) -> Path | None:
    """mediapipe's file, where an evaluation on `capture` can't do without, or where it is given; else None.

    Raises:
        ValueError: it is needed, or given, and not there.
    """
    if given is None and not of_video(capture):
        return None
    from .landmarks import landmarker_file

    return landmarker_file(given)


def prepared(
    avatar: Path, source: Path, landmarker: Path | None, tell: Callable[[str, int], None] = lambda *_: None
) -> tuple[Path, Path]:
    """The folder of the capture that `avatar` is evaluated on, and mediapipe's file.

    Args:
        source: a capture's folder or a video, see `capture_of`.
        landmarker: see `training.landmarks.landmarker_file`.

    Raises:
        ValueError: avatar, source or landmarker is missing or can't be used; the message says what to do.
    """
    read_meta(avatar)
    if not source.exists():
        raise ValueError(f"{source} is missing: give the folder of a capture, or a video of the person")
    from .landmarks import landmarker_file

    marks = landmarker_file(landmarker)
    return capture_of(source, avatar, marks, tell), marks


def capture_of(
    source: Path, avatar: Path, landmarker: Path, tell: Callable[[str, int], None] = lambda *_: None
) -> Path:
    """`source` if it is a capture's folder, else the folder of the capture of the video `source`.

    The capture that the avatar was trained on is taken where it is of this very file; another video is tracked, and its
    capture kept beside the avatar, in ``<avatar>.fit/evaluated``, for the next time.

    Raises:
        ValueError: the video can't be used; the message says what to do.
    """
    if source.is_dir():
        return source
    from .track import is_track_of, track

    folder = avatar.with_name(avatar.resolve().name + ".fit")
    for made in (folder / "capture", folder / "evaluated"):
        if source.is_file() and is_track_of(made, source):
            return made
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    track(source, folder / "evaluated", landmarker, tell)
    return folder / "evaluated"
