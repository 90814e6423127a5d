"""Models under one budget: who leads, by how much, and at what cost a score is reached.

A budget f buys a model the largest k with k·cost <= f (Equations 2 and 3). Costs are the
normalised columns of Table 1, so the unit is one sample of the 7B model on either basis. Models
are compared only where the larger one affords a sample and the smaller one's k is published.
Every number comes with the bounds between which it surely lies.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from evaluation.paper.bounded import Bounded
from evaluation.paper.published import published
from policies.estimators import k_within


class Basis(StrEnum):
    """What a budget is counted in."""

    FLOPS = "flops"
    TIME = "time"


BASES: Final = (Basis.FLOPS, Basis.TIME)
_STEPS_PER_DOUBLING: Final = 8


def unit_cost(model: str, basis: Basis) -> float:
    """The cost of one sample, in samples of the 7B model."""
    cost = published().cost(model)
    return cost.tflops_norm if basis is Basis.FLOPS else cost.seconds_norm


def reach(benchmark: str, model: str, basis: Basis) -> float:
    """The largest budget at which the tables tell a model's score."""
    return published().curves[benchmark][model].last * unit_cost(model, basis)


def score(benchmark: str, model: str, basis: Basis, budget: float) -> Bounded | None:
    """The score in percent at a budget; None where it buys no sample or more than published."""
    curve, cost = published().curves[benchmark][model], unit_cost(model, basis)
    k = k_within(budget, lambda samples: samples * cost, curve.last + 1)
    return curve.surely_at(k) if 1 <= k <= curve.last else None


@dataclass(frozen=True, slots=True)
class Lead:
    """How far `ahead` is above `behind` at a budget: points of percent."""

    benchmark: str
    ahead: str
    behind: str
    basis: Basis
    budget: float
    points: Bounded


def leads(
    benchmark: str, ahead: str, behind: str, basis: Basis, *, up_to: float = math.inf
) -> list[Lead]:
    """The lead of one model over another at each budget that the costlier one spends in full.

    Those are the costlier model's own points in the figures. Just below one its score has stood
    still for a whole sample's cost while the cheaper one's grew, so other budgets would flatter
    the cheaper one. Both must have a score there.
    """
    costlier = max(ahead, behind, key=lambda model: unit_cost(model, basis))
    unit, last = unit_cost(costlier, basis), published().curves[benchmark][costlier].last
    found = []
    for budget in (k * unit for k in range(1, last + 1)):
        left = score(benchmark, ahead, basis, budget)
        right = score(benchmark, behind, basis, budget)
        if budget <= up_to and left is not None and right is not None:
            found.append(Lead(benchmark, ahead, behind, basis, budget, left - right))
    return found


def even_leads(benchmark: str, ahead: str, behind: str, basis: Basis) -> list[Lead]:
    """Of `leads`, the last one at or below each of even steps on a log axis of budgets.

    So the mean over them weighs each doubling of the budget alike. Eight steps to a doubling.
    """
    found = leads(benchmark, ahead, behind, basis)
    budgets = [lead.budget for lead in found]
    steps = math.floor(_STEPS_PER_DOUBLING * math.log2(budgets[-1] / budgets[0]))
    return [
        found[bisect_right(budgets, budgets[0] * 2 ** (step / _STEPS_PER_DOUBLING)) - 1]
        for step in range(steps + 1)
    ]


def even_budgets(benchmark: str, models: Sequence[str], basis: Basis, *, low: float) -> list[float]:
    """Budgets from `low` to where a model's table ends, even on a log axis: eight to a doubling."""
    high = min(reach(benchmark, model, basis) for model in models)
    steps = math.floor(_STEPS_PER_DOUBLING * math.log2(high / low))
    return [low * 2 ** (step / _STEPS_PER_DOUBLING) for step in range(steps + 1)]


def cost_ratio(
    benchmark: str, small: str, large: str, basis: Basis, percent: float
) -> Bounded | None:
    """What the small model pays for a score, per unit that the large one pays.

    None where a model's points do not reach the score or begin above it.
    """
    curves = published().curves[benchmark]
    try:
        ratio = curves[small].surely_reaches(percent) / curves[large].surely_reaches(percent)
    except ValueError:
        return None
    return ratio.scaled(unit_cost(small, basis) / unit_cost(large, basis))
