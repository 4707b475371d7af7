"""The Realtime routes: opening and ending calls and sockets, and minting the tokens that open them."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from server.auth import Forbidden, Gatekeeper, Permit, credential_of, offered_protocols
from server.calls import Busy, Call, CallTable
from server.connection import converse_webrtc, converse_websocket
from server.guard import refuse
from server.realtime.session import MAX_NAME
from server.realtime.values import read_json
from server.service import Service

log = logging.getLogger(__name__)

SESSION_MAX_BYTES = 65_536
"""Of the session's JSON that may come with an offer or a token request."""

BODY_S = 10.0
"""Seconds for a request's body to arrive."""

TIDY_S = 0.1
"""After a call, once its last timers have run, its memory is taken back. aiortc's and our objects refer to one another,
and left to itself the collector would let a dozen calls pile up with their encoders, 7 MB and 4 threads each."""

PROTOCOL = "realtime"
"""The WebSocket subprotocol, named in the answer where it was offered."""

CALLS = "/v1/realtime/calls"

Wishes = list[Mapping[str, Any]]


class Switchboard:
    """Owns the tasks of all calls of one server."""

    def __init__(self, service: Service, gate: Gatekeeper, table: CallTable) -> None:
        self._service = service
        self._gate = gate
        self._table = table
        self._server = service.config.server
        self._tasks: asyncio.TaskGroup | None = None
        self._endings: set[asyncio.Future[str]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None, None]:
        """Serve calls; on leaving, end them and wait for it."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            yield
            for ended in self._endings:
                _end(ended, "the server stops")

    async def mint(self, request: Request) -> Response:
        """`POST /v1/realtime/client_secrets`: only the key mints."""
        try:
            self._gate.check_key(credential_of(request.headers))
        except Forbidden as error:
            return _unauthorized(error)
        wish = _object(await _body(request, SESSION_MAX_BYTES), "the body")
        session = _object(wish.get("session"), "session")
        seconds = float(self._server.token_s)
        asked = _object(wish.get("expires_after"), "expires_after").get("seconds")
        if isinstance(asked, int) and asked > 0:
            seconds = min(seconds, asked)
        settings, _ = self._service.settings([session])
        expires_at = int(datetime.now(UTC).timestamp() + seconds)
        value = self._gate.mint(seconds, session)
        answer = {"value": value, "expires_at": expires_at}
        return JSONResponse(answer | {"session": settings.echo() | {"expires_at": expires_at}})

    async def call(self, request: Request) -> Response:
        """`POST /v1/realtime/calls`: an SDP offer in, 201 with the answer and the call's `Location`."""
        try:
            permit = self._gate.admit(credential_of(request.headers))
        except Forbidden as error:
            return _unauthorized(error)
        offer, wish = await self._read_offer(request)
        ended = asyncio.get_running_loop().create_future()
        try:
            call = self._table.reserve(permit.owner, lambda reason: _end(ended, reason))
        except Busy as error:
            return self._busy(error)
        wishes = _wishes(permit, wish, request.query_params.get("model"))
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        assert self._tasks is not None
        self._tasks.create_task(
            self._hold(call, ended, converse_webrtc(self._service, call, offer, wishes, ended, answered), answered)
        )
        try:
            answer = await answered
        except ValueError as error:
            return refuse(400, "invalid_offer", str(error))
        except RuntimeError as error:
            return refuse(500, "setup_failed", str(error))
        headers = {"Location": f"{CALLS}/{call.id}"}
        return Response(answer, 201, headers, media_type="application/sdp")

    async def hang_up(self, request: Request) -> Response:
        """`DELETE /v1/realtime/calls/{id}` and `POST …/{id}/hangup`: the key ends any call, a token its own."""
        call = self._table.get(request.path_params["call_id"])
        try:
            self._gate.check_owner(credential_of(request.headers), call.owner if call else None)
        except Forbidden as error:
            return _unauthorized(error)
        if call is None:
            return refuse(404, "call_not_found", "there is no such call; it may have ended")
        self._table.release(call)
        call.hang_up("hung up")
        return Response(status_code=204 if request.method == "DELETE" else 200)

    async def socket(self, websocket: WebSocket) -> None:
        """`GET /v1/realtime`: the same events over a WebSocket."""
        try:
            permit = self._gate.admit(credential_of(websocket.headers))
        except Forbidden as error:
            await websocket.send_denial_response(_unauthorized(error))
            return
        if "call_id" in websocket.query_params:
            text = "a call's events flow over its own data channel; a socket can't join it"
            await websocket.send_denial_response(refuse(404, "call_not_found", text))
            return
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        try:
            call = self._table.reserve(permit.owner, lambda reason: _end(ended, reason))
        except Busy as error:
            await websocket.send_denial_response(self._busy(error))
            return
        wishes = _wishes(permit, {}, websocket.query_params.get("model"))
        protocols = offered_protocols(websocket.headers)
        try:
            await websocket.accept(PROTOCOL if PROTOCOL in protocols else None)
        except BaseException:
            self._table.release(call)
            raise
        await self._hold(call, ended, converse_websocket(self._service, call, websocket, wishes, ended))

    async def _hold(
        self,
        call: Call,
        ended: asyncio.Future[str],
        conversation: Awaitable[None],
        answered: asyncio.Future[str] | None = None,
    ) -> None:
        """The edge of one call: nothing that goes wrong in it reaches another."""
        self._endings.add(ended)
        try:
            await conversation
        except Exception:
            log.exception("a call failed")
        finally:
            self._endings.discard(ended)
            self._table.release(call)
            if answered is not None and not answered.done():
                answered.set_exception(RuntimeError("the call could not be set up; the server's log says why"))
            asyncio.get_running_loop().call_later(TIDY_S, gc.collect)

    async def _read_offer(self, request: Request) -> tuple[str, Mapping[str, Any]]:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/sdp":
            return _sdp(await _body(request, self._server.sdp_max_bytes), self._server.sdp_max_bytes), {}
        if kind != "multipart/form-data":
            raise HTTPException(415, "send the SDP offer as application/sdp, or as multipart/form-data part 'sdp'")
        limit = max(self._server.sdp_max_bytes, SESSION_MAX_BYTES)
        form = await _in_time(lambda: request.form(max_files=2, max_fields=4, max_part_size=limit))
        try:
            offer = await _part(form, "sdp")
            wish = _object(await _part(form, "session"), "session")
        finally:
            await form.close()
        return _sdp(offer, self._server.sdp_max_bytes), wish

    def _busy(self, error: Busy) -> Response:
        seconds = str(self._server.retry_after_s)
        return refuse(503, "busy", f"{error}; try again in {seconds} s", {"Retry-After": seconds})


