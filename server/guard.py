"""What every request and socket passes before a route sees it: Host, Origin, sizes, and headers on the way out."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

SECURITY_HEADERS = {
    # A WebSocket and a fetch to our own origin are within 'self'; the live stream is no URL and needs no source.
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """ASGI middleware. Refusals say what to do about them."""

    def __init__(
        self, app: ASGIApp, *, host: str, allow_host: Collection[str], allow_origin: Collection[str], body_max: int
    ) -> None:
        """
        Args:
            host: the address or name that the server listens on.
            allow_host: further names by which it may be called, without port.
            allow_origin: origins of other sites whose pages may call.
            body_max: bytes of one request's body.
        """
        self._app = app
        names = {name.strip("[]").lower() for name in (*LOOPBACK_NAMES, host, *allow_host)}
        self._hosts = {name for name in names if not _is_wildcard(name)}
        self._origins = {origin.lower() for origin in allow_origin}
        self._body_max = body_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        send = _with_security_headers(send)
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, _bounded(receive, self._body_max), send)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(refusal)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _host_name(host) not in self._hosts:
            return refuse(
                421, "unknown_host", f"this server is not known as {host[:200]!r}; its owner may add --allow-host"
            )
        origin = headers.get("origin")
        if origin is not None and not self._knows(origin.lower(), scope, host.lower()):
            return refuse(
                403, "unknown_origin", f"pages of {origin[:200]!r} may not call; its owner may add --allow-origin"
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self._body_max:
            return refuse(413, "body_too_large", f"a request may be {self._body_max} bytes long")
        return None

    def _knows(self, origin: str, scope: Scope, host: str) -> bool:
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        return origin in self._origins or origin == f"{scheme}://{host}"


def refuse(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An HTTP error in the shape of OpenAI's API."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "code": code, "param": None}
    return JSONResponse({"error": error}, status, headers)


def _host_name(host: str) -> str | None:
    """The name in a Host header, without port and brackets."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_wildcard(name: str) -> bool:
    """An address to listen on that nobody can call."""
    try:
        return ipaddress.ip_address(name).is_unspecified
    except ValueError:
        return False


def _with_security_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _bounded(receive: Receive, limit: int) -> Receive:
    """The same for a body that does not tell its length."""
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, f"a request may be {limit} bytes long")
        return message

    return receiving
