"""One FLOPs budget over several plans, such as those of a request with several prompts.

Each plan gets a part of what is left when it begins: its need over the needs of all that have none
yet. What it leaves over belongs to those after it. A need is the least that a plan can do with, so
where the budget covers all needs together, every plan gets at least its own, whatever the others
spend and in whatever order they end: settled and held together never exceed the budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from policies.values import BudgetTooSmall
from router.plan.paying.ledger import Hold, Ledger

ROUNDING: Final = 1e-9
"""The part of all needs that each is reckoned above itself, so that no share is a hair short of it.

What is left beside a huge share is known only to a rounding of the whole budget.
"""


class Shares:
    """The budget, and the needs of the plans that it is shared among."""

    def __init__(self, flops: float, needs: Sequence[float]) -> None:
        """Raises `BudgetTooSmall`."""
        spare = math.fsum(needs) * ROUNDING
        self._needs = {plan: need + spare for plan, need in enumerate(needs)}
        least = math.fsum(needs) + len(needs) * spare
        if least > flops:
            raise BudgetTooSmall(flops, least)
        self._ledger = Ledger(flops)

    @property
    def used(self) -> float:
        """FLOPs of all plans that have ended."""
        return self._ledger.used

    @contextmanager
    def of(self, plan: int) -> Iterator[Hold]:
        """The share of a plan that begins, held until it settles; else it counts as spent."""
        part = self._needs[plan] / math.fsum(self._needs.values())
        del self._needs[plan]
        hold = self._ledger.hold(self._ledger.remaining * part)
        assert hold is not None  # noqa: S101 it is no more than what is left, for the type checker
        try:
            yield hold
        finally:
            hold.settle(hold.ceiling)
