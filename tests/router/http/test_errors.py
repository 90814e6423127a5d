"""What a client can get wrong: each has its status, its stable code and OpenAI's error shape."""

import asyncio
import re
from typing import Any

import pytest
from fake_upstream import FakeUpstream, failing
from http_world import (
    CHAT,
    COMPLETIONS,
    MESSAGES,
    PROMPT,
    TESTS,
    ScriptedBackend,
    is_error,
    untouched,
    world,
)

pytestmark = pytest.mark.anyio


DEEP = 100_000
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"{'prompt': 1}",
    "a list": b"[]",
    "a text": b'"prompt"',
    "null": b"null",
    "cut off": b'{"prompt": "x"',
    "trailing": b'{"prompt": "x"} {}',
    "not UTF-8": b'{"prompt": "\xff\xfe"}',
    "UTF-16": '{"prompt": "x"}'.encode("utf-16"),
    "half a surrogate pair": b'{"prompt": "\\ud83e"}',
    "low surrogate": b'{"prompt": "\\udd8a"}',
    "surrogate in a key": b'{"prompt": "x", "\\ud83e": 1}',
    "NaN": b'{"prompt": "x", "temperature": NaN}',
    "Infinity": b'{"prompt": "x", "other": Infinity}',
    "infinite by size": b'{"prompt": "x", "other": 1e999}',
    "infinite deep inside": b'{"prompt": "x", "other": {"a": [-1e999]}}',
    "deep lists": b'{"prompt": "x", "other": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"prompt": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "a number of 5000 digits": b'{"prompt": "x", "seed": ' + b"9" * 5000 + b"}",
    "another one": b'{"prompt": "x", "other": ' + b"9" * 4299 + b"9" * 50 + b"}",
    "max_tokens of 400 digits": b'{"prompt": "x", "max_tokens": ' + b"9" * 400 + b"}",
    "no prompt": b'{"model": "auto"}',
    "prompt null": b'{"prompt": null}',
    "prompt of nothing": b'{"prompt": []}',
    "prompt of no numbers": b'{"prompt": [[]]}',
    "prompts and numbers": b'{"prompt": ["a", 1]}',
    "numbers and texts": b'{"prompt": [[1, 2], "a"]}',
    "numbers that are none": b'{"prompt": [1, true]}',
    "numbers below none": b'{"prompt": [[1, -2]]}',
    "numbers beyond all": b'{"prompt": [4294967296]}',
    "half a number": b'{"prompt": [1.5]}',
    "prompts in prompts": b'{"prompt": [["a"]]}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_body_that_makes_no_sense(body: bytes) -> None:
    async with world() as w:
        is_error(await w.client.post(COMPLETIONS, content=body), 400, "invalid_request")
        untouched(w)


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 0},
        {"n": -1},
        {"n": 65},
        {"n": 1.5},
        {"n": "many"},
        {"max_tokens": 0},
        {"max_tokens": -2},
        {"max_tokens": "all"},
        {"logprobs": -1},
        {"logprobs": 21},
        {"temperature": -0.1},
        {"temperature": 2.1},
        {"temperature": "hot"},
        {"model": 7},
        {"stream": "maybe"},
        {"suffix": 5},
        {"seed": 2**63},
        {"best_of": 3},
        {"echo": True, "logprobs": 1},
        {"select": "oracle"},
        {"suffix": "no model here fills in the middle"},
        {"tools": [{"type": "function"}]},
        {"stream_options": 3},
    ],
    ids=str,
)
async def test_a_field_out_of_range_is_named(fields: dict[str, Any]) -> None:
    async with world() as w:
        error = is_error(await w.complete(**fields), 400, "invalid_request")
        assert error["type"] == "invalid_request_error"
        assert error["param"] in fields
        untouched(w)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": "hello"},
        {"messages": [{"content": "no role"}]},
        {"messages": None},
        {"top_logprobs": 21, "logprobs": True},
        {"max_completion_tokens": 0},
        {"functions": [{}]},
    ],
    ids=str,
)
async def test_a_chat_field_out_of_range(fields: dict[str, Any]) -> None:
    async with world() as w:
        is_error(await w.chat(**fields), 400, "invalid_request")
        untouched(w)


BAD_BUDGETS = ["-1", "0", "nan", "inf", "-inf", "1e999", "many", "", "1 T T", "1Q", "0x10", "1,5"]


