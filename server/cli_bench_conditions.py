"""The rest of `visavis bench`: under a bad network, against itself, against a bare sender, and against others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli_bench_run import scenario

if TYPE_CHECKING:
    from server.cli_bench_run import Measure

Seconds = Annotated[float, typer.Option(min=5, max=3600, help="How long each line is bad.")]
LossSeconds = Annotated[float, typer.Option(min=5, max=3600, help="The same, for the case of 1 % loss.")]
Python = Annotated[Path | None, typer.Option(help="Python that has pipecat-ai.")]
Install = Annotated[bool, typer.Option("--install", help="First put pipecat-ai into a folder of the user's cache.")]
Turns = Annotated[int, typer.Option(min=2, max=1000, help="Questions to each of the two.")]
Record = Annotated[Path | None, typer.Option(help="Keep the turn that is recorded now in this file.")]
Recording = Annotated[Path | None, typer.Option(help="A turn that --record kept.", exists=True, dir_okay=False)]
Rounds = Annotated[int, typer.Option(min=1, max=100, help="Times that each of the two gets its turn.")]
SpeechS = Annotated[float, typer.Option(min=2, max=60, help="Seconds of speech in each.")]
Netem = Annotated[bool, typer.Option(help="Also through tc netem in a namespace, where that is allowed.")]


def for_all() -> Mapping[str, Measure]:
    """The same as parts of `all`, shorter."""
    from bench.compare import measure_if_there
    from bench.cost import measure as cost
    from bench.network import measure as network
    from bench.replay import measure as replay
    from bench.run import Alone

    return {
        "replay": Alone(partial(replay, record=None, recording=None)),
        "cost": Alone(partial(cost, rounds=2, seconds=8)),
        "compare": Alone(partial(measure_if_there, turns=20)),
        "network": partial(network, seconds=20, loss_seconds=60, netem=False, only=("loss1", "loss5_jitter50")),
    }


def register(bench: typer.Typer) -> None:
    """Add the commands to `visavis bench`."""

    @scenario(bench, "network")
    def bench_network(
        seconds: Seconds = 20, loss_seconds: LossSeconds = 60, netem: Netem = True
    ) -> Mapping[str, Measure]:
        """Converse over bad lines: loss, jitter, reordering, a narrow link, a blackout."""
        from bench.network import measure

        return {"network": partial(measure, seconds=seconds, loss_seconds=loss_seconds, netem=netem)}

    @scenario(bench, "compare")
    def bench_compare(python: Python = None, install: Install = False, turns: Turns = 40) -> Mapping[str, Measure]:
        """Our pipeline alone against pipecat-ai's, with the same stubs."""
        from bench.compare import measure
        from bench.run import Alone

        return {"compare": Alone(partial(measure, python=python, turns=turns, make=install))}

    @scenario(bench, "replay")
    def bench_replay(record: Record = None, recording: Recording = None) -> Mapping[str, Measure]:
        """One recorded turn again, in counted time: the same frames, or what a commit changed."""
        from bench.replay import measure
        from bench.run import Alone

        return {"replay": Alone(partial(measure, record=record, recording=recording))}

    @scenario(bench, "cost")
    def bench_cost(rounds: Rounds = 3, seconds: SpeechS = 10) -> Mapping[str, Measure]:
        """The server around the engines against a bare aiortc sender of the same frames and audio."""
        from bench.cost import measure
        from bench.run import Alone

        return {"cost": Alone(partial(measure, rounds=rounds, seconds=seconds))}
