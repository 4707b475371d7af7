"""ChatCompletions on its bad days: every failure ends in one error that a client may read."""

from __future__ import annotations

import json

import pytest

from bench.stub_llm import StubLLM
from engines import LanguageModelError, ReplyTruncated
from engines.llm import ChatCompletions
from tests.e2e.llm_servers import DONE, KEY, OK, collect, event, hear, model, raw_server, run

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("pieces", [[], [OK], [OK, event({"content": "One"})], [OK, b": ping\n\n", event({})]])
def test_a_stalled_stream_ends_in_an_error(pieces: list[bytes]) -> None:
    async def check() -> None:
        async with raw_server(*pieces) as server:
            llm = model(server.base_url, timeout_s=0.2)
            with pytest.raises(LanguageModelError, match=r"sent nothing for 0\.2 s"):
                await collect(llm)
            await server.left.wait()
            await llm.close()

    run(check())


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {not json\n\n",
        b"data: \xff\xfe\xfa\n\n",
        b"data: [1, 2]\n\n",
        b"data: 7\n\n",
        b'data: "text"\n\n',
        b'data: {"choices": 5}\n\n',
        b'data: {"choices": [{"delta": {"content": ["a"]}}]}\n\n',
        b'data: {"choices": [{}]}\n\n',
        b'data: {"error": {"message": "no such model sk-secret-0123456789"}}\n\n',
        b"<html>It works!</html>",
        b"\x00\x01\x02",
        b"",
        event({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}, "tool_calls"),
        event({"content": "  \n "}, "stop"),
    ],
)
def test_garbage_ends_in_an_error(garbage: bytes) -> None:
    async def check() -> None:
        async with raw_server(OK, garbage, close=True) as server:
            llm = model(server.base_url)
            with pytest.raises(LanguageModelError) as caught:
                await collect(llm)
            assert KEY not in str(caught.value)
            await llm.close()

    run(check())


def test_a_connection_lost_mid_word_is_an_error_after_what_came() -> None:
    async def check() -> None:
        head = OK.replace(b"connection: close", b"content-length: 9999")
        async with raw_server(head, event({"content": "One"}), close=True) as server:
            llm = model(server.base_url)
            heard: list[str] = []
            with pytest.raises(LanguageModelError, match="broke off"):
                await hear(llm, heard)
            assert heard == ["One"]
            await llm.close()

    run(check())


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "key"), (403, "key"), (404, "model"), (400, "rejected"), (429, "overloaded"), (500, "failed"), (503, "503")],
)
def test_a_refusal_is_told_without_its_secrets(status: int, words: str) -> None:
    async def check() -> None:
        body = json.dumps({"error": {"message": f"bad key {KEY} at http://user:pw@host"}}).encode()
        head = f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        async with raw_server(head, body) as server:
            llm = model(server.base_url.replace("//", "//user:hunter2@"))
            with pytest.raises(LanguageModelError, match=words) as caught:
                await collect(llm)
            assert not any(secret in str(caught.value) for secret in (KEY, "hunter2", "127.0.0.1", "pw@"))
            assert caught.value.__suppress_context__
            await llm.close()

    run(check())


def test_nobody_listening_is_told() -> None:
    async def check() -> None:
        async with raw_server() as server:
            gone = server.base_url
        llm = model(gone)
        with pytest.raises(LanguageModelError, match="can't be reached"):
            await collect(llm)
        with pytest.raises(LanguageModelError, match="can't be reached"):
            await llm.warm()
        await llm.close()

    run(check())


def test_a_reply_that_never_ends_is_bounded() -> None:
    async def check() -> None:
        async with StubLLM(reply="on and " * 5000) as stub:
            llm = model(stub.base_url, max_tokens=7)
            heard: list[str] = []
            with pytest.raises(ReplyTruncated, match="7 tokens"):
                await hear(llm, heard)
            assert heard == ["on", " and", " on", " and", " on", " and", " on"]
            await llm.close()

    run(check())


def test_the_servers_own_bound_and_filter_are_told() -> None:
    async def check() -> None:
        for finish, error in (("length", ReplyTruncated), ("content_filter", LanguageModelError)):
            async with raw_server(OK, event({"content": "One"}, finish), DONE, close=True) as server:
                llm = model(server.base_url)
                with pytest.raises(error):
                    await collect(llm)
                await llm.close()

    run(check())


@pytest.mark.parametrize("url", ["", "localhost:11434", "ftp://host/v1", "file:///etc/passwd", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        ChatCompletions(url, "m", None)
