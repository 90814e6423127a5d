"""The sampler that jumps books, tells and chooses what one does that yields every token."""

import asyncio
from collections.abc import AsyncGenerator

from hypothesis import given, settings
from hypothesis import strategies as st
from world import COST, task

from evaluation.calibration.clock import simulate
from evaluation.calibration.replay import (
    Pace,
    RecordedModel,
    RecordedSample,
    ReplayJudge,
    ReplaySampler,
)
from policies.ladder import Calibration, Domain, Interval, Ladder, Length, Rung
from policies.moves import draw_together
from policies.plans.best_of_n import BestOfN
from policies.plans.cascade import Cascade
from policies.plans.climb import Climb
from policies.policy import Policy
from policies.protocol import Draw, Plan
from policies.selection.choosing import USUAL
from policies.values import Budget, Task, Verdict
from router.plan.outcome import Outcome
from router.plan.ports import Sampler
from router.plan.run import Run
from router.request import Judgement
from router.upstream.said.chunks import Chunk

PACE = Pace(first_token_s=0.5, token_s=0.1)


class Stepping(ReplaySampler):
    """Yields every token on its own, when its time has come."""

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        telling = {at: _told(at, s, draw.max_tokens) for at, s in enumerate(self._drawn(draw))}
        await asyncio.sleep(PACE.first_token_s)
        while telling:
            for at, pieces in list(telling.items()):
                piece = next(pieces)
                if piece.finish_reason is not None:
                    del telling[at]
                yield piece
            if telling:
                await asyncio.sleep(PACE.token_s)


def _told(at, sample, max_tokens):
    most = min(sample.tokens, max_tokens)
    reason = "length" if sample.tokens > most else sample.finish_reason
    for token in range(most):
        start, end = (len(sample.text) * n // sample.tokens for n in (token, token + 1))
        yield Chunk(
            at,
            sample.text[start:end],
            finish_reason=reason if token == most - 1 else None,
            said=token < most - 1,
        )
    if not most:
        yield Chunk(at, "", finish_reason=reason)


class Together:
    """Draws from both models at once."""

    selector = USUAL

    def plan(self, task: Task, budget: Budget, cost: object) -> Plan:
        draws = [Draw(m.id, 4, task.max_tokens, 0.8, verify=True) for m in task.models]
        yield from draw_together(draws, enough=1)


LADDER = Ladder(
    *(1.0, (Rung("small", 3, 0.8), Rung("large", 2, 0.8), Rung("small", 4, 0.8))),
    success=Interval(0.5, 0, 1),
    spent=Interval(0.5, 0, 1),
)
CLIMB = Climb(
    Calibration(("small", "large"), {}, Domain("any", (Length(9, (LADDER,), (LADDER,)),), {}), {})
)


def samples(lengths, passing, tag):
    return [
        # Texts of five characters a token, so that no beginning of one is another.
        RecordedSample(
            "".join(f"{tag}{at:02}{token % 10}\n" for token in range(tokens)),
            tokens,
            "stop",
            judgement=Judgement(Verdict.PASSED if at in passing else Verdict.FAILED, ""),
        )
        for at, tokens in enumerate(lengths)
    ]


def figures(outcome: Outcome) -> object:
    return (
        outcome.ledger.used,
        outcome.deadline_passed,
        [(c.text, c.verdict, c.tokens, c.partial) for c in outcome.choice.candidates],
        [
            (d.command, [(s.text, s.tokens, s.ending) for s in d.samples], str(d.failure))
            for d in outcome.draws
        ],
    )


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=32, max_size=32),
    passing=st.frozensets(st.integers(0, 31), max_size=3),
    policy=st.sampled_from([BestOfN(n=8), Cascade(n=4, n_last=2), CLIMB, Together()]),
    flops=st.sampled_from([None, 1e12, 4e12, 2e13]),
    judge_s=st.sampled_from([0.0, 0.03, 0.27, 1.16]),
    # Off the steps: at one and the same moment either of two things may come first.
    steps=st.none() | st.integers(0, 120),
)
def test_what_is_stopped_anywhere_has_cost_what_was_said_by_then(
    lengths, passing, policy: Policy, flops, judge_s, steps
) -> None:
    recorded = {
        "small": samples(lengths[:20], passing, "s"),
        "large": samples(lengths[20:], {at - 20 for at in passing}, "l"),
    }
    models = {name: RecordedModel(of, PACE) for name, of in recorded.items()}
    timeout = None if steps is None else 0.1 * steps + 0.015

    def replayed(sampler: Sampler) -> Outcome:
        judge = ReplayJudge.of((s for of in recorded.values() for s in of), judge_s)
        asked = task(prompt=20, max_tokens=32)
        run = Run(policy, asked, Budget(flops), COST, sampler=sampler, judge=judge)
        return simulate(run.perform(timeout))

    jumped, stepped = replayed(ReplaySampler(models)), replayed(Stepping(models))
    assert figures(jumped) == figures(stepped)
