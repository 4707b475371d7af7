"""`visavis compile`: an avatar's engines for a GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from server.cli_common import console, fail


def register(app: typer.Typer) -> None:
    app.command("compile")(compile_engines)


def compile_engines(
    avatar: Annotated[Path, typer.Argument(help="Folder of the avatar.")],
    engine: Annotated[
        Literal["tensorrt"], typer.Option(help="What runs it; OpenVINO, on the CPU, needs nothing compiled.")
    ],
    target: Annotated[
        str | None,
        typer.Option("--for", metavar="SM", help="Architecture of a GPU that isn't here: sm86, sm89, sm120 …"),
    ] = None,
) -> None:
    """Build an avatar's engines for the GPU at hand, into the user's cache: serve with avatar.engine=tensorrt."""
    del engine
    from engines.nerf.plans import compile_avatar

    try:
        with console.status("Building engines …"):
            compile_avatar(avatar, target, lambda line: console.print(line, markup=False, soft_wrap=True))
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None
