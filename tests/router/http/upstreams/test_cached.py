"""Prompts that a server had in its cache: what they cost, and who is told."""

import math
from typing import Any

import pytest
from fake_upstream import ANSWER, Call, FakeUpstream, Kind, Play, answering, endless, in_turn
from http_world import PROMPT, TESTS, ScriptedBackend, World, events, eventually, longer, world

pytestmark = pytest.mark.anyio
KINDS: list[Kind] = ["llama.cpp", "vllm"]
LONG = PROMPT * 8  # 30 tokens of the fakes


def telling(cached: object) -> Play:
    """Say so of the cache."""

    async def play(call: Call, server: FakeUpstream) -> None:
        call.cached_tokens = cached
        await answering()(call, server)

    return play


def router_of(answer: Any, *, stream: bool) -> dict[str, Any]:
    """The `router` object of an answer, with its figures checked."""
    router: dict[str, Any] = (
        events(answer.text)[-2]["router"] if stream else answer.json()["router"]
    )
    told = [command["cached_tokens"] for command in router["commands"]]
    assert router["cached_tokens"] == sum(count or 0 for count in told)
    for command in router["commands"]:
        mine = [c for c in router["candidates"] if c["ticket"] == command["ticket"]]
        assert {c["cached_tokens"] for c in mine} == {command["cached_tokens"]}
    shares = math.fsum(c["flops"] for c in router["candidates"])
    assert shares == pytest.approx(router["flops_used"], rel=1e-12)
    return router


def spent(w: World, n: int, cached: int) -> Any:
    flops = w.cost.draw("small", len(LONG) // 4, [len(ANSWER)] * n, cached)
    return pytest.approx(flops, rel=1e-12)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_second_draw_of_a_prompt_pays_for_what_is_computed(
    kind: Kind, stream: bool, chat: bool, n: int
) -> None:
    small = FakeUpstream(answering(), kind)
    async with world(small) as w:
        ask = w.chat if chat else w.complete
        prompt = {"messages": [{"role": "user", "content": LONG}]} if chat else {"prompt": LONG}
        asked = {"model": "small", "n": n, "temperature": 0.5, "explain": True, **prompt}
        first = router_of(await ask(stream=stream, **asked), stream=stream)
        answer = await ask(stream=stream, stream_options={"include_usage": True}, **asked)
        router = router_of(answer, stream=stream)
        tokens = small.calls[1].prompt_tokens
        assert (first["cached_tokens"], router["cached_tokens"]) == (0, tokens - 1)
        whole, rest = (
            w.cost.draw("small", tokens, [len(ANSWER)] * n, cached) for cached in (0, tokens - 1)
        )
        assert first["flops_used"] == pytest.approx(whole, rel=1e-12)
        assert router["flops_used"] == pytest.approx(rest, rel=1e-12)
        chunks = events(answer.text)[:-1] if stream else [answer.json()]
        (usage,) = [chunk["usage"] for chunk in chunks if "usage" in chunk]
        assert usage["prompt_tokens"] == tokens
        assert usage["prompt_tokens_details"] == {"cached_tokens": tokens - 1}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("told", "counted", "misreported"),
    [(10**6, 29, 1), (30, 29, 0), (-1, 0, 1), ("29", 0, 1), (True, 0, 1), (math.nan, 0, 1)],
)
async def test_a_cache_that_cannot_be_is_set_right_and_is_no_error(
    kind: Kind, told: object, counted: int, misreported: int
) -> None:
    async with world(FakeUpstream(telling(told), kind)) as w:
        answer = await w.complete(model="small", prompt=LONG, explain=True)
        assert answer.status_code == 200, answer.text
        router = router_of(answer, stream=False)
        assert router["cached_tokens"] == counted
        assert router["flops_used"] == spent(w, 1, counted)
        assert w.metric("router_cache_misreports_total", model="small") == misreported


