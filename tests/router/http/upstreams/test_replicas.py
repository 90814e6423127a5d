"""A model at several servers: which is asked, what is tried again, and who is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import pytest
from fake_upstream import (
    Call,
    FakeUpstream,
    Play,
    answering,
    endless,
    failing,
    half,
    in_turn,
    resetting,
    running,
    sending,
    silent,
    streaming,
)
from http_world import World, eventually, eventually_asked, world

from router.upstream import stale
from router.upstream.balancing.balance import Replica
from router.upstream.balancing.breaker import Closed, Open
from router.upstream.balancing.replicas import Replicated

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reset counts as one at once, however loaded the machine is."""
    monkeypatch.setattr(stale, "RESET_S", 60.0)


async def test_a_reset_that_comes_later_may_have_been_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stale, "RESET_S", 0.0)
    bad, good = FakeUpstream(resetting()), FakeUpstream(answering())
    async with replicated(bad, good) as w:
        assert {(await ask(w, f"def f{at}():\n")).status_code for at in range(2)} == {200, 502}
        assert (len(bad.calls), retries(w)) == (1, 0)


DEAD = "http://127.0.0.1:1"
QUICK = {"failures": 3, "pause_s": 0.05, "longest_pause_s": 0.1}
LASTING = {"failures": 3, "pause_s": 1000, "longest_pause_s": 1000}
LONG = "".join(f"# line {at}\n" for at in range(60))


@asynccontextmanager
async def replicated(
    *servers: FakeUpstream, urls: tuple[str, ...] = (), breaker: Any = LASTING, **settings: Any
) -> AsyncIterator[World]:
    """A gateway whose large model is at these servers, and at further URLs."""
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(running(server))
        url = [*(server.url for server in servers), *urls]
        large = {"url": url, "breaker": breaker, "server": "llama.cpp"}
        w = await stack.enter_async_context(world(models={"large": large}, **settings))
        yield w
        for server in servers:
            await eventually(lambda: all(call.ended.is_set() for call in server.calls))  # noqa: B023


async def ask(w: World, text: str = "def f():\n", **fields: Any) -> Any:
    return await w.complete(model="large", prompt=text, **fields)


def name(server: FakeUpstream) -> str:
    return server.url.partition("://")[2]


def is_open(w: World, replica: str) -> float:
    return w.metric("router_replica_open", model="large", replica=replica)


def retries(w: World) -> float:
    return w.metric("router_upstream_retries_total", model="large")


def gated(gate: asyncio.Event) -> Play:
    async def play(call: Call, server: FakeUpstream) -> None:
        await gate.wait()
        await answering()(call, server)

    return play


async def test_the_least_loaded_is_asked() -> None:
    gate = asyncio.Event()
    servers = [FakeUpstream(gated(gate)) for _ in range(3)]
    async with replicated(*servers) as w:
        asked = [asyncio.create_task(ask(w, f"def f{at}():\n")) for at in range(9)]
        await eventually(lambda: sum(len(server.calls) for server in servers) == 9)
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
        assert [len(server.calls) for server in servers] == [3, 3, 3]


async def test_one_that_is_slow_is_asked_less() -> None:
    gate = asyncio.Event()
    fast, slow = FakeUpstream(answering()), FakeUpstream(gated(gate))
    async with replicated(fast, slow) as w:
        asked = [asyncio.create_task(ask(w, f"def f{at}():\n")) for at in range(2)]
        await eventually(lambda: len(slow.calls) == len(fast.calls) == 1)
        await eventually(lambda: sum(task.done() for task in asked) == 1)
        for at in range(5):
            assert (await ask(w, f"def g{at}():\n")).status_code == 200
        assert (len(fast.calls), len(slow.calls)) == (6, 1)
        gate.set()
        await asyncio.gather(*asked)


async def test_a_prompt_goes_where_its_beginning_was_read() -> None:
    servers = [FakeUpstream(answering()) for _ in range(3)]
    async with replicated(*servers) as w:
        for at in range(3):
            assert (await ask(w, f"{at}{LONG}")).status_code == 200
        assert [len(server.calls) for server in servers] == [1, 1, 1]
        (first,) = [s for s in servers if s.calls[0].text.startswith("0")]
        for more in ("", "x", "x = 1\n", "x = 1\ny = 2\n"):
            assert (await ask(w, f"0{LONG}{more}")).status_code == 200
        assert len(first.calls) == 5


