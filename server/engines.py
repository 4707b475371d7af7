"""The one place where a configuration becomes engines."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from engines import ASR, LLM, TTS, Idle, Motion, RemoteASR, RemoteTTS
from engines.knowledge import KnowledgeChat, recogniser_phrases
from engines.knowledge_file import DEFAULT_KNOWLEDGE, Knowledge, load_knowledge
from engines.motion.idle import IdleBody
from engines.motion.manner import read_manner
from engines.motion.model import load_model
from engines.motion.speech import SpeechMotion
from engines.motion.style import load_style
from engines.nerf.load import load_service
from engines.tags import EXPLAINED
from engines.vad import SileroVAD
from pipeline.session import Engines
from pipeline.stages import Align
from server.config import PROJECT, Config

DEFAULT_VOICE = PROJECT / "avatars/default/voice"


def build_engines(config: Config) -> Engines:
    """Load everything that a session needs.

    Raises:
        ValueError, OSError: a model, a file or an extra is missing; the message says what to do.
    """
    knowledge = load_knowledge(config.knowledge.path or DEFAULT_KNOWLEDGE)
    return Engines(
        llm=_language_model(config, knowledge),
        tts=_voice(config),
        asr=_recogniser(config, knowledge),
        vad=SileroVAD(),
        motion=build_motion(config),
        idle=build_body(config),
        align=_aligner(config),
        renderer=load_service(config.avatar.path, config.avatar.engine, config.avatar.threads),
    )


def build_motion(config: Config) -> Motion:
    """What makes lips of a voice."""
    return SpeechMotion(load_model(), load_style(config.avatar.path))


def build_body(config: Config) -> Idle:
    """What the rest of the face and the head do.

    Raises:
        ValueError: the file of her manner can't be read.
    """
    return IdleBody(read_manner(config.motion.style) if config.motion.style else None)


def _language_model(config: Config, knowledge: Knowledge) -> LLM:
    llm = config.llm
    if llm.provider == "knowledge":
        pace = config.knowledge.tokens_per_second
        return KnowledgeChat(knowledge, tokens_per_second=pace, expressive=llm.expressive)
    from engines.knowledge_notes import Notes
    from engines.llm import ChatCompletions

    notes = Notes(knowledge)
    return ChatCompletions(
        llm.base_url,
        llm.model or "default",
        _revealed(llm.key),
        first_token_timeout_s=llm.timeout_s,
        token_timeout_s=llm.timeout_s,
        max_tokens=llm.max_output_tokens,
        context=(lambda messages: f"{EXPLAINED}\n\n{notes(messages)}") if llm.expressive else notes,
    )


def _voice(config: Config) -> TTS | RemoteTTS:
    tts = config.tts
    if tts.provider == "openai":
        from engines.tts.remote import RemoteSpeech

        return RemoteSpeech(tts.base_url, tts.model, tts.voice or "alloy", _revealed(tts.key), tts.timeout_s)
    if tts.provider == "espeak":
        from engines.tts.espeak import RATE, VOICE, EspeakTTS

        # Its scale of pitch is an octave down to 0 and an octave up to 100 (pitch_adjust_tab in its synthdata.cpp).
        return EspeakTTS(tts.voice or VOICE, round(RATE * tts.rate), round(50 * (1 + tts.pitch / 12)))
    if tts.provider == "piper":
        from engines.tts.piper import PiperVoice

        if not tts.voice:
            raise ValueError("tts.provider is piper: set tts.voice to its MODEL.onnx")
        return PiperVoice(Path(tts.voice), tts.rate)
    from engines.tts.voice import NeuralVoice

    said = dict(entry.split(":", 1) for entry in tts.pronunciations)
    words = {word.strip(): phones for word, phones in said.items()}
    return NeuralVoice(voice_folder(config), tts.rate, tts.pitch, tts.energy, words)


def voice_folder(config: Config) -> Path:
    """Where the neural voice lies: as configured, else the avatar's own, else the shipped one."""
    if config.tts.voice:
        return Path(config.tts.voice)
    own = config.avatar.path / "voice"
    return own if own.is_dir() else DEFAULT_VOICE


def _aligner(config: Config) -> Align | None:
    """Local voices know their own word times."""
    if config.tts.provider != "openai":
        return None
    from engines.align import WordAligner

    return WordAligner().align


def _recogniser(config: Config, knowledge: Knowledge) -> ASR | RemoteASR:
    asr = config.asr
    if asr.provider == "openai":
        from engines.asr_remote import RemoteTranscriber

        return RemoteTranscriber(asr.base_url, asr.model, _revealed(asr.key), asr.timeout_s)
    from engines.asr import PocketsphinxASR
    from engines.grammar import SUMS

    return PocketsphinxASR([*recogniser_phrases(knowledge), *SUMS])


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
