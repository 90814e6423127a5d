"""Streams of both endpoints, read as raw events."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from fake_upstream import (
    ANSWER,
    LOGPROB,
    Call,
    FakeUpstream,
    Kind,
    Play,
    answering,
    half,
    in_turn,
    silent,
)
from fake_upstream import failing as upstream_failing
from http_world import (
    CHAT,
    COMPLETIONS,
    PROMPT,
    TESTS,
    ScriptedBackend,
    events,
    eventually,
    texts,
    world,
)

from router.errors import ErrorObject
from router.http.answers.streaming import OwnedStream
from router.http.dialects.completions import Completions

pytestmark = pytest.mark.anyio
SAID = "".join(ANSWER)
QUIET_S = "router.http.answers.relay.QUIET_S"


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
@pytest.mark.parametrize("path", ["complete", "chat"])
@pytest.mark.parametrize("n", [1, 3])
async def test_a_stream_says_what_the_plain_answer_says(kind: Kind, path: str, n: int) -> None:
    def says(call: Call, index: int) -> list[str]:
        return [f"{index}-{at} " for at in range(4)]

    async with world(FakeUpstream(answering(says), kind)) as w:
        ask = {"model": "small", "n": n}
        plain = (await getattr(w, path)(**ask)).json()
        answer = await getattr(w, path)(**ask, stream=True)
        assert answer.headers["content-type"].startswith("text/event-stream")
        chunks = events(answer.text)
        assert chunks.pop() == "[DONE]"
        whole = [
            c["text"] if path == "complete" else c["message"]["content"] for c in plain["choices"]
        ]
        assert [texts(chunks, index) for index in range(n)] == whole
        reasons = [c["finish_reason"] for chunk in chunks for c in chunk["choices"]]
        assert [reason for reason in reasons if reason] == ["stop"] * n
        assert len({chunk["id"] for chunk in chunks}) == 1
        assert {chunk["model"] for chunk in chunks} == {"small"}
        name = "text_completion" if path == "complete" else "chat.completion.chunk"
        assert {chunk["object"] for chunk in chunks} == {name}
        assert all(chunk["choices"] for chunk in chunks)
        assert not any("router" in chunk for chunk in chunks)
        if path == "chat":
            assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"


@pytest.mark.parametrize(
    ("path", "more"), [(COMPLETIONS, {}), (CHAT, {}), (COMPLETIONS, {"echo": True})]
)
async def test_a_plan_of_one_sample_really_streams(path: str, more: dict[str, Any]) -> None:
    go_on = asyncio.Event()

    async def play(call: Call, server: FakeUpstream) -> None:
        await call.token(0, "first", server)
        await go_on.wait()
        await call.token(0, "second", server)
        await call.finish(0, "stop", server)
        await call.done(server)

    async with world(large=FakeUpstream(play)) as w:
        connection = await w.open(path, stream=True, **more)
        seen = await connection.until(b'"first"')
        assert not w.large.calls[0].ended.is_set()
        assert b"x-router-plan: large*1\r\n" in seen
        assert b"x-router-model: large\r\n" in seen
        assert b"x-request-id: " in seen
        assert b"x-budget-flops-used" not in seen
        go_on.set()
        assert b'"second"' in await connection.until(b"[DONE]")
        await connection.close()


@pytest.mark.parametrize("path", ["complete", "chat"])
@pytest.mark.parametrize("n", [1, 3])
async def test_temperature_0_streams_one_answer_for_every_choice(path: str, n: int) -> None:
    async with world() as w:
        chunks = events((await getattr(w, path)(stream=True, temperature=0, n=n)).text)[:-1]
        assert [texts(chunks, index) for index in range(n)] == [SAID] * n
        assert len(w.large.calls) == 1


@pytest.mark.parametrize("path", ["complete", "chat"])
@pytest.mark.parametrize("tests", [None, TESTS])
async def test_include_usage_gives_one_last_chunk_without_choices(path: str, tests: Any) -> None:
    async with world(backend=ScriptedBackend()) as w:
        ask = {"stream": True, "stream_options": {"include_usage": True}, "tests": tests}
        *chunks, usage, done = events((await getattr(w, path)(**ask)).text)
        assert done == "[DONE]"
        assert usage["choices"] == []
        assert usage["usage"]["completion_tokens"] == len(ANSWER)
        calls = w.small.calls + w.large.calls
        assert usage["usage"]["prompt_tokens"] == calls[0].prompt_tokens
        assert texts(chunks) == SAID
        assert ("router" in usage) == (tests is not None)
        assert not any("router" in chunk for chunk in chunks)


@pytest.mark.parametrize(
    ("fields", "headers", "present"),
    [
        ({}, {}, False),
        ({"explain": True}, {}, True),
        ({"tests": TESTS}, {}, True),
        ({"budget": {"latency_ms": 60000}}, {}, True),
        ({}, {"X-Budget-FLOPs": "1T"}, True),
    ],
)
@pytest.mark.parametrize("n", [1, 2])
async def test_the_router_object_rides_on_the_last_chunk_when_asked_for(
    fields: dict[str, Any], headers: dict[str, str], present: bool, n: int
) -> None:
    async with world(backend=ScriptedBackend()) as w:
        answer = await w.complete(stream=True, n=n, headers=headers, **fields)
        *before, last, done = events(answer.text)
        assert done == "[DONE]"
        assert last["choices"][0]["finish_reason"] == "stop"
        assert ("router" in last) is present
        assert not any("router" in chunk for chunk in before)
        if present:
            router = last["router"]
            tokens = [(c["prompt_tokens"], c["completion_tokens"]) for c in router["candidates"]]
            model = router["commands"][0]["model"]
            flops = w.cost.draw(model, tokens[0][0], [count for _, count in tokens])
            assert router["flops_used"] == pytest.approx(flops, rel=1e-12)
            assert [c["chosen"] for c in router["candidates"]].count(True) == n


async def test_a_stream_that_is_buffered_has_every_header() -> None:
    async with world(backend=ScriptedBackend()) as w:
        answer = await w.complete(stream=True, tests=TESTS, budget={"flops": "1T"})
        assert answer.headers["x-router-verdict"] == "passed"
        assert answer.headers["x-router-selected-by"] == "tests"
        assert float(answer.headers["x-budget-flops-used"]) > 0
        assert texts(events(answer.text)[:-1]) == SAID


async def test_a_single_sample_with_tests_streams_and_is_judged() -> None:
    async with world(backend=ScriptedBackend(lambda _: False)) as w:
        ask = {"stream": True, "tests": TESTS, "budget": {"policy": "single"}}
        answer = await w.complete(**ask)
        assert answer.headers["x-router-plan"] == "large*1+tests"
        *_, last, _done = events(answer.text)
        assert last["router"]["verdict"] == "failed"
        assert last["router"]["plan"] == "large*1+tests"


@pytest.mark.parametrize("n", [1, 2])
async def test_streams_echo_the_prompt_first(n: int) -> None:
    async with world() as w:
        chunks = events((await w.complete(stream=True, echo=True, n=n)).text)[:-1]
        assert [texts(chunks, index) for index in range(n)] == [PROMPT + SAID] * n


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
@pytest.mark.parametrize("n", [1, 2])
async def test_streams_carry_logprobs(kind: Kind, n: int) -> None:
    async with world(FakeUpstream(answering(), kind)) as w:
        ask = {"model": "small", "stream": True, "n": n}
        chunks = events((await w.complete(**ask, logprobs=1)).text)[:-1]
        lists = [c["logprobs"] for chunk in chunks for c in chunk["choices"] if c["index"] == 0]
        entries = [one for one in lists if one]
        assert [t for one in entries for t in one["tokens"]] == list(ANSWER)
        assert [at for one in entries for at in one["text_offset"]] == [0, 6, 11, 16]
        chunks = events((await w.chat(**ask, logprobs=True)).text)[:-1]
        lists = [c["logprobs"] for chunk in chunks for c in chunk["choices"] if c["index"] == 0]
        content = [entry for one in lists if one for entry in one["content"]]
        assert [(entry["token"], entry["logprob"]) for entry in content] == [
            (token, LOGPROB) for token in ANSWER
        ]


async def test_an_upstream_that_fails_before_its_first_token_is_replaced() -> None:
    async with world(large=FakeUpstream(upstream_failing(500))) as w:
        answer = await w.complete(stream=True)
        assert answer.status_code == 200
        assert answer.headers["x-router-model"] == "small"
        assert texts(events(answer.text)[:-1]) == SAID


@pytest.mark.parametrize("path", ["complete", "chat"])
async def test_a_failure_in_mid_stream_is_an_error_event_and_not_an_end(path: str) -> None:
    async with world(large=FakeUpstream(half(2))) as w:
        *chunks, error, done = events((await getattr(w, path)(stream=True)).text)
        assert done == "[DONE]"
        assert error["error"]["code"] == "upstream_unavailable"
        assert texts(chunks) == "x = 1\n" * 2
        assert not any(c["finish_reason"] for chunk in chunks for c in chunk["choices"])
        assert w.errors("upstream_unavailable") == 1


@pytest.mark.parametrize("how", ["breaks off", "is an error", "counts too many"])
@pytest.mark.parametrize("path", ["complete", "chat"])
async def test_what_fails_behind_a_whole_answer_is_nothing_to_its_client(
    path: str, how: str
) -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        await call.token(0, "x = 1\n", server, "stop")
        match how:
            case "breaks off":
                await call.raw(b'40\r\ndata: {"choices": [')
                call.writer.close()
            case "is an error":
                await call.event({"error": {"message": "out of memory"}})
            case _:
                call.tokens[0] += 64
                await call.done(server)

    async with world(large=FakeUpstream(play, "vllm")) as w:
        for _ in range(6):  # so many failures would leave the server alone
            *chunks, done = events((await getattr(w, path)(stream=True)).text)
            assert done == "[DONE]"
            assert texts(chunks) == "x = 1\n"
            assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
            assert chunks[-1]["model"] == "large"
        assert not w.small.calls
        assert w.metric("router_upstream_failures_total", model="large") == 0


async def test_nobody_in_between_keeps_a_stream() -> None:
    async with world() as w:
        for n in (1, 2):
            answer = await w.complete(stream=True, n=n)
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers["x-accel-buffering"] == "no"
        assert "x-accel-buffering" not in (await w.complete()).headers


@dataclass
class Held:
    """An upstream that answers when it may: its tokenizer, or its draws."""

    tokenizing: bool
    then: Play
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, call: Call, server: FakeUpstream) -> None:
        await self.go_on.wait()
        await self.then(call, server)

    async def count(self, call: Call, server: FakeUpstream) -> None:
        await self.go_on.wait()
        await call.json({"tokens": [1, 2, 3]})

    def upstream(self) -> FakeUpstream:
        if self.tokenizing:
            return FakeUpstream(self.then, tokenizer=self.count)
        return FakeUpstream(self.play)


@pytest.mark.parametrize("path", [COMPLETIONS, CHAT])
@pytest.mark.usefixtures("comments")
@pytest.mark.parametrize(("n", "tokenizing"), [(1, False), (2, False), (1, True)])
async def test_a_stream_begins_before_its_first_token_and_says_that_somebody_works(
    path: str, n: int, tokenizing: bool
) -> None:
    held = Held(tokenizing, answering())
    async with world(large=held.upstream()) as w:
        connection = await w.open(path, stream=True, n=n, model="large", explain=True)
        head = await connection.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"x-request-id: " in head
        assert b"x-budget-policy: auto" in head
        assert b"x-router-plan" not in head
        for _ in range(2):
            assert b"data:" not in await connection.until(b": working\n\n")
        assert not w.large.calls or not w.large.calls[0].ended.is_set()
        held.go_on.set()
        rest = await connection.until(b"[DONE]")
        assert b"return " in rest or b"turn " in rest
        assert f'"plan":"large*{n}'.encode() in rest
        await connection.close()


@pytest.mark.usefixtures("comments")
async def test_comments_come_while_the_tests_run() -> None:
    backend = ScriptedBackend(gate=asyncio.Event())
    async with world(backend=backend) as w:
        ask = {"stream": True, "tests": TESTS, "budget": {"policy": "single"}}
        connection = await w.open(**ask)
        await connection.until(b"a + b")
        await connection.until(b": working\n\n")
        assert backend.gate is not None
        backend.gate.set()
        assert b'"verdict":"passed"' in await connection.until(b"[DONE]")
        await connection.close()


@pytest.mark.usefixtures("comments")
@pytest.mark.parametrize("n", [1, 2])
async def test_what_fails_when_the_stream_has_begun_is_an_event(n: int) -> None:
    held = Held(tokenizing=False, then=upstream_failing(500))
    async with world(*(held.upstream() for _ in range(2))) as w:
        connection = await w.open(stream=True, n=n)
        await connection.until(b": working\n\n")
        held.go_on.set()
        rest = await connection.until(b"[DONE]")
        assert b'"code":"upstream_unavailable"' in rest
        assert w.errors("upstream_unavailable") == 1
        await connection.close()


@pytest.mark.usefixtures("comments")
async def test_a_deadline_that_passes_when_the_stream_has_begun_is_an_event() -> None:
    async with world(large=FakeUpstream(silent())) as w:
        for latency_ms in (2000, 8000, 30_000):  # more where the machine was too busy to begin
            answer = await w.complete(stream=True, budget={"latency_ms": latency_ms})
            if answer.status_code == 200:
                break
        error, done = events(answer.text)
        assert (error["error"]["code"], done) == ("deadline_exceeded", "[DONE]")
        assert ": working" in answer.text


async def test_a_stream_of_nothing_but_its_end_is_one() -> None:
    async with world(large=FakeUpstream(answering(lambda *_: [""]))) as w:
        *chunks, done = events((await w.complete(stream=True)).text)
        assert (texts(chunks), done) == ("", "[DONE]")
        assert [c["finish_reason"] for chunk in chunks for c in chunk["choices"]][-1] == "stop"


async def test_an_error_before_the_stream_is_a_plain_error() -> None:
    async with world(*(FakeUpstream(upstream_failing(500)) for _ in range(2))) as w:
        answer = await w.complete(stream=True)
        assert answer.status_code == 502
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["error"]["code"] == "upstream_unavailable"


@pytest.mark.parametrize(
    ("fields", "status"), [({"budget": {"policy": "none"}}, 400), ({"model": "none"}, 404)]
)
async def test_an_upload_takes_none_of_the_time_in_which_an_error_has_its_status(
    fields: dict[str, Any], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QUIET_S, 0.0)  # any body took longer than that
    async with world() as w:
        answer = await w.complete(stream=True, **fields)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("policy", ["\u2192", "x\r\nX-Other: y", "unheard-of"])
async def test_a_policy_that_nobody_knows_is_in_no_header_of_a_stream(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not all text can stand in one; and its place is given back, whatever becomes of it."""
    monkeypatch.setattr(QUIET_S, 0.0)  # it begins as soon as it can
    async with world() as w:
        for prompt in (PROMPT, [PROMPT, PROMPT]):
            ask = {"prompt": prompt, "stream": True, "budget": {"policy": policy}}
            answer = await w.complete(**ask)
            assert answer.status_code != 500
            assert "x-budget-policy" not in answer.headers
            assert "unknown_policy" in answer.text
            await eventually(lambda: w.active == 0, within=5)
        assert w.metric("router_requests_active") == 0