async def test_draws_of_one_request_stay_together() -> None:
    servers = [FakeUpstream(answering()) for _ in range(2)]
    policies = {"turns": {"kind": "best_of_n", "model": "large", "n": 4}}
    models = {"max_batch": 1}
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(running(server))
        large = {"url": [server.url for server in servers]} | models
        w = await stack.enter_async_context(world(models={"large": large}, policies=policies))
        budget = {"policy": "turns"}
        answer = await w.complete(budget=budget, temperature=0.8, select="nll")
        assert answer.status_code == 200, answer.text
        assert sorted(len(server.calls) for server in servers) == [0, 4]


async def test_one_that_has_much_more_to_do_is_not_preferred() -> None:
    gate = asyncio.Event()
    servers = [FakeUpstream(gated(gate)) for _ in range(2)]
    async with replicated(*servers) as w:
        asked = [asyncio.create_task(ask(w, LONG)) for _ in range(30)]
        await eventually(lambda: sum(len(server.calls) for server in servers) == 30)
        fewer, more = sorted(len(server.calls) for server in servers)
        assert 1 <= more - fewer <= 10
        gate.set()
        await asyncio.gather(*asked)


async def test_one_that_is_not_there_is_passed_over_and_then_left_alone() -> None:
    server = FakeUpstream(answering())
    async with replicated(server, urls=(DEAD,)) as w:
        for at in range(20):
            assert (await ask(w, f"def f{at}():\n")).status_code == 200
        assert len(server.calls) == 20
        assert is_open(w, "127.0.0.1:1") == 1
        assert is_open(w, name(server)) == 0
        ready = await w.client.get("/readyz")
        assert ready.status_code == 200
        (troubled,) = [k for k in ready.json()["upstreams"] if k.startswith("large")]
        assert troubled == "large at 127.0.0.1:1"


REFUSING = sending(
    b"HTTP/1.1 429 X\r\nRetry-After: 7\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}",
    close=False,
)


@pytest.mark.parametrize(
    ("play", "times"),
    [(failing(503), 1), (failing(429), 1), (REFUSING, 1), (resetting(), 2)],
    ids=["503", "429", "busy", "reset"],
)
async def test_what_was_not_computed_is_tried_once_more_elsewhere(play: Play, times: int) -> None:
    """And is paid once. A kept connection that is reset is opened anew, which is no other try."""
    bad, good = FakeUpstream(play), FakeUpstream(answering())
    async with replicated(bad, good) as w:
        answer = await ask(w, explain=True)
        assert answer.status_code == 200, answer.text
        assert (len(bad.calls), len(good.calls)) == (times, 1)
        assert retries(w) == 1
        (command,) = answer.json()["router"]["commands"]
        assert not command["failure"]
        used = w.cost.draw("large", good.calls[0].prompt_tokens, [4])
        assert command["flops"] == pytest.approx(used)
        assert w.metric("router_flops_used_total", model="large") == pytest.approx(used)
        assert w.metric("router_upstream_failures_total", model="large") == 0


@pytest.mark.parametrize(
    "play",
    [failing(500), half(0), half(1), sending(b"HTTP/1.1 200 OK\r\nContent-Le"), failing(400)],
    ids=["500", "no piece", "one piece", "half a head", "400"],
)
async def test_what_may_have_been_computed_is_never_sent_twice(play: Play) -> None:
    bad, good = FakeUpstream(play), FakeUpstream(answering())
    async with replicated(bad, good) as w:
        statuses = [(await ask(w, f"def f{at}():\n")).status_code for at in range(2)]
        assert set(statuses) in ({200, 400}, {200, 502})
        assert (len(bad.calls), len(good.calls)) == (1, 1)
        assert retries(w) == 0


async def test_where_all_refuse_the_last_word_counts() -> None:
    servers = [FakeUpstream(REFUSING) for _ in range(3)]
    async with replicated(*servers) as w:
        answer = await ask(w)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "7"
        assert [len(server.calls) for server in servers] == [1, 1, 1]


