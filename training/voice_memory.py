"""What a voice adds to a process that already runs graphs: ``python -m training.voice_memory VOICE`` prints megabytes
(10^6 bytes). Linux only."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import openvino as ov
from openvino import opset13 as ops

from training.voice_load import load_voice
from training.voice_streaming import MEMORY_TEXT, MEMORY_TIMES

PROCESS = Path("/proc/self")


def resident_mb(key: str) -> float:
    """``VmRSS`` (resident now) or ``VmHWM`` (its peak) of this process (proc(5))."""
    found = re.search(rf"^{key}:\s+(\d+) kB", (PROCESS / "status").read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"{PROCESS / 'status'} has no {key}")
    return int(found[1]) * 1024 / 1e6


def warm() -> None:
    """Compiles and runs some graph, so that the runtime's own memory is there before the voice's."""
    given = ops.parameter([1, 16], ov.Type.f32)
    model = ov.Model([ops.relu(given)], [given], "warm")  # pyright: ignore[reportGeneralTypeIssues]
    ov.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": "1"}).create_infer_request().infer()


def main() -> None:
    """Measures the voice named by the first argument."""
    warm()
    before = resident_mb("VmRSS")
    (PROCESS / "clear_refs").write_text("5")  # the peak counts anew
    tts = load_voice(Path(sys.argv[1]))
    for number in range(MEMORY_TIMES):
        for _ in tts.synthesize(f"{number}. {MEMORY_TEXT}"):
            pass
    sys.stdout.write(f"{resident_mb('VmHWM') - before:.2f}\n")


if __name__ == "__main__":
    main()
