"""One generator and what selects among its samples: the tests, or a ranker. Eqs. 1 to 6.

Which problems a curve is about: all points of a curve are means over the same problems, else it
would bend where problems drop out. k goes up to half the samples (section 3.3), so k_max is the
largest k for which nine of ten problems of the pool have 2k samples; the others are left out of
the curve, and counted. Unequal pools, as a collection under way leaves them, thus cost reach
rather than problems.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

import numpy as np

from evaluation.statistics import (
    Band,
    CutTreatment,
    bootstrap_mean,
    pass_at_k,
    rank_score_at_k,
)
from evaluation.study.costs import Basis, CostLine, exact_cost, fixed_cost
from evaluation.study.samples import ROUNDS, Bools, Draws, Floats, Generations, Omission, StudyPool
from policies.cost import Rate

KEPT_SHARE: Final = 0.9
"""The least share of a pool's problems that a curve is about."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A (generator, selector) pair on the problems `tasks`, for k from 1 to `k_max`.

    `ranker` and `treatment` are None where the tests choose. `verdicts` and, where a ranker
    chooses, `scores` (lower is better, +inf behind all) have one array per problem. `costs` has,
    per basis that is known, one (once, each) per problem: (tasks, 2). `draws_per_sample` tells
    what `discard` leaves out of the cost: generations paid for per generation kept.
    """

    model: str
    ranker: str | None
    treatment: CutTreatment | None
    tasks: tuple[str, ...]
    k_max: int
    verdicts: tuple[Bools, ...]
    scores: tuple[Floats, ...] | None
    costs: Mapping[Basis, Floats]
    draws_per_sample: float
    left_out: tuple[Omission, ...]

    def values(self, ks: Sequence[int]) -> Floats:
        """pass@k or rank-score@k per problem: (tasks, ks). ValueError beyond 1..k_max."""
        if not ks or not 1 <= min(ks) <= max(ks) <= self.k_max:
            raise ValueError(f"every k must be within 1..{self.k_max}")
        if self.scores is None:
            n = np.array([len(passed) for passed in self.verdicts])
            c = np.array([int(passed.sum()) for passed in self.verdicts])
            return np.asarray(pass_at_k(n, c, np.asarray(ks)))
        return np.array(
            [
                rank_score_at_k(passed, np.asarray(ks), scores)
                for passed, scores in zip(self.verdicts, self.scores, strict=True)
            ]
        )

    def band(self, ks: Sequence[int]) -> Band:
        """The curve with intervals by bootstrap over problems, each with its samples inside."""
        return bootstrap_mean(self.values(ks), rounds=ROUNDS)

    def cost(self, basis: Basis) -> CostLine | None:
        """The mean cost of k samples; None on a basis that is not known."""
        if (table := self.costs.get(basis)) is None:
            return None
        once, each = table.mean(axis=0)
        return CostLine(float(once), float(each))

    def on(self, tasks: Sequence[str]) -> Contender:
        """The same on fewer problems. KeyError for one that it is not about."""
        at = {task: row for row, task in enumerate(self.tasks)}
        rows = [at[task] for task in tasks]
        return replace(
            self,
            tasks=tuple(tasks),
            verdicts=tuple(self.verdicts[row] for row in rows),
            scores=None if self.scores is None else tuple(self.scores[row] for row in rows),
            costs={basis: table[rows] for basis, table in self.costs.items()},
        )


def curve_ks(k_max: int) -> list[int]:
    """The k that are drawn: all to 16, then eight to a doubling, and the last."""
    doublings = math.log2(max(k_max, 1))
    spread = {round(2 ** (step / 8)) for step in range(8 * 4, math.floor(8 * doublings) + 1)}
    return sorted({*range(1, min(k_max, 16) + 1), *spread, k_max} - {0})


def reach(sizes: Sequence[int], share: float = KEPT_SHARE) -> int:
    """The largest k for which `share` of the problems have 2k samples; 0 if not even for k = 1."""
    if not sizes:
        return 0
    enough = math.ceil(share * len(sizes))
    return sorted(sizes, reverse=True)[enough - 1] // 2


def by_tests(pool: StudyPool) -> Contender | Omission:
    """The pool's generator with tests that choose: pass@k. An omission where no k can be had."""
    kept = {task: np.ones(draws.n, dtype=np.bool_) for task, draws in pool.draws.items()}
    return _contender(pool, kept, None, None, None)


def by_ranker(
    pool: StudyPool, ranker: str, treatment: CutTreatment, ranker_rate: Rate | None
) -> Contender | Omission:
    """The pool's generator with a ranker that chooses: rank-score@k, on the samples it scored.

    `ranker_rate` is needed for the exact bases unless the generator ranks its own.
    """
    kept = {
        task: _rankable(draws.generations, ranker, treatment)
        for task, draws in pool.draws.items()
        if draws.generations is not None
    }
    return _contender(pool, kept, ranker, treatment, ranker_rate)