@pytest.mark.parametrize(
    ("config", "status"), [({"url": DEAD, "server": "openai"}, 502), ({}, 429)]
)
async def test_what_nobody_took_costs_nothing(config: Any, status: int) -> None:
    async with world(large=FakeUpstream(REFUSING), models={"large": config}) as w:
        assert (await ask(w)).status_code == status
        assert w.metric("router_flops_reserved_total", model="large") > 0
        assert w.metric("router_flops_used_total", model="large") == 0
        assert w.metric("router_prompt_tokens_total", model="large", source="computed") == 0


@pytest.mark.parametrize(
    ("play", "paid"),
    [
        *((failing(status), False) for status in (302, 307, 400, 401, 404, 422, 429, 503)),
        *((failing(status), True) for status in (408, 424, 500, 502)),
        (half(0), True),
        (half(1), True),
        (streaming({"error": {"message": "no", "code": 400}}), True),
        (streaming({"error": {"message": "no", "code": 503}}), True),
    ],
)
async def test_what_a_lone_server_refused_as_it_came_costs_nothing(
    play: Play, *, paid: bool
) -> None:
    """What may have been computed is paid for: the prompt, and what there is of an answer."""
    async with world(large=FakeUpstream(play)) as w:
        answer = await ask(w)
        assert answer.status_code in {400, 429, 502}
        assert len(w.large.calls) == 1
        tokens = w.metric("router_prompt_tokens_total", model="large", source="computed")
        least = w.cost.draw("large", w.large.calls[0].prompt_tokens, [0])
        assert (tokens > 0) is paid
        used = w.metric("router_flops_used_total", model="large")
        assert used >= least if paid else used == 0


@pytest.mark.parametrize("status", [408, 424])
async def test_one_that_says_it_could_not_finish_is_at_fault_itself(status: int) -> None:
    async with replicated(FakeUpstream(failing(status))) as w:
        for _ in range(LASTING["failures"]):
            answer = await ask(w)
            assert (answer.status_code, str(status) in answer.text) == (502, True)
        assert "is not asked" in (await ask(w)).text


async def test_a_lone_server_is_asked_again_only_after_a_reset() -> None:
    server = FakeUpstream(in_turn(resetting(), answering()))
    async with replicated(server) as w:
        assert (await ask(w)).status_code == 200
        assert (len(server.calls), retries(w)) == (2, 0)  # the first was on a kept connection
    server = FakeUpstream(in_turn(resetting(), resetting(), answering()))
    async with replicated(server) as w:
        assert (await ask(w)).status_code == 200
        assert (len(server.calls), retries(w)) == (3, 1)
    server = FakeUpstream(in_turn(resetting(), resetting(), resetting(), answering()))
    async with replicated(server) as w:
        assert (await ask(w)).status_code == 502
        assert len(server.calls) == 3
    server = FakeUpstream(in_turn(failing(503), answering()))
    async with replicated(server) as w:
        assert (await ask(w)).status_code == 502
        assert (len(server.calls), retries(w)) == (1, 0)


async def test_one_that_answers_only_pings_is_found_out_by_draws() -> None:
    bad, good = FakeUpstream(failing(500)), FakeUpstream(answering())
    async with replicated(bad, good) as w:
        statuses = [(await ask(w, f"def f{at}():\n")).status_code for at in range(30)]
        assert statuses.count(502) == len(bad.calls) == LASTING["failures"]
        assert statuses[-20:] == [200] * 20
        assert is_open(w, name(bad)) == 1
        shown = (await w.client.get("/readyz")).json()["upstreams"]
        assert "answered 500" in shown[f"large at {name(bad)}"]