@pytest.mark.parametrize("value", BAD_BUDGETS)
@pytest.mark.parametrize("name", ["X-Budget-FLOPs", "X-Budget-Latency-Ms"])
async def test_a_budget_that_is_none_in_a_header(name: str, value: str) -> None:
    async with world() as w:
        is_error(await w.complete(headers={name: value}), 400, "invalid_budget")
        untouched(w)


@pytest.mark.parametrize(
    "budget",
    [
        {"flops": -1},
        {"flops": 0},
        {"flops": True},
        {"flops": []},
        {"latency_ms": "5T"},
        {"latency_ms": 0},
        {"latency_ms": False},
        {"policy": 3},
        {"flop": 1},
        "5T",
        [],
        5,
    ],
    ids=str,
)
async def test_a_budget_that_is_none_in_a_body(budget: Any) -> None:
    async with world() as w:
        is_error(await w.complete(budget=budget), 400, "invalid_budget")
        untouched(w)


@pytest.mark.parametrize("policy", ["auto", "single", "best_of_n", "cascade"])
@pytest.mark.parametrize("tests", [None, TESTS])
async def test_the_least_that_would_do_really_does(policy: str, tests: Any) -> None:
    async with world(backend=ScriptedBackend()) as w:
        ask = {"tests": tests, "max_tokens": 50, "prompt": PROMPT * 101}
        tiny = await w.complete(**ask, budget={"flops": 1000, "policy": policy})
        error = is_error(tiny, 400, "budget_too_small")
        named = re.search(r"least that would do is ([0-9.e+]+) FLOPs", error["message"])
        assert named is not None
        untouched(w)
        does = await w.complete(**ask, budget={"flops": named[1], "policy": policy})
        assert does.status_code == 200, does.text
        less = float(named[1]) * (1 - 1e-9)
        still = await w.complete(**ask, budget={"flops": less, "policy": policy})
        is_error(still, 400, "budget_too_small")


BAD_TESTS: list[Any] = [
    "assert add(1, 2) == 3",
    {},
    {"kind": "prose", "code": "x"},
    TESTS | {"code": "assert add(1, 2"},
    {"kind": "asserts", "code": "assert True"},
    TESTS | {"entry_point": "not a name"},
    TESTS | {"prelude": "import ("},
    TESTS | {"cases": []},
    TESTS | {"limits": {"wall_s": -1}},
    TESTS | {"limits": {"walls": 1}},
    TESTS | {"min_integrity": "perfect"},
    TESTS | {"code": "x = 1\n" * 300_000},
    {"kind": "calls", "entry_point": "add", "cases": []},
    {"kind": "io", "cases": [{"stdin": "x"}]},
]


@pytest.mark.parametrize("tests", BAD_TESTS, ids=lambda tests: str(tests)[:60])
async def test_tests_that_cannot_be_used(tests: Any) -> None:
    async with world(backend=ScriptedBackend()) as w:
        error = is_error(await w.complete(tests=tests), 400, "invalid_tests")
        assert error["param"] == "tests"
        untouched(w)


async def test_a_policy_or_model_that_is_not_there() -> None:
    async with world() as w:
        is_error(await w.complete(headers={"X-Budget-Policy": "guess"}), 400, "unknown_policy")
        is_error(await w.complete(budget={"policy": "guess"}), 400, "unknown_policy")
        is_error(await w.complete(model="gpt-9"), 404, "model_not_found")
        is_error(await w.chat(model="gpt-9"), 404, "model_not_found")
        pinned = await w.complete(model="small", budget={"policy": "cascade"})
        assert is_error(pinned, 400, "invalid_request")["param"] == "model"
        untouched(w)


async def test_a_prompt_longer_than_every_context() -> None:
    async with world(models={name: {"context": 100} for name in ("small", "large")}) as w:
        long = "x" * 4 * 90
        answer = await w.complete(prompt=long, max_tokens=20)
        said = is_error(answer, 400, "context_length_exceeded")["message"]
        # Clients that shorten what they send know by these words, or by the code, that they must.
        assert said.startswith("this model's maximum context length is 100 tokens ")
        assert "the prompt has 90, and the answer may have 20" in said
        is_error(await w.complete(prompt=long * 2), 400, "context_length_exceeded")
        messages = [{"role": "user", "content": long * 2}]
        is_error(await w.chat(messages=messages), 400, "context_length_exceeded")
        untouched(w)
        assert (await w.complete(prompt=long, max_tokens=10)).status_code == 200
        assert (await w.complete(prompt=long, max_tokens=None)).status_code == 200
        assert w.large.calls[-1].body["max_tokens"] == 10


