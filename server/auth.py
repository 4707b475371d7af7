"""Who may call: the access key, and the short-lived tokens that only the key mints."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

TOKEN_PREFIX = "ek_"
"""What browser clients of the Realtime protocol want a key to begin with."""

KEY_PROTOCOL = "openai-insecure-api-key."
"""Prefix of the WebSocket subprotocol that carries a key where a browser can send no header."""

MAX_TOKENS = 1000
"""Tokens kept at a time, each with up to 64 KiB of session settings; the oldest go first."""


class Forbidden(Exception):
    """The credential is missing, wrong, expired, or not enough for what was asked."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Somebody who may open a session."""

    owner: str | None
    """Digest of the credential, which may also end what it opened; None where nobody is asked."""
    session: Mapping[str, Any]
    """Session settings that the token was minted with."""


@dataclass(frozen=True, slots=True)
class _Token:
    expires: float
    session: Mapping[str, Any]


class Gatekeeper:
    """Checks credentials. Tokens live in memory, as digests: they last a minute, and a restart ends calls anyway."""

    def __init__(self, key: str | None, clock: Callable[[], float]) -> None:
        """
        Args:
            key: None asks nobody for anything.
            clock: seconds, monotonic.
        """
        self._key = _digest(key) if key else None
        self._clock = clock
        self._tokens: dict[str, _Token] = {}

    def mint(self, seconds: float, session: Mapping[str, Any]) -> str:
        """A token that opens sessions with these settings for so many seconds."""
        now = self._clock()
        for digest in [digest for digest, token in self._tokens.items() if token.expires <= now]:
            del self._tokens[digest]
        while len(self._tokens) >= MAX_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        value = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self._tokens[_digest(value)] = _Token(self._clock() + seconds, session)
        return value

    def admit(self, credential: str | None) -> Permit:
        """
        Raises:
            Forbidden: neither the key nor a token that still holds.
        """
        digest = _digest(credential) if credential else None
        token = self._tokens.get(digest) if digest else None
        if token is not None and token.expires > self._clock():
            return Permit(digest, token.session)
        if self._key is None:
            return Permit(None, {})
        if digest is not None and hmac.compare_digest(digest, self._key):
            return Permit(digest, {})
        raise Forbidden("this server needs its access key, or a token that has not expired")

    def check_key(self, credential: str | None) -> None:
        """
        Raises:
            Forbidden: not the key itself.
        """
        if self._key is None:
            return
        if credential is None or not hmac.compare_digest(_digest(credential), self._key):
            raise Forbidden("this needs the server's access key; a token does not do")

    def check_owner(self, credential: str | None, owner: str | None) -> None:
        """Let the key end anything, and a token, even an expired one, what it opened.

        Raises:
            Forbidden: neither.
        """
        if credential and owner and hmac.compare_digest(_digest(credential), owner):
            return
        self.check_key(credential)


def credential_of(headers: Mapping[str, str]) -> str | None:
    """The key or token of a request: its Bearer header, or a WebSocket's subprotocol."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    offered = offered_protocols(headers)
    return next((name[len(KEY_PROTOCOL) :] for name in offered if name.startswith(KEY_PROTOCOL)), None)


def offered_protocols(headers: Mapping[str, str]) -> list[str]:
    """The subprotocols that a WebSocket client offers."""
    return [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",") if name.strip()]


def _digest(credential: str) -> str:
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).hexdigest()
