"""Two ways to spend one budget, on the same problems: who solves more, and by how much.

The budget is what a reference costs: one greedy answer of a larger model, or k of its samples. A
contender spends it on the largest k that it buys (Equations 2, 3, 5 and 6). Both are measured on
the problems that both have, costs included, and the interval of the difference is paired.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.statistics import (
    Band,
    Estimate,
    bootstrap_difference,
    bootstrap_mean,
    k_within,
    wilson,
)
from evaluation.study.contenders import Contender, sample_cost
from evaluation.study.costs import Basis, CostLine
from evaluation.study.samples import ROUNDS, Floats, StudyPool


def entry_of(band: Band, at: int = 0) -> Estimate:
    """One entry of a band of one dimension."""
    return Estimate(float(band.value[at]), float(band.low[at]), float(band.high[at]))


def in_percent(found: Estimate) -> dict[str, float]:
    """A fraction, or a difference of two, with its interval, as the JSON files have it."""
    parts = {"value": found.value, "low": found.low, "high": found.high}
    return {name: round(100 * part, 3) for name, part in parts.items()}


@dataclass(frozen=True, slots=True)
class Greedy:
    """A model's answers at temperature 0: verdicts as 0 or 1 (tasks,), and costs as Contender's."""

    model: str
    tasks: tuple[str, ...]
    passed: Floats
    costs: dict[Basis, Floats]

    def on(self, tasks: Sequence[str]) -> Greedy:
        """The same on fewer problems."""
        at = {task: row for row, task in enumerate(self.tasks)}
        rows = [at[task] for task in tasks]
        costs = {basis: table[rows] for basis, table in self.costs.items()}
        return Greedy(self.model, tuple(tasks), self.passed[rows], costs)

    def cost(self, basis: Basis) -> float | None:
        """The mean cost of one answer."""
        table = self.costs.get(basis)
        return None if table is None else float(table.sum(axis=1).mean())

    def rate(self) -> Estimate:
        """The share of problems solved, with Wilson's interval."""
        return wilson(int(self.passed.sum()), len(self.passed))


def greedy(pool: StudyPool) -> Greedy | None:
    """The pool's greedy answers, the first to each problem; None without any."""
    if not pool.greedy:
        return None
    costs: dict[Basis, Floats] = {}
    for basis in Basis:
        lines = [
            sample_cost(basis, pool, draws, np.arange(draws.n) == 0)
            for draws in pool.greedy.values()
        ]
        known = [(line.once, line.each) for line in lines if line is not None]
        if len(known) == len(lines):
            costs[basis] = np.array(known)
    passed = np.array([float(draws.passed[0]) for draws in pool.greedy.values()])
    return Greedy(pool.model, tuple(pool.greedy), passed, costs)


@dataclass(frozen=True, slots=True)
class Duel:
    """A contender at the budget of one greedy answer of `rival`, on `problems` problems.

    `budget` is in FLOPs or seconds; it buys `bought` samples, infinitely many where they cost
    nothing beyond a prompt. `k` whole ones are used: 0 where it buys none, and at most what the
    pool can tell (`capped`: where the tests choose, the score is then a lower bound). `difference`
    is ours less theirs.
    """

    contender: Contender
    rival: str
    basis: Basis
    problems: int
    budget: float
    bought: float
    k: int
    capped: bool
    ours: Estimate
    theirs: Estimate
    difference: Estimate

    def to_json(self) -> dict[str, Any]:
        """As in study.json: scores in percent."""
        ranker, treatment = self.contender.ranker, self.contender.treatment
        return {
            "model": self.contender.model,
            **({"ranker": ranker, "cut": treatment.value} if ranker and treatment else {}),
            "against": f"{self.rival}, greedy",
            "basis": self.basis.value,
            "problems": self.problems,
            "budget": self.budget,
            "buys": round(self.bought, 4) if math.isfinite(self.bought) else None,
            "k": self.k,
            "capped": self.capped,
            "ours": in_percent(self.ours),
            "theirs": in_percent(self.theirs),
            "difference": in_percent(self.difference),
        }


