"""`visavis train-voice · evaluate-voice`: a voice of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli_common import AsJson, console, fail, show

BASE = Path("avatars/default/voice")
"""What a voice begins from: the shipped one."""


def register(app: typer.Typer) -> None:
    app.command("train-voice")(train_voice)
    app.command("evaluate-voice")(evaluate_voice)


def train_voice(
    source: Annotated[
        Path, typer.Argument(help="A folder with metadata.csv and flac/ID.flac (or wav), a video, or a recording.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the voice to write.")],
    consent: Annotated[
        str | None,
        typer.Option(help="What the speaker agreed to, in their words; without it the voice stays on this machine."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The speaker's name; the output folder's without one.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the recordings.")] = "the speaker's own",
    base: Annotated[Path, typer.Option(help="Voice to begin from.")] = BASE,
    zero_shot: Annotated[
        bool, typer.Option("--zero-shot", help="Take timbre and pitch of ten seconds only; nothing is trained.")
    ] = False,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Begin from nothing: needs half an hour of speech, and hours.")
    ] = False,
    also: Annotated[
        list[Path] | None, typer.Option(help="With --from-scratch: recordings of another speaker; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="With --from-scratch: go on from the checkpoint.")] = False,
    use_all: Annotated[
        bool, typer.Option("--all", help="Learn from clips whose id ends in 7, too, and leave none to evaluate on.")
    ] = False,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Minutes to train.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Use no more of the recordings than this.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Make a voice from a few minutes of somebody's speech."""
    if not from_scratch and (also or resume):
        raise fail("--also and --resume go with --from-scratch")
    if from_scratch and (zero_shot or seconds):
        raise fail("--from-scratch goes without --zero-shot and --seconds")
    from engines.tts import SpeechError
    from training.voice_data import held_out

    def keep(clip: str) -> bool:
        return use_all or not held_out(clip)

    def report(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    called = name or output.resolve().name
    try:
        if from_scratch:
            from training.voice import MINUTES, Credits, train

            credits_ = Credits(called, licence, consent, f"trained on {source.name}")
            folders = [source, *(also or ())]
            train(
                folders, output, credits_, report,
                minutes=minutes or MINUTES, resume=resume, device=device, keep=keep,
            )  # fmt: skip
        else:
            from training.voice_adapt import MINUTES, Speaker, adapt

            speaker = Speaker(called, consent, licence)
            adapt(
                source, output, speaker, base, report,
                minutes=minutes or MINUTES, zero_shot=zero_shot, keep=keep, seconds=seconds, device=device,
            )  # fmt: skip
    except (ValueError, OSError, SpeechError) as error:
        raise fail(str(error)) from None
    serving = f"visavis serve --set tts.provider=neural --set tts.voice={output}"
    console.print(f"{output}: {serving}", markup=False, soft_wrap=True)


def voice_of_video(video: Path, avatar: Path, consent: str | None, device: str) -> None:
    """Gives an avatar the voice of its video: a trained one, or, from less than a minute of speech, its timbre. Where
    there is no usable sound the avatar keeps the shipped voice, and is told so."""
    from engines.tts import SpeechError
    from training.voice_adapt import Speaker, adapt

    def report(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    speaker = Speaker(avatar.resolve().name, consent)
    for zero_shot in (False, True):
        try:
            adapt(video, avatar / "voice", speaker, BASE, report, zero_shot=zero_shot, device=device)
        except (ValueError, OSError, SpeechError) as error:
            report(f"{'no voice of its own' if zero_shot else 'no trained voice'}: {error}")
        else:
            return


def evaluate_voice(
    voice: Annotated[Path, typer.Argument(help="Folder of the voice, a Piper voice (.onnx), or 'espeak'.")],
    speech: Annotated[Path, typer.Argument(help="Folder of its speaker's recordings: metadata.csv and flac/ID.flac.")],
    page: Annotated[
        Path | None, typer.Option("--html", help="Page to write: spectrograms and sound, recorded and synthesised.")
    ] = None,
    prompts: Annotated[
        int | None, typer.Option(min=2, help="Use so many held-out prompts only, for a quick look.")
    ] = None,
    clone: Annotated[Path | None, typer.Option(help="A voice adapted to another speaker, for fewshot_margin.")] = None,
    clone_speech: Annotated[Path | None, typer.Option(help="That speaker's recordings.")] = None,
    training_speech: Annotated[
        list[Path] | None,
        typer.Option(help="Recordings that the adapted voice's base was trained on; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a voice with its speaker's held-out recordings (ids that end in 7)."""
    given = (clone, clone_speech, training_speech)
    if any(given) and not all(given):
        raise fail("fewshot_margin needs all three of --clone, --clone-speech and --training-speech")
    if page is not None and not page.resolve().parent.is_dir():
        raise fail(f"{page}: no such folder: {page.parent}")
    from engines.tts import SpeechError
    from training.evaluate_voice import evaluate
    from training.voice_identity import Clone

    judged = Clone(clone, clone_speech, tuple(training_speech)) if clone and clone_speech and training_speech else None
    try:
        figures = evaluate(voice, speech, console, prompts=prompts, clone=judged, page=page)
    except (ValueError, OSError, SpeechError) as error:
        raise fail(str(error)) from None
    show(figures, as_json)
