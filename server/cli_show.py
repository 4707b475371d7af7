"""`visavis show · sheet · manner · train-head`: what the body does, and what it takes from people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli_common import AsJson, ConfigPath, Settings, console, fail, read_config
from server.cli_common import show as show_figures

COLUMNS = 8
"""Of a sheet of stills."""


def register(app: typer.Typer) -> None:
    app.command()(show)
    app.command()(sheet)
    app.command()(manner)
    app.command("train-head")(train_head)


def show(
    output: Annotated[Path, typer.Option("-o", "--output", help="The MP4 file to write.")],
    sheet: Annotated[Path | None, typer.Option(help="A PNG of its pictures, two a second.")] = None,
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """Write an MP4 of what she does: idle, listening, thinking, speech, three emotions, a turn of the head."""
    chosen = read_config(config, settings)
    for path, suffix in ((output, ".mp4"), (sheet, ".png")):
        if path is not None and (path.suffix.lower() != suffix or not path.parent.is_dir()):
            raise fail(f"{path}: give a file name that ends in {suffix}, in a folder that is there")
    from engines.tts import SpeechError
    from server.engines import build_engines
    from server.show import show as run

    try:
        with console.status("She is showing it …"):
            engines = build_engines(chosen)
            seconds, stills = run(output, engines.tts, engines.motion, engines.idle, engines.renderer, stills_per_s=2)
            if sheet is not None:
                from training.contact_sheet import contact_sheet

                contact_sheet(stills, COLUMNS, sheet)
    except (OSError, ValueError, SpeechError) as error:
        raise fail(str(error)) from None
    console.print(f"{output}: {seconds:.1f} s", markup=False)


def sheet(
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture to write, PNG or JPEG.")],
    config: ConfigPath = None,
    settings: Settings = None,
) -> None:
    """Draw the face's hard moments side by side: p, b and m, teeth, a blink, turns to 12 degrees."""
    chosen = read_config(config, settings)
    if output.suffix.lower() not in (".png", ".jpg", ".jpeg") or not output.parent.is_dir():
        raise fail(f"{output}: give a file name that ends in .png or .jpg, in a folder that is there")
    from engines.tts import SpeechError
    from server.engines import build_engines
    from server.sheet import COLUMNS as ACROSS
    from server.sheet import tiles
    from training.contact_sheet import contact_sheet

    try:
        with console.status("She is sitting for it …"):
            engines = build_engines(chosen)
            contact_sheet(tiles(engines.tts, engines.motion, engines.renderer), ACROSS, output)
    except (OSError, ValueError, SpeechError) as error:
        raise fail(str(error)) from None


def manner(
    video: Annotated[Path, typer.Argument(help="Video of the person talking to the camera.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The JSON file to write.")],
    landmarker: Annotated[Path | None, typer.Option(help="mediapipe's face_landmarker.task.")] = None,
) -> None:
    """Take a manner from a video: how far, how fast and how often the person moves, next to the default body."""
    from engines.motion.manner import write_manner
    from training.manner import manner_of, track_video

    try:
        with console.status("Watching …"):
            found = manner_of(track_video(video, landmarker))
            write_manner(found, output)
    except (OSError, ValueError) as error:
        raise fail(str(error)) from None
    console.print(f"{output}: {found}", markup=False)


def train_head(
    folder: Annotated[Path, typer.Argument(help="Folder of tracked speech.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The JSON file to write.")],
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Fit the head's sway and its response to the voice; they go to engines/data/head.json."""
    import numpy as np

    from training.body import fit_head, read_clips, write_fit

    try:
        with console.status("Listening …"):
            fit = fit_head(read_clips(folder), np.random.default_rng(seed))
            write_fit(fit, output)
    except (OSError, ValueError) as error:
        raise fail(str(error)) from None
    show_figures(fit.figures, as_json)
