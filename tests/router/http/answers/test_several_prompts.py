"""Requests of several prompts: a plan each, one budget, choices in order."""

import asyncio
import json
import math
from typing import Any

import pytest
from fake_upstream import (
    ANSWER,
    FakeUpstream,
    Play,
    answering,
    failing,
    in_turn,
    pieces,
    silent,
    stalling,
)
from http_world import (
    COMPLETIONS,
    TESTS,
    ScriptedBackend,
    World,
    events,
    eventually,
    is_error,
    longer,
    texts,
    untouched,
    world,
)

from router.plan.paying.shares import ROUNDING

pytestmark = pytest.mark.anyio
PROMPTS = ["def add(a, b):\n", "def mul(a, b, c, d):\n", "x = "]


def says(call: Any, index: int) -> tuple[str, ...]:
    """The prompt's own answer, so that it can be told whose it is."""
    return ("of ", call.body["prompt"].strip(), f" {index}")


def said(prompt: str, index: int = 0) -> str:
    return f"of {prompt.strip()} {index}"


def answerer() -> FakeUpstream:
    return FakeUpstream(answering(says))


async def test_every_prompt_has_its_choice_in_order_and_usage_is_summed() -> None:
    async with world(large=answerer()) as w:
        answer = await w.complete(prompt=PROMPTS)
        assert answer.status_code == 200, answer.text
        choices = answer.json()["choices"]
        assert [choice["index"] for choice in choices] == [0, 1, 2]
        assert [choice["text"] for choice in choices] == [said(prompt) for prompt in PROMPTS]
        prompt_tokens = sum(len(pieces(prompt)) for prompt in PROMPTS)
        usage = answer.json()["usage"]
        assert usage == {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": 9,
            "total_tokens": prompt_tokens + 9,
            "prompt_tokens_details": {"cached_tokens": 0},
        }
        assert len(w.large.calls) == 3


async def test_choice_j_of_prompt_i_has_the_number_that_openai_gives_it() -> None:
    async with world(large=answerer()) as w:
        answer = await w.complete(prompt=PROMPTS, n=2, temperature=0.5)
        choices = answer.json()["choices"]
        assert [choice["index"] for choice in choices] == list(range(6))
        for at, prompt in enumerate(PROMPTS):
            mine = {choice["text"] for choice in choices[2 * at : 2 * at + 2]}
            assert mine == {said(prompt, 0), said(prompt, 1)}
        streamed = await w.complete(prompt=PROMPTS, n=2, temperature=0.5, stream=True)
        chunks = events(streamed.text)
        for at, prompt in enumerate(PROMPTS):
            mine = {texts(chunks, 2 * at), texts(chunks, 2 * at + 1)}
            assert mine == {said(prompt, 0), said(prompt, 1)}


