"""A client that goes away: everything of its request ends at once, and its place is free again."""

import asyncio
import gc
import json
from collections.abc import Callable
from typing import Any

import pytest
from fake_upstream import Call, FakeUpstream, Play, answering, endless, in_turn, silent, stalling
from http_world import (
    CHAT,
    COMPLETIONS,
    TESTS,
    ScriptedBackend,
    World,
    descriptors,
    eventually,
    world,
)

from sandbox import ProcessBackend

pytestmark = pytest.mark.anyio

MOMENTS: dict[str, tuple[Play, bool]] = {
    "before an answer begins": (silent(), False),
    "while an answer is made": (endless(), False),
    "before the first chunk": (silent(), True),
    "while comments are sent": (silent(), True),
    "in mid-stream": (endless(), True),
    "in a stream that stalls": (stalling(), True),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("path", [COMPLETIONS, CHAT])
@pytest.mark.parametrize("n", [1, 2])
async def test_the_upstream_is_stopped(
    moment: str, path: str, n: int, request: pytest.FixtureRequest
) -> None:
    play, stream = MOMENTS[moment]
    if moment == "while comments are sent":
        request.getfixturevalue("comments")
    async with world(large=FakeUpstream(play)) as w:
        connection = await w.open(path, stream=stream, n=n, max_tokens=100_000)
        await eventually(lambda: w.large.calls)
        if n == 1 and moment in {"in mid-stream", "in a stream that stalls"}:
            await connection.until(b"x = 1")
        if moment == "while comments are sent":
            await connection.until(b": working")
        assert w.active == 1
        await connection.close()
        await eventually(w.large.calls[0].closed_by_client.is_set)
        await eventually(lambda: w.active == 0)
        await eventually(lambda: _count(w, "client_gone") == 1)
        assert len(w.large.calls) == 1
        assert not w.small.calls
        samples = w.metric("router_samples_total", model="large", finish_reason="cancelled")
        assert samples == n
        assert w.metric("router_flops_used_total", model="large") > 0
        assert w.metric("router_requests_active") == 0
        answer = await w.complete(model="small")
        assert answer.status_code == 200


LARGE_BODY = {"prompt": "x" * 200_000}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(lambda head, body: [head + body], id="a large body at once"),
        pytest.param(lambda head, body: [head, body], id="a large body after its head"),
        pytest.param(lambda head, body: [head + body, head + body], id="another request behind"),
        pytest.param(lambda head, body: [head + body, head[:20]], id="part of one behind"),
    ],
)
async def test_whatever_it_has_sent_by_then(
    sent: Callable[[bytes, bytes], list[bytes]], *, stream: bool, request: pytest.FixtureRequest
) -> None:
    """It is not by a comment, which nobody takes, that the gateway finds out."""
    fields: dict[str, Any] = {"model": "large", "prompt": "x", "stream": stream}
    fields |= LARGE_BODY if "large" in request.node.callspec.id else {}
    body = json.dumps(fields).encode()
    head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with world(large=FakeUpstream(silent())) as w:
        first, *others = sent(head, body)
        connection = await w.send(first)
        for other in others:
            if other is not body:
                await eventually(lambda: w.large.calls)
            await asyncio.sleep(0.05)  # not in one piece with what was before
            connection.writer.write(other)
        await eventually(lambda: w.large.calls)
        await asyncio.sleep(0.05)  # all that was sent has come
        await connection.close()
        await eventually(w.large.calls[0].closed_by_client.is_set)
        await eventually(lambda: w.active == 0)
        assert len(w.large.calls) == 1


def _count(w: World, verdict: str) -> float:
    return w.errors(verdict)


@pytest.mark.usefixtures("comments")
@pytest.mark.parametrize("begun", [False, True])
async def test_while_tokens_are_counted_for_a_stream(begun: bool) -> None:
    counted: list[Call] = []

    async def tokenizer(call: Call, server: FakeUpstream) -> None:
        counted.append(call)
        await asyncio.Event().wait()

    async with world(large=FakeUpstream(silent(), tokenizer=tokenizer)) as w:
        connection = await w.open(stream=True)
        await eventually(lambda: counted)
        if begun:
            await connection.until(b": working")
        await connection.close()
        await eventually(counted[0].closed_by_client.is_set)
        await eventually(lambda: w.active == 0)
        assert w.errors("client_gone") == 1


