"""FLOPs at equal success: what one plan needs to reach what another reached, and what that needs.

A plan's own points, one per budget, are its curve, on which both are looked up: where theirs
reached as much with a smaller budget, it needs what it spent then. Between two points it is a
straight line: a coin that is thrown between two budgets comes out there. Below its cheapest point
there is none: a coin between a plan and no answer is no plan, so a target down there costs what
that point costs, and is marked `cheapest`. A target above all of its points is not reached, and has
no ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from evaluation.calibration.replays.standings import Resampled, Standing, interval
from evaluation.pools.columns import Ints
from evaluation.pools.view import Floats
from evaluation.statistics.intervals import Estimate


class Reach(StrEnum):
    """Where on a curve a target lies."""

    BETWEEN = "between"
    CHEAPEST = "cheapest"
    UNREACHED = "unreached"


@dataclass(frozen=True, slots=True)
class Ratio:
    """The FLOPs of both at the success `target`, which theirs reached at the budget `x`.

    `ours` and `ratio` are None where ours never reaches it. A ratio's upper end is infinite where
    ours does not reach it in more rounds than the interval leaves out.
    """

    x: float
    target: float
    theirs: float
    ours: float | None
    reach: Reach
    ratio: Estimate | None


@dataclass(frozen=True, slots=True)
class Ratios:
    """One for each budget at which theirs was complete, and their geometric mean.

    The mean is over those that ours reached: None where there is none.
    """

    each: tuple[Ratio, ...]
    mean: Estimate | None


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """A plan's means at its budgets, and what they are in every round: (budgets, rounds)."""

    success: Floats
    flops: Floats
    success_rounds: Floats
    flops_rounds: Floats

    @classmethod
    def of(cls, plan: Standing, resampled: Resampled, *, plus: bool) -> _Curve:
        """By the second tests: over the problems that these cover, in FLOPs too."""
        success = plan.plus if plus else plan.success
        flops = np.where(np.isnan(success), np.nan, plan.flops)
        return cls(
            np.nanmean(success, axis=1),
            np.nanmean(flops, axis=1),
            resampled.means(success).T,
            resampled.means(flops).T,
        )

    def at(self, kept: Ints) -> _Curve:
        """At some of the budgets."""
        each = (self.success, self.flops, self.success_rounds, self.flops_rounds)
        return _Curve(*(array[kept] for array in each))

    def reaches(self, targets: Floats) -> Floats:
        """FLOPs for a target in every round, infinite where it is not reached: (rounds,)."""
        points = zip(self.flops_rounds.T, self.success_rounds.T, targets, strict=True)
        return np.nan_to_num([reached(*each)[0] for each in points], nan=np.inf)


def ratios(
    ours: Standing,
    theirs: Standing,
    xs: Sequence[float],
    resampled: Resampled,
    *,
    plus: bool = False,
) -> Ratios:
    """What ours needs for the success of theirs, by the first tests or by the second."""
    curve = _Curve.of(ours, resampled, plus=plus).at(np.flatnonzero(ours.outran == 0))
    goals = _Curve.of(theirs, resampled, plus=plus)
    goal = goals.at(np.flatnonzero(theirs.outran == 0))
    each, rounds = list[Ratio](), list[Floats]()
    for at, x in enumerate(xs):
        if theirs.outran[at] or not goals.success[at] > 0 or not len(curve.success):
            continue
        target, targets = float(goals.success[at]), goals.success_rounds[at]
        spent, _ = reached(goal.flops, goal.success, target)
        found, reach = reached(curve.flops, curve.success, target)
        if reach is Reach.UNREACHED:
            each.append(Ratio(x, target, spent, None, reach, None))
            continue
        rounds.append(curve.reaches(targets) / goal.reaches(targets))
        ratio = interval(found / spent, rounds[-1])
        each.append(Ratio(x, target, spent, found, reach, ratio))
    return Ratios(tuple(each), _geometric_mean(each, rounds))


def reached(flops: Floats, success: Floats, target: float) -> tuple[float, Reach]:
    """The least FLOPs on a curve at which its success is `target`; NaN where it never is."""
    order = np.argsort(flops, kind="stable")
    spent, got = flops[order], success[order]
    if got[0] >= target:
        return float(spent[0]), Reach.CHEAPEST
    above = np.flatnonzero(got >= target)
    if not len(above):
        return math.nan, Reach.UNREACHED
    after = above[0]
    share = (target - got[after - 1]) / (got[after] - got[after - 1])
    return float(spent[after - 1] + share * (spent[after] - spent[after - 1])), Reach.BETWEEN


def _geometric_mean(each: Sequence[Ratio], rounds: Sequence[Floats]) -> Estimate | None:
    """Over the budgets that are reached; infinite in a round in which one of them is not."""
    values = [ratio.ratio.value for ratio in each if ratio.ratio is not None]
    if not values:
        return None
    mean = math.exp(math.fsum(map(math.log, values)) / len(values))
    return interval(mean, np.exp(np.log(np.stack(rounds)).mean(axis=0)))