def duel(contender: Contender, rival: Greedy, basis: Basis) -> Duel | None:
    """What a contender makes of the cost of one greedy answer.

    None where they share no problem or a cost is not known.
    """
    if not (tasks := shared_tasks(contender, rival)):
        return None
    ours, theirs = contender.on(tasks), rival.on(tasks)
    cost, budget = ours.cost(basis), theirs.cost(basis)
    if cost is None or budget is None:
        return None
    k = k_within(budget, cost, ours.k_max + 1)
    scores = _column(ours, min(k, ours.k_max))
    passed = theirs.passed[:, np.newaxis]
    return Duel(
        contender=contender,
        rival=rival.model,
        basis=basis,
        problems=len(tasks),
        budget=budget,
        bought=max(0.0, cost.affords(budget)),
        k=min(k, ours.k_max),
        capped=k > ours.k_max,
        ours=entry_of(bootstrap_mean(scores, rounds=ROUNDS)),
        theirs=theirs.rate(),
        difference=entry_of(bootstrap_difference(scores, passed, rounds=ROUNDS)),
    )


def _column(contender: Contender, k: int) -> Floats:
    """Scores at one k as (tasks, 1); a budget that buys no sample solves nothing."""
    return contender.values([k]) if k else np.zeros((len(contender.tasks), 1))


@dataclass(frozen=True, slots=True)
class Lead:
    """How far a small model is ahead where both spend what `k_large` samples of the large cost."""

    k_small: int
    k_large: int
    difference: Estimate


def leads(small: Contender, large: Contender, basis: Basis) -> list[Lead]:
    """The lead at each budget that the larger model spends in full, while both pools reach.

    Those are its own points in the figures; just below one its score has stood still for a whole
    sample's cost, which would flatter the smaller model.
    """
    if not (tasks := shared_tasks(small, large)):
        return []
    left, right = small.on(tasks), large.on(tasks)
    pairs = list(_pairs(left, right, left.cost(basis), right.cost(basis)))
    if not pairs:
        return []
    ours = np.hstack([_column(left, k) for k, _ in pairs])
    theirs = right.values([k for _, k in pairs])
    band = bootstrap_difference(ours, theirs, rounds=ROUNDS)
    return [Lead(k, k_large, entry_of(band, at)) for at, (k, k_large) in enumerate(pairs)]


def _pairs(
    small: Contender, large: Contender, cost: CostLine | None, rival: CostLine | None
) -> Iterator[tuple[int, int]]:
    if cost is None or rival is None:
        return
    for k_large in range(1, large.k_max + 1):
        k = k_within(rival(k_large), cost, small.k_max + 1)
        if k > small.k_max:
            return
        yield k, k_large


def quarter_lead(small: Contender, large: Contender, basis: Basis, score: float) -> Estimate | None:
    """The smaller model's lead at a quarter of what the larger one first reaches a score with.

    None where the larger one does not reach it, the smaller one's pool does not tell, or a cost
    is not known.
    """
    if not (tasks := shared_tasks(small, large)):
        return None
    left, right = small.on(tasks), large.on(tasks)
    cost, rival = left.cost(basis), right.cost(basis)
    means = right.values(range(1, right.k_max + 1)).mean(axis=0)
    reached = np.flatnonzero(means >= score)
    if cost is None or rival is None or not reached.size:
        return None
    k_large = int(reached[0]) + 1
    k = k_within(rival(k_large) / 4, cost, left.k_max + 1)
    return None if k > left.k_max else difference_at(left, k, right, k_large)


def difference_at(ours: Contender, k: int, theirs: Contender, k_theirs: int) -> Estimate | None:
    """How far ours at its k is ahead of theirs, on shared problems; None where there are none."""
    if not (tasks := shared_tasks(ours, theirs)):
        return None
    left, right = _column(ours.on(tasks), k), _column(theirs.on(tasks), k_theirs)
    return entry_of(bootstrap_difference(left, right, rounds=ROUNDS))


def shared_tasks(one: Contender | Greedy, other: Contender | Greedy) -> list[str]:
    """The problems that both are about, in the first one's order."""
    known = set(other.tasks)
    return [task for task in one.tasks if task in known]


def size(pool: StudyPool) -> float:
    """What orders models from small to large: FLOPs of a token; unknown ones come last."""
    return math.inf if pool.rate is None else pool.rate.decode(0, 1)


def family(model: str) -> str:
    """A model's name without its size: `qwen2.5-coder` of `qwen2.5-coder-0.5b`."""
    return model.rpartition("-")[0] or model
