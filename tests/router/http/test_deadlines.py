"""Budgets that bind: precedence, caps, and what comes when the time is up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fake_upstream import Call, FakeUpstream, Play, answering, endless, failing, silent, stalling
from http_world import (
    TESTS,
    ScriptedBackend,
    events,
    eventually,
    is_error,
    longer,
    texts,
    world,
)

from policies.values import Budget
from router.errors import DeadlineExceeded
from router.request import (
    BudgetRequest,
    Prompt,
    PromptLength,
    RouteRequest,
    SampleRequest,
    TextPrompt,
)
from router.upstream.client import Upstream
from sandbox import Integrity, QueueFull, Report, SandboxUnavailable, Status

pytestmark = pytest.mark.anyio
SOON = {"latency_ms": 100}
ENVOY = "x-envoy-expected-rq-timeout-ms"


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, None, ("2000000000000", "40000")),
        ({}, {"flops": "3T", "latency_ms": 30000}, ("3000000000000", "30000")),
        ({"X-Budget-FLOPs": "4T"}, {"flops": "3T"}, ("4000000000000", "40000")),
        ({"X-Budget-Latency-Ms": "20000"}, {"latency_ms": 30000}, ("2000000000000", "20000")),
        ({"X-Budget-FLOPs": "9P", "X-Budget-Latency-Ms": "9e9"}, None, ("5000000000000", "50000")),
        ({ENVOY: "10000"}, None, ("2000000000000", "10000")),
        ({ENVOY: "10000"}, {"latency_ms": 30000}, ("2000000000000", "10000")),
        ({ENVOY: "10000"}, {"latency_ms": 9000}, ("2000000000000", "9000")),
        ({ENVOY: "soon"}, None, ("2000000000000", "40000")),
        ({"X-Budget-Latency-Ms": "12345.678"}, None, ("2000000000000", "12345.678")),
        ({"X-Budget-FLOPs": "1234567890123.4"}, None, ("1234567890123.4", "40000")),
    ],
)
async def test_header_over_body_over_configuration_and_the_operators_cap(
    headers: dict[str, str], body: Any, expected: tuple[str, str]
) -> None:
    defaults = {"flops": 2e12, "latency_ms": 40000}
    caps = {"flops": 5e12, "latency_ms": 50000}
    async with world(default_budget=defaults, max_budget=caps) as w:
        answer = await w.complete(headers=headers, budget=body)
        assert answer.status_code == 200, answer.text
        echoed = answer.headers["x-budget-flops"], answer.headers["x-budget-latency-ms"]
        assert tuple(map(float, echoed)) == tuple(map(float, expected))


async def test_the_policy_of_the_header_wins_and_is_echoed() -> None:
    policies = {"two": {"kind": "best_of_n", "n": 2}}
    async with world(policies=policies) as w:
        ask = {"budget": {"policy": "single"}}
        answer = await w.complete(headers={"X-Budget-Policy": "two"}, **ask)
        assert answer.headers["x-budget-policy"] == "two"
        assert answer.headers["x-router-plan"] == "small*2+nll"
        assert (await w.complete(**ask)).headers["x-budget-policy"] == "single"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("n", [1, 2])
async def test_no_token_by_the_deadline_is_a_504(stream: bool, n: int) -> None:
    async with world(large=FakeUpstream(silent())) as w:
        answer = await w.complete(budget=SOON, stream=stream, n=n)
        assert answer.status_code == 504
        assert answer.json()["error"]["code"] == "deadline_exceeded"
        assert answer.headers["x-should-retry"] == "false"
        # On a busy machine the time may be up before the draw.
        for call in w.large.calls:
            await eventually(call.closed_by_client.is_set)


async def test_a_proxys_timeout_is_a_deadline() -> None:
    async with world(large=FakeUpstream(silent())) as w:
        answer = await w.complete(headers={ENVOY: "100"})
        assert answer.status_code == 504


async def soon(
    ask: Callable[..., Awaitable[Any]], enough: Callable[[Any], bool] | None = None, **fields: Any
) -> Any:
    """The answer under a deadline that is near, but leaves the time for a beginning.

    `enough` says of an answer's router object whether that beginning is what the test is about.
    """
    for latency_ms in (150, 1000, 5000, 25000):
        answer = await ask(budget={"latency_ms": latency_ms}, **fields)
        if answer.status_code != 504 and (enough is None or enough(router_of(answer))):
            break
    assert answer.status_code == 200, answer.text
    return answer


def router_of(answer: Any) -> Any:
    """The router object of an answer or of a stream's last chunk."""
    if answer.headers["content-type"] == "application/json":
        return answer.json()["router"]
    return events(answer.text)[-2]["router"]


