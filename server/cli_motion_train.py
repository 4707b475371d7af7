"""`visavis train-motion · evaluate-motion · fit-style`: how speech moves the mouth, and a person's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli_common import AsJson, console, fail, show

DEFAULT_AVATAR = Path(__file__).parent.parent / "avatars/default"


def register(app: typer.Typer) -> None:
    app.command("train-motion")(train_motion)
    app.command("evaluate-motion")(evaluate_motion)
    app.command("fit-style")(fit_style)


def train_motion(
    motion: Annotated[Path, typer.Argument(help="Folder of tracked utterances.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .npz file to write.")],
    speech: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of a voice's recordings with metadata.csv, whose mouth phones tell; repeatable."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps to train the network.")] = 500,
    variants: Annotated[int, typer.Option(min=0, help="Disturbed copies of every utterance.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
) -> None:
    """Learn the motion of a mouth from a tracked speaker."""
    from training.motion_train import train as run

    def tell(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    try:
        run(motion, speech or [], output, steps=steps, variants=variants, resume=resume, seed=seed, tell=tell)
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None


def evaluate_motion(
    motion: Annotated[Path, typer.Argument(help="Folder of tracked utterances.")],
    as_json: AsJson = False,
    page: Annotated[Path | None, typer.Option("--html", help="A page to write, with the mouths' curves.")] = None,
    unseen: Annotated[
        Path | None, typer.Option(help="Video of a speaker that nothing was trained on, to measure there as well.")
    ] = None,
    voice: Annotated[
        Path | None,
        typer.Option(help="Folder of recordings with metadata.csv of a voice that nothing was trained on."),
    ] = None,
    landmarker: Annotated[
        Path | None, typer.Option(help="mediapipe's face_landmarker.task; by default it is fetched once.")
    ] = None,
    avatar: Annotated[Path, typer.Option(help="Folder of the avatar whose mouth is rendered.")] = DEFAULT_AVATAR,
    model: Annotated[Path | None, typer.Option(help="The .npz file of another motion model.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="A PNG to write: one utterance, picture by picture.")] = None,
) -> None:
    """Measure how well speech moves the mouth."""
    from training.evaluate_motion import evaluate as run

    try:
        with console.status("Reading …") as status:
            figures = run(
                motion,
                avatar=avatar,
                model=model,
                landmarker=landmarker,
                unseen=unseen,
                voice=voice,
                page=page,
                sheet=sheet,
                tell=lambda doing: status.update(f"{doing.capitalize()} …"),
            )
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None
    show(figures, as_json)


def fit_style(
    capture: Annotated[Path, typer.Argument(help="Folder of the capture of a person's video.")],
    avatar: Annotated[Path, typer.Argument(help="Folder of the avatar, which gets the style.")],
) -> None:
    """Give an avatar its person's own way of moving the mouth."""
    from engines.motion.style import save_style
    from training.capture import load
    from training.motion_style import fit_style as run

    if not (avatar / "meta.json").is_file():
        raise fail(f"{avatar} holds no avatar: give the folder that `visavis train` wrote")
    try:
        save_style(run(load(capture)), avatar)
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None
    console.print(f"{avatar}: speaks with the mouth of {capture}", markup=False, soft_wrap=True)