async def test_one_that_takes_draws_and_never_answers_is_found_out_too() -> None:
    """By draws whose deadlines end them: nobody waits for the server's own time-out."""
    bad, good = FakeUpstream(silent()), FakeUpstream(answering())
    async with replicated(bad, good, breaker=LASTING | {"failures": 2}) as w:
        for at in range(40):  # with more time where this machine needs it to ask at all
            await ask(w, f"def f{at}():\n", budget={"latency_ms": 1200 + 100 * at})
            if is_open(w, name(bad)):
                break
        assert is_open(w, name(bad)) == 1
        assert is_open(w, name(good)) == 0
        before = len(bad.calls)
        assert {(await ask(w, f"x{at} =")).status_code for at in range(6)} == {200}
        assert len(bad.calls) == before


async def test_clients_that_go_say_nothing_against_a_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As an editor's do with every keystroke, while the server reads a long prompt."""
    monkeypatch.setattr("router.upstream.balancing.attempts.SILENT_S", 0.0)
    servers = [FakeUpstream(silent()) for _ in range(2)]
    async with replicated(*servers) as w:
        for at in range(4 * LASTING["failures"]):
            connection = await w.open(model="large", prompt=f"def f{at}():\n")
            await eventually(lambda: sum(len(each.calls) for each in servers) == at + 1)  # noqa: B023
            await connection.close()
            await eventually(lambda: w.active == 0)
        assert [is_open(w, name(server)) for server in servers] == [0, 0]


async def test_one_that_answers_somebody_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.upstream.balancing.attempts.SILENT_S", 0.0)
    monkeypatch.setattr("router.upstream.balancing.attempts.UNUSUAL", 0.0)

    async def play(call: Call, server: FakeUpstream) -> None:
        await (endless() if "slow" not in call.text else silent())(call, server)

    servers = [FakeUpstream(play) for _ in range(2)]
    async with replicated(*servers) as w:
        long = [
            await w.open(model="large", prompt=f"f{at} =", max_tokens=10**5, stream=True)
            for at in range(2)
        ]
        for one in long:
            await one.until(b"x = 1")
        for at in range(2 * LASTING["failures"]):
            await ask(w, f"slow{at} =", budget={"latency_ms": 400})
        assert [is_open(w, name(server)) for server in servers] == [0, 0]
        for one in long:
            await one.close()


async def test_silence_is_measured_by_what_is_usual() -> None:
    replica = Replica(cast("Any", None), "a")
    replica.began_after(2.0)
    assert replica.first_s == 2.0
    replica.began_after(10.0)
    assert replica.first_s == 3.0


async def test_requests_at_fault_open_nothing() -> None:
    server = FakeUpstream(failing(400))
    async with replicated(server) as w:
        for _ in range(10):
            assert (await ask(w)).status_code == 400
        assert len(server.calls) == 10
        assert is_open(w, name(server)) == 0


async def test_one_dies_in_mid_load() -> None:
    """What was computed there is lost; all that comes later is answered."""
    dying, other = FakeUpstream(answering(pause=0.01)), FakeUpstream(answering(pause=0.01))
    async with AsyncExitStack() as life:
        await life.enter_async_context(running(dying))
        async with running(other):
            large = {"url": [dying.url, other.url], "breaker": LASTING}
            async with world(models={"large": large}) as w:
                asked = [asyncio.create_task(ask(w, f"def f{at}():\n")) for at in range(20)]
                await eventually(lambda: len(dying.calls) >= 5)
                await life.aclose()
                statuses = {answer.status_code for answer in await asyncio.gather(*asked)}
                assert statuses <= {200, 502}
                late = [await ask(w, f"def g{at}():\n") for at in range(20)]
                assert [answer.status_code for answer in late] == [200] * 20
                assert is_open(w, name(dying)) == 1


async def test_all_are_gone_and_come_back() -> None:
    """Without a restart; meanwhile the model is away at once."""
    servers = [FakeUpstream(answering()) for _ in range(2)]
    async with AsyncExitStack() as life:
        for server in servers:
            await life.enter_async_context(running(server))
        ports = [int(server.url.rsplit(":", 1)[1]) for server in servers]
        large = {"url": [server.url for server in servers], "breaker": QUICK}
        async with world(models={"large": large}) as w:
            assert (await ask(w)).status_code == 200
            await life.aclose()
            for _ in range(2 * QUICK["failures"]):
                answer = await ask(w)
                assert answer.status_code == 502
                assert answer.json()["error"]["code"] == "upstream_unavailable"
            assert [is_open(w, name(server)) for server in servers] == [1, 1]
            for server, port in zip(servers, ports, strict=True):
                await life.enter_async_context(running(server, port))

            async def status() -> int:
                return int((await ask(w)).status_code)

            await eventually_asked(status, 200)

            async def states() -> list[float]:
                await ask(w)
                return [is_open(w, name(server)) for server in servers]

            await eventually_asked(states, [0, 0])


