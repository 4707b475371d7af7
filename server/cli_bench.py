"""`visavis bench`: measure a server, or a part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli_common import AsJson, ConfigPath, Settings, console, fail, read_config, show

bench = typer.Typer(no_args_is_help=True, help="Measure: one flat JSON object on stdout, progress on stderr.")


def register(app: typer.Typer) -> None:
    app.add_typer(bench, name="bench")


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
    url: Annotated[str | None, typer.Option(help="A running server; without it one is started.")] = None,
    llm: Annotated[
        str | None,
        typer.Option(help="stub (the default), knowledge, or the base URL of an OpenAI-compatible server."),
    ] = None,
    model: Annotated[str, typer.Option(help="Model that the URL of --llm serves.")] = "default",
    turns: Annotated[int, typer.Option(min=1, max=1000, help="Typed turns.")] = 40,
    spoken: Annotated[int, typer.Option(min=0, max=1000, help="Spoken turns.")] = 10,
    browser: Annotated[bool, typer.Option(help="Count the pictures that Chromium shows.")] = True,
    speech_s: Annotated[float, typer.Option(min=5, max=600, help="Seconds of speech that Chromium watches.")] = 60,
    as_json: AsJson = False,
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """Talk to a server over WebRTC, and measure what arrives."""
    from bench.turn import BenchError, Plan, run

    if browser:
        import playwright  # noqa: F401  # pyright: ignore[reportUnusedImport]  (before minutes of measuring)
    plan = Plan(
        url=url, llm=llm, model=model, turns=turns, spoken=spoken, browser=browser, speech_s=speech_s,
        config=config, settings=tuple(settings or ()),
    )  # fmt: skip
    try:
        figures = run(plan, console)
    except BenchError as error:
        raise fail(str(error)) from None
    show(figures, as_json)
