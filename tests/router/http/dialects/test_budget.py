"""Over real HTTP, with a real sandbox: whatever upstreams and clients do, budgets bind.

`test_engine` says the same of the engine alone, and with more examples.
"""

import asyncio
import gc
from typing import Any

import psutil
from fake_upstream import Call, FakeUpstream, failing, pieces
from http_world import PROMPT, TESTS, World, descriptors, eventually, world
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sandbox import ProcessBackend

LATENCY_MS = 150.0
WORKERS = 2
IDLE_PROCESSES = 4  # of one worker of the sandbox, when no candidate runs

fates = st.sampled_from(["stop", "stop", "overlong", "stall", "pings", "half a body", "error"])
said = st.sampled_from([["    return a + b\n"], ["    return 0\n"], ["    x = 1\n"] * 99])
requests = st.fixed_dictionaries(
    {
        "budget": st.fixed_dictionaries(
            {
                # Half of the budgets have no room for a token more than so many whole samples.
                "flops": st.floats(1e6, 1e9)
                | st.tuples(st.sampled_from(["small", "large"]), st.integers(1, 4)),
                "latency_ms": st.just(LATENCY_MS),
                "policy": st.sampled_from(["auto", "single", "best_of_n", "cascade"]),
            }
        ),
        "n": st.integers(1, 3),
        "max_tokens": st.integers(1, 12),
        "stream": st.booleans(),
    },
    optional={"tests": st.just(TESTS), "temperature": st.sampled_from([0.0, 1.0])},
)


class Moody:
    """Plays one fate after another, for whichever call comes next."""

    def __init__(self) -> None:
        self.fates: list[tuple[str, list[str]]] = []
        self._next = 0

    async def __call__(self, call: Call, server: FakeUpstream) -> None:
        fate, tokens = self.fates[self._next % len(self.fates)]
        self._next += 1
        if fate == "error":
            await failing(500)(call, server)
            return
        limit = call.body["max_tokens"]
        wanted = tokens * 99 if fate == "overlong" else tokens[:limit]
        for token in wanted:
            for index in range(call.body["n"]):
                await call.token(index, token, server)
            await asyncio.sleep(0)
        while fate in {"stall", "pings"}:
            await asyncio.sleep(0.01)
            if fate == "pings":
                await call.chunk(b": still here\n\n")
        if fate == "half a body":
            call.writer.close()
            return
        for index in range(call.body["n"]):
            await call.finish(index, "stop", server)
        await call.done(server)


def sent(w: World, model: str, call: Call) -> float:
    """FLOPs of what an upstream computed, up to the first token too many: there an abort is due."""
    limit = call.body["max_tokens"]
    tokens = [min(tokens, limit) for tokens in call.tokens]
    if any(tokens > limit for tokens in call.tokens):
        tokens[0] += 1
    if not tokens:
        return 0.0
    return w.cost.draw(model, call.prompt_tokens, tokens, call.cached_tokens)


async def ask(w: World, body: dict[str, Any], cancel_after: float | None) -> None:
    """Send one request, which its client may abandon, and see that its budget bound it."""
    seen = {"small": len(w.small.calls), "large": len(w.large.calls)}
    flops, max_tokens = body["budget"]["flops"], body["max_tokens"]
    if isinstance(flops, tuple):
        model, samples = flops
        flops = w.cost.draw(model, len(pieces(PROMPT)), [max_tokens] * samples)
    body = body | {"budget": body["budget"] | {"flops": flops}}
    asking = asyncio.ensure_future(w.complete(explain=True, **body))
    if cancel_after is not None:
        await asyncio.sleep(cancel_after)
        asking.cancel()
    (answer,) = await asyncio.gather(asking, return_exceptions=True)
    await eventually(lambda: w.active == 0)
    calls = {"small": w.small.calls[seen["small"] :], "large": w.large.calls[seen["large"] :]}
    await eventually(lambda: all(call.ended.is_set() for of in calls.values() for call in of))
    assert sum(sent(w, model, call) for model, of in calls.items() for call in of) <= flops
    if isinstance(answer, asyncio.CancelledError):
        return
    assert not isinstance(answer, BaseException), repr(answer)
    assert answer.status_code in {200, 400, 502, 504}, answer.text
    if answer.status_code == 200 and not body["stream"]:
        router = answer.json()["router"]
        assert router["flops_used"] <= flops


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_budgets_bind_over_http_and_nothing_is_left() -> None:
    gc.collect()  # what tests before left
    before = descriptors(), children()
    moods = Moody(), Moody()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        opened, done = loop.create_future(), asyncio.Event()

        async def live() -> None:
            small, large = (FakeUpstream(mood) for mood in moods)
            async with world(small, large, ProcessBackend(workers=WORKERS)) as w:
                opened.set_result(w)
                await done.wait()

        life = loop.create_task(live())
        w = loop.run_until_complete(opened)

        @settings(max_examples=80, deadline=None)
        @example(  # what it draws second finds its prompt in the cache
            body={
                "budget": {"policy": "best_of_n", "flops": ("small", 3), "latency_ms": LATENCY_MS},
                "n": 1,
                "max_tokens": 3,
                "stream": False,
            },
            fates=[("stop", ["    return a + b\n"])],
            cancel_after=None,
        )
        @given(
            body=requests,
            fates=st.lists(st.tuples(fates, said), min_size=1, max_size=4),
            cancel_after=st.none() | st.floats(0, 0.1),
        )
        def whatever_happens(
            body: dict[str, Any], fates: list[tuple[str, list[str]]], cancel_after: float | None
        ) -> None:
            for mood in moods:
                mood.fates = fates
            runner.run(ask(w, body, cancel_after))

        try:
            whatever_happens()
            loop.run_until_complete(
                eventually(lambda: len(children() - before[1]) <= WORKERS * IDLE_PROCESSES)
            )
        finally:
            done.set()
            loop.run_until_complete(life)
    assert (descriptors(), children()) == before
