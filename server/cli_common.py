"""What the commands share: options, the configuration, and how they tell what is wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from server.config import Config

USAGE_ERROR = 2
"""Exit status of bad input, as click has it."""

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
