"""`visavis bench cost`: the server around the engines against a bare aiortc sender of the same media.

Voice, motion and renderer are replaced by a reel of frames and audio that they made before, so that they cost nothing;
the bare sender hands the same reel to aiortc as it comes, with the same codecs, size, rate and frames a second. Both
talk to one spectator, in turn, several times.

- `cost_ratio`: processor time of our process over the bare sender's, of the medians. `cost_cpu_cores` and
  `bare_cpu_cores`: processor seconds per second of speech. `cost_listening_ratio`: ours with the user's microphone
  coming in, over the same bare sender, which hears nothing.
- `cost_fps`, `bare_fps`: pictures that arrived a second, which should be 25 of both. `cost_kbit_s`, `bare_kbit_s`: what
  came over the wire.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.adapters.realtime_events import Events
from bench.inbox import Inbox
from bench.microphone import Microphone
from bench.peer import Peer, fetch
from bench.replay import replayed
from bench.resources import cost_of
from bench.result import Result
from bench.run import Told
from bench.serverproc import Target, free_port, python_process

WARM_S = 2.0
"""Of media before it counts: encoders and rates have settled."""


SOUND_BIT_S = 70_000
"""What is no picture of a call's bits: 48 kbit/s of Opus, and 50 packets' headers a second."""

LEAST_BIT_S = 100_000

KINDS = ("cost", "cost_listening", "bare")


@dataclass(frozen=True, slots=True)
class Spent:
    """One span of media."""

    cores: float
    fps: float
    kbit_s: float


async def measure(target: Target, told: Told, *, rounds: int, seconds: float) -> Result:
    """
    Args:
        rounds: times that each gets its turn.
        seconds: of media in each.

    Raises:
        BenchError: the reel can't be made, or one of the two does not send.
    """
    steps = 1 + rounds * len(KINDS)
    spent: dict[str, list[Spent]] = {name: [] for name in KINDS}
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as folder:
        told(0, steps)
        reel = Path(folder) / "reel.npz"
        await replayed(target, Path(folder) / "turn.npz", record=True, reel=reel)
        for turn in range(rounds):
            for place, name in enumerate(KINDS):
                told(1 + turn * len(KINDS) + place, steps)
                # A sender at another rate would encode for more or less than ours: it gets what ours really took.
                rate = 1000 * median(one.kbit_s for one in spent["cost"]) - SOUND_BIT_S if name == "bare" else None
                spent[name].append(await _spend(name, reel, seconds, rate))
    told(steps, steps)
    return _result(spent)


def _result(spent: dict[str, list[Spent]]) -> Result:
    result = Result("cost")
    cores = {name: median(one.cores for one in found) for name, found in spent.items()}
    for name, found in spent.items():
        result.samples[f"{name}_cpu_cores"] = [one.cores for one in found]
        result.figures[f"{name}_fps"] = round(median(one.fps for one in found), 2)
        result.figures[f"{name}_kbit_s"] = round(median(one.kbit_s for one in found))
    result.figures["cost_ratio"] = round(cores["cost"] / cores["bare"], 3)
    result.figures["cost_listening_ratio"] = round(cores["cost_listening"] / cores["bare"], 3)
    return result


async def _spend(name: str, reel: Path, seconds: float, rate: float | None) -> Spent:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    module = "bench.bare_sender" if name == "bare" else "bench.inside.replayed_server"
    command = ["-m", module, "--port", str(port), "--reel", str(reel)]
    command += ["--bitrate", str(max(LEAST_BIT_S, round(rate)))] if rate is not None else []
    asks, hears = name != "bare", name == "cost_listening"
    clock = asyncio.get_running_loop().time
    async with python_process(command, f"{url}/healthz") as process, _watching(url, asks=asks, hears=hears) as watched:
        inbox, peer = watched
        await inbox.until(lambda: inbox.pictured and inbox.voiced_since(0.0), "speech")
        await asyncio.sleep(WARM_S)
        before, pictures, octets = cost_of(process.pid, clock()), inbox.pictured, await _octets(peer)
        await asyncio.sleep(seconds)
        after, came, received = cost_of(process.pid, clock()), inbox.pictured, await _octets(peer)
    span = after.at - before.at
    return Spent((after.cpu_s - before.cpu_s) / span, (came - pictures) / span, (received - octets) / span / 125)


async def _octets(peer: Peer) -> int:
    """Bytes that the call's transport has received."""
    report = await peer.connection.getStats()
    return sum(one.bytesReceived for one in report.values() if one.type == "transport")


@asynccontextmanager
async def _watching(url: str, *, asks: bool, hears: bool) -> AsyncIterator[tuple[Inbox, Peer]]:
    """A spectator's call.

    Args:
        asks: she speaks only when she is asked to.
        hears: a silent microphone goes the other way.
    """
    inbox = Inbox(asyncio.get_running_loop().time, blind=True)
    peer = Peer(inbox, Microphone() if hears else None)
    try:
        events: Events | None = None
        if asks:
            channel = peer.connection.createDataChannel("oai-events")
            events = Events(inbox, channel.send)
            channel.on("message", events.received)
        offer = (await peer.offer()).encode()
        await peer.accept(await asyncio.to_thread(fetch, f"{url}/v1/realtime/calls", None, offer))
        if events is not None:
            await inbox.until(lambda: inbox.event_since(0, "session.created"), "session.created")
            events.ask("Go on.")
        yield inbox, peer
    finally:
        await peer.close()
