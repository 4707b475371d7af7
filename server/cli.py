"""The command line: `visavis serve · say · bench · train · evaluate · compile · doctor`.

Each command imports what it needs when it runs, so that `--help` answers at once and serving never loads the trainer.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from server import cli_avatars, cli_bench, cli_compile, cli_motion, cli_motion_train, cli_show, cli_train, cli_voice
from server.cli_common import USAGE_ERROR, ConfigPath, Settings, console, fail, read_config

EXTRAS = {
    "espeakng_loader": "espeak",
    "torch": "train",
    "PIL": "train",
    "safetensors": "train",
    "onnx": "train",
    "mediapipe": "train",
    "playwright": "test",
}
"""Module -> the extra of pyproject.toml that brings it."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
cli_train.register(app)
cli_voice.register(app)
cli_avatars.register(app)
cli_compile.register(app)
cli_bench.register(app)
cli_motion.register(app)
cli_motion_train.register(app)
cli_show.register(app)


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
    output: Annotated[Path, typer.Option("-o", "--output", help="The MP4 file to write.")],
    text: Annotated[str | None, typer.Argument(help="What she says, tags like [joy] included.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A recording that she speaks with, instead of TEXT.")] = None,
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """Write an MP4 of her saying TEXT, or speaking with the voice of a recording."""
    if (text is None) == (audio is None):
        raise fail("give either a TEXT or --audio FILE")
    chosen = read_config(config, settings)
    from server.say import SayError
    from server.say import say as run

    try:
        with console.status("She is saying it …"):
            seconds = run(text, output, chosen, audio)
    except SayError as error:
        raise fail(str(error)) from None
    console.print(f"{output}: {seconds:.1f} s", markup=False)


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
