"""`visavis motion`: a recording's face as curves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from server.cli_common import ConfigPath, Settings, console, fail, read_config


def register(app: typer.Typer) -> None:
    app.command()(motion)


def motion(
    audio: Annotated[Path, typer.Argument(help="A recording: any file with sound.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .csv or .json file to write.")],
    fps: Annotated[int, typer.Option(min=10, max=120, help="Frames per second.")] = 25,
    speech_only: Annotated[
        bool, typer.Option("--speech-only", help="Mouth, jaw and cheeks alone: no blinks, gaze, brows and head.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of blinks, gaze and head.")] = 0,
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """Write the ARKit curves of a face that speaks as AUDIO does."""
    chosen = read_config(config, settings)
    from pipeline.expression import Expressions
    from server.engines import build_body, build_motion
    from server.motion_file import follow, write_csv, write_json

    write = {".csv": write_csv, ".json": write_json}.get(output.suffix.lower())
    if write is None:
        raise fail(f"{output}: give a file name that ends in .csv or .json")
    if output.is_dir() or not output.parent.is_dir():
        raise fail(f"{output}: " + ("is a folder" if output.is_dir() else f"no such folder: {output.parent}"))
    unfinished = output.with_name(f".{output.name}.partial")
    try:
        body = None if speech_only else build_body(chosen).start(seed)
        if body is not None:
            Expressions(body, chosen.motion.expression)
        with console.status("Listening …"):
            frames, seconds = follow(audio, build_motion(chosen), body, fps)
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            write(file, frames, fps)
        os.replace(unfinished, output)
    except ValueError as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(f"{output} can't be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    console.print(f"{output}: {len(frames)} frames, {seconds:.1f} s", markup=False)
