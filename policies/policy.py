"""What a policy is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field
from typing import Any, ClassVar, Protocol

from policies.cost import CostModel
from policies.ladder import Found, Offer
from policies.protocol import Plan
from policies.selectors import Selector
from policies.values import Budget, Task


class Policy(Protocol):
    """A way to spend a budget. It decides; the run performs.

    Every policy is a dataclass, so that one is easily made of another (`dataclasses.replace`).
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def selector(self) -> Selector:
        """Puts the candidates in order, at every moment of a plan."""
        ...

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        """Yield commands for the run; raise `BudgetTooSmall` if not one draw fits."""
        ...

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        """The models that the plan may use, the cheapest first.

        `models` are all there are, the cheapest first; `pinned` is the caller's, if any. Raises
        `PolicyMismatch` where the policy cannot work with these.
        """
        ...

    def most_samples(self, task: Task) -> int:
        """The most samples that the plan may draw; a plan of one can be streamed through."""
        ...

    def foresees(self, task: Task, budget: Budget, cost: CostModel) -> Found | None:
        """What is expected of the plan for a task with tests; None where nobody measured it.

        Raises `TargetTooHigh`.
        """
        ...

    def offers(self, task: Task, budget: Budget, cost: CostModel) -> tuple[Offer, ...] | None:
        """What budgets up to this one would buy for a task with tests, the cheapest first.

        None where nobody measured it. Raises `TargetTooHigh`, and `UnknownCost` where there is
        nothing to say them in.
        """
        ...


class Uncalibrated:
    """A policy of whose plans nobody measured what comes of them."""

    __slots__ = ()

    def foresees(self, task: Task, budget: Budget, cost: CostModel) -> Found | None:  # noqa: ARG002 of Policy
        """Nothing."""
        return None

    def offers(self, task: Task, budget: Budget, cost: CostModel) -> tuple[Offer, ...] | None:  # noqa: ARG002 of Policy
        """Nothing."""
        return None
