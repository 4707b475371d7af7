"""ChatCompletions on its good days: what it sends, what it passes on, and that it lets go."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from bench.stub_llm import StubLLM
from engines.llm import SPEAK_FIRST, ChatCompletions, ThoughtFilter
from tests.e2e.llm_servers import DONE, HELLO, KEY, OK, collect, event, model, raw_server, run

pytestmark = pytest.mark.e2e


def test_the_reply_streams_and_the_request_says_everything() -> None:
    async def check() -> None:
        async with StubLLM(reply="Yes. I hear you.") as stub:
            llm = model(stub.base_url, notes="Q: a\nA: b")
            assert await collect(llm, instructions="Be kind.", temperature=0.5) == ["Yes.", " I", " hear", " you."]
            assert await collect(llm, []) == ["Yes.", " I", " hear", " you."]
            await llm.close()
        first, greeting = stub.requests
        assert first["messages"] == [
            {"role": "system", "content": "Be kind.\n\nQ: a\nA: b"},
            {"role": "user", "content": "Hello?"},
        ]
        assert (first["model"], first["stream"], first["max_tokens"], first["temperature"]) == (
            "a-model",
            True,
            100,
            0.5,
        )
        assert greeting["messages"][-1] == {"role": "user", "content": SPEAK_FIRST}
        assert "temperature" not in greeting
        assert stub.completed == 2

    run(check())


def test_closing_the_generator_closes_the_http_stream() -> None:
    async def check() -> None:
        async with raw_server(OK, event({"content": "One"}), event({"content": " two"})) as server:
            llm = model(server.base_url)
            async with aclosing(llm.stream(HELLO)) as tokens:
                assert await anext(tokens) == "One"
            await server.left.wait()
            await llm.close()

    run(check())


@pytest.mark.parametrize("answered", [False, True])
def test_cancelling_the_reader_closes_the_http_stream(answered: bool) -> None:
    async def check() -> None:
        async with raw_server(*([OK, event({"content": "One"})] if answered else [])) as server:
            llm = model(server.base_url)
            task = asyncio.create_task(collect(llm))
            await server.asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.left.wait()
            await llm.close()

    run(check())


def test_a_stub_that_is_left_stops_generating() -> None:
    async def check() -> None:
        async with StubLLM(tokens_per_s=200.0, reply="word " * 2000) as stub:
            llm = model(stub.base_url, max_tokens=5000)
            async with aclosing(llm.stream(HELLO)) as tokens:
                await anext(tokens)
            while not stub.disconnected:  # noqa: ASYNC110 - a bench's counter, not an event
                await asyncio.sleep(0.01)
            await llm.close()

    run(check())


def test_one_connection_serves_turn_after_turn() -> None:
    async def check() -> None:
        async with StubLLM(reply="Hello.") as stub:
            llm = model(stub.base_url)
            await llm.warm()
            for _ in range(3):
                await collect(llm)
            client = await llm._connected()
            pool = client._client._transport._pool  # pyright: ignore
            assert len(pool.connections) == 1
            await llm.close()

    run(check())


def test_reasoning_is_not_spoken() -> None:
    async def check() -> None:
        pieces = [
            event({"role": "assistant", "reasoning_content": "They greet me."}),
            event({"content": "", "reasoning": "Greet back."}),
            event({"content": "<thi"}),
            event({"content": "nk>secret</th"}),
            event({"content": "ink>\n\nHel"}),
            event({"content": "lo."}, "stop"),
        ]
        async with raw_server(OK, *pieces, DONE, close=True) as server:
            llm = model(server.base_url)
            assert "".join(await collect(llm)) == "Hello."
            await llm.close()

    run(check())


def test_an_emoji_split_over_two_chunks_is_whole() -> None:
    async def check() -> None:
        pieces = [
            event({"content": "Hi \ud83d"}),
            event({"content": "\ude42"}),
            event({"content": "! \ud83d"}),
            event({"content": ""}, "stop"),
        ]
        async with raw_server(OK, *pieces, DONE, close=True) as server:
            llm = model(server.base_url)
            assert await collect(llm) == ["Hi ", "🙂", "! ", "\ufffd"]
            await llm.close()

    run(check())


def test_a_server_that_stays_silent_after_the_end_does_not_hold_the_reply() -> None:
    async def check() -> None:
        async with raw_server(OK, event({"content": "One"}, "stop")) as server:
            llm = model(server.base_url)
            assert await collect(llm) == ["One"]
            await server.left.wait()
            await llm.close()

    run(check())


def test_the_environments_key_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    async def check() -> None:
        async with raw_server(OK, event({"content": "Hi."}, "stop"), DONE, close=True) as server:
            llm = ChatCompletions(server.base_url, "m", None)
            await collect(llm)
            assert KEY not in server.heads[0]
            await llm.close()

    run(check())


def test_openai_is_asked_with_the_name_it_takes() -> None:
    openai = ChatCompletions("https://api.openai.com/v1", "m", KEY)._request(HELLO, "", None)
    assert "max_completion_tokens" in openai
    assert "max_tokens" not in openai
    assert openai["messages"] == [{"role": "user", "content": "Hello?"}]


@pytest.mark.parametrize(
    ("tokens", "spoken"),
    [
        (["Hello", " there"], "Hello there"),
        (["<think>a</think>b"], "b"),
        (["\n<", "think", ">a<b", "</think>", " b"], "b"),
        (["<b>x</b>"], "<b>x</b>"),
        (["<th"], "<th"),
        (["1 <think> 2"], "1 <think> 2"),
        (["<think>never ends", " x" * 100], ""),
        ([" ", "\n"], ""),
    ],
)
def test_inline_thoughts_are_left_out(tokens: list[str], spoken: str) -> None:
    thoughts = ThoughtFilter()
    said = "".join(thoughts.feed(token) for token in tokens) + thoughts.flush()
    assert said.strip() == spoken
