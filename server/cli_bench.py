"""`visavis bench`: measure a server, or a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from server import cli_bench_conditions
from server.cli_bench_run import scenario
from server.cli_common import AsJson, ConfigPath, Settings, fail, read_config, show

if TYPE_CHECKING:
    from server.cli_bench_run import Measure

bench = typer.Typer(
    no_args_is_help=True, help="Measure: figures on stdout (one flat JSON object with --json), progress on stderr."
)

Turns = Annotated[int, typer.Option(min=1, max=1000, help="Typed turns.")]
Spoken = Annotated[int, typer.Option(min=0, max=1000, help="Spoken turns.")]
Browser = Annotated[bool, typer.Option(help="Count the pictures that Chromium shows.")]
SpeechS = Annotated[float, typer.Option(min=5, max=600, help="Seconds of speech that Chromium watches.")]
ScriptFile = Annotated[Path | None, typer.Option(help="A conversation of your own (YAML), instead of the turns.")]
Times = Annotated[int, typer.Option(min=1, max=1000, help="Interruptions by voice.")]
Coughs = Annotated[int, typer.Option(min=0, max=1000, help="Coughs while she speaks.")]
Paused = Annotated[int, typer.Option(min=0, max=1000, help="Questions that pause in their middle.")]
Cycles = Annotated[int, typer.Option(min=2, max=10_000, help="Calls, one after the other.")]
Most = Annotated[int, typer.Option(min=1, max=256, help="Sessions to go up to.")]
Hours = Annotated[float, typer.Option(min=0.01, max=168, help="How long.")]

ROOMY = ("server.max_sessions=64",)
"""A sweep looks for the knee itself."""


def register(app: typer.Typer) -> None:
    cli_bench_conditions.register(bench)
    app.add_typer(bench, name="bench")


@bench.command("render")
def bench_render(
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads that render.")] = 1,
    avatar: Annotated[Path | None, typer.Option(help="Folder of the avatar.")] = None,
    engine: Annotated[
        Literal["openvino", "tensorrt"], typer.Option(help="On the CPU, or on an NVIDIA GPU (visavis compile).")
    ] = "openvino",
    batch: Annotated[int, typer.Option(min=1, max=64, help="Pictures that are drawn together.")] = 1,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """How long one picture takes."""
    chosen = read_config(config, None, avatar__path=avatar)
    from bench.render import measure

    try:
        figures = measure(chosen.avatar.path, threads, engine, batch)
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None
    show(figures, as_json)


@bench.command("voice")
def bench_voice(
    as_json: AsJson = False,
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """How soon the configured voice begins to speak, and how much faster than real time it is."""
    chosen = read_config(config, settings)
    from bench.voice import measure
    from engines.tts import SpeechError
    from server.engines import build_engines

    try:
        show(measure(build_engines(chosen).tts), as_json)
    except (ValueError, OSError, SpeechError) as error:
        raise fail(str(error)) from None


@scenario(bench, "turn")
def bench_turn(
    turns: Turns = 40, spoken: Spoken = 40, browser: Browser = True, speech_s: SpeechS = 60, script: ScriptFile = None
) -> Mapping[str, Measure]:
    """Ask by text and by voice over WebRTC, and measure what arrives."""
    from bench.script import load_script
    from bench.turn import conversation, measure

    if browser:
        import playwright  # noqa: F401  # pyright: ignore[reportUnusedImport]  (before minutes of measuring)
    talk = load_script(script) if script else conversation(turns, spoken)
    return {"turn": partial(measure, script=talk, browser_s=speech_s if browser else 0.0)}


@scenario(bench, "interrupt")
def bench_interrupt(times: Times = 40, coughs: Coughs = 20, paused: Paused = 6) -> Mapping[str, Measure]:
    """Talk over her, cough, and pause in the middle of a sentence."""
    from bench.interrupt import measure

    return {"interrupt": partial(measure, times=times, coughs=coughs, paused=paused)}


@scenario(bench, "connect")
def bench_connect(cycles: Cycles = 50) -> Mapping[str, Measure]:
    """Call and hang up, over and over: how soon she is there, and what a call leaves behind."""
    from bench.connect import measure

    return {"connect": partial(measure, cycles=cycles)}


@scenario(bench, "sweep", ROOMY)
def bench_sweep(most: Most = 16) -> Mapping[str, Measure]:
    """1, 2, 4 … sessions that all talk, until it is too much."""
    from bench.sweep import measure

    return {"sweep": partial(measure, most=most)}


@scenario(bench, "soak")
def bench_soak(hours: Hours = 1.0) -> Mapping[str, Measure]:
    """One conversation for hours: drift and leaks."""
    from bench.soak import measure

    return {"soak": partial(measure, hours=hours)}


@scenario(bench, "all", ROOMY)
def bench_all(browser: Browser = True) -> Mapping[str, Measure]:
    """Every scenario but `soak`, one after the other, on one server."""
    from bench.connect import measure as connect
    from bench.interrupt import measure as interrupt
    from bench.parts import measure as parts
    from bench.sweep import measure as sweep
    from bench.turn import conversation
    from bench.turn import measure as turn
    from server.engines import build_engines

    chosen = read_config(None, None)
    return {
        **cli_bench_conditions.for_all(),
        "parts": partial(parts, avatar=chosen.avatar.path, load_voice=lambda: build_engines(chosen).tts),
        "connect": partial(connect, cycles=50),
        "turn": partial(turn, script=conversation(40, 0), browser_s=20.0 if browser else 0.0),
        "interrupt": partial(interrupt, times=40, coughs=10, paused=3),
        "sweep": partial(sweep, most=8),
    }
