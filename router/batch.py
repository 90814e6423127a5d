"""A request of several prompts: a plan for each, over one budget and one deadline.

A FLOPs budget is shared out by `router.plan.paying.shares`; without one there is nothing to share.
A few plans run at once, begun in the order of the prompts: a long list must not take a server from
everybody else. Nor may it take the loop: of all prompts together no more is read, for what answers
can be run on, than of one that comes alone. If one fails, the request fails, and what still runs is
cancelled and settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, TypeAlias

from policies.sizing import least_ceiling
from router.concurrent import concurrently
from router.gateway import Gateway
from router.plan.outcome import Outcome
from router.plan.paying.shares import Shares
from router.plan.programs import texts_of
from router.plan.programs.prompts.asked import LONGEST
from router.preparing.prepared import Prepared
from router.request import RouteRequest

AT_ONCE: Final = 8
"""Plans of one request that run at the same time."""

Perform: TypeAlias = Callable[[int, Prepared], Awaitable[Outcome]]
"""Runs the plan of the prompt at this place."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The prompts of one request, prepared, in order; each with the budget of the whole request."""

    gateway: Gateway
    parts: tuple[Prepared, ...]
    shares: Shares | None

    @classmethod
    async def prepare(
        cls, gateway: Gateway, requests: Sequence[RouteRequest], received: float
    ) -> Batch:
        """Raises what `Gateway.prepare` raises, and `BudgetTooSmall`."""

        async def prepare(request: RouteRequest, *, reads: bool) -> Prepared:
            await asyncio.sleep(0)  # they must not be read in one go
            return await gateway.prepare(request, received, reads=reads)

        parts = await concurrently(
            zip(requests, _read(requests), strict=True),
            lambda each: prepare(each[0], reads=each[1]),
            at_once=AT_ONCE,
        )
        budget = parts[0].budget.flops
        if budget is None:
            return cls(gateway, parts, None)
        return cls(gateway, parts, Shares(budget, [_least(gateway, part) for part in parts]))

    async def run(self, perform: Perform) -> tuple[Outcome, ...]:
        """Every plan's outcome, in the order of the prompts."""
        places = enumerate(self.parts)
        return await concurrently(places, lambda each: self._one(*each, perform), at_once=AT_ONCE)

    async def _one(self, at: int, part: Prepared, perform: Perform) -> Outcome:
        if at > 0:  # the first alone tells whether there is room: others compete with their own
            part = replace(part, begun=True)
        if self.shares is None:
            return await perform(at, part)
        with self.shares.of(at) as share:
            budget = replace(part.budget, flops=share.ceiling)
            outcome = await perform(at, replace(part, budget=budget))
            share.settle(outcome.ledger.used)
            return outcome


def _least(gateway: Gateway, part: Prepared) -> float:
    """FLOPs of the least that is worth drawing for a prompt."""
    cost = gateway.cost_of(part.request, part.forecasts)
    return min(least_ceiling(part.task, cost, model) for model in part.task.models)


def _read(requests: Sequence[RouteRequest]) -> list[bool]:
    """Which prompts are read: from the first on, as many as together are no longer than one may be.

    A first one is read however long it is, as it would be alone.
    """
    lengths = [sum(map(len, texts_of(request.prompt))) for request in requests]
    return [not at or total <= LONGEST for at, total in enumerate(accumulate(lengths))]
