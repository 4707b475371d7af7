"""What every scenario of `visavis bench` shares: its options, and what becomes of its results."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from server.cli_common import AsJson, ConfigPath, Settings, console, fail, show

if TYPE_CHECKING:
    from bench.result import Result
    from bench.run import Alone, Told
    from bench.serverproc import Server, Target

    Measure = Callable[[Server, Told], Awaitable[Result]] | Alone

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
Markdown = Annotated[Path | None, typer.Option(help="Write the summary as a Markdown table.")]
Save = Annotated[Path | None, typer.Option(help="Write everything that was measured, for --baseline.")]
Baseline = Annotated[
    Path | None, typer.Option(help="A run that --save wrote: print the ratios to it, each with its interval.")
]
Tolerance = Annotated[
    float,
    typer.Option(min=0, max=10, help="Share by which a figure may surely be above --baseline's; else exit status 1."),
]


def _common(
    url: Url = None,
    protocol: Protocol = "realtime",
    llm: Llm = None,
    model: Model = "default",
    first_token: FirstToken = 0.0,
    rate: Rate = 0.0,
    as_json: AsJson = False,
    html: Html = None,
    markdown: Markdown = None,
    save: Save = None,
    baseline: Baseline = None,
    tolerance: Tolerance = 0.1,
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """Only its signature is used: the options of every scenario."""


COMMON = inspect.signature(_common)


def scenario(
    bench: typer.Typer, name: str, settings: tuple[str, ...] = ()
) -> Callable[[Callable[..., Mapping[str, Measure]]], None]:
    """A command from a function that takes its own options and returns the scenarios to run, by name.

    Args:
        settings: keys of a server that the bench starts; those of the command line win.
    """

    def register(plan: Callable[..., Mapping[str, Measure]]) -> None:
        own = inspect.signature(plan)
        # It names types of the bench, which are imported only once something is measured.
        plan.__annotations__.pop("return", None)

        @functools.wraps(plan)
        def command(**given: Any) -> None:
            common = {key: given.pop(key) for key in COMMON.parameters}
            target = _target(common, settings)
            _measure(target, lambda: plan(**given), **{key: common[key] for key in OUTPUTS})

        hints = get_type_hints(plan, include_extras=True) | get_type_hints(_common, include_extras=True)
        parameters = [*own.parameters.values(), *COMMON.parameters.values()]
        keywords = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
            for parameter in parameters
        ]
        command.__signature__ = inspect.Signature(keywords)  # pyright: ignore[reportAttributeAccessIssue]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in keywords}
        bench.command(name)(command)

    return register


OUTPUTS = ("as_json", "html", "markdown", "save", "baseline", "tolerance")


def _target(common: Mapping[str, Any], settings: tuple[str, ...]) -> Target:
    from bench.serverproc import Target

    return Target(
        url=common["url"], protocol=common["protocol"], llm=common["llm"], model=common["model"],
        first_token_s=common["first_token"], tokens_per_s=common["rate"], config=common["config"],
        settings=(*settings, *(common["settings"] or ())), key=os.environ.get("VISAVIS_ACCESS_KEY"),
    )  # fmt: skip


def _measure(
    target: Target,
    plan: Callable[[], Mapping[str, Measure]],
    *,
    as_json: bool,
    html: Path | None,
    markdown: Path | None,
    save: Path | None,
    baseline: Path | None,
    tolerance: float,
) -> None:
    """Run the scenarios, and hand their results on as asked."""
    from bench import report, result
    from bench.environment import environment
    from bench.inbox import BenchError
    from bench.run import Scenario, run

    try:
        # Read first: minutes of measuring are not to end at a misspelt name.
        before = result.load_samples(baseline) if baseline else None
        scenarios = [Scenario(name, measure) for name, measure in plan().items()]
        about = environment(target)
        results = run(target, scenarios, console)
        ratios = result.compare(results, before) if before is not None else []
        if save is not None:
            result.save(save, results, about)
        if html is not None:
            html.write_text(report.page(results, about, ratios, tolerance))
        if markdown is not None:
            markdown.write_text(report.markdown(results))
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
