"""`visavis doctor`: does everything that a conversation needs, once and alone, and says what to do where it fails."""

# PyAV's own types are generic over what it does not say.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from rich.console import Console

from server.config import Config, is_loopback
from server.doctor_engines import check_engines
from server.exposure import check_certificate, warning
from server.findings import Finding

MARKS = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "fail": "[red]✗[/]"}

Check = Callable[[Config], list[Finding]]


def examine(config: Config, console: Console) -> bool:
    """Run every check and print its findings.

    Returns:
        Nothing failed.
    """
    sound = True
    for check in checks():
        for finding in _findings(check, config):
            sound = sound and finding.state != "fail"
            console.print(f"{MARKS[finding.state]} [bold]{finding.name}[/]  ", end="")
            console.print(finding.found, markup=False, highlight=False, soft_wrap=True)
            if finding.advice:
                console.print(f"    → {finding.advice}", markup=False, highlight=False, soft_wrap=True)
    console.print("Everything that serving needs is there." if sound else "Fix what is marked ✗, then run it again.")
    return sound


def checks() -> tuple[Check, ...]:
    """Cheap ones first."""
    return (
        check_machine, check_port, check_access, check_microphone, check_udp, check_codecs, check_chromium,
        check_engines,
    )  # fmt: skip


def _findings(check: Check, config: Config) -> list[Finding]:
    """What a check found; one that breaks is a finding too, so that the others still run."""
    try:
        return check(config)
    except Exception as error:
        return [Finding(check.__name__, "fail", f"{type(error).__name__}: {error}", "this is a defect: report it")]


def check_machine(config: Config) -> list[Finding]:
    """Python and processors."""
    cores = len(os.sched_getaffinity(0))
    version = ".".join(map(str, sys.version_info[:3]))
    if cores < 2:
        advice = "she needs one core to render and another for everything else: expect late pictures"
        return [Finding("machine", "note", f"Python {version}, {cores} core", advice)]
    return [Finding("machine", "ok", f"Python {version}, {cores} cores")]


def check_port(config: Config) -> list[Finding]:
    """The address to listen on is free."""
    host, port = config.server.host.strip("[]"), config.server.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        advice = "stop what listens there (it may be Visavis already), or choose another: visavis serve --port N"
        return [Finding("port", "fail", f"{host}:{port}: {error.strerror or error}", advice)]
    return [Finding("port", "ok", f"{host}:{port} is free")]


def check_access(config: Config) -> list[Finding]:
    """Who may call, and whether the certificate can be used."""
    server = config.server
    findings: list[Finding] = []
    if server.tls_cert is not None and server.tls_key is not None:
        try:
            check_certificate(server.tls_cert, server.tls_key)
            findings.append(Finding("TLS", "ok", f"{server.tls_cert} and its key belong together"))
        except OSError as error:
            advice = "give a PEM certificate chain and the private key that it was made for, without a passphrase"
            findings.append(Finding("TLS", "fail", str(error), advice))
    danger = warning(config)
    if danger:
        advice = "set VISAVIS_ACCESS_KEY, and --tls-cert with --tls-key"
        findings.append(Finding("access", "note", danger, advice))
    elif server.access_key is not None:
        findings.append(Finding("access", "ok", "callers need the key of VISAVIS_ACCESS_KEY"))
    else:
        findings.append(Finding("access", "ok", "no key; only this machine can reach it"))
    return findings


def check_microphone(config: Config) -> list[Finding]:
    """Browsers give a page the microphone only in a secure context (W3C Secure Contexts, 3.1)."""
    server = config.server
    if server.tls_cert is not None:
        return [Finding("microphone", "ok", "the page comes over TLS: browsers will offer the microphone")]
    here = f"http://localhost:{server.port}"
    if is_loopback(server.host):
        advice = f"from another machine use TLS, or a tunnel: ssh -L {server.port}:localhost:{server.port} HOST"
        return [Finding("microphone", "ok", f"{here} is a secure context: browsers will offer the microphone", advice)]
    advice = f"without TLS only {here} gets the microphone; set --tls-cert and --tls-key for the others"
    return [Finding("microphone", "note", f"http://{server.host} is no secure context: others can only type", advice)]


