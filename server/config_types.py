"""Values of the configuration that are more than a number or a text."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_TEXT = 40_000
"""Characters: with the worst escapes of JSON (six bytes each) they still fit an event of 256 KiB, the most that a
data channel carries, when they are echoed."""


class Section(BaseModel):
    """One table of the file: a key that is not declared is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _host_name(text: str) -> str:
    """As a Host header has it, without port."""
    bare = text.strip("[]").lower()
    if ":" in bare:
        return str(ipaddress.IPv6Address(bare))
    if not re.fullmatch(r"[a-z0-9_.-]+", bare):
        raise ValueError("no host name")
    return bare


def _origin(text: str) -> str:
    """As a browser sends it (RFC 6454, 6.2): in lower case, without the scheme's own port."""
    parts = urlsplit(text.lower())
    own = {"http": 80, "https": 443}.get(parts.scheme)
    port = parts.port
    if own is None or not parts.hostname or "@" in parts.netloc or text.lower() != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("no origin")
    return f"{parts.scheme}://{parts.netloc.removesuffix(f':{own}')}" if port == own else text.lower()


HostName = Annotated[
    str, AfterValidator(_host_name), Field(description="host names or addresses, without scheme, port or path")
]
Origin = Annotated[str, AfterValidator(_origin), Field(description="origins like https://shop.example, without a path")]


def _pronunciation(text: str) -> str:
    word, colon, phones = text.partition(":")
    if not (word.strip() and colon and phones.strip()):
        raise ValueError("no pronunciation")
    return text


Pronunciation = Annotated[
    str,
    AfterValidator(_pronunciation),
    Field(max_length=200, description="words with their ARPAbet phones, like Nguyen: W IH1 N"),
]
