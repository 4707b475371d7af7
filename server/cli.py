"""The command line: `visavis serve · say · bench · train · evaluate · doctor`.

Each command imports what it needs when it runs, so that `--help` answers at once and serving never loads the trainer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from server.config import Config

EXTRAS = {
    "espeakng_loader": "espeak",
    "torch": "train",
    "PIL": "train",
    "safetensors": "train",
    "onnx": "train",
    "playwright": "test",
}
"""Module -> the extra of pyproject.toml that brings it."""

USAGE_ERROR = 2
"""Exit status of bad input, as click has it."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
bench = typer.Typer(no_args_is_help=True, help="Measure: one flat JSON object on stdout, progress on stderr.")
app.add_typer(bench, name="bench")

console = Console(stderr=True, highlight=False)

ConfigPath = Annotated[
    Path | None, typer.Option("--config", help="TOML file; visavis.toml of the working directory if there is one.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any key of the configuration: turn.silence_ms=400."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object instead of a table.")]


def fail(message: str) -> typer.Exit:
    """Raise it: tells what is wrong, and exits with the status of bad input."""
    console.print(message, style="red", markup=False, soft_wrap=True)
    return typer.Exit(USAGE_ERROR)


def read_config(path: Path | None, settings: list[str] | None, **flags: object) -> Config:
    """The configuration with what the command line says; `server__port` is the key `server.port`."""
    from server.config import ConfigError, load_config

    overrides: dict[str, object] = {}
    for setting in settings or ():
        key, equals, value = setting.partition("=")
        if not equals:
            raise fail(f"--set {setting}: write it as KEY=VALUE, for instance --set turn.silence_ms=400")
        overrides[key.strip()] = value.strip()
    given = {key: value for key, value in flags.items() if not (value is None or value is False or value == [])}
    overrides |= {key.replace("__", "."): value for key, value in given.items()}
    try:
        return load_config(path, overrides)
    except ConfigError as error:
        raise fail(str(error)) from None


def show(figures: dict[str, Any], as_json: bool) -> None:
    """The result of a measurement on stdout."""
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    from rich.table import Table

    table = Table("measure", "value")
    for key, value in figures.items():
        table.add_row(key, "–" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value))
    Console().print(table)


def show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"visavis {version('visavis')}")
        raise typer.Exit


@app.callback()
def visavis(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=show_version, help="Print the version.")
    ] = False,
) -> None:
    """A real-time talking face: speech or text in, a voice and a photoreal face out over WebRTC."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port (8000); 0 takes a free one.")] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="Origin of another site whose pages may call, exact; repeatable.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Host name by which the server may be called; repeatable.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Listen on any address without a key, or without TLS (the key is readable)."),
    ] = False,
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """Serve the page and the Realtime API."""
    chosen = read_config(
        config,
        settings,
        server__host=host,
        server__port=port,
        server__allow_origin=allow_origin,
        server__allow_host=allow_host,
        server__tls_cert=tls_cert,
        server__tls_key=tls_key,
        server__insecure=insecure,
    )
    from server.serving import ServingError
    from server.serving import serve as run

    try:
        run(chosen, lambda line: console.print(line, markup=False, soft_wrap=True))
    except ServingError as error:
        raise fail(str(error)) from None


@app.command()
def say(
    text: Annotated[str, typer.Argument(help="What she says.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The MP4 file to write.")],
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """Write an MP4 of her saying TEXT."""
    chosen = read_config(config, settings)
    from server.say import SayError
    from server.say import say as run

    try:
        with console.status("She is saying it …"):
            seconds = run(text, output, chosen)
    except SayError as error:
        raise fail(str(error)) from None
    console.print(f"{output}: {seconds:.1f} s", markup=False)


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


@app.command()
def train(
    capture: Annotated[Path, typer.Argument(help="Folder of the capture.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the avatar to write.")],
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes to train.")] = 80,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    threads: Annotated[int, typer.Option(min=1, max=256, help="CPU threads.")] = 2,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
) -> None:
    """Fit an avatar to a capture."""
    from training.fit import train as run

    try:
        run(capture, output, minutes=minutes, resume=resume, threads=threads, device=device, seed=seed)
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None


@app.command()
def evaluate(
    avatar: Annotated[Path, typer.Argument(help="Folder of the avatar.")],
    capture: Annotated[Path, typer.Argument(help="Folder of the capture, with its held-out frames.")],
    as_json: AsJson = False,
) -> None:
    """Compare an avatar with the held-out frames of its capture."""
    from training.evaluate import evaluate as run

    try:
        with console.status("Comparing pictures …"):
            figures = run(avatar, capture)
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None
    show(figures, as_json)


@app.command()
def doctor(config: ConfigPath = None, settings: Settings = None) -> None:
    """Check what serving needs, and say what to do."""
    chosen = read_config(config, settings)
    from server.doctor import examine

    if not examine(chosen, Console(highlight=False)):
        raise typer.Exit(1)


def missing_extra(error: BaseException | None) -> str | None:
    """The extra that would have avoided an import's failure, at whatever depth it began."""
    while error is not None:
        if isinstance(error, ImportError) and error.name:
            extra = EXTRAS.get(error.name.partition(".")[0])
            if extra:
                return extra
        error = error.__cause__
    return None


def main() -> None:
    """The command `visavis`."""
    try:
        app()
    except ImportError as error:
        extra = missing_extra(error)
        if extra is None:
            raise
        console.print(
            f"this command needs the extra '{extra}': make setup-all, or pip install -e '.[{extra}]' in its folder",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        sys.exit(USAGE_ERROR)


if __name__ == "__main__":
    main()
