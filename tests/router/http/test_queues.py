"""Draws that wait for slots, as clients see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fake_upstream import Call, FakeUpstream, Play, answering, in_turn
from http_world import TESTS, ScriptedBackend, World, eventually, is_error, longer, world

pytestmark = pytest.mark.anyio


def one_by_one(gate: asyncio.Event) -> Play:
    """Answer when the gate is open."""

    async def play(call: Call, server: FakeUpstream) -> None:
        await gate.wait()
        await answering()(call, server)

    return play


def slots(count: int, **more: Any) -> dict[str, dict[str, Any]]:
    return {"large": {"slots": count} | more}


def waiting(w: World) -> float:
    return w.metric("router_queue_length", model="large")


def ask(w: World, text: str = "x", **fields: Any) -> asyncio.Task[Any]:
    fields = {"model": "large", "prompt": text} | fields
    return asyncio.create_task(w.complete(**fields))


@asynccontextmanager
async def two_asked(pause: float) -> AsyncIterator[tuple[World, list[asyncio.Task[Any]]]]:
    """A model whose one slot is taken, for whom another waits; draws were seen to take `pause`.

    At the end all that was asked is answered.
    """
    gate = asyncio.Event()
    play = in_turn(answering(pause=pause), one_by_one(gate))
    async with world(large=FakeUpstream(play), models=slots(1)) as w:
        assert (await ask(w)).status_code == 200
        asked = [ask(w) for _ in range(2)]
        await eventually(lambda: waiting(w) == 1)
        yield w, asked
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}


async def test_draws_wait_for_slots_and_all_are_served() -> None:
    gate = asyncio.Event()
    async with world(large=FakeUpstream(one_by_one(gate)), models=slots(2)) as w:
        asked = [ask(w, stream=at % 2 == 0) for at in range(7)]
        await eventually(lambda: waiting(w) == 5)
        await eventually(lambda: len(w.large.calls) == 2)
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
        assert waiting(w) == 0
        assert w.metric("router_queue_seconds_count", model="large") == 7
        assert w.metric("router_queue_seconds_count", model="small") == 0


async def test_a_queue_that_overflows() -> None:
    gate = asyncio.Event()
    async with world(large=FakeUpstream(one_by_one(gate)), models=slots(1, queue=2)) as w:
        asked = [ask(w) for _ in range(3)]
        await eventually(lambda: waiting(w) == 2)
        refused = await w.complete(model="large")
        is_error(refused, 429, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert w.errors("overloaded") == 1
        assert w.metric("router_upstream_failures_total", model="large") == 0
        assert (await w.complete()).headers["x-router-model"] == "small"
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}


async def test_a_queue_may_be_longer_than_other_requests_are_many() -> None:
    """Where nobody said how many are served: the queue refuses, and not the door before it."""
    gate, queue = asyncio.Event(), 70
    async with world(large=FakeUpstream(one_by_one(gate)), models=slots(1, queue=queue)) as w:
        asked = [ask(w) for _ in range(queue + 1)]
        await eventually(lambda: waiting(w) == queue)
        error = is_error(await w.complete(model="large"), 429, "overloaded")
        assert "waiting" in error["message"]
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}


async def test_what_was_never_sent_was_not_drawn() -> None:
    gate = asyncio.Event()
    backend, models = ScriptedBackend(lambda _: False), slots(1, queue=1)
    large = FakeUpstream(one_by_one(gate))
    async with world(large=large, backend=backend, models=models) as w:
        asked = [ask(w) for _ in range(2)]
        await eventually(lambda: waiting(w) == 1)
        answer = await w.complete(tests=TESTS, explain=True)
        router, headers = answer.json()["router"], answer.headers
        sent = {each["model"]: each["sent"] for each in router["commands"]}
        drawn = sum(each["n"] for each in router["commands"] if each["sent"])
        assert sent == {"small": True, "large": False}
        assert headers["x-router-plan"] == router["plan"] == f"small*{drawn}+tests"
        assert headers["x-router-samples"] == str(drawn) == str(len(router["candidates"]))
        for ending in ("cancelled", "stop"):
            assert w.metric("router_samples_total", model="large", finish_reason=ending) == 0
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}


async def test_several_prompts_do_not_compete_with_each_other() -> None:
    """More of them wait than may, on a gateway that has nothing else to do."""
    prompts = [f"prompt {at}" for at in range(10)]
    async with world(models=slots(1, queue=2)) as w:
        answer = await w.complete(model="large", prompt=prompts)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["choices"]) == len(w.large.calls) == 10


async def test_several_prompts_are_refused_where_others_fill_the_queue() -> None:
    gate = asyncio.Event()
    async with world(large=FakeUpstream(one_by_one(gate)), models=slots(1, queue=2)) as w:
        asked = [ask(w) for _ in range(3)]
        await eventually(lambda: waiting(w) == 2)
        is_error(await w.complete(model="large", prompt=["a", "b", "c"]), 429, "overloaded")
        await eventually(lambda: waiting(w) == 2)
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
        assert len(w.large.calls) == 3


async def test_a_client_that_asks_rarely_does_not_wait_for_one_that_asks_much() -> None:
    gate = asyncio.Event()
    async with world(large=FakeUpstream(one_by_one(gate)), models=slots(1)) as w:
        much = [ask(w, f"much {at}") for at in range(12)]
        await eventually(lambda: waiting(w) == 11)
        rare = ask(w, "rare", headers={"X-Session-Id": "an-editor"})
        await eventually(lambda: waiting(w) == 12)
        gate.set()
        await asyncio.gather(rare, *much)
        order = [call.text for call in w.large.calls]
        assert order.index("rare") <= 3


async def test_a_client_that_fills_the_queue_keeps_no_other_out() -> None:
    gate = asyncio.Event()
    async with world(large=FakeUpstream(one_by_one(gate)), models=slots(1, queue=3)) as w:
        flood = [ask(w) for _ in range(4)]
        await eventually(lambda: waiting(w) == 3)
        mine = ask(w, headers={"X-Session-Id": "an-editor"})
        await eventually(lambda: any(each.done() for each in flood))
        (refused,) = [each for each in flood if each.done()]
        is_error(refused.result(), 429, "overloaded")
        assert int(refused.result().headers["retry-after"]) >= 1
        assert waiting(w) == 3
        is_error(await w.complete(model="large"), 429, "overloaded")
        gate.set()
        answers = await asyncio.gather(mine, *flood)
        assert sorted(answer.status_code for answer in answers) == [200] * 4 + [429]


async def test_a_client_that_hangs_up_waits_no_longer() -> None:
    gate = asyncio.Event()
    async with world(large=FakeUpstream(one_by_one(gate)), models=slots(1)) as w:
        first = ask(w)
        await eventually(lambda: len(w.large.calls) == 1)
        for stream in (False, True):
            gone = await w.open(model="large", stream=stream)
            await eventually(lambda: waiting(w) == 1)
            await gone.close()
            await eventually(lambda: waiting(w) == 0)
        await eventually(lambda: w.active == 1)
        gate.set()
        assert (await first).status_code == 200
        assert len(w.large.calls) == 1
        assert w.metric("router_draws_cancelled_total", model="large") == 0
        assert w.metric("router_samples_total", model="large", finish_reason="cancelled") == 0
        used = w.cost.draw("large", w.large.calls[0].prompt_tokens, [4])
        assert w.metric("router_flops_used_total", model="large") == pytest.approx(used)
        assert (await ask(w)).status_code == 200


async def test_a_newer_request_of_a_session_takes_the_older_out_of_the_queue() -> None:
    gate, session = asyncio.Event(), {"X-Session-Id": "an-editor"}
    async with world(large=FakeUpstream(one_by_one(gate)), models=slots(1)) as w:
        first = ask(w, "first")
        await eventually(lambda: len(w.large.calls) == 1)
        older = ask(w, "older", headers=session)
        await eventually(lambda: waiting(w) == 1)
        newer = ask(w, "newer", headers=session)
        assert (await older).status_code == 499
        await eventually(lambda: waiting(w) == 1)
        gate.set()
        assert [(await each).status_code for each in (first, newer)] == [200, 200]
        assert [call.text for call in w.large.calls] == ["first", "newer"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_deadline_that_ends_in_the_queue_is_one_as_ever(stream: bool) -> None:
    async def scene(seconds: float) -> bool:
        gate = asyncio.Event()
        async with world(large=FakeUpstream(one_by_one(gate)), models=slots(1)) as w:
            first = ask(w)
            await eventually(lambda: len(w.large.calls) == 1)
            late = await ask(w, budget={"latency_ms": 1000 * seconds}, stream=stream)
            error = is_error(late, 504, "deadline_exceeded")
            assert waiting(w) == 0
            gate.set()
            assert (await first).status_code == 200
            assert len(w.large.calls) == 1
        if "before the first draw" in error["message"]:  # it did not come to wait
            return False
        assert "before any token" in error["message"]
        return True

    await longer(scene, 0.1, 1.0, 10.0)


async def test_what_would_come_after_its_deadline_is_refused_at_once() -> None:
    """As one draw was seen to take so long, and one is still to be sent before it."""

    async def scene(pause: float) -> bool:
        async with two_asked(pause) as (w, asked):
            refused = await ask(w, budget={"latency_ms": 2100 * pause})
            if came_in_time := refused.status_code != 504:
                error = is_error(refused, 429, "overloaded")
                assert "after the deadline" in error["message"]
                assert int(refused.headers["retry-after"]) >= 1
            asked.append(ask(w, budget={"latency_ms": 600_000}))
            await eventually(lambda: waiting(w) == 2)
        assert len(w.large.calls) == 4
        return came_in_time

    await longer(scene, 0.7, 4.0, 15.0)


async def test_a_plan_looks_at_what_waits() -> None:
    """It goes to another model at once, and not only when the first has refused."""

    async def scene(pause: float) -> bool:
        async with two_asked(pause) as (w, _asked):
            either = await w.complete(budget={"latency_ms": 2100 * pause}, explain=True)
            if came_in_time := either.status_code != 504:
                router = either.json()["router"]
                assert [command["model"] for command in router["commands"]] == ["small"]
                assert router["forecast"]["large"]["wait_ms"] > 2900 * pause
        return came_in_time

    await longer(scene, 0.7, 4.0, 15.0)


async def test_wide_draws_take_as_many_slots_as_they_have_samples() -> None:
    gate = asyncio.Event()
    policies = {"four": {"kind": "best_of_n", "model": "large", "n": 4}}
    models = slots(4)
    async with world(large=FakeUpstream(one_by_one(gate)), models=models, policies=policies) as w:
        wide = {"budget": {"policy": "four"}, "temperature": 0.8, "select": "nll"}
        asked = [ask(w)]
        await eventually(lambda: len(w.large.calls) == 1)
        asked.append(ask(w, **wide))
        await eventually(lambda: waiting(w) == 1)
        asked.append(ask(w))
        await eventually(lambda: waiting(w) == 2)
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
        assert sorted(call.body["n"] for call in w.large.calls) == [1, 1, 4]


async def test_vllm_is_told_what_is_due_first_where_the_operator_wants_it() -> None:
    large = FakeUpstream(answering(), kind="vllm")
    async with world(large=large, models={"large": {"priority": True}}) as w:
        for budget in ({"latency_ms": 50_000}, {"latency_ms": 20_000}, None):
            assert (await ask(w, budget=budget)).status_code == 200
        late, soon, none = [call.body["priority"] for call in large.calls]
        assert soon < late < none
        assert (await ask(w, priority=-7)).status_code == 200
        assert large.calls[-1].body["priority"] == -7
    large = FakeUpstream(answering(), kind="vllm")
    async with world(large=large) as w:
        assert (await ask(w, budget={"latency_ms": 50_000})).status_code == 200
        assert "priority" not in large.calls[0].body


async def test_a_vllm_that_knows_no_priorities_is_not_told_them_again() -> None:
    refusal = "Got priority 5 but Priority scheduling is not enabled."

    async def play(call: Call, server: FakeUpstream) -> None:
        if "priority" in call.body:
            error = {"message": refusal, "type": "BadRequestError", "param": None, "code": 400}
            await call.json({"error": error}, 400)
        else:
            await answering()(call, server)

    large = FakeUpstream(play, kind="vllm")
    async with world(large=large, models={"large": {"priority": True}}) as w:
        assert [(await ask(w)).status_code for _ in range(2)] == [200, 200]
        assert ["priority" in call.body for call in large.calls] == [True, False, False]
