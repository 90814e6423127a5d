"""A plan counts on the cache that it filled itself, and the budget binds whatever the server says.

The upstream here computes: it keeps count of what it really did, whatever it says of its cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes import ByHand
from hypothesis import given, settings
from hypothesis import strategies as st
from world import COST, task

from policies.protocol import Done, Draw, Event, Plan, Refused, Started, Wait
from policies.values import Budget
from router.plan.outcome import Outcome
from router.plan.run import Run
from router.upstream.said.chunks import Chunk, Usage

PROMPT = 100


@dataclass(frozen=True)
class Said:
    """How a server answers a draw.

    Of the prompt it really has `cached` tokens, and says that it has `early` (before the first
    token) and `late` (at the end of a sample); None says nothing. Its samples have `tokens` tokens.
    """

    cached: int = 0
    early: int | None = None
    late: int | None = None
    tokens: int = 1000
    misreported: bool = False

    @classmethod
    def honest(cls, cached: int, tokens: int = 1000) -> Said:
        return cls(cached, cached, cached, tokens)


FRESH, AGAIN = Said.honest(0), Said.honest(PROMPT - 1)


@dataclass
class Computing:
    """An upstream that tells one token a chunk, the samples in step."""

    said: Sequence[Said]
    alone: bool = True
    spent: list[float] = field(default_factory=list)

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        said = self.said[len(self.spent) % len(self.said)]
        tokens = [0] * draw.n
        at = len(self.spent)
        self.spent.append(COST.draw(draw.model, PROMPT, tokens, said.cached))
        if said.early is not None:
            yield Chunk(0, usage=Usage(PROMPT, None, said.early, said.misreported))
        for _ in range(min(said.tokens, draw.max_tokens)):
            for index in range(draw.n):
                tokens[index] += 1
                self.spent[at] = COST.draw(draw.model, PROMPT, tokens, said.cached)
                yield Chunk(index, "x", said=True)
                await asyncio.sleep(0)
        for index in range(draw.n):
            usage = Usage(PROMPT, tokens[index], said.late, said.misreported)
            yield Chunk(index, finish_reason="stop", usage=usage)

    def token_per_chunk(self, model: str) -> bool:
        return self.alone


def one_after_another(draws: Sequence[Draw], heard: list[Event]) -> Plan:
    """Each draw when the one before has ended."""
    for draw in draws:
        event = yield draw
        heard.append(event)
        while isinstance(event, Started | Wait) or not isinstance(event, Done | Refused):
            event = yield Wait()
            heard.append(event)


def together(draws: Sequence[Draw], heard: list[Event]) -> Plan:
    """All draws at once."""
    running = 0
    for draw in draws:
        heard.append(event := (yield draw))
        running += isinstance(event, Started)
    while running:
        heard.append(event := (yield Wait()))
        running -= isinstance(event, Done)


def asking(n: int = 1, max_tokens: int = 8, *, counts: bool = True, **fields: Any) -> Draw:
    named = {"model": "small", "temperature": 0.8, "verify": False} | fields
    return Draw(n=n, max_tokens=max_tokens, counts_on_cache=counts, **named)


def perform(
    upstream: Computing,
    draws: Sequence[Draw],
    flops: float | None = None,
    plan: Callable[[Sequence[Draw], list[Event]], Plan] = one_after_another,
) -> tuple[Outcome, list[Event]]:
    async def scenario() -> tuple[Outcome, list[Event]]:
        heard: list[Event] = []
        policy = ByHand(plan(draws, heard))
        asked = task(prompt=PROMPT)
        run = Run(policy, asked, Budget(flops), COST, sampler=upstream)
        return await run.perform(), heard

    return asyncio.run(scenario())


def reserved(heard: Sequence[Event]) -> list[float]:
    return [event.reserved for event in heard if isinstance(event, Started)]


def kept(heard: Sequence[Event]) -> list[int]:
    return [event.kept_tokens for event in heard if isinstance(event, Done)]


def tight(n: int, max_tokens: int = 8, kept: int = PROMPT - 1, *before: int) -> float:
    """What a first draw costs (and one of each cache `before`), and a last that counts on it."""
    drawn = (COST.draw("small", PROMPT, [8], cached) for cached in (0, *before))
    return sum(drawn) + COST.ceiling("small", PROMPT, n, max_tokens, kept)


def test_a_draw_that_can_pay_for_its_prompt_counts_on_nothing() -> None:
    outcome, _ = perform(Computing([FRESH, FRESH]), [asking(), asking(4, 200)])
    assert [draw.counted_on for draw in outcome.draws] == [0, 0]
    assert not outcome.failures


def test_a_further_draw_reserves_no_prompt_and_is_settled_by_what_was_computed() -> None:
    outcome, heard = perform(Computing([FRESH, AGAIN]), [asking(), asking(4)], tight(4))
    whole = COST.ceiling("small", PROMPT, 1, 8)
    assert reserved(heard) == [whole, COST.ceiling("small", PROMPT, 4, 8, PROMPT - 1)]
    assert kept(heard) == [PROMPT - 1] * 2
    spent = [COST.draw("small", PROMPT, [8]), COST.draw("small", PROMPT, [8] * 4, PROMPT - 1)]
    assert [draw.flops(COST) for draw in outcome.draws] == spent
    assert outcome.ledger.used == sum(spent)
    assert not outcome.failures


def test_it_fits_where_the_whole_prompt_would_not() -> None:
    draws = [asking(), asking(16)]
    rest = COST.ceiling("small", PROMPT, 16, 8, PROMPT - 1)
    flops = COST.draw("small", PROMPT, [8]) + rest
    upstream = Computing([FRESH, AGAIN])
    assert len(perform(upstream, draws, flops)[0].draws) == 2
    without = [asking(), asking(16, counts=False)]
    assert isinstance(perform(upstream, without, flops)[1][-1], Refused)


OTHERS: dict[str, tuple[Said, Draw, bool]] = {
    "another model": (FRESH, asking(model="large"), True),
    "another prompt": (FRESH, asking(prompt="x = 1"), True),
    "a server that tells at the end alone": (Said(late=0), asking(), True),
    "a server that tells nothing": (Said(), asking(), True),
    "a server that tells what cannot be": (Said(0, 0, 0, misreported=True), asking(), True),
    "a server that sends several tokens at once": (FRESH, asking(), False),
    "a draw that does not ask for it": (FRESH, asking(counts=False), True),
}


@pytest.mark.parametrize(("said", "second", "alone"), OTHERS.values(), ids=OTHERS)
def test_all_else_reserves_the_whole_prompt(said: Said, second: Draw, alone: bool) -> None:
    outcome, _ = perform(Computing([said], alone=alone), [asking(), second])
    assert [draw.counted_on for draw in outcome.draws] == [0, 0]


def test_draws_that_run_at_once_have_filled_nothing_for_each_other() -> None:
    outcome, _ = perform(Computing([FRESH]), [asking(), asking()], plan=together)
    assert [draw.counted_on for draw in outcome.draws] == [0, 0]


def test_a_draw_that_found_less_is_what_the_next_one_counts_on() -> None:
    said, flops = [FRESH, Said.honest(64), AGAIN], tight(16, 8, 64, 64)
    outcome, heard = perform(Computing(said), [asking(counts=False)] * 2 + [asking(16)], flops)
    assert kept(heard) == [PROMPT - 1, 64, 64]
    assert [draw.counted_on for draw in outcome.draws] == [0, 0, 64]


@pytest.mark.parametrize("early", [0, None])
def test_a_prompt_that_was_not_kept_cuts_the_draw_before_it_exceeds_its_hold(
    early: int | None,
) -> None:
    missed = Said(0, early, 0)
    upstream = Computing([FRESH, missed])
    outcome, heard = perform(upstream, [asking(), asking(4, 200)], tight(4, 200))
    _, cut = outcome.draws
    assert "not 99" in str(cut.failure)
    assert isinstance(done := heard[-1], Done)
    assert (done.failure, done.kept_tokens) == (str(cut.failure), 0 if early == 0 else PROMPT - 1)
    # It was used as far as it went, and not a bit further.
    assert upstream.spent[1] == cut.flops(COST) <= cut.hold.ceiling
    assert cut.flops(COST) > 0.9 * cut.hold.ceiling
    assert 100 < min(sample.tokens for sample in cut.samples) < 200


def test_a_server_that_takes_back_what_it_said_is_paid_no_more_than_was_held() -> None:
    liar = Said(0, PROMPT - 1, 0)
    outcome, _ = perform(Computing([FRESH, liar]), [asking(), asking(16)], tight(16))
    told = outcome.draws[1]
    assert told.finished
    assert told.flops(COST) == told.hold.settled == told.hold.ceiling


sayings = st.builds(
    Said,
    cached=st.integers(0, PROMPT - 1),
    early=st.none() | st.integers(0, PROMPT),
    late=st.none() | st.integers(0, PROMPT),
    tokens=st.integers(1, 12),
    misreported=st.booleans(),
) | st.builds(Said.honest, st.sampled_from([0, 64, PROMPT - 1]), st.integers(1, 12))
draws_of_a_plan = st.lists(
    st.builds(
        asking,
        n=st.integers(1, 6),
        max_tokens=st.integers(1, 10),
        counts=st.booleans(),
        model=st.sampled_from(["small", "small", "large"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(
    draws=draws_of_a_plan,
    said=st.lists(sayings, min_size=1, max_size=4),
    flops=st.floats(5e10, 2e12),
    plan=st.sampled_from([one_after_another, together]),
    alone=st.booleans(),
)
def test_settled_never_exceeds_the_budget_whatever_servers_say(
    draws: list[Draw],
    said: list[Said],
    flops: float,
    plan: Callable[[Sequence[Draw], list[Event]], Plan],
    alone: bool,
) -> None:
    outcome, _ = perform(Computing(said, alone), draws, flops, plan)
    assert outcome.ledger.used <= flops
    assert outcome.ledger.held == 0
    assert outcome.ledger.used == pytest.approx(sum(draw.flops(COST) for draw in outcome.draws))
    for draw in outcome.draws:
        assert 0 <= (draw.cached_tokens or 0) < PROMPT
        assert draw.flops(COST) <= draw.hold.ceiling


@settings(max_examples=300, deadline=None)
@given(
    draws=draws_of_a_plan,
    really=st.lists(
        st.tuples(st.integers(0, PROMPT - 1), st.booleans(), st.booleans(), st.integers(1, 12)),
        min_size=1,
        max_size=4,
    ),
    flops=st.floats(5e10, 2e12),
    plan=st.sampled_from([one_after_another, together]),
)
def test_what_is_really_computed_keeps_to_the_budget_where_servers_do_not_lie(
    draws: list[Draw],
    really: list[tuple[int, bool, bool, int]],
    flops: float,
    plan: Callable[[Sequence[Draw], list[Event]], Plan],
) -> None:
    """Whatever they have in their caches, and whether they say so early, late or never."""
    said = [
        Said(cached, cached if early else None, cached if late else None, tokens)
        for cached, early, late, tokens in really
    ]
    upstream = Computing(said)
    outcome, _ = perform(upstream, draws, flops, plan)
    assert sum(upstream.spent) <= flops
    assert sum(upstream.spent) <= outcome.ledger.used * (1 + 1e-12) <= flops * (1 + 1e-12)
