"""Models under one budget: who leads, by how much, and at what cost a score is reached.

A budget f buys a model the largest k with k·cost <= f (Equations 2 and 3). Costs are the
normalised columns of Table 1: the unit, of FLOPs and of time alike, is one sample of the 7B model.
Models are compared only where the larger one affords a sample and the smaller one's k is
published. Every number comes with the bounds between which it surely lies.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from evaluation.paper.bounded import Bounded
from evaluation.paper.published import Published
from policies.estimators import k_within


class Resource(StrEnum):
    """What a budget is counted in."""

    FLOPS = "flops"
    TIME = "time"


RESOURCES: Final = (Resource.FLOPS, Resource.TIME)
_STEPS_PER_DOUBLING: Final = 8


@dataclass(frozen=True, slots=True)
class PublishedLead:
    """How far one model is above another at a budget: points of percent."""

    budget: float
    points: Bounded


@dataclass(frozen=True, slots=True)
class Contest:
    """The models of some tables, such as `published()`, with one budget for each of them."""

    tables: Published

    def unit_cost(self, model: str, resource: Resource) -> float:
        """The cost of one sample, in samples of the 7B model."""
        cost = self.tables.cost(model)
        return cost.tflops_norm if resource is Resource.FLOPS else cost.seconds_norm

    def reach(self, benchmark: str, model: str, resource: Resource) -> float:
        """The largest budget at which the tables tell a model's score."""
        return self.tables.curves[benchmark][model].last * self.unit_cost(model, resource)

    def score(
        self, benchmark: str, model: str, resource: Resource, budget: float
    ) -> Bounded | None:
        """The score in percent at a budget; None where it buys no sample or more than published."""
        curve, cost = self.tables.curves[benchmark][model], self.unit_cost(model, resource)
        k = k_within(budget, lambda samples: samples * cost, curve.last + 1)
        return curve.surely_at(k) if 1 <= k <= curve.last else None

    def leads(
        self,
        benchmark: str,
        ahead: str,
        behind: str,
        resource: Resource,
        *,
        up_to: float = math.inf,
    ) -> list[PublishedLead]:
        """The lead of one model over another at each budget that the costlier one spends in full.

        Those are the costlier model's own points in the figures. Just below one its score has
        stood still for a whole sample's cost while the cheaper one's grew, so other budgets would
        flatter the cheaper one. Both must have a score there.
        """
        costlier = max(ahead, behind, key=lambda model: self.unit_cost(model, resource))
        unit = self.unit_cost(costlier, resource)
        last = self.tables.curves[benchmark][costlier].last
        found = []
        for budget in (k * unit for k in range(1, last + 1)):
            left = self.score(benchmark, ahead, resource, budget)
            right = self.score(benchmark, behind, resource, budget)
            if budget <= up_to and left is not None and right is not None:
                found.append(PublishedLead(budget, left - right))
        return found

    def even_leads(
        self, benchmark: str, ahead: str, behind: str, resource: Resource
    ) -> list[PublishedLead]:
        """Of `leads`, the last one at or below each of even steps on a log axis of budgets.

        So the mean over them weighs each doubling of the budget alike. Eight steps to a doubling.
        """
        found = self.leads(benchmark, ahead, behind, resource)
        budgets = [lead.budget for lead in found]
        steps = math.floor(_STEPS_PER_DOUBLING * math.log2(budgets[-1] / budgets[0]))
        return [
            found[bisect_right(budgets, budgets[0] * 2 ** (step / _STEPS_PER_DOUBLING)) - 1]
            for step in range(steps + 1)
        ]

    def even_budgets(
        self, benchmark: str, models: Sequence[str], resource: Resource, *, low: float
    ) -> list[float]:
        """Budgets from `low` to where a model's table ends, even on a log axis: 8 to a doubling."""
        high = min(self.reach(benchmark, model, resource) for model in models)
        steps = math.floor(_STEPS_PER_DOUBLING * math.log2(high / low))
        return [low * 2 ** (step / _STEPS_PER_DOUBLING) for step in range(steps + 1)]

    def cost_ratio(
        self, benchmark: str, small: str, large: str, resource: Resource, percent: float
    ) -> Bounded | None:
        """What the small model pays for a score, per unit that the large one pays.

        None where a model's points do not reach the score or begin above it.
        """
        curves = self.tables.curves[benchmark]
        try:
            ratio = curves[small].surely_reaches(percent) / curves[large].surely_reaches(percent)
        except ValueError:
            return None
        return ratio.scaled(self.unit_cost(small, resource) / self.unit_cost(large, resource))
