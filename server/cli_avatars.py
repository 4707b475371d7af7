"""`visavis avatars`: those that are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli_common import console, fail

avatars = typer.Typer(no_args_is_help=True, help="Install, list and remove avatars.")

Folder = Annotated[Path, typer.Option(help="Folder in which avatars lie.")]


def register(app: typer.Typer) -> None:
    app.add_typer(avatars, name="avatars")


@avatars.command()
def add(
    package: Annotated[Path, typer.Argument(help="Zip file of an avatar's folder.")],
    name: Annotated[str | None, typer.Option(help="Its name; the file's without one.")] = None,
    folder: Folder = Path("avatars"),
) -> None:
    """Install an avatar after checking everything in it."""
    from server.avatars import AvatarError
    from server.avatars import add as install

    try:
        target = install(package, folder, name)
    except AvatarError as error:
        raise fail(str(error)) from None
    console.print(f"installed: visavis serve --set avatar.path={target}", markup=False, soft_wrap=True)


@avatars.command("list")
def list_installed(folder: Folder = Path("avatars")) -> None:
    """Show the installed avatars."""
    from rich.console import Console
    from rich.table import Table

    from server.avatars import installed

    table = Table("avatar", "person", "licence")
    for name, meta in installed(folder).items():
        if isinstance(meta, str):
            table.add_row(name, meta, "–")
        else:
            table.add_row(name, "local-test: nobody was asked" if meta.consent is None else meta.consent, meta.licence)
    Console(markup=False).print(table)


@avatars.command()
def remove(
    name: Annotated[str, typer.Argument(help="The avatar's name.")],
    folder: Folder = Path("avatars"),
) -> None:
    """Delete an installed avatar."""
    from server.avatars import AvatarError
    from server.avatars import remove as delete

    try:
        delete(name, folder)
    except AvatarError as error:
        raise fail(str(error)) from None
    console.print(f"removed: {name}", markup=False)