def _end(ended: asyncio.Future[str], reason: str) -> None:
    if not ended.done():
        ended.set_result(reason)


def _unauthorized(error: Forbidden) -> Response:
    return refuse(401, "invalid_api_key", str(error), {"WWW-Authenticate": "Bearer"})


def _wishes(permit: Permit, wish: Mapping[str, Any], model: str | None) -> Wishes:
    """What the session shall be like, the later ones winning: the token's, the form's; a query names the model."""
    wishes: Wishes = [permit.session, wish]
    return [*wishes, {"model": model[:MAX_NAME]}] if model else wishes


async def _in_time(read: Callable[[], Awaitable[Any]]) -> Any:
    try:
        async with asyncio.timeout(BODY_S):
            return await read()
    except TimeoutError:
        raise HTTPException(408, f"the request did not arrive within {BODY_S:g} s") from None


async def _body(request: Request, limit: int) -> bytes:
    body: bytes = await _in_time(request.body)
    if len(body) > limit:
        raise HTTPException(413, f"the body has {len(body)} bytes; at most {limit} are taken")
    return body


async def _part(form: FormData, name: str) -> bytes:
    """A part of the form, with or without a file name."""
    value = form.get(name)
    if isinstance(value, UploadFile):
        return await value.read()
    return (value or "").encode(errors="replace")


def _sdp(data: bytes, limit: int) -> str:
    if len(data) > limit:
        raise HTTPException(413, f"the SDP offer has {len(data)} bytes; at most {limit} are taken")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise HTTPException(400, "the SDP offer is not UTF-8 text") from None


def _object(value: object, name: str) -> Mapping[str, Any]:
    """A JSON object, given as text or parsed; nothing is an empty one."""
    if isinstance(value, bytes):
        if len(value) > SESSION_MAX_BYTES:
            raise HTTPException(413, f"{name} has {len(value)} bytes; at most {SESSION_MAX_BYTES} are taken")
        try:
            value = read_json(value) if value.strip() else None
        except ValueError:
            raise HTTPException(400, f"{name} is not JSON") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise HTTPException(400, f"{name} must be a JSON object")
    return cast(Mapping[str, Any], value)
