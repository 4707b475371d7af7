"""`visavis train · evaluate`: a face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli_common import AsJson, console, fail, show
from server.cli_voice import voice_of_video


def register(app: typer.Typer) -> None:
    app.command()(train)
    app.command()(evaluate)


def train(
    source: Annotated[Path, typer.Argument(help="A video of one person talking to the camera, or a capture's folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the avatar to write.")],
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes to train.")] = 80,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    threads: Annotated[int, typer.Option(min=1, max=256, help="CPU threads.")] = 2,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    consent: Annotated[
        str | None,
        typer.Option(help="What the person agreed to, in their words; without it the avatar stays on this machine."),
    ] = None,
    landmarker: Annotated[Path | None, typer.Option(help="mediapipe's face_landmarker.task, for a video.")] = None,
    begin: Annotated[
        Path | None, typer.Option("--from", help="An avatar of the same person to go on from: the last stage alone.")
    ] = None,
    voice: Annotated[bool, typer.Option(help="Learn the voice of a video as well.")] = True,
) -> None:
    """Make an avatar from a video, or from a capture."""
    from training.fit import train as run

    try:
        run(
            source,
            output,
            minutes=minutes,
            resume=resume,
            threads=threads,
            device=device,
            seed=seed,
            consent=consent,
            landmarker=landmarker,
            begin=begin,
        )
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None
    if source.is_file():
        _style_of_video(output)
        if voice:
            voice_of_video(source, output, consent, device)


def _style_of_video(avatar: Path) -> None:
    """Gives an avatar its person's way of moving the mouth. Where the video tells too little of it, or has no sound,
    the mouth moves as the model alone moves it, and that is said."""
    from engines.motion.style import save_style
    from training.capture import load
    from training.motion_style import fit_style
    from training.workshop import workshop

    try:
        save_style(fit_style(load(workshop(avatar) / "capture")), avatar)
    except (ValueError, OSError) as error:
        console.print(f"no style of its own: {error}", markup=False, soft_wrap=True)


def evaluate(
    avatar: Annotated[Path, typer.Argument(help="Folder of the avatar.")],
    source: Annotated[Path, typer.Argument(help="Its capture's folder or its video: held-out frames are compared.")],
    landmarker: Annotated[Path | None, typer.Option(help="mediapipe's face_landmarker.task.")] = None,
    page: Annotated[
        Path | None, typer.Option("--html", help="Page to write: both sides as a film, worst frames, curves.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare an avatar with held-out frames of its person."""
    if page is not None and not page.resolve().parent.is_dir():
        raise fail(f"{page}: no such folder: {page.parent}")
    from training.evaluate import evaluate as run
    from training.evaluate_source import prepared

    try:
        with console.status("Comparing pictures …") as status:
            capture, marks = prepared(
                avatar, source, landmarker, lambda words, frames: status.update(f"{words}: frame {frames}")
            )
            status.update("Comparing pictures …")
            figures = run(avatar, capture, marks, page)
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None
    show(figures, as_json)