async def test_only_the_models_whose_context_holds_the_prompt_answer() -> None:
    async with world(models={"large": {"context": 10}}) as w:
        answer = await w.complete()
        assert answer.headers["x-router-model"] == "small"


async def test_a_body_over_the_limit_is_refused_whole_and_in_chunks() -> None:
    async with world(max_body_bytes=1000) as w:
        big = b'{"prompt": "' + b"x" * 5000 + b'"}'
        is_error(await w.client.post(COMPLETIONS, content=big), 413, "request_too_large")

        async def chunks() -> Any:
            for at in range(0, len(big), 100):
                yield big[at : at + 100]
                await asyncio.sleep(0)

        is_error(await w.client.post(COMPLETIONS, content=chunks()), 413, "request_too_large")
        untouched(w)
        assert (await w.complete()).status_code == 200


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    async with world(max_body_bytes=1000) as w:
        head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection = await w.send(head.encode() + (b"400\r\n" + b"x" * 1024 + b"\r\n") * 2)
        seen = await connection.until(b"}}")
        assert b" 413 " in seen
        assert b"request_too_large" in seen
        assert await connection.reader.read() == b""  # and the gateway hangs up
        await connection.close()


async def test_a_body_that_is_announced_as_too_large_is_not_waited_for() -> None:
    async with world(max_body_bytes=1000) as w:
        head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
        for more in (b"Expect: 100-continue\r\n\r\n", b"\r\n{"):
            connection = await w.send(head + more)
            assert (await connection.until(b"\r\n")).startswith(b"HTTP/1.1 413 ")
            await connection.until(b"request_too_large")
            await connection.close()
        untouched(w)


async def test_tests_where_there_is_no_sandbox() -> None:
    async with world(backend=None) as w:
        is_error(await w.complete(tests=TESTS), 503, "sandbox_unavailable")
        untouched(w)
        assert (await w.complete()).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_an_upstreams_400_is_the_clients_with_its_message(stream: bool) -> None:
    upstreams = [FakeUpstream(failing(400, "'stop' must be a list")) for _ in range(2)]
    async with world(*upstreams) as w:
        answer = await w.complete(stop="x", stream=stream)
        error = is_error(answer, 400, "invalid_request")
        assert "'stop' must be a list" in error["message"]
        assert not w.metric("router_upstream_failures_total", model="large")  # nor an alarm


async def test_a_body_that_is_as_deep_as_is_allowed_is_passed_on() -> None:
    deep: Any = 1
    for _ in range(150):
        deep = [deep]
    async with world() as w:
        assert (await w.complete(other=deep)).status_code == 200
        assert w.large.calls[0].body["other"] == deep


@pytest.mark.parametrize(
    "field",
    [
        *({"stop": wrong} for wrong in (5, True, {"a": 1}, ["a", 1])),
        *({name: True} for name in ("max_tokens", "n", "temperature", "seed", "logprobs")),
        *({name: "5"} for name in ("max_tokens", "n", "temperature", "seed", "logprobs")),
        *({name: "yes"} for name in ("stream", "explain", "echo")),
        {"stream_options": {"include_usage": 1}},
    ],
    ids=str,
)
async def test_a_value_of_another_type_is_refused(field: dict[str, Any]) -> None:
    async with world() as w:
        answer = await w.complete(**field)
        error = is_error(answer, 400, "invalid_request")
        assert error["param"].split(".")[0] in field
        untouched(w)


async def test_both_endpoints_answer_errors_alike() -> None:
    async with world() as w:
        for path, own in ((COMPLETIONS, {"prompt": PROMPT}), (CHAT, {"messages": MESSAGES})):
            answer = await w.client.post(path, json=own | {"budget": {"flops": 1}})
            is_error(answer, 400, "budget_too_small")
            answer = await w.client.post(path, json=own | {"n": 0})
            is_error(answer, 400, "invalid_request")
            assert w.errors("invalid_request") > 0


async def test_an_unknown_path_is_an_openai_error_object() -> None:
    async with world() as w:
        answer = await w.client.get("/v1/embeddings")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"
        assert answer.headers["x-request-id"]
