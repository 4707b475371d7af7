"""What a voice adds to a process that already draws a face: ``python -m training.voice_memory VOICE`` prints megabytes
(10^6 bytes). Linux only."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

from engines.media import COEFFS
from engines.nerf.engine import load_renderer
from training.voice_load import load_voice
from training.voice_streaming import MEMORY_TEXT, MEMORY_TIMES

PROCESS = Path("/proc/self")
FACE = Path(__file__).parents[1] / "avatars/default"


def resident_mb(key: str) -> float:
    """``VmRSS`` (resident now) or ``VmHWM`` (its peak) of this process (proc(5))."""
    found = re.search(rf"^{key}:\s+(\d+) kB", (PROCESS / "status").read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"{PROCESS / 'status'} has no {key}")
    return int(found[1]) * 1024 / 1e6


def warm() -> None:
    """Draws the shipped face once, as every server does: the runtime has its own memory before the voice comes."""
    load_renderer(FACE).render(np.zeros(COEFFS, np.float32))


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
