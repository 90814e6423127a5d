"""Editors' sessions: a newer request ends the older one, whatever that was doing."""

import asyncio
from typing import Any

import pytest
from fake_upstream import Call, FakeUpstream, Play, answering, endless, in_turn, silent, stalling
from http_world import (
    CHAT,
    COMPLETIONS,
    TESTS,
    ScriptedBackend,
    World,
    events,
    eventually,
    world,
)

pytestmark = pytest.mark.anyio

MOMENTS: dict[str, tuple[Play, bool]] = {
    "in a queue, or reading the prompt": (silent(), False),
    "before the first chunk": (silent(), True),
    "while an answer is made": (endless(), False),
    "in a stream that stalls": (stalling(), True),
    "in mid-stream": (endless(), True),
}


def ask(w: World, path: str = COMPLETIONS, session: str = "editor-1", **fields: Any) -> Any:
    send = w.complete if path == COMPLETIONS else w.chat
    return asyncio.create_task(send(headers={"X-Session-Id": session}, **fields))


def code_of(answer: Any) -> str:
    """The error that an answer ends with, as its status or as an event."""
    if answer.headers["content-type"] == "application/json":
        return str(answer.json().get("error", {}).get("code", ""))
    *_, last, done = events(answer.text)
    assert done == "[DONE]"
    return str(last.get("error", {}).get("code", ""))


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("path", [COMPLETIONS, CHAT])
@pytest.mark.parametrize("n", [1, 2])
async def test_a_newer_request_ends_the_older(moment: str, path: str, n: int) -> None:
    play, stream = MOMENTS[moment]
    async with world(large=FakeUpstream(in_turn(play, answering()))) as w:
        older = ask(w, path, stream=stream, n=n, max_tokens=100_000)
        await eventually(lambda: w.large.calls)
        if play is not MOMENTS["before the first chunk"][0]:
            await eventually(lambda: not stream or sum(w.large.calls[0].tokens) >= 2)
        newer = await ask(w, path, n=n)
        assert newer.status_code == 200
        answer = await older
        assert code_of(answer) == "superseded"
        if answer.status_code != 200:
            assert answer.status_code == 499
            assert answer.headers["x-should-retry"] == "false"
        await eventually(w.large.calls[0].closed_by_client.is_set)
        assert len(w.large.calls) == 2
        assert w.errors("superseded") == 1
        samples = w.metric("router_samples_total", model="large", finish_reason="cancelled")
        assert samples == n
        used = w.metric("router_flops_used_total", model="large")
        assert used > w.cost.draw("large", w.large.calls[1].prompt_tokens, [4] * n)
        await eventually(lambda: w.active == 0 and not w.service.sessions)


async def test_while_its_tokens_are_counted() -> None:
    counted: list[Call] = []

    async def tokenizer(call: Call, server: FakeUpstream) -> None:
        counted.append(call)
        if len(counted) == 1:
            await asyncio.Event().wait()
        await call.json({"tokens": [1, 2, 3]})

    async with world(large=FakeUpstream(answering(), tokenizer=tokenizer)) as w:
        older = ask(w)
        await eventually(lambda: counted)
        assert (await ask(w)).status_code == 200
        assert code_of(await older) == "superseded"
        await eventually(counted[0].closed_by_client.is_set)


@pytest.mark.parametrize("stream", [False, True])
async def test_while_its_tests_run(stream: bool) -> None:
    backend = ScriptedBackend(gate=asyncio.Event())
    async with world(backend=backend) as w:
        older = ask(w, tests=TESTS, stream=stream)
        await eventually(lambda: backend.running)
        assert (await ask(w)).status_code == 200
        assert code_of(await older) == "superseded"
        assert backend.running == 0


async def test_of_many_at_once_the_newest_is_answered() -> None:
    async with world(large=FakeUpstream(answering(pause=0.01))) as w:
        asked = []
        for at in range(12):
            asked.append(ask(w, stream=bool(at % 2)))
            await asyncio.sleep(0.002)
        # Requests of one client may arrive in another order than they were sent in.
        codes = [code_of(answer) for answer in await asyncio.gather(*asked)]
        assert set(codes) <= {"superseded", ""}
        assert codes.count("") >= 1
        await eventually(lambda: w.active == 0 and not w.service.sessions)
        assert w.errors("superseded") == codes.count("superseded")


async def test_the_order_is_that_in_which_requests_began() -> None:
    """The body of the older one is read last, and it is the older all the same."""
    async with world() as w:
        head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nX-Session-Id: editor-1\r\n"
        body = b'{"prompt": "x"}'
        older = await w.send(head + b"Content-Length: %d\r\n\r\n" % len(body))
        await eventually(lambda: len(w.service.sessions))
        assert (await ask(w)).status_code == 200
        older.writer.write(body)
        assert (await older.until(b"\r\n")).startswith(b"HTTP/1.1 499")
        await older.close()
        assert len(w.large.calls) == 1


HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nX-Session-Id: editor-1\r\n"
BODY = b'{"prompt": "x", "max_tokens": 4}'
UNFINISHED = {
    "nothing of its body came": (b"Content-Length: %d\r\n\r\n" % len(BODY), BODY),
    "some of its body came": (b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY[:9], BODY[9:]),
    "in chunks": (
        b"Transfer-Encoding: chunked\r\n\r\n4\r\n%b\r\n" % BODY[:4],
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY) - 4, BODY[4:]),
    ),
    "it waits to be told to send": (
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY),
        BODY,
    ),
}


@pytest.mark.parametrize("moment", UNFINISHED)
async def test_a_body_is_not_read_on_for_an_older_request(moment: str) -> None:
    """It is answered though its body does not end; what still comes of that is thrown away."""
    begun, rest = UNFINISHED[moment]
    async with world() as w:
        older = await w.send(HEAD + begun)
        await eventually(lambda: len(w.service.sessions))
        assert (await ask(w)).status_code == 200
        said = await older.until(b"superseded")
        assert said.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").startswith(b"HTTP/1.1 499")
        assert w.errors("superseded") == 1
        assert not w.service.sessions
        await older.until(b"}}")
        # The connection is as good as before, once it is clear where the next request begins.
        older.writer.write(rest + HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY))
        assert (await older.until(b"\r\n")).startswith(b"HTTP/1.1 200")
        await older.close()
        assert len(w.large.calls) == 2


async def test_an_older_request_whose_client_left_in_its_body_is_only_gone() -> None:
    async with world() as w:
        older = await w.send(HEAD + b"Content-Length: 99\r\n\r\n{")
        await eventually(lambda: len(w.service.sessions))
        await older.close()
        await eventually(lambda: not w.service.sessions)
        assert (await ask(w)).status_code == 200
        assert w.errors("superseded") == 0
        assert w.errors("client_gone") == 1


async def test_sessions_and_requests_without_one_leave_each_other_alone() -> None:
    go_on = asyncio.Event()

    async def play(call: Call, server: FakeUpstream) -> None:
        await go_on.wait()
        await answering()(call, server)

    async with world(large=FakeUpstream(play)) as w:
        asked = [ask(w), ask(w, session="editor-2"), asyncio.create_task(w.complete())]
        asked.append(asyncio.create_task(w.complete()))
        await eventually(lambda: len(w.large.calls) == 4)
        assert len(w.service.sessions) == 2
        go_on.set()
        assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200] * 4
        assert (await ask(w)).status_code == 200  # nothing is left to supersede
        assert w.errors("superseded") == 0


@pytest.mark.parametrize("header", ["Authorization", "api-key", "x-api-key"])
async def test_a_session_belongs_to_the_key_that_it_comes_with(header: str) -> None:
    async with world(large=FakeUpstream(in_turn(silent(), answering(), answering()))) as w:
        named = {"X-Session-Id": "editor-1"}
        older = asyncio.create_task(w.complete(headers=named | {header: "Bearer one"}))
        await eventually(lambda: w.large.calls)
        for key in ({header: "Bearer two"}, {}):
            assert (await w.complete(headers=named | key)).status_code == 200
            assert not older.done()
        assert (await w.complete(headers=named | {header: "Bearer one"})).status_code == 200
        assert code_of(await older) == "superseded"


async def test_a_newer_request_has_the_place_of_the_older() -> None:
    play = in_turn(silent(), answering())
    async with world(large=FakeUpstream(play), max_concurrent_requests=1) as w:
        older = ask(w)
        await eventually(lambda: w.large.calls)
        assert (await ask(w, session="editor-2")).status_code == 429
        assert (await ask(w)).status_code == 200
        assert code_of(await older) == "superseded"


async def test_a_client_that_does_not_read_its_stream_is_superseded_too() -> None:
    async def much(call: Call, server: FakeUpstream) -> None:
        while True:
            await call.token(0, "x" * 100_000, server)
            await asyncio.sleep(0.001)

    async with world(large=FakeUpstream(in_turn(much, answering()))) as w:
        body = b'{"prompt": "x", "model": "large", "stream": true, "max_tokens": 1000000}'
        head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nX-Session-Id: editor-1\r\n"
        older = await w.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await eventually(lambda: w.large.calls and sum(w.large.calls[0].tokens) > 100)
        assert (await ask(w, model="large")).status_code == 200
        await eventually(w.large.calls[0].closed_by_client.is_set)
        older.writer.transport.abort()
        await eventually(lambda: w.active == 0)


@pytest.mark.parametrize("session", ["", "x" * 257, "x" * 10_000, "a b", "a\tb", "\xe9"])
async def test_what_is_no_session(session: str) -> None:
    async with world() as w:
        head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n"
        named = b"X-Session-Id: " + session.encode("latin-1") + b"\r\n\r\n"
        connection = await w.send(head + named + b'{"prompt": "x"}')
        answer = await connection.until(b"}}")
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"X-Session-Id must be" in answer
        assert b'"code":"invalid_request"' in answer
        await connection.close()
        assert not w.large.calls
