"""The engines, each doing its work once: she says a word, hears it, and shows a face."""

from __future__ import annotations

import inspect
import time
import urllib.error
import urllib.request
from typing import cast

import av
import numpy as np

from engines import ASR, TTS
from engines.media import COEFFS, MIC_RATE, SAMPLE_RATE, Pcm
from engines.tts import SpeechError
from pipeline.session import Engines
from server.config import Config
from server.engines import build_engines
from server.findings import Finding

PHRASE = "What is Visavis?"
"""A question of the default knowledge file, so that the domain decoder knows its words."""

FRAME_BUDGET_MS = 40
"""One picture at 25 pictures/s."""

SETUP = "make setup installs what serving needs"

VAD_WINDOW = 512
"""Samples at `MIC_RATE` that the voice activity detector takes at a time."""


def check_engines(config: Config) -> list[Finding]:
    """Load them all, then use each that runs here."""
    begun = time.perf_counter()
    try:
        engines = build_engines(config)
    except SpeechError as error:
        return [Finding("voice", "fail", str(error), "choose another tts.voice")]
    except (OSError, ValueError, ImportError) as error:
        gpu = config.avatar.engine == "tensorrt"
        advice = "docs/engines.md tells what a GPU needs; avatar.engine=openvino needs none" if gpu else SETUP
        return [Finding("engines", "fail", str(error), advice)]
    findings = [Finding("engines", "ok", f"loaded in {time.perf_counter() - begun:.1f} s")]
    pcm = _voice(engines, findings)
    if pcm is not None:
        _ears(engines, pcm, findings)
    _face(engines, findings)
    _models(config, findings)
    return findings


def _voice(engines: Engines, findings: list[Finding]) -> Pcm | None:
    if inspect.isasyncgenfunction(engines.tts.synthesize):
        findings.append(Finding("voice", "ok", "remote"))
        return None
    begun = time.perf_counter()
    try:
        chunks = [chunk.pcm for chunk in cast(TTS, engines.tts).synthesize(PHRASE)]
    except SpeechError as error:
        findings.append(Finding("voice", "fail", str(error), "choose another tts.voice"))
        return None
    pcm: Pcm = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
    if not np.any(pcm):
        findings.append(Finding("voice", "fail", "it is silent", "choose another tts.voice"))
        return None
    took = 1000 * (time.perf_counter() - begun)
    findings.append(Finding("voice", "ok", f"{len(pcm) / SAMPLE_RATE:.1f} s of speech in {took:.0f} ms"))
    return pcm


def _ears(engines: Engines, pcm: Pcm, findings: list[Finding]) -> None:
    """The microphone's route behind the network: resampling, voice activity, recogniser."""
    heard = _at_microphone_rate(pcm)
    detector = engines.vad.stream()
    windows = heard[: len(heard) // VAD_WINDOW * VAD_WINDOW].reshape(-1, VAD_WINDOW)
    speech = max(detector.step(window) for window in windows)
    if speech < 0.5:
        findings.append(Finding("ears", "fail", f"speech was not noticed (probability {speech:.2f})", "report this"))
        return
    if not hasattr(engines.asr, "stream"):
        findings.append(Finding("ears", "ok", "speech is noticed; the recogniser is remote"))
        return
    begun = time.perf_counter()
    recogniser = cast(ASR, engines.asr).stream()
    recogniser.feed(heard)
    text = recogniser.finish().text
    took = 1000 * (time.perf_counter() - begun)
    if not text:
        findings.append(Finding("ears", "note", f'"{PHRASE}" was heard and not understood', "try a clearer tts.voice"))
        return
    findings.append(Finding("ears", "ok", f'"{PHRASE}" was understood as "{text}" in {took:.0f} ms'))


def _at_microphone_rate(pcm: Pcm) -> Pcm:
    frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    resampler = av.AudioResampler(format="s16", layout="mono", rate=MIC_RATE)
    return np.concatenate([part.to_ndarray()[0] for part in [*resampler.resample(frame), *resampler.resample(None)]])


def _face(engines: Engines, findings: list[Finding]) -> None:
    renderer = engines.renderer
    pose = np.zeros(COEFFS, np.float32)
    try:
        renderer.render(pose)
    except (ValueError, RuntimeError) as error:
        findings.append(Finding("face", "fail", str(error), "make one: visavis train CAPTURE -o avatars/default"))
        return
    times: list[float] = []
    for _ in range(10):
        begun = time.perf_counter()
        renderer.render(pose)
        times.append(1000 * (time.perf_counter() - begun))
    took = sorted(times)[len(times) // 2]
    if took > FRAME_BUDGET_MS:
        advice = "stop what else runs on this machine, or raise avatar.threads"
        findings.append(Finding("face", "note", f"a picture takes {took:.0f} ms of its {FRAME_BUDGET_MS}", advice))
        return
    findings.append(Finding("face", "ok", f"a picture takes {took:.0f} ms of its {FRAME_BUDGET_MS}"))


def _models(config: Config, findings: list[Finding]) -> None:
    """Servers of others answer at all; any HTTP status will do, as not all list their models."""
    remotes = (
        ("language model", config.llm, "VISAVIS_LLM_KEY"),
        ("recogniser", config.asr, "VISAVIS_ASR_KEY"),
        ("remote voice", config.tts, "VISAVIS_TTS_KEY"),
    )
    for name, section, variable in remotes:
        if section.provider != "openai":
            continue
        request = urllib.request.Request(f"{section.base_url}/models")
        if section.key is not None:
            request.add_header("Authorization", f"Bearer {section.key.get_secret_value()}")
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                findings.append(Finding(name, "fail", f"{section.base_url} refuses the key", f"set {variable}"))
                continue
        except OSError as error:
            advice = "start it, or correct its base_url"
            findings.append(Finding(name, "fail", f"{section.base_url} does not answer: {error}", advice))
            continue
        findings.append(Finding(name, "ok", f"{section.base_url} answers"))