async def test_a_stream_of_several_prompts_ends_each_choice_once() -> None:
    async with world(large=answerer()) as w:
        answer = await w.complete(prompt=PROMPTS, stream=True, explain=True)
        *chunks, done = events(answer.text)
        assert done == "[DONE]"
        for at, prompt in enumerate(PROMPTS):
            assert texts(chunks, at) == said(prompt)
            ends = [
                choice["finish_reason"]
                for chunk in chunks
                for choice in chunk["choices"]
                if choice["index"] == at and choice["finish_reason"]
            ]
            assert ends == ["stop"]
        assert all(chunk["choices"] for chunk in chunks)
        assert ["router" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert len(chunks[-1]["router"]["prompts"]) == 3


async def test_usage_of_a_stream_comes_once_for_all_prompts() -> None:
    async with world(large=answerer()) as w:
        wanted = {"stream": True, "stream_options": {"include_usage": True}}
        plain = (await w.complete(prompt=PROMPTS)).json()
        *chunks, _ = events((await w.complete(prompt=PROMPTS, **wanted)).text)
        again = sum(len(pieces(prompt)) - 1 for prompt in PROMPTS)
        cached = {"prompt_tokens_details": {"cached_tokens": again}}
        assert [chunk["usage"] for chunk in chunks if "usage" in chunk] == [plain["usage"] | cached]
        assert chunks[-1]["choices"] == []


async def test_headers_are_of_the_whole_request() -> None:
    async with world(large=answerer()) as w:
        answer = await w.complete(prompt=PROMPTS, budget={"flops": 1e12, "latency_ms": 60_000})
        headers = answer.headers
        assert headers["x-router-plan"] == "large*3"
        assert headers["x-router-model"] == "large"
        assert headers["x-router-samples"] == "3"
        assert headers["x-router-selected-by"] == "single"
        assert headers["x-router-verdict"] == "unverified"
        assert headers["x-budget-flops"] == "1000000000000"
        assert headers["x-budget-latency-ms"] == "60000"
        flops = sum(w.cost.draw("large", len(pieces(prompt)), [3]) for prompt in PROMPTS)
        assert float(headers["x-budget-flops-used"]) == pytest.approx(flops, rel=1e-12)
        assert headers["x-request-id"]
        assert "x-router-overhead-ms" not in headers


async def test_explain_adds_up_over_the_prompts() -> None:
    async with world(large=answerer()) as w:
        answer = await w.complete(prompt=PROMPTS, explain=True, budget={"flops": 1e12})
        router = answer.json()["router"]
        each = router["prompts"]
        assert router["flops_used"] == float(answer.headers["x-budget-flops-used"])
        assert math.fsum(part["flops_used"] for part in each) == router["flops_used"]
        assert router["budget"]["flops"] == 1e12
        for part in each:
            assert part["flops_used"] <= part["budget"]["flops"] <= 1e12
            assert part["commands"][0]["flops_reserved"] <= part["budget"]["flops"]


def least(w: World, prompts: list[str], max_tokens: int) -> float:
    tokens = min(max_tokens, 32)
    each = [w.cost.ceiling("small", len(pieces(prompt)), 1, tokens) for prompt in prompts]
    return math.fsum(each) * (1 + len(each) * ROUNDING)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("part", [1.0, 1.001, 1.5, 2, 5, 1000])
async def test_all_prompts_together_spend_no_more_than_the_budget(
    part: float, stream: bool
) -> None:
    # Every answer goes to its limit, so that what is held is spent.
    long = FakeUpstream(answering(lambda call, index: ["x"] * 1000))
    prompts = [*PROMPTS, "a" * 400] * 4
    async with world(long, FakeUpstream(answering(lambda call, index: ["x"] * 1000))) as w:
        budget = part * least(w, prompts, 64)
        answer = await w.complete(
            prompt=prompts, max_tokens=64, budget={"flops": budget}, explain=True, stream=stream
        )
        assert answer.status_code == 200, answer.text
        router = events(answer.text)[-2]["router"] if stream else answer.json()["router"]
        assert len(router["prompts"]) == len(prompts)
        assert router["flops_used"] <= budget
        counted = sum(
            w.cost.draw(up, call.prompt_tokens, call.tokens, call.cached_tokens)
            for up, fake in (("small", w.small), ("large", w.large))
            for call in fake.calls
        )
        assert counted <= budget


def least_said(error: dict[str, Any]) -> float:
    """The FLOPs that a refusal says would do."""
    return float(error["message"].split("is ")[-1].split(" FLOPs")[0])


async def test_a_budget_short_of_the_least_says_the_least_of_all_prompts() -> None:
    async with world() as w:
        needed = least(w, PROMPTS, 64)
        refused = await w.complete(prompt=PROMPTS, budget={"flops": 0.99 * needed})
        error = is_error(refused, 400, "budget_too_small")
        untouched(w)
        assert least_said(error) == pytest.approx(needed, rel=1e-8)
        again = await w.complete(prompt=PROMPTS, budget={"flops": least_said(error)})
        assert again.status_code == 200


async def test_the_least_that_is_said_does_where_prompts_are_scored_too() -> None:
    scoring = FakeUpstream(answering(), "vllm", scorer=answering())
    async with world(scoring) as w:
        fields = {"model": "small", "prompt": ["def add(a, b):\n" * 40] * 2, "prompt_logprobs": 0}
        refused = await w.complete(budget={"flops": 1}, **fields)
        least = least_said(is_error(refused, 400, "budget_too_small"))
        answer = await w.complete(budget={"flops": least}, **fields)
        assert answer.status_code == 200, answer.text


async def test_what_one_prompt_leaves_over_belongs_to_the_next() -> None:
    prompts = ["x = "] * 40
    async with world() as w:
        whole = w.cost.ceiling("large", 1, 1, 512)
        used = w.cost.draw("large", 1, [len(ANSWER)])
        # Enough for what is held at once, and far too little for forty ceilings.
        budget = 16 * whole + 40 * used
        assert budget < 40 * whole
        answer = await w.complete(
            prompt=prompts, max_tokens=512, budget={"flops": budget}, explain=True
        )
        shares = [part["budget"]["flops"] for part in answer.json()["router"]["prompts"]]
        assert max(shares[20:]) > max(shares[:8])


async def test_only_a_few_plans_run_at_once() -> None:
    async with world(large=FakeUpstream(silent()), models={"small": {}}) as w:
        connection = await w.open(model="large", prompt=["x"] * 100)
        await eventually(lambda: len(w.large.calls) >= 8)
        await asyncio.sleep(0.05)
        assert len(w.large.calls) == 8
        assert w.active == 1
        await connection.close()
        await eventually(lambda: w.active == 0)
        assert len(w.large.calls) == 8


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_away_stops_all_of_its_plans(stream: bool) -> None:
    async with world(large=FakeUpstream(silent())) as w:
        connection = await w.open(model="large", prompt=PROMPTS, stream=stream)
        await eventually(lambda: len(w.large.calls) == 3)
        await connection.close()
        await eventually(lambda: all(call.closed_by_client.is_set() for call in w.large.calls))
        await eventually(lambda: w.errors("client_gone") == 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_one_that_fails_fails_the_request_and_stops_the_others(stream: bool) -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        which = failing(500) if call.body["prompt"] == PROMPTS[1] else silent()
        await which(call, server)

    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete(model="large", prompt=PROMPTS, stream=stream)
        is_error(answer, 502, "upstream_unavailable")
        assert w.errors("upstream_unavailable") == 1


async def test_one_that_fails_in_a_stream_ends_it_with_an_error() -> None:
    failed = asyncio.Event()

    async def play(call: Any, server: FakeUpstream) -> None:
        if call.body["prompt"] == PROMPTS[0]:
            await call.token(0, "x", server)
            await failed.wait()
            await call.raw(b'40\r\ndata: {"choices": [')
            call.writer.close()
        else:
            await silent()(call, server)

    async with world(large=FakeUpstream(play)) as w:
        connection = await w.open(model="large", prompt=PROMPTS, stream=True)
        await connection.until(b'"text":"x"')
        failed.set()
        rest = await connection.until(b"[DONE]")
        assert b'"upstream_unavailable"' in rest
        await connection.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_prompts_that_the_deadline_left_out_are_cut_to_nothing(stream: bool) -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        which = answering(says) if call.body["prompt"] == PROMPTS[1] else silent()
        await which(call, server)

    await cut_to(["", said(PROMPTS[1]), ""], play, stream=stream)


@pytest.mark.parametrize("stream", [False, True])
async def test_prompts_keep_their_places_where_answers_are_missing(stream: bool) -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        if call.body["prompt"] == PROMPTS[1]:
            return await answering(says)(call, server)
        await call.open(server)
        await call.token(0, "alone", server, "stop")
        return await silent()(call, server)

    async def scene(seconds: float) -> bool:
        async with world(large=FakeUpstream(play)) as w:
            answer = await w.complete(
                model="large",
                prompt=PROMPTS,
                n=2,
                temperature=0.5,
                stream=stream,
                budget={"latency_ms": 1000 * seconds},
            )
            if answer.status_code == 504:
                return False
            chunks = events(answer.text)[:-1] if stream else [answer.json()]
            choices = [choice for chunk in chunks for choice in chunk["choices"]]
            ends = {c["index"]: c["finish_reason"] for c in choices if c["finish_reason"]}
            found = ["".join(c["text"] for c in choices if c["index"] == at) for at in range(6)]
            mine = {said(PROMPTS[1], 0), said(PROMPTS[1], 1)}
            assert set(found[2:4]) == mine
            assert (found[0], found[1], found[4], found[5]) == ("alone", "", "alone", "")
            reasons = ["stop", "length", "stop", "stop", "stop", "length"]
            assert [ends[at] for at in range(6)] == reasons
            return True

    await longer(scene, 1.5, 8.0, 40.0)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_that_was_left_out_is_echoed_like_the_others(stream: bool) -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        which = answering(says) if call.body["prompt"] == PROMPTS[1] else silent()
        await which(call, server)

    whole = [PROMPTS[0], PROMPTS[1] + said(PROMPTS[1]), PROMPTS[2]]
    await cut_to(whole, play, stream=stream, echo=True)


async def cut_to(expected: list[str], play: Play, *, stream: bool, **fields: Any) -> None:
    """Assert what is answered at the deadline, where the second prompt alone ends before."""

    async def scene(seconds: float) -> bool:
        async with world(large=FakeUpstream(play)) as w:
            budget = {"latency_ms": 1000 * seconds}
            answer = await w.complete(
                **(fields | {"model": "large", "prompt": PROMPTS, "stream": stream}), budget=budget
            )
            if answer.status_code == 504:
                return False
            assert answer.status_code == 200, answer.text
            if stream:
                chunks = events(answer.text)
                found = [texts(chunks, at) for at in range(3)]
                choices = [choice for chunk in chunks[:-1] for choice in chunk["choices"]]
            else:
                choices = answer.json()["choices"]
                found = [choice["text"] for choice in choices]
            ends = {c["index"]: c["finish_reason"] for c in choices if c["finish_reason"]}
            return found == expected and ends == {0: "length", 1: "stop", 2: "length"}

    await longer(scene, 1.5, 8.0, 40.0)


@pytest.mark.parametrize("stream", [False, True])
async def test_where_the_deadline_left_all_out_it_is_the_answer(stream: bool) -> None:
    async with world(large=FakeUpstream(silent())) as w:
        answer = await w.complete(
            model="large", prompt=PROMPTS, stream=stream, budget={"latency_ms": 200}
        )
        is_error(answer, 504, "deadline_exceeded")


async def test_tests_are_for_one_prompt() -> None:
    async with world(backend=ScriptedBackend()) as w:
        error = is_error(await w.complete(prompt=PROMPTS, tests=TESTS), 400, "invalid_request")
        assert error["param"] == "tests"
        untouched(w)
        assert (await w.complete(prompt=PROMPTS[:1], tests=TESTS)).status_code == 200


@pytest.mark.parametrize("prompt", ["x", [1, 2]], ids=["texts", "numbers"])
async def test_ten_thousand_prompts_are_refused_before_anything_is_asked(prompt: Any) -> None:
    async with world() as w:
        error = is_error(await w.complete(prompt=[prompt] * 10_000), 400, "invalid_request")
        assert error["param"] == "prompt"
        assert "at most 256" in error["message"]
        untouched(w)
        assert not w.large.asked
        assert (await w.complete(prompt=["x"] * 256)).status_code == 200


async def test_one_prompt_that_is_too_long_refuses_all() -> None:
    async with world(models={name: {"context": 100} for name in ("small", "large")}) as w:
        answer = await w.complete(prompt=["x", "y" * 1000, "z"], max_tokens=10)
        is_error(answer, 400, "context_length_exceeded")
        untouched(w)


async def test_a_request_of_several_prompts_is_counted_once() -> None:
    async with world(large=answerer()) as w:
        for stream in (False, True):
            await w.complete(prompt=PROMPTS, stream=stream)
        labels = {"plan": "large", "verdict": "unverified", "error": ""}
        assert w.metric("router_requests_total", **labels) == 2


async def test_a_list_of_one_is_as_if_it_were_none() -> None:
    async with world(large=answerer()) as w:
        listed = await w.client.post(COMPLETIONS, content=json.dumps({"prompt": PROMPTS[:1]}))
        plain = await w.complete(prompt=PROMPTS[0], max_tokens=None)
        assert listed.json()["choices"] == plain.json()["choices"]
        assert listed.headers["x-router-overhead-ms"]


@pytest.mark.parametrize("stream", [False, True])
async def test_at_the_deadline_each_prompt_has_what_there_is_of_its_answer(stream: bool) -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        which = answering(says) if call.body["prompt"] == PROMPTS[1] else stalling(2)
        await which(call, server)

    await cut_to(["x = 1\n" * 2, said(PROMPTS[1]), "x = 1\n" * 2], play, stream=stream)


@pytest.mark.usefixtures("comments")
async def test_a_stream_says_that_somebody_works_at_all_of_them() -> None:
    held = asyncio.Event()

    async def play(call: Any, server: FakeUpstream) -> None:
        await held.wait()
        await answering(says)(call, server)

    async with world(large=FakeUpstream(play)) as w:
        connection = await w.open(model="large", prompt=PROMPTS, stream=True)
        head = await connection.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"data:" not in await connection.until(b": working\n\n")
        held.set()
        rest = await connection.until(b"[DONE]")
        assert all(said(prompt).split(" ")[-1].encode() in rest for prompt in PROMPTS)
        await connection.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_newer_request_of_the_session_ends_all_plans(stream: bool) -> None:
    plays = (stalling(1), stalling(1), stalling(1), answering())
    async with world(large=FakeUpstream(in_turn(*plays))) as w:
        session = {"X-Session-Id": "editor"}
        asked = {"model": "large", "prompt": PROMPTS, "stream": stream, "headers": session}
        older = asyncio.create_task(w.complete(**asked))
        await eventually(lambda: len(w.large.calls) == 3)
        assert (await w.complete(model="large", headers=session)).status_code == 200
        assert '"superseded"' in (await older).text
        await eventually(lambda: all(c.closed_by_client.is_set() for c in w.large.calls[:3]))
        await eventually(lambda: w.active == 0 and not w.service.sessions)
