"""The pipeline of pipecat-ai 1.x alone: stub language model, sentence aggregation, stub voice, a transport that times.

Run by `visavis bench compare` with the Python of an environment that has pipecat-ai: a job in JSON on stdin (see
`bench/compare.py`), its samples in JSON on stdout. Nothing of Visavis is imported.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import os
import resource
import struct
import sys
import time
from importlib.metadata import version

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TextAggregationMode, TTSService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

RATE = 24_000
VOICED = 150
"""Peak of int16 samples above which a frame is heard, as in bench/measure.py."""


class Model(FrameProcessor):
    """Streams the job's replies in turn, one word a token, each due at a fixed time after the question."""

    def __init__(self, job):
        super().__init__()
        self._replies = job["replies"]
        self._rate = job["rate"]
        self._asked = 0

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        reply = self._replies[self._asked % len(self._replies)]
        self._asked += 1
        began = time.perf_counter()
        await self.push_frame(LLMFullResponseStartFrame())
        for place, word in enumerate(reply.split(" ")):
            await asyncio.sleep(max(0.0, began + place / self._rate - time.perf_counter()))
            await self.push_frame(LLMTextFrame(word if place == 0 else " " + word))
        await self.push_frame(LLMFullResponseEndFrame())


class Voice(TTSService):
    """A tone for each word, in chunks, without any work: what is left is the pipeline's."""

    def __init__(self, job, mode):
        super().__init__(
            text_aggregation_mode=mode,
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=RATE,
            settings=TTSSettings(model=None, voice=None, language=None),
        )
        samples = int(job["chunk_s"] * RATE)
        tone = (int(8000 * math.sin(2 * math.pi * 300 * k / RATE)) for k in range(samples))
        self._tone = struct.pack(f"<{samples}h", *tone)
        self._chunks = round(job["word_s"] / job["chunk_s"])

    def can_generate_metrics(self):
        return False

    async def run_tts(self, text, context_id):
        for _ in range(self._chunks * len(text.split())):
            yield TTSAudioRawFrame(audio=self._tone, sample_rate=RATE, num_channels=1, context_id=context_id)


class Output(BaseOutputTransport):
    """Plays at the pace of a sound card, and notes when each voiced 20 ms left."""

    def __init__(self):
        super().__init__(TransportParams(audio_out_enabled=True, audio_out_sample_rate=RATE, audio_out_10ms_chunks=2))
        self.voiced = []
        self.began = asyncio.Event()
        self._free = 0.0

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame):
        now = time.perf_counter()
        if max(map(abs, struct.unpack(f"<{len(frame.audio) // 2}h", frame.audio))) >= VOICED:
            self.voiced.append(now)
            self.began.set()
        self._free = max(now, self._free) + len(frame.audio) / 2 / RATE
        await asyncio.sleep(self._free - now)
        return True


async def perform(job):
    """Ask, listen a moment, interrupt, and begin anew."""
    output = Output()
    mode = TextAggregationMode(job.get("mode", "sentence"))
    worker = PipelineWorker(
        Pipeline([Model(job), Voice(job, mode), output]),
        params=PipelineParams(audio_out_sample_rate=RATE),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_started(*_):
        started.set()

    found = {"added_ms": [], "silence_ms": []}

    async def talk():
        await asyncio.wait_for(started.wait(), 30)
        for turn in range(job["turns"] + 1):
            asked = time.perf_counter()
            await worker.queue_frame(LLMContextFrame(LLMContext()))
            output.began.clear()
            await output.began.wait()
            first = next(at for at in output.voiced if at >= asked)
            await asyncio.sleep(job["listen_s"])
            interrupted = time.perf_counter()
            await worker.queue_frame(InterruptionFrame())
            await asyncio.sleep(job["rest_s"])
            if turn:  # the first one warms up
                found["added_ms"].append(1000 * (first - asked))
                found["silence_ms"].append(1000 * (max(output.voiced[-1] + 0.02, interrupted) - interrupted))
        gc.collect()
        before, since = time.process_time(), time.perf_counter()
        await asyncio.sleep(job["idle_s"])
        found["idle_cpu_cores"] = (time.process_time() - before) / (time.perf_counter() - since)
        found["rss_mb"] = resident_mb()
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner()
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), talk())
    return found | {"version": version("pipecat-ai")}


def resident_mb():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    logger.remove()
    print(json.dumps(asyncio.run(perform(json.load(sys.stdin)))))
