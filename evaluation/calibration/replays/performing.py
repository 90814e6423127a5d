"""Performs plans on recorded problems: one run for each budget and each order of the samples.

All runs of a problem share one simulated clock. Orders are the same for every plan and budget, so
what one plan gains over another is not the luck of its samples.

A fixed plan is one draw. What came of it stands for every budget at which it draws the same: it is
told by its first command whether it does, and then it is not run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TypeAlias

from evaluation.calibration.clock import simulate
from evaluation.calibration.replay import (
    OutOfSamples,
    RecordedModel,
    ReplayJudge,
    ReplaySampler,
)
from evaluation.calibration.replays.entrants import Entrant
from evaluation.calibration.replays.problems import Averages, RecordedProblem
from policies.cost import CostModel
from policies.ladder import Rung
from policies.protocol import Draw
from policies.values import Budget, BudgetTooSmall, TargetTooHigh, Task, Verdict
from router.plan.outcome import Outcome
from router.plan.run import Run

Key: TypeAlias = tuple[Draw | None, Budget | None]
"""What decides how a run of a fixed plan goes, but for the order of the samples."""


@dataclass(slots=True)
class ProblemReplay:
    """Replays of one problem, in as many orders of its samples as there are seeds."""

    problem: RecordedProblem
    cost: CostModel
    orders: Sequence[Mapping[str, RecordedModel]]
    runs: int = 0
    _known: dict[Key, Averages] = field(default_factory=dict)
    _tasks: dict[bool, Task] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: RecordedProblem, cost: CostModel, seeds: int) -> ProblemReplay:
        """With orders that follow from the seed and the problem alone."""
        orders = [
            {
                name: answers.shuffled(f"{seed}/{problem.task_id}/{name}")
                for name, answers in problem.models.items()
            }
            for seed in range(seeds)
        ]
        tasks = {caches: problem.task(caches=caches) for caches in (False, True)}
        return cls(problem, cost, orders, _tasks=tasks)

    def replay(
        self, entrants: Iterable[Entrant], budgets: Sequence[Budget]
    ) -> dict[str, list[Averages]]:
        """By plan, for each budget, what came of it over all orders.

        A target that is too high takes the best that can be had, if only what no ladder promises.
        """
        return simulate(self._replay(entrants, budgets))

    async def _replay(
        self, entrants: Iterable[Entrant], budgets: Sequence[Budget]
    ) -> dict[str, list[Averages]]:
        return {
            entrant.name: [await self._in_all_orders(entrant, budget) for budget in budgets]
            for entrant in entrants
        }

    async def _in_all_orders(self, entrant: Entrant, budget: Budget) -> Averages:
        if entrant.rung is None:
            return _averaged([await self._run(entrant, budget, order) for order in self.orders])
        key = self._key(entrant, entrant.rung, budget)
        if key not in self._known:
            # A greedy answer is the same in any order, so one stands for all.
            alone = key[0] is not None and key[0].temperature == 0
            orders = self.orders[:1] if alone else self.orders
            runs = [await self._run(entrant, budget, order) for order in orders]
            self._known[key] = _averaged(runs)
        return self._known[key]

    def _key(self, entrant: Entrant, rung: Rung, budget: Budget) -> Key:
        """What a fixed plan draws first, and its budget where it may draw once more after that."""
        plan = entrant.policy.plan(self._tasks[entrant.cached], budget, self.cost)
        try:
            first = next(plan)
        except BudgetTooSmall:
            return None, None
        finally:
            plan.close()
        if not isinstance(first, Draw):
            return None, budget
        # No limit above the longest recorded answer cuts any.
        longest = max(each.tokens for each in self.problem.models[first.model].all)
        drawn = replace(first, max_tokens=min(first.max_tokens, longest), reason="")
        return drawn, None if entrant.draws_whole(first, rung) else budget

    async def _run(
        self, entrant: Entrant, budget: Budget, order: Mapping[str, RecordedModel]
    ) -> Averages:
        self.runs += 1
        task = self._tasks[entrant.cached]
        prompts = {m.id: m.prompt_tokens for m in task.models} if entrant.cached else None
        sampler, judge = ReplaySampler(order, prompts), ReplayJudge(self.problem.verdicts)
        try:
            run = Run(entrant.policy, task, budget, self.cost, sampler=sampler, judge=judge)
            return self._came(await run.perform())
        except TargetTooHigh as error:
            return await self._run(entrant, replace(budget, target=error.best or None), order)
        except BudgetTooSmall:
            return Averages()

    def _came(self, outcome: Outcome) -> Averages:
        chosen = next(iter(outcome.choice.candidates), None)
        passed = chosen is not None and chosen.verdict is Verdict.PASSED
        truly = passed and chosen is not None and chosen.text in (self.problem.plus or ())
        outran = any(isinstance(failure, OutOfSamples) for failure in outcome.failures)
        return Averages(float(passed), float(truly), outcome.ledger.used, int(outran))


def _averaged(runs: Sequence[Averages]) -> Averages:
    """The means over runs, and how many of them outran."""
    return Averages(
        fmean(run.success for run in runs),
        fmean(run.plus for run in runs),
        fmean(run.flops for run in runs),
        sum(run.outran for run in runs),
    )
