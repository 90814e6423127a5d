"""Upstreams that are down, slow, broken or lying: a clear error or another model's answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from fake_upstream import (
    ANSWER,
    Call,
    FakeUpstream,
    Play,
    answering,
    endless,
    failing,
    half,
    in_turn,
    running,
    sending,
    silent,
    streaming,
)
from http_world import TESTS, ScriptedBackend, eventually, longer, world

from policies.protocol import Draw
from router.request import SampleRequest, TextPrompt
from router.upstream.client import Upstream
from router.upstream.failures import UpstreamError
from router.upstream.servers import SERVERS
from router.upstream.transport import Client

pytestmark = pytest.mark.anyio
SAID = "".join(ANSWER)


def ok(body: bytes, head: bytes = b"HTTP/1.1 200 OK\r\n") -> Play:
    """A plain answer."""
    return sending(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


CHUNK: dict[str, Any] = {
    "choices": [{"index": 0, "text": "x", "logprobs": None, "finish_reason": None}]
}
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def choice(**fields: Any) -> dict[str, Any]:
    """A chunk of one choice in which something is not as it should be."""
    return {"choices": [CHUNK["choices"][0] | fields]}


def usage(**fields: Any) -> dict[str, Any]:
    return choice(finish_reason="stop") | {"usage": fields}


BROKEN: dict[str, Play] = {
    "500": failing(500),
    "503": failing(503),
    "429": failing(429),
    "401": failing(401),
    "404": failing(404),
    **{str(status): failing(status) for status in (402, 405, 407)},
    "redirect": sending(b"HTTP/1.1 302 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
    "hangs up": sending(b""),
    "no HTTP": sending(b"\x00\xff garbage\r\n\r\n"),
    "half a head": sending(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "bad length": sending(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
    "huge head": sending(STREAM + b"X: " + b"x" * 100_000 + b"\r\n\r\n"),
    "bad chunks": sending(STREAM + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n"),
    "bad gzip": sending(STREAM + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
    "half an error": sending(b"HTTP/1.1 500 X\r\nContent-Length: 99\r\n\r\n{"),
    "half a body": half(),
    "half at once": half(0),
    "no stream": sending(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "HTML": sending(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno"),
    "nothing": streaming(),
    "done at once": streaming("[DONE]"),
    "no end": streaming(CHUNK),
    "no end but done": streaming(CHUNK, "[DONE]"),
    "no JSON": streaming("{'choices'"),
    "a list": streaming([]),
    "null": streaming(None),
    "deep": streaming("[" * 100_000),
    "long number": streaming('{"choices": [{"index": ' + "9" * 5000 + "}]}"),
    "no choices": streaming({"id": "x"}),
    "choices null": streaming({"choices": None}),
    "choices text": streaming({"choices": "abc"}),
    "choice of none": streaming({"choices": [None]}),
    "no text": streaming({"choices": [{"index": 0, "finish_reason": "stop"}]}),
    "index text": streaming(choice(index="first")),
    "index infinite": streaming('{"choices": [{"index": 1e999, "text": "x"}]}'),
    "index beyond": streaming(choice(index=1)),
    "index below": streaming(choice(index=-1)),
    "reason a list": streaming(choice(finish_reason=["stop"])),
    "text a number": streaming(choice(text=5, finish_reason="stop")),
    "logprobs a text": streaming(choice(logprobs="high")),
    "logprob null": streaming(choice(logprobs={"tokens": ["x"], "token_logprobs": [None]})),
    "logprob NaN": streaming(
        choice(logprobs={"tokens": ["x"], "token_logprobs": [float("nan")]}, finish_reason="stop")
    ),
    "logprob infinite": streaming(
        choice(logprobs={"content": [{"token": "x", "logprob": -1e999}]}, finish_reason="stop")
    ),
    "logprobs uneven": streaming(choice(logprobs={"tokens": ["x"], "token_logprobs": []})),
    "usage a text": streaming(choice(finish_reason="stop") | {"usage": "much"}),
    "usage negative": streaming(usage(prompt_tokens=4, completion_tokens=-9)),
    "prompt negative": streaming(usage(prompt_tokens=-4, completion_tokens=1)),
    "usage beyond": streaming(usage(prompt_tokens=4, completion_tokens=10**9)),
    "error inside": streaming({"error": {"message": "out of memory"}}),
    "error as text": streaming({"error": "out of memory"}),
    "surrogates in an error": ok(b'{"error": {"message": "\\ud83e"}}', b"HTTP/1.1 500 X\r\n"),
    "a deep error": ok(b"[" * 100_000, b"HTTP/1.1 500 X\r\n"),
}


@pytest.mark.parametrize("play", BROKEN.values(), ids=BROKEN)
async def test_a_broken_upstream_is_a_502_or_replaced(play: Play) -> None:
    async with world(large=FakeUpstream(play)) as w:
        alone = await w.complete(model="large", explain=True)
        assert alone.status_code == 502, alone.text
        assert alone.json()["error"]["code"] == "upstream_unavailable"
        assert "'large'" in alone.json()["error"]["message"]
        assert len(w.large.calls) == 1  # a retry would bill the work twice
        either = await w.complete(explain=True, budget={"flops": "1T"})
        assert either.status_code == 200, either.text
        assert either.headers["x-router-model"] == "small"
        assert either.json()["choices"][0]["text"] == SAID
        router = either.json()["router"]
        assert [bool(c["failure"]) for c in router["commands"]] == [True, False]
        total = sum(c["flops"] for c in router["candidates"])
        assert router["flops_used"] == pytest.approx(total, rel=1e-12)
        assert min(c["flops"] for c in router["commands"]) >= 0
        assert w.metric("router_upstream_failures_total", model="large") == 2


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_one_that_hangs_up_is_said_to(sent: bytes) -> None:
    async with world(large=FakeUpstream(sending(sent))) as w:
        message = (await w.complete(model="large")).json()["error"]["message"]
        assert message == "upstream of model 'large' hung up without an answer"


async def test_an_upstream_that_is_not_there() -> None:
    async with world(models={"large": {"url": "http://127.0.0.1:1"}}) as w:
        alone = await w.complete(model="large")
        assert alone.status_code == 502
        assert "did not answer in time" not in alone.json()["error"]["message"]
        assert (await w.complete()).headers["x-router-model"] == "small"


@pytest.mark.parametrize("after", [0, 2])
async def test_an_upstream_that_falls_silent(after: int) -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        for _ in range(after):
            await call.token(0, "x", server)
        await silent()(call, server)

    async def scene(read_timeout_s: float) -> bool:
        async with world(large=FakeUpstream(play), read_timeout_s=read_timeout_s) as w:
            alone = await w.complete(model="large")
            assert alone.status_code == 502
            assert "did not answer in time" in alone.json()["error"]["message"]
            await eventually(lambda: w.large.calls and w.large.calls[0].closed_by_client.is_set())
            return bool((await w.complete()).headers.get("x-router-model") == "small")

    await longer(scene, 0.2, 2.0, 10.0)


@pytest.mark.parametrize("patient", [True, False])
async def test_draws_may_wait_unheard_for_the_slots_of_an_engine_of_ours(patient: bool) -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        await asyncio.sleep(0.5)
        await answering()(call, server)

    async with running(FakeUpstream(play)) as server, Client(connect_s=60, read_s=0.1) as http:
        upstream = Upstream("m", http, lambda: server.url, "m", 8, server=SERVERS[server.kind])
        draw = Draw("m", 1, 8, 0.0, verify=False)
        stream = replace(upstream, patient=patient).sample(draw, SampleRequest(TextPrompt("p")))
        if patient:
            assert "".join([chunk.text async for chunk in stream]) == "".join(ANSWER)
        else:
            with pytest.raises(UpstreamError, match="did not answer in time"):
                await anext(stream)


PINGS: dict[str, Callable[[Call], Awaitable[None]]] = {
    "comments": lambda call: call.chunk(b": ping\n\n"),
    "objects without a choice": lambda call: call.event({"choices": []}),
    "texts that are empty": lambda call: call.event({"choices": [{"index": 0, "text": ""}]}),
    "bytes of a head": lambda call: call.raw(b"HTTP/1.1 200 OK\r\nX: "[len(call.tokens) :][:1]),
    "promises": lambda call: call.raw(b"HTTP/1.1 102 Processing\r\n\r\n"),
}


@pytest.mark.parametrize("ping", PINGS.values(), ids=PINGS)
async def test_pings_alone_hold_no_request(ping: Callable[[Call], Awaitable[None]]) -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        while True:
            await ping(call)
            call.tokens.append(1)
            await asyncio.sleep(0.02)

    config = {"large": {"server": "openai"}}

    async def scene(seconds: float) -> bool:
        times = {"read_timeout_s": seconds, "connect_timeout_s": seconds}
        async with world(large=FakeUpstream(play), models=config, **times) as w:
            alone = await w.complete(model="large")
            assert alone.status_code == 502
            if "cannot be reached" in alone.json()["error"]["message"]:
                return False
            assert "did not answer in time" in alone.json()["error"]["message"]
            await eventually(lambda: w.large.calls and w.large.calls[0].closed_by_client.is_set())
            return True

    await longer(scene, 0.2, 2.0, 10.0)


async def test_reasoning_without_its_tokens_costs_the_ceiling() -> None:
    thinks = {"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]}

    async def play(call: Any, server: FakeUpstream) -> None:
        await call.event(thinks)
        await call.token(0, "x", server)
        await call.finish(0, "stop", server)
        await call.event("[DONE]")

    async with world(large=FakeUpstream(play, "vllm")) as w:
        answer = await w.chat(model="large", explain=True, budget={"flops": "1T"})
        command = answer.json()["router"]["commands"][0]
        assert command["flops"] == command["flops_reserved"] > 0


async def test_an_upstream_that_is_away_is_not_planned_with() -> None:
    away = {"url": "http://127.0.0.1:1", "server": "vllm", "context": 40}
    async with world(models={"large": away}) as w:
        answer = await w.complete(explain=True, max_tokens=30, prompt="x" * 60)
        assert answer.headers["x-router-model"] == "small"
        assert [c["model"] for c in answer.json()["router"]["commands"]] == ["small"]
        # Its prompt was not counted: a bound in its place would have said that it was too long.
        alone = await w.complete(model="large", max_tokens=30, prompt="x" * 60)
        assert alone.status_code == 502
        assert "cannot be reached" in alone.json()["error"]["message"]
        assert w.metric("router_upstream_failures_total", model="large") == 2


@pytest.mark.parametrize("n", [1, 2])
async def test_an_upstream_that_overruns_its_limit_is_stopped(n: int) -> None:
    async with world(large=FakeUpstream(endless(after_limit=True))) as w:
        answer = await w.complete(max_tokens=10, explain=True, n=n)
        assert answer.headers["x-router-model"] == "small"
        first = answer.json()["router"]["commands"][0]
        assert first["overrun"]
        assert first["flops"] == first["flops_reserved"]
        await eventually(w.large.calls[0].closed_by_client.is_set)
        assert w.metric("router_upstream_overruns_total", model="large") == 1


async def test_an_endless_line_is_no_answer() -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        while True:
            await call.chunk(b"x" * 65536)

    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete()
        assert answer.headers["x-router-model"] == "small"
        await eventually(w.large.calls[0].closed_by_client.is_set)


async def test_an_upstream_that_never_ends_its_stream_keeps_its_answer() -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        await call.token(0, "x", server)
        await call.finish(0, "stop", server)
        await silent()(call, server)

    async with world(large=FakeUpstream(play)) as w:
        assert (await w.complete()).json()["choices"][0]["text"] == "x"
        await eventually(w.large.calls[0].closed_by_client.is_set)


async def test_one_of_several_samples_lost_is_not_all_lost() -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        await call.token(0, "kept", server)
        await call.token(1, "lost", server)
        await call.finish(0, "stop", server)
        await call.raw(b"40\r\ndata: ")
        call.writer.close()

    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete(n=2, model="large")
        assert answer.status_code == 200
        assert [c["text"] for c in answer.json()["choices"]] == ["kept"]


async def test_a_cascade_goes_on_where_the_small_model_is_down() -> None:
    async with world(FakeUpstream(failing(500)), backend=ScriptedBackend()) as w:
        answer = await w.complete(tests=TESTS)
        assert answer.headers["x-router-model"] == "large"
        assert answer.headers["x-router-verdict"] == "passed"


async def test_an_upstream_that_recovers_is_used_again() -> None:
    async with world(large=FakeUpstream(in_turn(failing(500), answering()))) as w:
        assert (await w.complete(model="large")).status_code == 502
        assert (await w.complete(model="large")).status_code == 200


@pytest.mark.parametrize("status", [500, 429])
async def test_an_error_that_never_ends_is_known_by_its_status(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        head = b"HTTP/1.1 %d X\r\nRetry-After: 7\r\nContent-Length: 1000\r\n\r\n" % status
        await call.raw(head + b"xx")
        while True:
            await call.raw(b"x")
            await asyncio.sleep(0.02)

    monkeypatch.setattr("router.upstream.client.LONGEST_REFUSAL_S", 0.1)
    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete(model="large")
        assert f"answered {status}: xx" in answer.json()["error"]["message"]
        assert answer.headers.get("retry-after") == {500: None, 429: "7"}[status]


async def test_a_connection_that_the_upstream_closed_in_between_is_not_used_again() -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        await answering()(call, server)
        call.writer.close()

    async with world(large=FakeUpstream(play)) as w:
        for _ in range(3):
            assert (await w.complete(model="large")).status_code == 200
            await eventually(lambda: not w.large.connections)


TOKENIZERS: dict[str, Play] = {
    "down": failing(500),
    "missing": failing(404),
    "garbage": sending(b"\x00\r\n\r\n"),
    "no JSON": ok(b"{'"),
    "deep": ok(b"[" * 100_000),
    "another shape": ok(b"{}"),
    "a number": ok(b"5"),
    "negative": ok(b'{"count": -5, "tokens": null}'),
    "infinite": ok(b'{"count": 1e999, "tokens": null}'),
}


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
@pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)
async def test_without_a_tokenizer_prompts_are_bounded_from_above(
    tokenizer: Play, kind: Any
) -> None:
    async with world(FakeUpstream(answering(), kind, tokenizer)) as w:
        for ask in (w.complete, w.chat):
            answer = await ask(model="small", explain=True, budget={"flops": "1T"})
            assert answer.status_code == 200, answer.text
            router = answer.json()["router"]
            # The ceiling came from the upper bound; what is booked is the server's own count.
            command = router["commands"][0]
            assert command["prompt_tokens"] == w.small.calls[-1].prompt_tokens
            generous = w.cost.ceiling("small", command["prompt_tokens"], 1, 64)
            assert command["flops_reserved"] > generous


async def test_text_that_is_no_unicode_is_mended() -> None:
    half = "\ud83e"  # of an emoji, as servers that count in UTF-16 send it
    entry = {"token": half, "logprob": -1.0}
    logprobs = {"content": [entry | {"top_logprobs": [entry]}]}
    play = streaming(choice(text=half, logprobs=logprobs), choice(text="", finish_reason="stop"))
    async with world(FakeUpstream(play)) as w:
        for stream in (False, True):
            answer = await w.complete(model="small", stream=stream, logprobs=1)
            assert answer.status_code == 200, answer.text
            assert "\ufffd" in answer.text


@pytest.mark.parametrize("stream", [False, True])
async def test_a_text_that_ends_without_one_is_whole(stream: bool) -> None:
    play = streaming(CHUNK, {"choices": [{"index": 0, "finish_reason": "length"}]})
    async with world(FakeUpstream(play, "vllm")) as w:
        answer = await w.complete(model="small", stream=stream)
        assert answer.status_code == 200, answer.text
        assert '"finish_reason":"length"' in answer.text
        assert '"error"' not in answer.text
