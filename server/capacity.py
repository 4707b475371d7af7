"""How many sessions this machine carries, measured at start: what a session costs is what its pictures cost."""

from __future__ import annotations

import os
import time
from statistics import median

from engines.media import FPS, SAMPLES_PER_FRAME
from pipeline.session import Engines
from server.calls import measured_capacity
from server.config import Config
from server.rtc_codecs import BitrateControl, PictureEncoder

WARM_UP = 3
"""Pictures drawn before the measurement: the first ones still allocate."""

PICTURES = 12
"""Pictures measured: half a second of them, enough for a median."""


def measure_capacity(engines: Engines, config: Config) -> int:
    """Draw and encode a few pictures of the idle face, and see how many such faces the cores carry."""
    renderer, idle, media = engines.renderer, engines.idle.start(0), config.media
    encoder = PictureEncoder(media.codec, BitrateControl(media.start_bitrate, media.max_bitrate, 0.0))
    render: list[float] = []
    encode: list[float] = []
    for number in range(WARM_UP + PICTURES):
        coeffs = idle.next("speaking")
        # Processor time: a picture may be drawn by several threads.
        begun = time.process_time()
        image = renderer.render(coeffs)
        drawn = time.process_time()
        encoder.encode(image, number * SAMPLES_PER_FRAME)
        render.append(drawn - begun)
        encode.append(time.process_time() - drawn)
    render_ms, encode_ms = (1000 * median(times[WARM_UP:]) for times in (render, encode))
    return measured_capacity(render_ms, encode_ms, FPS, len(os.sched_getaffinity(0)))
