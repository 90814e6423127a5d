"""What the gateway does before a calibration is loaded: no number here comes from a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.best_of_n import BestOfN
from policies.cascade import Cascade
from policies.cost import CostModel
from policies.pinning import pin
from policies.policy import Policy
from policies.protocol import Plan
from policies.selectors import USUAL, Selector
from policies.single import Single
from policies.values import Budget, Task


@dataclass(frozen=True, slots=True)
class Auto:
    """With tests a cascade (best of n where only one model is left); without, a single call.

    All of them keep to what can be paid for and to what is forecast to end in time.
    """

    selector: Selector = USUAL

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        """The plan of the policy that the task calls for."""
        return self._policy(task).plan(task, budget, cost)

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        """The caller's model, else all."""
        return pin(models, None, pinned)

    def most_samples(self, task: Task) -> int:
        """As the policy that the task calls for."""
        return self._policy(task).most_samples(task)

    def _policy(self, task: Task) -> Policy:
        if not task.verifiable:
            return Single(selector=self.selector)
        if len(task.models) > 1:
            return Cascade(selector=self.selector)
        return BestOfN(selector=self.selector)
