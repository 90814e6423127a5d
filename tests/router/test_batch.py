"""Several prompts of one request; what comes of them is in `http/test_several_prompts`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from policies.plans.best_of_n import BestOfN
from policies.plans.single import Single
from policies.values import Budget, ModelView, Task
from router import gateway as gateways
from router.batch import AT_ONCE, Batch
from router.gateway import Gateway
from router.plan.outcome import Outcome
from router.plan.programs.prompts.asked import LONGEST
from router.preparing.prepared import Prepared
from router.request import BudgetRequest, RouteRequest, SampleRequest, TextPrompt

pytestmark = pytest.mark.anyio
NONE: Any = None
PROMPTED = RouteRequest(
    SampleRequest(TextPrompt("def f(x):\n")), BudgetRequest(Budget(), "auto", given=False)
)


async def test_what_comes_after_the_first_is_known_to() -> None:
    """It is not refused because a queue is full: its own request may have filled it."""
    parts = [Prepared(NONE, NONE, NONE, Budget(flops=at + 1), None) for at in range(AT_ONCE + 3)]
    begun = {}

    async def perform(at: int, part: Prepared) -> Outcome:
        begun[at] = part.begun
        assert replace(part, begun=False) == parts[at]
        return cast(Outcome, None)

    await Batch(NONE, tuple(parts), None).run(perform)
    assert begun == {at: at > 0 for at in range(len(parts))}


@dataclass(frozen=True)
class Asked:
    """As much of a request as a batch looks at before it is prepared."""

    prompt: TextPrompt


async def test_of_a_list_no_more_is_read_than_of_one_prompt() -> None:
    read = []

    class Preparing:
        async def prepare(self, _request: Asked, _received: float, *, reads: bool) -> Prepared:
            read.append(reads)
            return Prepared(NONE, NONE, NONE, Budget(latency_ms=1.0), None)

    async def reads_of(*lengths: int) -> list[bool]:
        read.clear()
        await Batch.prepare(cast(Any, Preparing()), cast(Any, asked(*lengths)), 0.0)
        return list(read)

    def asked(*lengths: int) -> list[Asked]:
        return [Asked(TextPrompt("x" * length)) for length in lengths]

    assert await reads_of(*[LONGEST // 10] * 12) == [True] * 10 + [False] * 2
    assert await reads_of(2 * LONGEST, 1) == [True, False]
    assert await reads_of(*[1] * 20) == [True] * 20


async def test_one_prompt_is_read_in_a_turn_of_the_loop_and_none_after_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns, read_at, running = 0, list[int](), True

    async def count_turns() -> None:
        nonlocal turns
        while running:
            turns += 1
            await asyncio.sleep(0)

    def reading(*_: object) -> None:
        read_at.append(turns)

    monkeypatch.setattr(gateways, "looks_at_runs", lambda *_: True)
    monkeypatch.setattr(gateways, "trials_of", reading)
    gateway = Gateway({}, NONE, {}, cast(Any, object()), NONE)
    counting = asyncio.create_task(count_turns())
    await asyncio.gather(*(gateway._read(PROMPTED, NONE, NONE) for _ in range(AT_ONCE)))
    assert len(set(read_at)) == AT_ONCE
    read_at.clear()

    async def read_past_the_deadline() -> None:
        async with asyncio.timeout(0):
            await asyncio.gather(*(gateway._read(PROMPTED, NONE, NONE) for _ in range(AT_ONCE)))

    with pytest.raises(TimeoutError):
        await read_past_the_deadline()
    assert len(read_at) < AT_ONCE
    running = False
    await counting
    assert not gateway.reading.locked()


async def test_a_request_of_which_nothing_is_read_waits_for_no_other_that_is() -> None:
    gateway = Gateway({}, NONE, {}, cast(Any, object()), NONE)
    task = Task((ModelView("small", 1, 1),), max_tokens=1, verifiable=False)
    async with gateway.reading:
        async with asyncio.timeout(5):
            assert await gateway._read(PROMPTED, Single(), task) is None
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(gateway._read(PROMPTED, BestOfN(), task), 0)