async def test_while_tokens_are_counted() -> None:
    counted: list[Call] = []

    async def tokenizer(call: Call, server: FakeUpstream) -> None:
        counted.append(call)
        await asyncio.Event().wait()

    async with world(large=FakeUpstream(silent(), tokenizer=tokenizer)) as w:
        connection = await w.open()
        await eventually(lambda: counted)
        await connection.close()
        await eventually(counted[0].closed_by_client.is_set)
        await eventually(lambda: w.active == 0)
        assert not w.large.calls


@pytest.mark.parametrize("stream", [False, True])
async def test_in_the_sandbox_run(stream: bool) -> None:
    backend = ScriptedBackend(gate=asyncio.Event())
    async with world(backend=backend) as w:
        connection = await w.open(tests=TESTS, stream=stream)
        await eventually(lambda: backend.running == 2)
        await connection.close()
        await eventually(lambda: backend.running == 0)
        assert backend.cancelled == 2
        await eventually(lambda: w.active == 0)
        assert not w.large.calls


async def test_in_the_sandbox_run_of_a_stream_that_is_through() -> None:
    backend = ScriptedBackend(gate=asyncio.Event())
    async with world(backend=backend) as w:
        connection = await w.open(tests=TESTS, stream=True, budget={"policy": "single"})
        await connection.until(b"a + b")
        await eventually(lambda: backend.running == 1)
        await connection.close()
        await eventually(lambda: backend.cancelled == 1)
        await eventually(lambda: w.active == 0)


async def test_in_a_real_sandbox_run_and_the_sandbox_serves_on() -> None:
    """With the real backend: the process of the run is gone, and its worker is free again."""

    def says(call: Call, index: int) -> Any:
        return ["    while True: pass\n"] if call.number == 0 else ["    return a + b\n"]

    backend = ProcessBackend(workers=1)
    async with world(FakeUpstream(answering(says)), backend=backend) as w:
        connection = await w.open(tests=TESTS)
        await eventually(lambda: backend.busy)
        await connection.close()
        await eventually(lambda: w.active == 0)
        await eventually(lambda: not backend.busy)
        answer = await w.complete(tests=TESTS, explain=True)
        assert answer.headers["x-router-verdict"] == "passed"
        judged = answer.json()["router"]["candidates"][0]
        assert (judged["status"], judged["integrity"]) == ("passed", "isolated")


async def test_fifty_abandoned_requests_leave_nothing() -> None:
    plays = [MOMENTS[moment] for moment in MOMENTS if moment != "while comments are sent"]
    async with world(
        large=FakeUpstream(in_turn(*(plays[at % 5][0] for at in range(52)))),
        max_concurrent_requests=2,
    ) as w:

        async def abandon(at: int) -> None:
            _, stream = plays[at % 5]
            connection = await w.open(stream=stream, max_tokens=100_000)
            await eventually(lambda: len(w.large.calls) == at + 1)
            if stream and at % 5 != 2:
                await connection.until(b"x = 1")
            await connection.close()
            await eventually(w.large.calls[at].closed_by_client.is_set)
            await eventually(lambda: w.active == 0 and not w.large.connections)

        for at in range(2):
            await abandon(at)
        gc.collect()
        tasks, files = len(asyncio.all_tasks()), descriptors()
        for at in range(2, 52):
            await abandon(at)
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
        gc.collect()
        # The tokenizers' kept connections may have come or gone; a leak would be fifty.
        await eventually(lambda: descriptors() <= files + 4)
        assert (await w.complete(model="small")).status_code == 200


async def test_a_client_that_goes_while_it_sends_its_body() -> None:
    async with world() as w:
        head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"
        connection = await w.send(head + b'{"prompt": ')
        await connection.close()
        await eventually(lambda: _count(w, "client_gone") == 1)
        assert w.active == 0


async def test_one_request_too_many_is_told_to_come_back() -> None:
    async with world(large=FakeUpstream(silent()), max_concurrent_requests=1) as w:
        first = await w.open()
        await eventually(lambda: w.large.calls)
        for stream in (False, True):
            refused = await w.complete(model="small", stream=stream)
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["error"]["code"] == "overloaded"
            assert refused.json()["error"]["type"] == "rate_limit_error"
        assert not w.small.calls
        await first.close()
        await eventually(lambda: w.active == 0)
        assert (await w.complete(model="small")).status_code == 200


async def test_errors_give_their_places_back() -> None:
    async with world(max_concurrent_requests=1) as w:
        for fields in ({"n": 0}, {"budget": {"flops": 1}}, {"model": "none"}, {"max_tokens": 1}):
            for stream in (False, True):
                await w.complete(stream=stream, **fields)
                await eventually(lambda: w.active == 0)
