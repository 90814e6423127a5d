"""A ladder that looks once: after its first rung has failed, at how many checks came out right.

The rest of it is one of two ladders, each found by the lattice for the particles as the look leaves
them: a particle counts for the probability that its first rung fails and looks like this. A plan
pays for its prompt at every draw here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from evaluation.calibration.climbing import Climbed
from evaluation.calibration.effects import Effects, cut
from evaluation.calibration.ladders import BUDGETS, Ladders
from evaluation.calibration.lattice import Lattice, Reached, Step
from evaluation.calibration.particles import Arm
from evaluation.calibration.signals.prediction import shares_of
from evaluation.pools.view import Floats

THRESHOLDS: Final = (0.01, 0.25, 0.5)
"""Parts of the checks from which on the best failing sample of the first rung looks promising."""

NO_LOOK: Final = math.inf
"""The threshold of a ladder that goes on in one way."""

_LITTLE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Branched:
    """The first rung, from which share on it looks promising, and what is then drawn or else."""

    first: Step
    threshold: float
    low: tuple[Step, ...]
    high: tuple[Step, ...]


def promising(arm: Arm, step: Step, threshold: float) -> Floats:
    """(n,): the probability that a failed rung of this arm has a sample with such a share.

    Where few failing samples of a problem are known, their part is drawn towards all problems'.
    """
    if step.n == 0:
        greedy = [cut(each) for each in arm.greedy]
        return np.array([0.0 if g.held is None else float(g.held[0] >= threshold) for g in greedy])
    shares = list(shares_of(arm))
    below = np.array([(each < threshold).sum() for each in shares], np.float64)
    drawn = np.array([len(each) for each in shares], np.float64)
    mean = below.sum() / max(1.0, drawn.sum())
    return np.asarray(1 - ((below + mean) / (drawn + 1)) ** step.n)


def climb(ladders: Ladders, plan: Branched, promise: Floats, calls: float) -> Climbed:
    """What comes of it on every particle; `promise` is what `promising` says of them."""
    low = ladders.climb((plan.first, *plan.low), calls, again=False)
    high = ladders.climb((plan.first, *plan.high), calls, again=False)
    return Climbed(
        (1 - promise) * low.success + promise * high.success,
        (1 - promise) * low.spent + promise * high.spent,
        (1 - promise) * low.draws + promise * high.draws,
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """For a budget of `calls`: the best ladder that looks, and the best one that does not."""

    calls: float
    blind: Branched
    looking: Branched


@dataclass(frozen=True, slots=True, eq=False)
class Branching:
    """Finds both for every budget; `arms` are the models' answers.

    Both are searched for in the same way, behind the same first rungs, so that what is gained is
    the look's. The looking one is never worse, by what it was found on.
    """

    ladders: Ladders
    arms: Sequence[Arm]

    def found(self) -> Iterator[Pair]:
        """For every budget that buys anything."""
        plain = dict(_plain(self.ladders))
        firsts = sorted({steps[0] for steps in plain.values()})
        branches = [
            _Branch(
                self.ladders, first, threshold, promising(self.arms[first.model], first, threshold)
            )
            for first in firsts
            for threshold in (NO_LOOK, *THRESHOLDS)
        ]
        for calls, steps in plain.items():
            yield _pair(branches, calls, steps)


def _plain(ladders: Ladders) -> Iterator[tuple[float, tuple[Step, ...]]]:
    """For every budget that buys anything the best steps, as a calibration finds them."""
    reached = Lattice(ladders.models).reach(ladders.prices, again=False)
    best: tuple[Step, ...] = ()
    for calls in BUDGETS:
        tried = {best, *ladders.candidates(reached, calls, again=False)} - {()}
        climbed = {each: ladders.climb(each, calls, again=False) for each in sorted(tried)}
        steps = max(climbed, key=lambda each: climbed[each].score(ladders.worth), default=best)
        if steps and climbed[steps].success.any():
            best = steps
            yield calls, best


def _pair(branches: Sequence[_Branch], calls: float, plain: tuple[Step, ...]) -> Pair:
    """Each branch finds two ladders, those that do not look first; two alike are no look either."""
    tails: dict[Step, set[tuple[Step, ...]]] = {plain[0]: {plain[1:]}}
    best: dict[bool, tuple[float, Branched]] = {}
    for branch in branches:
        plan = branch.best(calls, tails.get(branch.first, set()))
        if branch.threshold == NO_LOOK:
            tails.setdefault(branch.first, set()).add(plan.low)
        score = branch.score(plan, calls)
        for looking in (False, True) if plan.low == plan.high else (True,):
            if looking not in best or score > best[looking][0]:
                best[looking] = (score, plan)
    return Pair(calls, best[False][1], best[True][1])


class _Branch:
    """One first rung and one threshold, whose two lattices serve every budget."""

    def __init__(self, ladders: Ladders, first: Step, threshold: float, promise: Floats) -> None:
        self.first, self.threshold = first, threshold
        self._ladders, self._promise = ladders, promise
        failing = _failing(ladders.models, first)
        self._low = _Rest.of(ladders, first, failing * (1 - promise))
        self._high = _Rest.of(ladders, first, failing * promise)
        price, model = ladders.prices[first.model], ladders.models[first.model]
        tokens = float((failing * model.failing_tokens).sum() / max(failing.sum(), _LITTLE))
        self._spent = price.cost(max(1, first.n) * tokens, again=False)

    def best(self, calls: float, tails: Collection[tuple[Step, ...]]) -> Branched:
        """The best two ladders for a budget; `tails` are tried as well."""
        low = self._steps(self._low, calls, tails, 1 - self._promise)
        if self.threshold == NO_LOOK:
            return Branched(self.first, NO_LOOK, low, low)
        high = self._steps(self._high, calls, {low, *tails}, self._promise)
        return Branched(self.first, self.threshold, low, high)

    def score(self, plan: Branched, calls: float) -> float:
        """What plans are compared by."""
        climbed = climb(self._ladders, plan, self._promise, calls)
        return climbed.score(self._ladders.worth)

    def _steps(
        self, rest: _Rest, calls: float, tails: Collection[tuple[Step, ...]], share: Floats
    ) -> tuple[Step, ...]:
        tried = {(), *tails, *rest.candidates(calls - self._spent)}

        def score(steps: tuple[Step, ...]) -> float:
            climbed = self._ladders.climb((self.first, *steps), calls, again=False)
            weighed = (climbed.success * share, climbed.spent * share, climbed.draws * share)
            return Climbed(*weighed).score(self._ladders.worth)

        return max(sorted(tried), key=score)


@dataclass(frozen=True, slots=True)
class _Rest:
    """The particles behind a look, and what the lattice reaches from there."""

    ladders: Ladders
    reached: Sequence[Reached]

    @classmethod
    def of(cls, ladders: Ladders, first: Step, weights: Floats) -> Self:
        """Each particle counting for its weight."""
        behind = replace(ladders, models=after(ladders.models, first, weights))
        if weights.sum() < _LITTLE:
            return cls(behind, [])
        return cls(behind, Lattice(behind.models).reach(behind.prices, again=False))

    def candidates(self, calls: float) -> Iterator[tuple[Step, ...]]:
        """What may follow, for what is left."""
        if calls > 0 and self.reached:
            yield from self.ladders.candidates(self.reached, calls, again=False)


def after(models: Sequence[Effects], first: Step, weights: Floats) -> list[Effects]:
    """What draws do once the first rung has failed, with each particle counting for its weight."""
    found = list(models)
    own = models[first.model]
    if first.n:
        before = own.failing[:, first.n :][:, :1]
        left = np.divide(
            own.failing[:, first.n :],
            before,
            out=np.zeros_like(own.failing[:, first.n :]),
            where=before > 0,
        )
        found[first.model] = replace(own, failing=left)
    else:
        found[first.model] = replace(own, greedy_failing=None, greedy_tokens=None)
    found[0] = replace(found[0], failing=found[0].failing * weights[:, None])
    return found


def alike(models: Sequence[Effects], others: Sequence[Effects]) -> list[Effects]:
    """These models with no more samples than the others know, so that ladders can be tested."""
    return [
        replace(one, failing=one.failing[:, : min(one.samples, other.samples) + 1])
        for one, other in zip(models, others, strict=True)
    ]


def _failing(models: Sequence[Effects], step: Step) -> Floats:
    model = models[step.model]
    if step.n:
        return np.asarray(model.failing[:, step.n])
    return np.ones(len(model.failing)) if model.greedy_failing is None else model.greedy_failing