def check_udp(config: Config) -> list[Finding]:
    """A datagram from one socket to another over the loopback interface, as media travels."""
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
        ):
            other.bind(("127.0.0.1", 0))
            other.settimeout(2)
            one.sendto(b"visavis", other.getsockname())
            received = other.recv(64)
    except OSError as error:
        received, reason = b"", str(error)
    else:
        reason = "the datagram was changed on its way"
    if received == b"visavis":
        return [Finding("UDP", "ok", "a datagram crossed the loopback interface")]
    return [Finding("UDP", "fail", reason, "WebRTC media needs UDP: allow it in the firewall or the container")]


def check_codecs(config: Config) -> list[Finding]:
    """Each codec encodes and decodes something."""
    findings: list[Finding] = []
    for name, encoder, decoder in (("VP8", "libvpx", "libvpx"), ("H.264", "libx264", "h264")):
        findings.append(_codec(name, lambda e=encoder, d=decoder: _video_round_trip(e, d)))
    for name, encoder, decoder in (("Opus", "libopus", "libopus"), ("AAC", "aac", "aac")):
        findings.append(_codec(name, lambda e=encoder, d=decoder: _audio_round_trip(e, d)))
    return findings


def _codec(name: str, round_trip: Callable[[], int]) -> Finding:
    try:
        begun = time.perf_counter()
        frames = round_trip()
        took = 1000 * (time.perf_counter() - begun)
    except (FFmpegError, ValueError) as error:
        return Finding(name, "fail", str(error), "PyAV's own wheel has it: pip install --force-reinstall av")
    if not frames:
        return Finding(name, "fail", "nothing came back", "PyAV's own wheel has it: pip install --force-reinstall av")
    return Finding(name, "ok", f"encoded and decoded ({took:.0f} ms)")


def _video_round_trip(encoder: str, decoder: str) -> int:
    """Frames that come back of five."""
    out = cast(VideoCodecContext, av.CodecContext.create(encoder, "w"))
    out.width = out.height = 512
    out.pix_fmt, out.time_base, out.framerate, out.bit_rate = "yuv420p", Fraction(1, 25), Fraction(25), 1_000_000
    back = cast(VideoCodecContext, av.CodecContext.create(decoder, "r"))
    packets: list[av.Packet[Any]] = []
    for index in range(5):
        frame = av.VideoFrame.from_ndarray(np.full((768, 512), 40 * index, np.uint8), format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, 25)
        packets += out.encode(frame)
    packets += out.encode(None)
    return sum(len(back.decode(packet)) for packet in packets)


def _audio_round_trip(encoder: str, decoder: str) -> int:
    """Frames that come back of 200 ms."""
    out = cast(AudioCodecContext, av.CodecContext.create(encoder, "w"))
    out.sample_rate, out.layout, out.time_base = 48_000, "mono", Fraction(1, 48_000)
    out.format = "s16" if encoder == "libopus" else "fltp"
    tone = (8000 * np.sin(np.arange(9600) * 0.05)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    out.open()
    resampler = av.AudioResampler(format=out.format, layout="mono", rate=48_000, frame_size=out.frame_size)
    packets: list[av.Packet[Any]] = []
    for part in resampler.resample(frame):
        packets += out.encode(part)
    packets += out.encode(None)
    back = cast(AudioCodecContext, av.CodecContext.create(decoder, "r"))
    back.sample_rate, back.layout, back.extradata = 48_000, "mono", out.extradata
    return sum(len(back.decode(packet)) for packet in packets)


def check_chromium(config: Config) -> list[Finding]:
    """Chromium, for the tests and `bench turn`."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path:
        return [Finding("Chromium", "ok", path)]
    advice = "only the tests and `visavis bench turn` need it: apt-get install chromium"
    return [Finding("Chromium", "note", "not found", advice)]