def counted(large: FakeUpstream) -> Callable[[Any], bool]:
    """Whether there was the time to count the prompt, for which a bound stands else."""
    return lambda router: bool(
        router["commands"][0]["prompt_tokens"] == large.calls[-1].prompt_tokens
    )


async def test_tokens_that_cannot_be_counted_in_time_keep_nobody_from_an_answer() -> None:
    async def tokenizer(call: Call, server: FakeUpstream) -> None:
        await asyncio.Event().wait()

    hanging = FakeUpstream(answering(), tokenizer=tokenizer)
    async with world(small=hanging, large=hanging) as w:
        await soon(w.complete)


async def test_counting_has_a_share_of_the_time_and_the_whole_ends_before_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the clock of whoever received the request, which no machine is too slow for."""
    given = []
    count = Upstream.count_tokens

    async def counting(server: Upstream, prompt: Prompt, within_s: float) -> PromptLength:
        given.append(within_s)
        return await count(server, prompt)

    monkeypatch.setattr(Upstream, "count_tokens", counting)
    async with world() as w:
        received = asyncio.get_running_loop().time() + 1000
        for latency_ms, share_s, margin_s in ((100, 0.025, 0.005), (20_000, 5, 0.02)):
            given.clear()
            asked = BudgetRequest(Budget(latency_ms=latency_ms), "single", given=True)
            request = RouteRequest(SampleRequest(TextPrompt("def f(x):\n")), asked)
            prepared = await w.service.gateway.prepare(request, received)
            assert prepared.deadline == pytest.approx(received + latency_ms / 1000 - margin_s)
            assert given
            assert given == pytest.approx([share_s] * len(given))
            with pytest.raises(DeadlineExceeded):
                await w.service.gateway.prepare(request, received - 1000 - latency_ms / 1000)


async def test_a_budget_that_is_over_at_once_draws_nothing() -> None:
    async with world() as w:
        answer = await w.complete(budget={"latency_ms": 1e-6})
        assert answer.status_code == 504
        await eventually(lambda: w.active == 0)
        assert not w.large.calls


async def one_of_two(call: Call, server: FakeUpstream) -> None:
    """The first sample ends, the second never does."""
    await call.token(0, "whole", server)
    await call.token(1, "cut", server)
    await call.finish(0, "stop", server)
    await asyncio.Event().wait()


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_finished_by_the_deadline_comes_marked(stream: bool) -> None:
    async with world(large=FakeUpstream(one_of_two)) as w:
        answer = await soon(w.complete, counted(w.large), n=2, explain=True, stream=stream)
        if stream:
            *chunks, last, _ = events(answer.text)
            router = last["router"]
            assert texts([*chunks, last]) == "whole"
        else:
            router = answer.json()["router"]
            assert [c["text"] for c in answer.json()["choices"]] == ["whole"]
        assert router["stopped_by"] == "deadline"
        assert router["verdict"] == "unverified"
        assert [c["finish_reason"] for c in router["candidates"]] == ["stop", "cancelled"]
        assert [c["chosen"] for c in router["candidates"]] == [True, False]
        used = w.cost.draw("large", 4, [1, 1])
        assert router["flops_used"] == pytest.approx(used, rel=1e-12)


def saying(*tokens: tuple[int, str]) -> Play:
    """These tokens of these choices, and then nothing any more."""

    async def play(call: Call, server: FakeUpstream) -> None:
        for index, text in tokens:
            await call.token(index, text, server)
        await asyncio.Event().wait()

    return play


def said(answer: Any) -> tuple[list[str], list[str]]:
    """What the choices of an answer say and how they end, streamed or not."""
    if answer.headers["content-type"] == "application/json":
        choices = answer.json()["choices"]
        return [c["text"] for c in choices], [c["finish_reason"] for c in choices]
    chunks = events(answer.text)[:-1]
    endings = [c["finish_reason"] for chunk in chunks for c in chunk["choices"]]
    count = 1 + max(c["index"] for chunk in chunks for c in chunk["choices"])
    return [texts(chunks, at) for at in range(count)], [each for each in endings if each]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tests", [None, TESTS])
async def test_where_nothing_was_finished_the_beginnings_go_out(stream: bool, tests: Any) -> None:
    """The longest first, marked as cut, paid for, and never judged."""
    backend = ScriptedBackend()
    play = saying((0, "a"), (1, "b"), (1, "c"))
    async with world(large=FakeUpstream(play), backend=backend) as w:
        ask = {"model": "large", "n": 2, "explain": True, "stream": stream, "tests": tests}
        answer = await soon(w.complete, counted(w.large), **ask)
        assert said(answer) == (["bc", "a"], ["length", "length"])
        router = router_of(answer)
        assert (router["stopped_by"], router["verdict"]) == ("deadline", "unverified")
        assert router["selected_by"] == "longest"
        assert [c["partial"] for c in router["candidates"]] == [True, True]
        assert [c["chosen"] for c in router["candidates"]] == [True, True]
        assert router["flops_used"] == pytest.approx(w.cost.draw("large", 4, [1, 2]), rel=1e-12)
        assert sum(c["flops"] for c in router["candidates"]) == pytest.approx(router["flops_used"])
        assert not backend.programs
        await eventually(w.large.calls[-1].closed_by_client.is_set)
        if not stream:
            assert answer.json()["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("path", ["complete", "chat"])
async def test_what_there_is_of_one_sample_goes_out_whole(path: str) -> None:
    async with world(large=FakeUpstream(stalling(3))) as w:
        answer = await soon(getattr(w, path))
        (choice,) = answer.json()["choices"]
        text = choice["text"] if path == "complete" else choice["message"]["content"]
        assert (text, choice["finish_reason"]) == ("x = 1\n" * 3, "length")
        assert answer.headers["x-router-selected-by"] == "single"
        assert answer.headers["x-router-verdict"] == "unverified"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("tokens", "suffix", "sent"),
    [
        (["a = f(\n    1,", "\n", "    2"], "\nb", "a = f(\n    1,"),
        (["    a = f(\n    1,", "\n", "    2"], "    b", "    a = f(\n    1,\n"),
        (["a = 1\r\n", "b = "], "\r\nc", "a = 1"),
        (["a = 1\n", "b = 2\n"], "\nc", "a = 1\nb = 2"),
        (["a = ", "f("], "\nc", "a = f("),
        (["\n", "a = "], "\nc", "\na = "),
    ],
)
async def test_between_two_pieces_of_code_it_ends_with_a_line(
    stream: bool, tokens: list[str], suffix: str, sent: str
) -> None:
    play = saying(*((0, token) for token in tokens))
    models = {"large": {"fim": "qwen2.5-coder-0.5b"}}
    async with world(large=FakeUpstream(play), models=models) as w:
        ask = {"model": "large", "suffix": suffix, "stream": stream, "logprobs": 1}
        answer = await soon(w.complete, **ask)
        assert said(answer) == ([sent], ["length"])


async def test_a_beginning_that_has_gone_on_into_the_suffix_is_whole() -> None:
    play = saying((0, "a = 1\n"), (0, "print(a)\n"), (0, "prin"))
    models = {"large": {"fim": "qwen2.5-coder-0.5b"}}
    async with world(large=FakeUpstream(play), models=models) as w:
        suffix = "print(a)\nprint(b)\n"
        answer = await soon(w.complete, model="large", prompt="", suffix=suffix, explain=True)
        assert said(answer) == (["a = 1\n"], ["stop"])
        (candidate,) = answer.json()["router"]["candidates"]
        assert (candidate["trimmed"], candidate["partial"]) == ("print(a)\nprin", False)
        assert candidate["completion_tokens"] == 3


async def test_a_stream_between_two_pieces_of_code_says_all_that_was_finished() -> None:
    """Held back line by line, so that it can be cut; and whole in the end."""
    said_ = ["a", " = f(\n", "1,\n\n", "2)", "\n"]
    models = {"large": {"fim": "qwen2.5-coder-0.5b"}}
    async with world(large=FakeUpstream(answering(lambda *_: said_)), models=models) as w:
        for budget in (None, {"latency_ms": 60_000}):
            ask = {"model": "large", "suffix": "\nb", "stream": True, "logprobs": 1}
            answer = await w.complete(budget=budget, **ask)
            chunks = events(answer.text)[:-1]
            assert texts(chunks) == "".join(said_)
            lists = [c["logprobs"] for chunk in chunks for c in chunk["choices"]]
            assert [t for one in lists if one for t in one["tokens"]] == said_


async def test_a_verdict_that_is_late_leaves_the_answer_unverified() -> None:
    backend = ScriptedBackend(gate=asyncio.Event())
    async with world(backend=backend) as w:
        answer = await soon(w.complete, tests=TESTS)
        assert answer.headers["x-router-verdict"] == "unverified"
        assert backend.running == 0


@pytest.mark.parametrize("path", ["complete", "chat"])
async def test_a_deadline_in_mid_stream_ends_it_with_length(path: str) -> None:
    async with world(large=FakeUpstream(endless())) as w:
        usage = {"include_usage": True}
        ask = getattr(w, path)
        fields = {"stream": True, "max_tokens": 10**6, "stream_options": usage}
        answer = await soon(ask, counted(w.large), **fields)
        *chunks, ending, last, done = events(answer.text)
        assert done == "[DONE]"
        assert ending["choices"][0]["finish_reason"] == "length"
        assert not any("error" in chunk for chunk in chunks)
        assert last["router"]["stopped_by"] == "deadline"
        said = texts(chunks).count("x = 1\n")
        assert said > 0
        (command,) = last["router"]["commands"]
        assert command["completion_tokens"] == [said]
        assert last["usage"]["completion_tokens"] == said
        assert last["usage"]["prompt_tokens"] == w.large.calls[0].prompt_tokens
        await eventually(w.large.calls[-1].closed_by_client.is_set)


@pytest.mark.parametrize("error", [QueueFull("full"), SandboxUnavailable("no namespaces left")])
async def test_a_fault_of_the_sandbox_is_never_the_candidates(error: Exception) -> None:
    async with world(backend=ScriptedBackend(error=error)) as w:
        answer = await w.complete(tests=TESTS, explain=True)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-router-verdict"] == "unverified"
        judged = answer.json()["router"]["candidates"]
        assert {(c["verdict"], c["status"]) for c in judged} == {("unverified", "internal_error")}


async def test_a_fault_of_ours_is_one_also_where_the_deadline_ends_the_plan() -> None:
    async def scene(latency_s: float) -> bool:
        broken = ScriptedBackend(error=KeyError("a bug"))
        async with world(large=FakeUpstream(silent()), backend=broken) as w:
            budget = {"latency_ms": 1000 * latency_s, "policy": "cascade"}
            answer = await w.complete(tests=TESTS, budget=budget)
            if not w.large.calls:  # nor was the small model's answer judged, it may be
                return False
            is_error(answer, 500, "internal_error")
            assert w.metric("router_upstream_failures_total", model="small") == 0
        return True

    await longer(scene, 0.5, 2.0, 10.0)


async def test_a_pass_of_less_integrity_than_was_asked_for_is_no_pass() -> None:
    shared = Report(Status.PASSED, Integrity.SHARED)
    async with world(backend=ScriptedBackend(report=shared)) as w:
        strict = await w.complete(tests=TESTS | {"min_integrity": "isolated"})
        assert strict.headers["x-router-verdict"] == "unverified"
        passed = await w.complete(tests=TESTS)
        assert passed.headers["x-router-verdict"] == "passed"
        assert passed.headers["x-router-integrity"] == "shared"


async def test_limits_reach_the_sandbox_under_the_operators_caps() -> None:
    backend = ScriptedBackend()
    caps = {"caps": {"wall_s": 5}}
    async with world(backend=backend, sandbox=caps) as w:
        await w.complete(tests=TESTS | {"limits": {"wall_s": 99, "memory_bytes": 2**20}})
        assert (backend.limits[0].wall_s, backend.limits[0].memory_bytes) == (5, 2**20)


async def test_the_flops_budget_decides_between_the_models() -> None:
    async with world() as w:
        large = w.cost.ceiling("large", 4, 1, 64)
        for flops, model in ((large, "large"), (large * (1 - 1e-9), "small")):
            answer = await w.complete(budget={"flops": flops})
            assert answer.headers["x-router-model"] == model
            assert float(answer.headers["x-budget-flops-used"]) <= flops


async def test_a_failed_call_is_paid_from_the_same_budget() -> None:
    async with world(large=FakeUpstream(failing(500)), small=FakeUpstream(answering())) as w:
        flops = w.cost.ceiling("large", 4, 1, 64)
        answer = await w.complete(budget={"flops": flops}, explain=True)
        router = answer.json()["router"]
        assert [c["model"] for c in router["commands"]] == ["large", "small"]
        assert router["flops_used"] <= flops
        remaining = flops - router["commands"][0]["flops"]
        assert router["commands"][1]["flops_reserved"] <= remaining


@pytest.mark.parametrize("stream", [False, True])
async def test_the_largest_model_that_was_seen_to_be_fast_enough_answers(stream: bool) -> None:
    def says(call: Call, index: int) -> list[str]:
        return ["x"] * 30

    async def scene(pause: float) -> bool:
        slow, fast = FakeUpstream(answering(says, pause=pause)), FakeUpstream(answering(says))
        async with world(small=fast, large=slow) as w:
            for model in ("small", "large"):
                assert (await w.complete(model=model)).status_code == 200
            for latency_ms, model in ((20_000 * pause, "small"), (600_000, "large")):
                budget = {"latency_ms": latency_ms}
                answer = await w.complete(budget=budget, max_tokens=30, explain=True, stream=stream)
                if answer.status_code != 200 and model == "small":
                    return False
                router = router_of(answer)
                assert [c["model"] for c in router["commands"]] == [model]
                assert router["forecast"]["large"]["token_ms"] > 900 * pause
                assert router["forecast"]["large"]["busy"] == 0
                assert router["commands"][0]["forecast_ms"] > 0
            router = router_of(await w.complete(explain=True, max_tokens=2))
            assert router["forecast"] == {}
            assert router["commands"][0]["forecast_ms"] is None
        return True

    await longer(scene, 0.1, 0.5, 1.5)


async def test_what_a_model_has_read_is_expected_in_its_cache() -> None:
    prompt = "".join(f"line {at}\n" for at in range(60))
    async with world() as w:
        for _ in range(2):
            assert (await w.complete(prompt=prompt, model="large")).status_code == 200
        asked = {"budget": {"latency_ms": 600_000}, "explain": True}
        found = [
            router_of(await w.complete(prompt=text, model="large", **asked))["forecast"]["large"][
                "cached"
            ]
            for text in (prompt, prompt + "typed", "another" + prompt)
        ]
    assert found[0] > 0.95
    assert 0.5 < found[1] < found[0]
    assert found[2] == 0


async def test_the_operators_figures_decide_before_anything_was_seen() -> None:
    pace = {"tokens_per_second": {1: 0.5}, "prompt_tokens_per_second": 1000}
    async with world(models={"large": {"pace": pace}}) as w:
        answer = await w.complete(budget={"latency_ms": 60_000}, max_tokens=64, explain=True)
        router = router_of(answer)
        assert [c["model"] for c in router["commands"]] == ["small"]
        assert router["forecast"]["large"]["token_ms"] == 2000
        assert "small" not in router["forecast"]
        answer = await w.complete(budget={"latency_ms": 600_000}, max_tokens=64, explain=True)
        assert router_of(answer)["commands"][0]["model"] == "large"
