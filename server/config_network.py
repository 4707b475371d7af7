"""Keys of the network edge: the server and what its WebRTC tracks carry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from server.config_types import MAX_TEXT, HostName, Origin, Section
from server.rtc_offer import MAX_SDP

Port = Annotated[int, Field(ge=0, le=65535)]


class Server(Section):
    """The network edge."""

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; any but a loopback one needs an access key and TLS, or insecure.",
    )
    port: Port = Field(default=8000, description="TCP port of HTTP and WebSocket; 0 takes a free one.")
    access_key: SecretStr | None = Field(
        default=None,
        description="What a caller must know; without it nobody is asked. Only from VISAVIS_ACCESS_KEY.",
    )
    tls_cert: Path | None = Field(default=None, description="Certificate chain, PEM file.", examples=["cert.pem"])
    tls_key: Path | None = Field(
        default=None, description="Private key of the certificate, PEM file.", examples=["key.pem"]
    )
    insecure: bool = Field(
        default=False,
        description="Listen on any address without a key (whoever reaches it may use it) or without TLS (whoever is "
        "on the way can read the key and listen in).",
    )
    allow_origin: tuple[Origin, ...] = Field(
        default=(),
        description="Origins of other sites whose pages may call, exact: scheme, host and port.",
        examples=[["https://shop.example"]],
    )
    allow_host: tuple[HostName, ...] = Field(
        default=(),
        description="Host names by which the server may be called, besides loopback names and `host`.",
        examples=[["kiosk.example"]],
    )
    max_sessions: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="Sessions at a time; unset: measured at start from the speed of the renderer.",
        examples=[2],
    )
    idle_timeout_s: float = Field(
        default=600,
        ge=5,
        le=86_400,
        description="Seconds without speech, text or event from a client until it is hung up.",
    )
    max_session_s: float = Field(default=7200, ge=10, le=604_800, description="Seconds that one session may last.")
    stale_after_s: float = Field(
        default=3,
        ge=1,
        le=60,
        description="Seconds without a packet after which a session's place goes to the next caller.",
    )
    come_back_s: float = Field(
        default=10,
        ge=0,
        le=120,
        description="Seconds without a packet within which a session may come back to a free place.",
    )
    retry_after_s: int = Field(
        default=5,
        ge=1,
        le=3600,
        description="Seconds after which a caller who found her busy is told to try again.",
    )
    token_s: int = Field(default=60, ge=5, le=60, description="Seconds for which a minted token opens a session.")
    sdp_max_bytes: int = Field(default=65_536, ge=4096, le=MAX_SDP, description="Bytes of an SDP offer.")
    message_max_bytes: int = Field(
        default=16_777_216,
        ge=16_384,
        le=33_554_432,
        description="Bytes of one event from a client, audio included.",
    )
    text_max_chars: int = Field(
        default=32_000,
        ge=100,
        le=MAX_TEXT,
        description="Characters of one typed message, and of instructions.",
    )


class Media(Section):
    """What the WebRTC tracks carry."""

    codec: Literal["vp8", "h264"] = Field(default="vp8", description="Video codec.")
    start_bitrate: int = Field(
        default=1_500_000,
        ge=250_000,
        le=20_000_000,
        description="Bits per second of video before the network is known.",
    )
    max_bitrate: int = Field(
        default=2_500_000, ge=250_000, le=20_000_000, description="Bits per second of video at most."
    )
    ice_servers: tuple[Annotated[str, Field(pattern=r"^(stun|stuns|turn|turns):\S+$")], ...] = Field(
        default=(),
        description="STUN and TURN servers that help callers of other networks; none: nobody outside hears of a call.",
        examples=[["stun:stun.example:3478", "turn:turn.example:3478"]],
    )
    turn_username: str | None = Field(default=None, description="User name for the TURN servers.", examples=["kiosk"])
    turn_password: SecretStr | None = Field(
        default=None, description="Password for the TURN servers. Only from VISAVIS_TURN_PASSWORD."
    )
