"""The embedded engine's prompt cache, as a plan sees it: with a real model, whatever others ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import contract_servers
import pytest
from contract_servers import SLOTS, SMALL, Server
from fakes import ByHand

from policies.cost import Architecture, CostModel
from policies.protocol import Done, Draw, Plan, Started, Wait
from policies.values import Budget, ModelView, Task
from router.plan.outcome import Outcome
from router.plan.run import Run
from router.request import SampleRequest, TextPrompt
from router.upstream.said.chunks import Chunk

pytestmark = [pytest.mark.anyio, pytest.mark.real_model]

# Of SmolLM2-135M; only their proportions matter here.
COST = CostModel({SMALL: Architecture(106_000_000, 28_000_000, 30, 576)})
PROMPT = TextPrompt("def mean(numbers):\n    return sum(numbers) / len(numbers)\n\n" * 8)
OTHER = TextPrompt("Once upon a time there was a fox who lived in a wood. " * 8)


@dataclass(frozen=True)
class Sampling:
    """The engine, asked for one prompt."""

    server: Server

    def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        return self.server.upstream.sample(draw, asking(PROMPT))

    def token_per_chunk(self, model: str) -> bool:
        return model == SMALL


def asking(prompt: TextPrompt) -> SampleRequest:
    return SampleRequest(prompt, {"ignore_eos": True}, None, frozenset())


def drawing(n: int, *, counts: bool = False, max_tokens: int = 8) -> Draw:
    return Draw(SMALL, n, max_tokens, 0.8, verify=False, counts_on_cache=counts)


def one_after_another(draws: Sequence[Draw]) -> Plan:
    for draw in draws:
        assert isinstance((yield draw), Started)
        while not isinstance((yield Wait()), Done):
            pass


async def perform(server: Server, *draws: Draw) -> Outcome:
    length = await server.upstream.count_tokens(PROMPT)
    task = Task((ModelView(SMALL, length.tokens, SLOTS),), max_tokens=8)
    policy = ByHand(one_after_another(draws))
    return await Run(policy, task, Budget(), COST, sampler=Sampling(server)).perform()


async def others(server: Server, n: int, max_tokens: int = 4) -> None:
    """Somebody else's request."""
    async with aclosing(
        server.upstream.sample(drawing(n, max_tokens=max_tokens), asking(OTHER))
    ) as c:
        async for _ in c:
            pass


@pytest.mark.parametrize("n", [1, SLOTS])
async def test_a_further_draw_finds_all_but_the_last_token_and_settles_without_the_prompt(
    n: int,
) -> None:
    async with contract_servers.embedded() as server:
        outcome = await perform(
            server, drawing(1), drawing(n, counts=True), drawing(1, counts=True)
        )
        first, *further = outcome.draws
        prompt = first.prompt_tokens
        assert (first.cached_tokens, first.counted_on) == (0, 0)
        assert not outcome.failures
        for draw in further:
            assert (draw.cached_tokens, draw.counted_on) == (prompt - 1, 0)  # there is no budget
            decoded = draw.command.n * COST.decode(SMALL, prompt, 8)
            assert draw.flops(COST) == pytest.approx(
                decoded + COST.prefill(SMALL, prompt, prompt - 1)
            )
        assert further[-1].flops(COST) < first.flops(COST) / 4


async def test_it_finds_them_beside_the_requests_of_others() -> None:
    async with contract_servers.embedded() as server:
        await perform(server, drawing(1))
        busy = asyncio.create_task(others(server, SLOTS - 2, max_tokens=400))
        try:
            outcome = await perform(server, drawing(1), drawing(2), drawing(1))
            found = [draw.prompt_tokens - (draw.cached_tokens or 0) for draw in outcome.draws]
            assert found == [1, 1, 1]
            assert not busy.done()
        finally:
            busy.cancel()
            await asyncio.gather(busy, return_exceptions=True)


async def test_a_draw_whose_prompt_others_have_driven_out_is_cut_in_time() -> None:
    async with contract_servers.embedded() as server:
        outcome = await driven_out(server, lambda: others(server, SLOTS))
        first, cut = outcome.draws
        assert (first.cached_tokens, cut.counted_on) == (0, first.prompt_tokens - 1)
        assert (cut.cached_tokens or 0) < cut.counted_on / 2
        assert "in its cache" in str(cut.failure)
        whole = COST.prefill(SMALL, cut.prompt_tokens, cut.cached_tokens or 0)
        assert whole <= cut.flops(COST) <= cut.hold.ceiling


async def driven_out(server: Server, between: Callable[[], Awaitable[None]]) -> Outcome:
    """Two draws, the second counting on the first's prompt, with something in between."""
    length = await server.upstream.count_tokens(PROMPT)
    prompt = length.tokens
    kept = COST.ceiling(SMALL, prompt, 1, 256, prompt - 1)
    task = Task((ModelView(SMALL, length.tokens, SLOTS),), max_tokens=8)

    @dataclass(frozen=True)
    class Interrupted(Sampling):
        async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
            if draw.counts_on_cache:
                await between()
            async with aclosing(super().sample(draw)) as chunks:
                async for chunk in chunks:
                    yield chunk

    policy = ByHand(one_after_another([drawing(1), drawing(1, counts=True, max_tokens=256)]))
    budget = Budget(COST.draw(SMALL, prompt, [8]) + kept)  # too little for a prompt read twice
    return await Run(policy, task, budget, COST, sampler=Interrupted(server)).perform()
