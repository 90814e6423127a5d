"""Many samples of one model, each judged as it ends; the first pass ends the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from policies.cost import CostModel
from policies.moves import draw_repeatedly, hurried, informed
from policies.plans.pinning import pin
from policies.policy import Uncalibrated
from policies.protocol import Plan
from policies.selection.choosing import USUAL
from policies.selectors import Selector
from policies.sizing import require_affordable
from policies.values import Budget, Remaining, Task

UNBUDGETED_SAMPLES: Final = 16
"""How many samples are drawn where neither an operator nor a FLOPs budget says how many."""

MOST_SAMPLES: Final = 64
"""How many samples a FLOPs budget buys at most: beyond, another model is the better buy."""


@dataclass(frozen=True, slots=True)
class BestOfN(Uncalibrated):
    """Up to `n` samples of one model: the cheapest unless one is named.

    Without an `n`, tests and a FLOPs budget together decide: k is the most that the budget buys
    (Eq. 2 of the paper).
    """

    model: str | None = None
    n: int | None = None
    selector: Selector = USUAL

    def __post_init__(self) -> None:
        if self.n is not None and self.n < 1:
            raise ValueError(f"best_of_n needs n of at least 1, not {self.n}")

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        """Draw until the task's n candidates have passed, n samples are drawn or nothing fits."""
        model = task.models[0]
        require_affordable(task, budget, cost, [model])
        if (yield from hurried(task, budget, cost, [model])):
            return
        n = self._limit(task, budgeted=budget.flops is not None)
        drawn = yield from draw_repeatedly(
            task, cost, model, n=n, left=Remaining.of(budget), reason=f"the best of up to {n}"
        )
        if not task.verifiable:
            yield from informed(self.selector.of(task), drawn.candidates)

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        """The policy's or the caller's model, else the cheapest."""
        return pin(models, self.model, pinned)[:1]

    def most_samples(self, task: Task) -> int:
        """At least as many as the caller wants choices; one at temperature 0."""
        return 1 if task.greedy else self._limit(task, budgeted=True)

    def _limit(self, task: Task, *, budgeted: bool) -> int:
        if self.n is not None:
            return max(self.n, task.n)
        bought = MOST_SAMPLES if budgeted and task.verifiable else UNBUDGETED_SAMPLES
        return max(bought, task.n)
