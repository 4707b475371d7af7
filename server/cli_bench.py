"""`visavis bench`: measure a server, or a part of it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli_common import AsJson, ConfigPath, Settings, console, fail, read_config, show

if TYPE_CHECKING:
    from bench.result import Result
    from bench.run import Told
    from bench.serverproc import Server, Target

bench = typer.Typer(
    no_args_is_help=True, help="Measure: figures on stdout (one flat JSON object with --json), progress on stderr."
)

WORSE = 1
"""Exit status where something is slower than the baseline by more than the tolerance."""

Url = Annotated[str | None, typer.Option(help="A running server; without it one is started.")]
Protocol = Annotated[
    str, typer.Option(help="How to talk to the server at --url: realtime, realtime-ws, whep or livetalking.")
]
Llm = Annotated[
    str | None, typer.Option(help="stub (the default), knowledge, or the base URL of an OpenAI-compatible server.")
]
Model = Annotated[str, typer.Option(help="Model that the URL of --llm serves.")]
FirstToken = Annotated[float, typer.Option(min=0, max=60, help="Seconds until the stub's first token.")]
Rate = Annotated[float, typer.Option(min=0, max=10_000, help="Tokens a second of the stub; 0 sends them at once.")]
Html = Annotated[Path | None, typer.Option(help="Write a report, one self-contained page.")]
Save = Annotated[Path | None, typer.Option(help="Write everything that was measured, for --baseline.")]
Baseline = Annotated[
    Path | None, typer.Option(help="A run that --save wrote: print the ratios to it, each with its interval.")
]
Tolerance = Annotated[
    float,
    typer.Option(min=0, max=10, help="Share by which a figure may surely be above --baseline's; else exit status 1."),
]


def register(app: typer.Typer) -> None:
    app.add_typer(bench, name="bench")


def _target(
    url: str | None, protocol: str, llm: str | None, model: str, first_token: float, rate: float,
    config: Path | None, settings: list[str] | None,
) -> Target:  # fmt: skip
    from bench.serverproc import Target

    return Target(
        url=url, protocol=protocol, llm=llm, model=model, first_token_s=first_token, tokens_per_s=rate,
        config=config, settings=tuple(settings or ()), key=os.environ.get("VISAVIS_ACCESS_KEY"),
    )  # fmt: skip


def _measure(
    target: Target,
    scenarios: dict[str, Callable[[Server, Told], Awaitable[Result]]],
    *,
    as_json: bool,
    html: Path | None,
    save: Path | None,
    baseline: Path | None,
    tolerance: float,
) -> None:
    """Run the scenarios, and hand their results on as asked."""
    from bench import result
    from bench.environment import environment
    from bench.inbox import BenchError
    from bench.run import Scenario, run

    try:
        # Read first: minutes of measuring are not to end at a misspelt name.
        before = result.load_samples(baseline) if baseline else None
        about = environment(target)
        results = run(target, [Scenario(name, measure) for name, measure in scenarios.items()], console)
        ratios = result.compare(results, before) if before is not None else []
        if save is not None:
            result.save(save, results, about)
        if html is not None:
            from bench.report import page

            html.write_text(page(results, about, ratios, tolerance))
    except (BenchError, OSError) as error:
        raise fail(str(error)) from None
    figures: dict[str, Any] = dict(result.flat(results))
    for ratio in ratios:
        name = ratio.name.rpartition(".")[2]
        ends = {f"ratio_{name}_low": ratio.low, f"ratio_{name}_high": ratio.high}
        figures |= {key: round(value, 4) for key, value in {f"ratio_{name}": ratio.value, **ends}.items()}
    show(figures, as_json)
    if any(ratio.worse_than(tolerance) for ratio in ratios):
        raise typer.Exit(WORSE)


@bench.command("render")
def bench_render(
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads that render.")] = 1,
    avatar: Annotated[Path | None, typer.Option(help="Folder of the avatar.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """How long one picture takes."""
    chosen = read_config(config, None, avatar__path=avatar)
    from bench.render import measure

    try:
        figures = measure(chosen.avatar.path, threads)
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None
    show(figures, as_json)


@bench.command("turn")
def bench_turn(
    turns: Annotated[int, typer.Option(min=1, max=1000, help="Typed turns.")] = 40,
    spoken: Annotated[int, typer.Option(min=0, max=1000, help="Spoken turns.")] = 40,
    browser: Annotated[bool, typer.Option(help="Count the pictures that Chromium shows.")] = True,
    speech_s: Annotated[float, typer.Option(min=5, max=600, help="Seconds of speech that Chromium watches.")] = 60,
    url: Url = None,
    protocol: Protocol = "realtime",
    llm: Llm = None,
    model: Model = "default",
    first_token: FirstToken = 0,
    rate: Rate = 0,
    as_json: AsJson = False,
    html: Html = None,
    save: Save = None,
    baseline: Baseline = None,
    tolerance: Tolerance = 0.1,
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """Ask by text and by voice over WebRTC, and measure what arrives."""
    from bench.turn import measure

    if browser:
        import playwright  # noqa: F401  # pyright: ignore[reportUnusedImport]  (before minutes of measuring)
    _measure(
        _target(url, protocol, llm, model, first_token, rate, config, settings),
        {"turn": partial(measure, turns=turns, spoken=spoken, browser_s=speech_s if browser else 0.0)},
        as_json=as_json, html=html, save=save, baseline=baseline, tolerance=tolerance,
    )  # fmt: skip


@bench.command("interrupt")
def bench_interrupt(
    times: Annotated[int, typer.Option(min=1, max=1000, help="Interruptions by voice.")] = 40,
    coughs: Annotated[int, typer.Option(min=0, max=1000, help="Coughs while she speaks.")] = 20,
    paused: Annotated[int, typer.Option(min=0, max=1000, help="Questions that pause in their middle.")] = 6,
    url: Url = None,
    protocol: Protocol = "realtime",
    llm: Llm = None,
    model: Model = "default",
    first_token: FirstToken = 0,
    rate: Rate = 0,
    as_json: AsJson = False,
    html: Html = None,
    save: Save = None,
    baseline: Baseline = None,
    tolerance: Tolerance = 0.1,
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """Talk over her, cough, and pause in the middle of a sentence."""
    from bench.interrupt import measure

    _measure(
        _target(url, protocol, llm, model, first_token, rate, config, settings),
        {"interrupt": partial(measure, times=times, coughs=coughs, paused=paused)},
        as_json=as_json, html=html, save=save, baseline=baseline, tolerance=tolerance,
    )  # fmt: skip
