"""What a measurement was taken on, in words that a reader can repeat it by."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.serverproc import Target

PACKAGES = ("visavis", "aiortc", "av", "openvino", "numpy", "uvloop")


def environment(target: Target) -> dict[str, str]:
    """Name -> value, for people."""
    found = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "server": target.url or "started by the bench, on the same machine",
        "language model": _model(target),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
    }
    commit = _commit()
    if commit is not None:
        found["commit"] = commit
    if target.settings:
        found["settings"] = " ".join(target.settings)
    return found


def _model(target: Target) -> str:
    if target.url is not None:
        return "the server's own"
    if target.llm not in (None, "stub"):
        return str(target.llm)
    rate = f"{target.tokens_per_s:g} tokens a second" if target.tokens_per_s else "all tokens at once"
    return f"stub: first token after {1000 * target.first_token_s:g} ms, then {rate}"


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal"):
            return f"{int(line.split()[1]) / 2**20:.0f} GiB"
    return "unknown"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _commit() -> str | None:
    """Short hash, and whether anything beside it is changed; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty=, with changes"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
