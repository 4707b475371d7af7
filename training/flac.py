"""Sound as a FLAC file."""

from __future__ import annotations

import io

import av
import numpy as np
from numpy.typing import NDArray

from engines.media import SAMPLE_RATE


def encoded(pcm: NDArray[np.int16]) -> bytes:
    """int16[n], mono, 24 kHz, as a FLAC file of 16 bits."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac") as file:
        stream = file.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    return buffer.getvalue()