async def test_where_all_are_left_alone_nobody_waits() -> None:
    servers = [FakeUpstream(failing(500)) for _ in range(2)]
    async with replicated(*servers) as w:
        for _ in range(2 * LASTING["failures"]):
            assert (await ask(w)).status_code == 502
        calls = [(len(server.calls), len(server.asked)) for server in servers]
        answer = await ask(w)
        assert answer.status_code == 502
        message = answer.json()["error"]["message"]
        assert "draws failed at all 2 servers" in message
        assert "answered 500" in message
        assert [(len(server.calls), len(server.asked)) for server in servers] == calls
        either = await w.complete()
        assert either.headers["x-router-model"] == "small"


async def test_one_draw_alone_finds_out_whether_a_server_is_back() -> None:
    gate = asyncio.Event()
    server = FakeUpstream(gated(gate))
    async with replicated(server) as w:
        (replica,) = large_of(w).replicas
        replica.breaker = Open(0.0, 1000.0, "it failed")  # a pause that is over, and was a long one
        probe = asyncio.create_task(ask(w))
        await eventually(lambda: len(server.calls) == 1)
        others = await asyncio.gather(*(ask(w) for _ in range(5)))
        assert {answer.status_code for answer in others} == {502}
        assert len(server.calls) == 1
        gate.set()
        assert (await probe).status_code == 200
        assert (await ask(w)).status_code == 200


async def test_a_probe_whose_client_goes_leaves_the_next_to_find_out() -> None:
    plays = [failing(500)] * 3 + [silent(), answering()]
    server = FakeUpstream(in_turn(*plays))
    async with replicated(server, breaker=QUICK) as w:
        for _ in range(3):
            assert (await ask(w)).status_code == 502

        async def sent() -> bool:
            connection = await w.open(model="large")
            refused = asyncio.ensure_future(connection.until(b"\r\n"))
            await eventually(lambda: len(server.calls) == 4 or refused.done())
            refused.cancel()
            await asyncio.gather(refused, return_exceptions=True)
            await connection.close()
            await eventually(lambda: w.active == 0)
            return len(server.calls) == 4

        await eventually_asked(sent, True)

        async def status() -> int:
            return int((await ask(w)).status_code)

        await eventually_asked(status, 200)


def by_prompt(poison: Play) -> Play:
    """It fails of some prompts, as servers do that crash within a request."""

    async def play(call: Call, server: FakeUpstream) -> None:
        await (poison if "poison" in call.text else answering())(call, server)

    return play


@pytest.mark.parametrize("servers", [1, 2])
@pytest.mark.parametrize("poison", [failing(500), half(0)], ids=["500", "broken off"])
async def test_a_client_whose_requests_always_fail_keeps_nobody_else_out(
    servers: int, poison: Play
) -> None:
    there = [FakeUpstream(by_prompt(poison)) for _ in range(servers)]
    async with replicated(*there) as w:
        most = servers * LASTING["failures"]
        for at in range(2 * most):
            answer = await ask(w, f"poison{at} =", headers={"X-Session-Id": "bad"})
            assert answer.status_code == 502
            assert ("is not asked" in answer.text) is (at >= most)
        before = sum(len(server.asked) for server in there)
        either = await w.complete(headers={"X-Session-Id": "bad"})
        assert either.headers["x-router-model"] == "small"
        assert sum(len(server.asked) for server in there) == before
        for at in range(4):
            good = await ask(w, f"def f{at}():\n", headers={"X-Session-Id": f"good{at}"})
            assert good.status_code == 200, good.text
        ready = (await w.client.get("/readyz")).json()["upstreams"]
        assert not any(name.startswith("large") for name in ready)  # the last ended well