async def test_a_server_that_does_not_say_computes_all_and_nothing_is_told_of_it() -> None:
    async with world(FakeUpstream(telling(None), "vllm")) as w:
        answer = await w.complete(model="small", prompt=LONG, explain=True)
        router = router_of(answer, stream=False)
        assert router["commands"][0]["cached_tokens"] is None
        assert router["flops_used"] == spent(w, 1, 0)
        assert "prompt_tokens_details" not in answer.json()["usage"]


@pytest.mark.parametrize("kind", KINDS)
async def test_metrics_tell_computed_and_cached_apart(kind: Kind) -> None:
    async with world(FakeUpstream(answering(), kind)) as w:
        for _ in range(3):
            await w.complete(model="small", prompt=LONG, n=2, temperature=0.5)
        computed, cached = (
            w.metric("router_prompt_tokens_total", model="small", source=source)
            for source in ("computed", "cached")
        )
        assert (computed, cached) == (30 + 1 + 1, 29 + 29)


async def test_a_draw_that_is_stopped_pays_for_no_more_of_its_prompt() -> None:
    """llama.cpp says at the beginning what it computes, so that a cut draw is settled by it."""

    async def scene(seconds: float) -> bool:
        small = FakeUpstream(in_turn(answering(), endless()))
        async with world(small) as w:
            await w.complete(model="small", prompt=LONG)
            asked = {"model": "small", "prompt": LONG, "explain": True, "max_tokens": 50_000}
            answer = await w.complete(**asked, budget={"latency_ms": 1000 * seconds})
            if began := answer.status_code == 200:
                router = router_of(answer, stream=False)
                assert router["stopped_by"] == "deadline"
                assert router["cached_tokens"] == 29
                tokens = router["commands"][0]["completion_tokens"]
                assert router["flops_used"] == w.cost.draw("small", 30, tokens, 29)
        return began

    await longer(scene, 0.3, 2.0, 10.0)


async def test_samples_of_a_pass_that_ends_a_draw_early_share_what_was_computed() -> None:
    def says(_call: Any, index: int) -> Any:
        return ANSWER if index == 0 else ["x = 1\n"] * 999

    backend = ScriptedBackend(lambda source: "a + b" in source)
    small = FakeUpstream(answering(says, pause=0.001))
    async with world(small, backend=backend) as w:
        asked = {"model": "small", "prompt": LONG, "tests": TESTS, "explain": True}
        await w.complete(**asked, max_tokens=4)
        answer = await w.complete(**asked, max_tokens=999)
        router = router_of(answer, stream=False)
        assert router["verdict"] == "passed"
        assert router["cached_tokens"] == 29
        tokens = router["commands"][0]["completion_tokens"]
        flops = w.cost.draw("small", 30, tokens, 29)
        assert router["flops_used"] == pytest.approx(flops, rel=1e-12)
        await eventually(lambda: all(call.ended.is_set() for call in small.calls))


async def test_an_echoed_prompt_was_computed_whatever_is_said_of_a_cache() -> None:
    async with world(FakeUpstream(telling(29), "vllm")) as w:
        for max_tokens in (0, 4):
            answer = await w.complete(
                model="small",
                prompt=LONG,
                echo=True,
                logprobs=1,
                max_tokens=max_tokens,
                explain=True,
            )
            router = router_of(answer, stream=False)
            assert router["cached_tokens"] == 0
            scored = w.cost.score("small", 0, 30) + w.cost.decode("small", 30, max_tokens)
            assert router["flops_used"] == pytest.approx(scored, rel=1e-12)


async def test_infill_tells_what_was_read_and_what_was_cached() -> None:
    models = {"small": {"fim": "qwen"}}
    async with world(models=models) as w:
        asked = {"input_prefix": LONG, "input_suffix": "\n", "n_predict": 4, "model": "small"}
        for again in (False, True):
            told = (await w.client.post("/infill", json=asked)).json()
            tokens = told["tokens_evaluated"]
            assert told["timings"]["cache_n"] == (tokens - 1 if again else 0)
            assert told["timings"]["prompt_n"] == (1 if again else tokens)
