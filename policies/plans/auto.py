"""What the gateway does where a request names no policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.cost import CostModel
from policies.ladder import Found, Offer
from policies.plans.best_of_n import BestOfN
from policies.plans.cascade import Cascade
from policies.plans.climb import Climb
from policies.plans.pinning import pin
from policies.plans.sift import Courses, Sift
from policies.plans.single import Single
from policies.policy import Policy
from policies.protocol import Plan
from policies.selection.choosing import USUAL
from policies.selectors import Selector
from policies.values import Budget, Task


@dataclass(frozen=True, slots=True)
class Auto:
    """With tests the calibrated ladder where its models are there; without, a calibrated course.

    Where there is no ladder for these models: a cascade; best of n where only one model is left.
    Where there is no course: a single call. All of them keep to what can be paid for and to what is
    forecast to end in time.
    """

    climb: Climb | None = None
    courses: Courses | None = None
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

    def foresees(self, task: Task, budget: Budget, cost: CostModel) -> Found | None:
        """As the policy that the task calls for."""
        return self._policy(task).foresees(task, budget, cost)

    def offers(self, task: Task, budget: Budget, cost: CostModel) -> tuple[Offer, ...] | None:
        """As the policy that the task calls for."""
        return self._policy(task).offers(task, budget, cost)

    def _policy(self, task: Task) -> Policy:
        if not task.verifiable and self.courses is not None:
            return Sift(self.courses, self.selector)
        if not task.verifiable:
            return Single(selector=self.selector)
        there = {model.id for model in task.models}
        if self.climb is not None and there.issuperset(self.climb.calibration.models):
            return self.climb
        if len(task.models) > 1:
            return Cascade(selector=self.selector)
        return BestOfN(selector=self.selector)
