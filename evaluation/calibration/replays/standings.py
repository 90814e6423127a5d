"""What every plan came to at every budget: per problem, then as means over problems.

All figures are held per problem, as means over the orders of its samples. Intervals draw problems
with replacement, the same problems for every plan and budget, so that what makes a problem hard for
all of them cancels. Means of the second tests are over the problems that these cover.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.calibration.replays.problems import Averages
from evaluation.pools.columns import Ints
from evaluation.pools.view import Bools, Floats
from evaluation.statistics.intervals import CONFIDENCE, Estimate

ROUNDS: Final = 2000
"""Of every bootstrap here."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """One plan: arrays of (budgets, problems). `plus` is NaN where no second tests are.

    `outran` counts, per budget, the runs that asked for more samples than were recorded: a plan
    that has any there is left out of that budget.
    """

    name: str
    success: Floats
    plus: Floats
    flops: Floats
    outran: Ints

    @classmethod
    def of(cls, name: str, came: Sequence[Sequence[Averages]], covered: Bools) -> Standing:
        """Of what came by problem and budget; `covered` are the problems with second tests."""
        plus = np.array([[at.plus for at in problem] for problem in came]).T
        return cls(
            name,
            np.array([[at.success for at in problem] for problem in came]).T,
            np.where(covered, plus, np.nan),
            np.array([[at.flops for at in problem] for problem in came]).T,
            np.array([[at.outran for at in problem] for problem in came]).sum(axis=0),
        )


def pieced(name: str, plans: Sequence[Standing]) -> Standing:
    """A plan that is another at every budget: one for each."""

    def rows(of: Sequence[Floats]) -> Floats:
        return np.stack([array[at] for at, array in enumerate(of)])

    return Standing(
        name,
        rows([plan.success for plan in plans]),
        rows([plan.plus for plan in plans]),
        rows([plan.flops for plan in plans]),
        np.array([plan.outran[at] for at, plan in enumerate(plans)]),
    )


def mixed(name: str, plans: Sequence[Standing]) -> Standing:
    """A plan that throws a coin between these."""
    return Standing(
        name,
        np.mean([plan.success for plan in plans], axis=0),
        np.mean([plan.plus for plan in plans], axis=0),
        np.mean([plan.flops for plan in plans], axis=0),
        np.sum([plan.outran for plan in plans], axis=0),
    )


class Resampled:
    """Problems drawn with replacement, `ROUNDS` times: what weight each problem has in a round."""

    def __init__(self, problems: int, seed: int = 0, rounds: int = ROUNDS) -> None:
        even = np.full(problems, 1 / problems)
        drawn = np.random.default_rng(seed).multinomial(problems, even, size=rounds)
        self.weights: Floats = drawn.astype(np.float64)

    def means(self, values: Floats) -> Floats:
        """Means of (…, problems) in every round: (rounds, …). NaN do not count."""
        known = ~np.isnan(values)
        total = np.tensordot(self.weights, np.where(known, values, 0.0), axes=(1, -1))
        count = np.tensordot(self.weights, known.astype(np.float64), axes=(1, -1))
        with np.errstate(invalid="ignore"):
            found: Floats = total / count
        return found

    def estimate(self, values: Floats) -> Estimate | None:
        """The mean of (problems,) and its interval; None where no value is known."""
        if np.isnan(values).all():
            return None
        return interval(float(np.nanmean(values)), self.means(values))


def interval(value: float, rounds: Floats) -> Estimate:
    """A value with the interval that the rounds (rounds,) give it; those that are NaN do not.

    Rounds may be infinite, so that its ends are rounds and not between two of them.
    """
    tail = (1 - CONFIDENCE) / 2
    low = np.nanquantile(rounds, tail, method="lower")
    high = np.nanquantile(rounds, 1 - tail, method="higher")
    return Estimate(value, min(value, float(low)), max(value, float(high)))
