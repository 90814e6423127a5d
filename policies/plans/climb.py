"""Climb the ladder that calibration found for this kind of task, prompt and budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from policies.cost import CostModel
from policies.ladder import Calibration, Found, Ladder, Offer
from policies.moves import hurried
from policies.plans.climber import Climber
from policies.plans.foresight import Foresight
from policies.plans.pinning import PolicyMismatch
from policies.plans.single import Single
from policies.policy import Policy
from policies.protocol import Plan
from policies.selection.choosing import USUAL
from policies.selectors import Selector
from policies.sizing import require_affordable
from policies.values import Budget, ModelView, Remaining, Task

_NO_COSTS: Final = CostModel({})
"""To look at ladders alone."""


@dataclass(frozen=True, slots=True)
class Climb:
    """The rungs of the calibrated ladder, one after another, until one has passed.

    `domain` is the kind of task where the operator knows it; else the kind of request tells.
    Without tests there is nothing to climb on, and the plan is that of `otherwise`.
    """

    calibration: Calibration
    domain: str | None = None
    selector: Selector = USUAL
    otherwise: Policy = field(default_factory=Single)

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        """Draw each rung as far as it fits, and short answers for what is left over."""
        if not task.verifiable:
            yield from replace(self.otherwise, selector=self.selector).plan(task, budget, cost)
            return
        foresight = self._foresight(task, cost)
        models = foresight.models
        require_affordable(task, budget, cost, models)
        if (yield from hurried(task, budget, cost, models)):
            return
        found = foresight.found(budget)
        # No more than its ladder is worth is spent on a target.
        limit = math.inf if budget.target is None else found.ladder.calls * foresight.call
        left = Remaining.of(budget)
        left = replace(left, flops=min(limit, left.flops))
        climber = Climber(task, cost, {m.id: m for m in models}, found, left, limit)
        if budget.latency_ms is not None and foresight.width_is_free:
            yield from climber.all_at_once(flops_bind=not math.isinf(left.flops))
        else:
            yield from climber.climb()

    def foresees(self, task: Task, budget: Budget, cost: CostModel) -> Found:
        """The ladder for this budget, or the cheapest that is expected to reach its target.

        Raises `TargetTooHigh`.
        """
        return self._foresight(task, cost).found(budget)

    def offers(self, task: Task, budget: Budget, cost: CostModel) -> tuple[Offer, ...]:
        """What budgets up to this one would buy, each more than the one before."""
        return self._foresight(task, cost).offers(budget)

    def ladders(self, task: Task) -> tuple[Ladder, ...]:
        """What every budget would buy, the smallest first."""
        return self._foresight(task, _NO_COSTS).ladders

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        """The models that were calibrated; never a single one."""
        own = self.calibration.models
        if pinned is not None:
            raise PolicyMismatch(
                f"this policy uses the models {list(own)}, and the request names {pinned!r}: "
                'send "model": "auto" or another policy'
            )
        if missing := [name for name in own if name not in models]:
            raise PolicyMismatch(f"this policy uses models {missing}, which are not configured")
        return own

    def most_samples(self, task: Task) -> int:
        """All that the longest of its ladders may draw."""
        if not task.verifiable:
            return self.otherwise.most_samples(task)
        if task.greedy:
            return len(self._models(task))
        ladders = self.ladders(task)
        drawn = max(sum(max(rung.n, task.n) for rung in each.rungs) for each in ladders)
        return drawn + len(task.models)

    def _foresight(self, task: Task, cost: CostModel) -> Foresight:
        return Foresight(self.calibration, self.domain or task.kind, task, cost)

    def _models(self, task: Task) -> list[ModelView]:
        return self._foresight(task, _NO_COSTS).models
