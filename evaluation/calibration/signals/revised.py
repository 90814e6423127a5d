"""Samples that were shown the failed test against fresh ones of the same model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.calibration.signals.rounds import rounds
from evaluation.metrics import Estimate, pass_at_k, wilson
from evaluation.pools.errors import MixedPools
from evaluation.pools.view import Floats, PoolView, ProblemView
from policies.cost import CostModel, Rate

SKIPPED: Final = 4
"""First fresh samples that are left out: by their failure the problems were chosen."""

DRAWN: Final = 4
"""Samples of the draws that are compared."""

ENDING: Final = "-revised"
"""What the data set of a pool of revisions is called by, behind the name of the one it revises."""

_TAIL: Final = 0.025


class NothingRevised(ValueError):
    """A pool of revisions has no judged problem, or there are no fresh samples of its model."""


@dataclass(frozen=True, slots=True)
class Revised:
    """What revising is worth for one model, on so many `problems`.

    The pool of revisions has `of` problems and, of those that are compared, `samples`. `rates` are
    of a fresh sample and of a revised one, `ratio` is the latter against the former, None where no
    fresh one passes; `solved` are the parts of problems that a draw of `DRAWN` solves, `flops` what
    it costs, its prompt included, and `worth` is the ratio of passes per FLOP. Intervals are over
    problems, paired; where no revised sample passes, each problem counts as one trial that failed.
    """

    dataset: str
    model: str
    problems: int
    of: int
    samples: int
    rates: tuple[Estimate, Estimate]
    ratio: Estimate | None
    solved: tuple[float, float]
    flops: tuple[float, float]
    worth: Estimate | None

    @property
    def pays(self) -> bool:
        """Whether a revised sample passes at least twice as often, beyond the interval."""
        return self.ratio is not None and self.ratio.low >= 2  # noqa: PLR2004 the bound that was set before measuring


def revised(pool: PoolView, fresh: PoolView, rate: Rate) -> Revised:
    """Compare a pool of revisions with its model's own pool. Raises `NothingRevised`.

    A fresh sample that is longer than the revisions may be fails.
    """
    dataset = pool.identity.dataset.removesuffix(ENDING)
    if (dataset, pool.identity.model) != (fresh.identity.dataset, fresh.identity.model):
        raise MixedPools(f"{fresh.identity.dataset} is not what {pool.identity.dataset} revises")
    known = {problem.task_id: problem for problem in fresh.problems}
    most = pool.identity.max_tokens
    pairs = [
        (_Side.of(known[again.task_id], most, SKIPPED), _Side.of(again, most, 0))
        for again in pool.problems
        if again.task_id in known
    ]
    pairs = [pair for pair in pairs if all(side.n for side in pair)]
    if not pairs:
        raise NothingRevised(
            f"no problem of {pool.identity.dataset} has both judged revisions and fresh samples "
            f"of {pool.identity.model}: judge the pool, and give the model's own pool with it"
        )
    return _compared(pool, pairs, CostModel({pool.identity.model: rate}))


@dataclass(frozen=True, slots=True)
class _Side:
    """One problem's samples of one kind."""

    n: int
    passed: int
    prompt_tokens: int
    tokens: float

    @classmethod
    def of(cls, problem: ProblemView, most: int, first: int) -> _Side:
        """The judged samples from this index on; those that are longer than `most` fail."""
        kept = problem.judged & (problem.index >= first)
        tokens, passed = problem.tokens[kept], problem.passed[kept]
        mean = float(np.minimum(tokens, most).mean()) if len(tokens) else 0.0
        return cls(len(tokens), int(passed[tokens <= most].sum()), problem.prompt_tokens, mean)

    def rate(self) -> float:
        """Of its samples, the part that passes."""
        return self.passed / self.n

    def solved(self) -> float:
        """The probability that a draw has one that passes."""
        return float(pass_at_k(self.n, self.passed, min(DRAWN, self.n)))

    def flops(self, model: str, cost: CostModel) -> float:
        """Of a draw, its prompt included."""
        return cost.draw(model, self.prompt_tokens, [round(self.tokens)] * DRAWN)


def _compared(pool: PoolView, pairs: Sequence[tuple[_Side, _Side]], cost: CostModel) -> Revised:
    model, n = pool.identity.model, len(pairs)
    rows = rounds(n) / n
    fresh, again = ([pair[at] for pair in pairs] for at in (0, 1))
    rates = [rows @ np.array([side.rate() for side in sides]) for sides in (fresh, again)]
    paid = [
        rows @ np.array([side.flops(model, cost) for side in sides]) for sides in (fresh, again)
    ]
    return Revised(
        dataset=pool.identity.dataset.removesuffix(ENDING),
        model=model,
        problems=n,
        of=len(pool.problems),
        samples=sum(side.n for side in again),
        rates=(_measured(rates[0], n), _measured(rates[1], n)),
        ratio=_against(rates[1], rates[0], n),
        solved=(_mean_solved(fresh), _mean_solved(again)),
        flops=(float(paid[0][0]), float(paid[1][0])),
        worth=_against(rates[1], rates[0] * paid[1] / paid[0], n),
    )


def _mean_solved(sides: Sequence[_Side]) -> float:
    return float(np.mean([side.solved() for side in sides]))


def _against(over: Floats, under: Floats, n: int) -> Estimate | None:
    """A ratio, None where nothing is under it; rounds in which that is so count as infinite."""
    if under[0] <= 0:
        return None
    ratios = np.divide(over, under, out=np.full_like(over, np.inf), where=under > 0)
    if not over.any():
        return Estimate(0.0, 0.0, wilson(0, n).high / float(under[0]))
    return _spread(ratios)


def _measured(rates: Floats, n: int) -> Estimate:
    """The first rate, with the interval of the others; where nothing passes, Wilson's."""
    return _spread(rates) if rates.any() else wilson(0, n)


def _spread(values: Floats) -> Estimate:
    low, high = np.quantile(values[1:], (_TAIL, 1 - _TAIL), method="nearest")
    return Estimate(float(values[0]), float(low), float(high))
