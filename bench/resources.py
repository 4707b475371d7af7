"""What a process costs, by proc(5)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.inbox import BenchError

SAMPLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Cost:
    """A process at one moment."""

    at: float
    cpu_s: float
    rss_mb: float
    threads: int
    fds: int


def cost_of(pid: int, now: float) -> Cost:
    """
    Raises:
        BenchError: the process is gone.
    """
    try:
        process = Path(f"/proc/{pid}")
        # The second field is a name in parentheses, which may itself hold spaces.
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        pages = int((process / "statm").read_text().split()[1])
        return Cost(
            at=now,
            cpu_s=ticks / os.sysconf("SC_CLK_TCK"),
            rss_mb=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            threads=int(fields[17]),
            fds=len(list((process / "fd").iterdir())),
        )
    except (OSError, IndexError):
        raise BenchError("the server ended while it was measured") from None


@dataclass
class Usage:
    """Costs over a span of time."""

    costs: list[Cost] = field(default_factory=list)

    @property
    def cores(self) -> float | None:
        """Processor cores used, on average."""
        first, last = self.costs[0], self.costs[-1]
        return round((last.cpu_s - first.cpu_s) / (last.at - first.at), 3) if last.at > first.at else None

    def figures(self, prefix: str) -> dict[str, float | int | None]:
        """`{prefix}_cpu_cores`, and the most of `_rss_mb` and `_threads`; null where it is not our process."""
        return {
            f"{prefix}_cpu_cores": self.cores if self.costs else None,
            f"{prefix}_rss_mb": round(max(c.rss_mb for c in self.costs), 1) if self.costs else None,
            f"{prefix}_threads": max(c.threads for c in self.costs) if self.costs else None,
        }


@asynccontextmanager
async def watching(pid: int | None) -> AsyncIterator[Usage]:
    """Sample a process while the block runs; nothing where there is none of ours."""
    usage = Usage()
    if pid is None:
        yield usage
        return
    clock = asyncio.get_running_loop().time

    async def sample() -> None:
        while True:
            usage.costs.append(cost_of(pid, clock()))
            await asyncio.sleep(SAMPLE_S)

    task = asyncio.create_task(sample())
    try:
        yield usage
        usage.costs.append(cost_of(pid, clock()))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