def _seen(made: Generations, ranker: str) -> Bools:
    """Samples that a ranker was shown. It may have scored the first few only."""
    seen: Bools = ~np.isnan(made.nll.get(ranker, np.full(len(made.tokens), math.nan)))
    return seen


def _rankable(made: Generations, ranker: str, treatment: CutTreatment) -> Bools:
    match treatment:
        case CutTreatment.DISCARD:
            return _seen(made, ranker) & ~made.cut
        case CutTreatment.RANK_LAST:
            return _seen(made, ranker)
        case _:
            assert_never(treatment)


def _contender(
    pool: StudyPool,
    kept: Mapping[str, Bools],
    ranker: str | None,
    treatment: CutTreatment | None,
    ranker_rate: Rate | None,
) -> Contender | Omission:
    sizes = {task: int(kept[task].sum()) if task in kept else 0 for task in pool.draws}
    k_max = reach(list(sizes.values()))
    if not sizes:
        return Omission(0, pool.of or 0, "problems have a judged sample: no curve")
    samples = _counted(treatment)
    if not k_max:
        few = sum(not size // 2 for size in sizes.values())
        what = f"problems have fewer than 2 {samples}: too many for a curve"
        return Omission(few, len(sizes), what)
    tasks = tuple(task for task, size in sizes.items() if size >= 2 * k_max)
    chosen = [(pool.draws[task], kept[task]) for task in tasks]
    drawn = sum(_eligible(draws, ranker) for draws, _ in chosen)
    return Contender(
        model=pool.model,
        ranker=ranker,
        treatment=treatment,
        tasks=tasks,
        k_max=k_max,
        verdicts=tuple(draws.passed[mask] for draws, mask in chosen),
        scores=None if ranker is None else tuple(_scores(*pair, ranker) for pair in chosen),
        costs=_costs(pool, chosen, ranker, ranker_rate),
        draws_per_sample=drawn / sum(sizes[task] for task in tasks),
        left_out=_left_out(pool, sizes, k_max, samples),
    )


def _counted(treatment: CutTreatment | None) -> str:
    """What a contender needs 2k of."""
    match treatment:
        case None:
            return "samples"
        case CutTreatment.DISCARD:
            return "complete scored samples"
        case CutTreatment.RANK_LAST:
            return "scored samples"
        case _:
            assert_never(treatment)


def _eligible(draws: Draws, ranker: str | None) -> int:
    """Samples that the selector saw before any was discarded."""
    if ranker is None or draws.generations is None:
        return draws.n
    return int(_seen(draws.generations, ranker).sum())


def _scores(draws: Draws, mask: Bools, ranker: str) -> Floats:
    made = draws.generations
    if made is None:
        raise ValueError("a sample without a generation has no score")
    scores: Floats = np.where(made.cut, math.inf, made.nll[ranker])[mask]
    return scores


def _costs(
    pool: StudyPool,
    chosen: Sequence[tuple[Draws, Bools]],
    ranker: str | None,
    ranker_rate: Rate | None,
) -> dict[Basis, Floats]:
    costs: dict[Basis, Floats] = {}
    for basis in Basis:
        lines: list[CostLine] = []
        for draws, mask in chosen:
            line = sample_cost(basis, pool, draws, mask)
            if line is not None and ranker not in (None, pool.model):
                line = _with_ranking(line, basis, ranker_rate, draws.generations, mask)
            if line is not None:
                lines.append(line)
        if len(lines) == len(chosen):
            costs[basis] = np.array([(line.once, line.each) for line in lines])
    return costs


def sample_cost(basis: Basis, pool: StudyPool, draws: Draws, kept: Bools) -> CostLine | None:
    """What one problem's samples cost their generator; None where it is not known."""
    if basis in (Basis.PAPER, Basis.TIME):
        return fixed_cost(basis, pool.rate, pool.seconds)
    if pool.rate is None or draws.generations is None or not draws.generations.counted:
        return None
    return exact_cost(basis, pool.rate, draws.generations, kept)


def _with_ranking(
    line: CostLine, basis: Basis, rate: Rate | None, made: Generations | None, kept: Bools
) -> CostLine | None:
    if basis in (Basis.PAPER, Basis.TIME):
        return line
    if rate is None or made is None:
        return None
    return line + exact_cost(basis, rate, made, kept)


def _left_out(
    pool: StudyPool, sizes: Mapping[str, int], k_max: int, samples: str
) -> tuple[Omission, ...]:
    few = sum(size < 2 * k_max for size in sizes.values())
    found = []
    if pool.of is not None and pool.of > len(sizes):
        found.append(Omission(pool.of - len(sizes), pool.of, "problems have no judged sample"))
    if few:
        found.append(Omission(few, len(sizes), f"problems have fewer than {2 * k_max} {samples}"))
    return tuple(found)