async def test_a_stream_that_cannot_be_made_has_taken_nothing() -> None:
    """Its maker still has all to give back."""

    async def chunks() -> AsyncGenerator[dict[str, Any] | None, None]:
        yield None

    def failed(_: Exception) -> ErrorObject:
        raise AssertionError

    left: list[str] = []

    async def made() -> None:
        async with AsyncExitStack() as owned:
            owned.callback(left.append, "a place")
            stream = OwnedStream(None, chunks(), failed, b"", headers={"X-Model": "\u2192"})
            stream.owning(owned.pop_all())

    with pytest.raises(UnicodeEncodeError):
        await made()
    assert left == ["a place"]


async def test_a_stream_survives_text_in_many_scripts_and_line_separators() -> None:
    said = ["héllo ", "龘\u2028\u2029\x85", "🦊\r\n", '"\\', "\x00", "data: x\n\n"]
    async with world(large=FakeUpstream(answering(lambda *_: said))) as w:
        answer = await w.complete(stream=True)
        lines = answer.content.split(b"\n")
        chunks = [json.loads(line[6:]) for line in lines if line and line != b"data: [DONE]"]
        assert texts(chunks) == "".join(said)
        assert (await w.complete()).json()["choices"][0]["text"] == "".join(said)


async def test_the_role_comes_once_where_a_failed_upstream_was_replaced() -> None:
    first = in_turn(upstream_failing(503), answering())
    async with world(large=FakeUpstream(first)) as w:
        connection = await w.open(CHAT, stream=True)
        seen = await connection.until(b"[DONE]")
        assert seen.count(b'"role":"assistant"') == 1
        await connection.close()


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("explain", [False, True])
async def test_a_fault_of_ours_keeps_its_status_or_ends_a_stream(n: int, explain: bool) -> None:
    """Several samples are told at once, so that the fault shows before the stream has begun."""

    class Broken(Completions):
        def ending(self) -> dict[str, Any]:
            raise RuntimeError("secret")

    async with world(dialects={"/v1/completions": Broken()}) as w:
        answer = await w.complete(stream=True, n=n, explain=explain)
        if n == 1:
            assert answer.status_code == 200
            *_, error, done = events(answer.text)
            assert done == "[DONE]"
        else:
            assert answer.status_code == 500
            error = answer.json()
        assert error["error"]["code"] == "internal_error"
        assert "secret" not in answer.text
        assert w.errors("internal_error") == 1
        assert not w.errors("client_gone")
