"""Pictures and sound as an MP4."""

# PyAV's own types are generic over what it does not say.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import PictureType

from engines.media import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Image, Pcm
from server.realtime.session import AI_GENERATED

QUALITY = "18"
"""x264's constant rate factor: visually lossless; a minute is about 4 MB."""

AUDIO_BIT_RATE = 96_000
"""AAC, mono: transparent for speech."""


class Film:
    """An MP4 being written: frames of one picture and 960 samples."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            OSError: `path` can't be written.
        """
        self.frames = 0
        # The index goes first, so that a browser can begin to play before it has everything.
        self._file = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._file.metadata["comment"] = AI_GENERATED
        self._file.metadata["description"] = AI_GENERATED
        self._video = self._file.add_stream("libx264", rate=FPS, options={"crf": QUALITY, "preset": "veryfast"})
        self._video.pix_fmt = "yuv420p"
        self._video.width, self._video.height = 512, 512
        # What the renderer's matrix is (engines/nerf/color.py): BT.601, limited range.
        self._video.codec_context.color_range = 1
        self._video.codec_context.colorspace = 6
        self._audio = self._file.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        self._audio.bit_rate = AUDIO_BIT_RATE

    def __enter__(self) -> Film:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._file.mux(self._video.encode(None))
            self._file.mux(self._audio.encode(None))
        self._file.close()

    def add(self, image: Image, pcm: Pcm) -> None:
        """uint8[768, 512] (I420) and int16[960]."""
        picture = av.VideoFrame.from_ndarray(image, format="yuv420p")
        picture.pts, picture.time_base = self.frames, Fraction(1, FPS)
        picture.pict_type = PictureType.NONE
        sound = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        sound.sample_rate = SAMPLE_RATE
        sound.pts, sound.time_base = self.frames * SAMPLES_PER_FRAME, Fraction(1, SAMPLE_RATE)
        self._file.mux(self._video.encode(picture))
        self._file.mux(self._audio.encode(sound))
        self.frames += 1