async def test_one_that_fails_for_all_is_left_alone_by_all() -> None:
    """Also by clients that have not asked it yet."""
    bad, good = FakeUpstream(failing(500)), FakeUpstream(answering())
    async with replicated(bad, good) as w:

        async def status(at: int) -> int:
            headers = {"X-Session-Id": f"editor{at}"}
            return int((await ask(w, f"def f{at}():\n", headers=headers)).status_code)

        statuses = [await status(at) for at in range(30)]
        assert statuses.count(502) == len(bad.calls) == LASTING["failures"]
        assert is_open(w, name(bad)) == 1


async def test_a_client_that_tries_again_is_sent_elsewhere() -> None:
    """Though the server that failed was the last to read the prompt."""
    bad, good = FakeUpstream(failing(500)), FakeUpstream(answering())
    async with replicated(bad, good, breaker=LASTING | {"failures": 9}) as w:
        statuses = [(await ask(w, LONG)).status_code for _ in range(4)]
        assert statuses == [502, 200, 200, 200]
        assert len(bad.calls) == 1


@pytest.mark.parametrize("status", [301, 308, 401, 402, 403, 404, 405, 407])
async def test_one_that_is_not_set_up_is_passed_over(status: int) -> None:
    bad, good = FakeUpstream(failing(status)), FakeUpstream(answering())
    async with replicated(bad, good) as w:
        for at in range(2 * LASTING["failures"]):
            assert (await ask(w, f"def f{at}():\n")).status_code == 200
        assert len(bad.calls) == LASTING["failures"]
        assert is_open(w, name(bad)) == 1


@asynccontextmanager
async def slotted(*servers: FakeUpstream, slots: int, **more: Any) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(running(server))
        url = [server.url for server in servers]
        large = {"url": url, "breaker": LASTING, "slots": slots} | more
        yield await stack.enter_async_context(world(models={"large": large}))


async def test_what_has_no_slot_where_its_prompt_was_read_goes_where_there_is_one() -> None:
    gate = asyncio.Event()
    servers = [FakeUpstream(gated(gate)) for _ in range(2)]
    async with slotted(*servers, slots=4) as w:
        asked = [asyncio.create_task(ask(w, LONG)) for _ in range(10)]
        await eventually(lambda: sum(len(server.calls) for server in servers) == 8)
        assert [len(server.calls) for server in servers] == [4, 4]
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}


def large_of(w: World) -> Replicated:
    model = w.service.gateway.upstreams["large"]
    assert isinstance(model, Replicated)
    return model


async def test_who_waits_is_let_in_when_a_server_comes_back() -> None:
    """At once, and not when somebody else leaves."""
    gate = asyncio.Event()
    servers = [FakeUpstream(gated(gate)) for _ in range(2)]
    async with slotted(*servers, slots=1) as w:
        model = large_of(w)
        away, _ = model.replicas
        away.breaker = Open(1e12, 1000.0, "it failed")
        asked = [asyncio.create_task(ask(w, f"def f{at}():\n")) for at in range(3)]
        await eventually(lambda: w.metric("router_queue_length", model="large") == 2)
        assert [len(server.calls) for server in servers] == [0, 1]
        model.watch.become(away, Closed())
        await eventually(lambda: [len(server.calls) for server in servers] == [1, 1])
        assert w.metric("router_queue_length", model="large") == 1
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}


async def test_who_waits_finds_out_when_the_pause_is_over() -> None:
    gate, plays = asyncio.Event(), [failing(500)] * 2
    back, other = FakeUpstream(in_turn(*plays, gated(gate))), FakeUpstream(gated(gate))
    breaker = {"failures": 2, "pause_s": 1, "longest_pause_s": 1}
    async with slotted(back, other, slots=1, breaker=breaker) as w:
        large_of(w).replicas[1].load = 1  # so that the first are sent to the other
        for at in range(2):
            assert (await ask(w, f"def f{at}():\n")).status_code == 502
        large_of(w).replicas[1].load = 0
        asked = [asyncio.create_task(ask(w, f"def g{at}():\n")) for at in range(2)]
        await eventually(lambda: (len(back.calls), len(other.calls)) == (3, 1))
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
