"""The voice that a path means, for measuring it."""

from __future__ import annotations

from pathlib import Path

from engines import TTS

ESPEAK = "espeak"
"""Names espeak-ng instead of a path: the baseline."""


def load_voice(path: Path) -> TTS:
    """A voice of our own (a folder), of Piper's format (a file ``.onnx``), or ``espeak``.

    Raises:
        ValueError: there is no voice; the message says what to give.
        SpeechError: it can't be run.
    """
    if path.is_dir():
        from engines.tts.voice import NeuralVoice

        return NeuralVoice(path)
    if path.suffix == ".onnx":
        from engines.tts.piper import PiperVoice

        return PiperVoice(path)
    if str(path) == ESPEAK:
        from engines.tts.espeak import EspeakTTS

        return EspeakTTS()
    raise ValueError(f"{path} is no voice: give a voice's folder, a Piper voice (.onnx), or 'espeak'")
