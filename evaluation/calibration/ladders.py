"""From the lattice to ladders: for every budget the rungs that are worth most.

Of two ladders the better one has more expected success, each large call that it spends more being
worth `worth` of it. So a budget that hardly helps is left unspent.

The lattice knows what a plan has spent in the mean. Whether a rung still fits differs from problem
to problem, by the lengths of its answers, so the few ladders that look best are climbed once for
each particle, as `policies.plans.climb` does it, and the best of these is taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.calibration.climbing import Climbed, Climbing, share
from evaluation.calibration.effects import Effects
from evaluation.calibration.lattice import (
    LEVELS,
    ROUND_TRIP,
    WIDEST,
    Lattice,
    Prices,
    Reached,
    Step,
    Way,
    weights_at,
)
from evaluation.pools.view import Floats
from evaluation.statistics.intervals import score_interval
from policies.ladder import Interval, Ladder, Rung

BUDGETS: Final = (
    *(0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8),
    *(1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0),
    *(10.0, 12.0, 16.0, 24.0, 32.0),
)
"""In large calls."""

WORTH: Final = 0.03
"""Of expected success, of one more large call: three points.

At less, ladders for one to two large calls begin with a wide draw of the large model, which costs a
quarter to two fifths more for about one point.
"""

THRIFTS: Final = (
    0.02,
    0.03,
    0.05,
    0.08,
    0.12,
    0.16,
    0.2,
    0.25,
    0.3,
    0.4,
    0.5,
    0.65,
    0.8,
    1.1,
    1.5,
    2,
)
"""Of expected success, that a large call more must bring in ladders that spend little."""

ROOM: Final = 1.25
"""Times what a thrifty ladder reserves in the mean, that it may reserve: problems differ."""

SLACKS: Final = (0.6, 0.8, 1.0, 1.25, 1.6)
"""Parts of a budget that a ladder may reserve in the mean: problems differ, and some have room."""

FURTHER: Final = 2.0
"""A ladder has rungs for so many times its budget: some problems' answers are short."""

_Z: Final = 1.959963984540054


@dataclass(frozen=True, slots=True, eq=False)
class Ladders:
    """Makes the ladders for one length of prompt: models (the cheapest first), their prices."""

    names: Sequence[str]
    temperatures: Mapping[str, float]
    models: Sequence[Effects]
    prices: Sequence[Prices]
    worth: float = WORTH

    def make(self, lattice: Lattice, *, again: bool) -> tuple[Ladder, ...]:
        """The ladder of every budget that buys anything, and the thrifty ones among them.

        `again`: prompts are paid for once.
        """
        reached = lattice.reach(self.prices, again=again)
        found = self._of_budgets(reached, again=again)
        for each in self._thrifty(reached, again=again):
            beaten = any(
                other.success.value >= each.success.value and other.spent.value <= each.spent.value
                for other in found
            )
            if not beaten and each.calls not in {other.calls for other in found}:
                found.append(each)
        return tuple(sorted(found, key=lambda each: each.calls))

    def _of_budgets(self, reached: Sequence[Reached], *, again: bool) -> list[Ladder]:
        """The ladder that makes the most of each budget."""
        found: list[Ladder] = []
        steps: tuple[Step, ...] = ()
        for calls in BUDGETS:
            # What a smaller budget buys, a larger one buys too.
            tried = {steps, *self.candidates(reached, calls, again=again)} - {()}
            if not tried:
                continue
            climbed = {each: self.climb(each, calls, again=again) for each in sorted(tried)}
            best = max(climbed, key=lambda each: climbed[each].score(self.worth))
            if climbed[best].success.any():
                steps = best
                found.append(self._ladder(calls, steps, climbed[steps]))
        return found

    def _thrifty(self, reached: Sequence[Reached], *, again: bool) -> Iterator[Ladder]:
        """Ladders that no budget cuts short and that stop early, for their success the cheapest."""
        for worth in THRIFTS:
            scored = [
                (point.success - worth * way.mean, way)
                for point in reached
                for way in point.ways[:1]
            ]
            _, best = max(scored, key=lambda each: each[0])
            if best.steps:
                calls = math.ceil(1000 * ROOM * best.reserved) / 1000
                climbed = self.climb(best.steps, calls, again=again)
                yield self._ladder(calls, best.steps, climbed)

    def climb(self, steps: Sequence[Step], calls: float, *, again: bool) -> Climbed:
        """What comes of a list of steps under a budget, step by step and for every particle."""
        return Climbing(self.models, self.prices, calls, again=again).climb(steps)

    def candidates(
        self, reached: Sequence[Reached], calls: float, *, again: bool
    ) -> Iterator[tuple[Step, ...]]:
        """Lists of steps that look best by what the lattice knows, to be climbed and compared."""
        for slack in SLACKS:
            best, score = None, -math.inf
            for point in reached:
                way = _cheapest(point.ways, slack * calls)
                if way is not None and (new := point.success - self.worth * way.mean) > score:
                    best, score = way, new
            if best is not None and best.steps:
                yield self._extended(best.steps, best.spent, FURTHER * calls, again=again)
        for at, model in enumerate(self.models):
            for n in LEVELS:
                if 0 < n <= min(WIDEST, model.samples):
                    yield (Step(at, n),)

    def _extended(
        self, way: Sequence[Step], spent: float, limit: float, *, again: bool
    ) -> tuple[Step, ...]:
        """With further steps while they are worth it, the best for their cost first."""
        steps = list(way)
        while spent < limit and (step := self._next(steps, again=again)) is not None:
            steps.append(step)
            price = self.prices[step.model]
            read = again and any(each.model == step.model for each in steps[:-1])
            tokens = self.models[step.model].failing_tokens.mean() * max(1, step.n)
            spent += price.cost(float(tokens), again=read)
        return tuple(steps)

    def _next(self, steps: Sequence[Step], *, again: bool) -> Step | None:
        """The step that brings most for its cost, if it is worth its cost at all."""
        samples = [sum(s.n for s in steps if s.model == at) for at in range(len(self.models))]
        greedy = [Step(at, 0) in steps for at in range(len(self.models))]
        weights = weights_at(self.models, samples, greedy)
        best, ratio = None, self.worth
        for at, (model, price) in enumerate(zip(self.models, self.prices, strict=True)):
            read = again and (samples[at] > 0 or greedy[at])
            before = model.failing[:, samples[at]]
            fixed = price.cost(0.0, again=read) + ROUND_TRIP
            for n in range(1, min(WIDEST, model.samples - samples[at]) + 1):
                gain = weights * (1 - share(model.failing[:, samples[at] + n], before))
                cost = weights * (fixed + price.token * model.tokens[:, n])
                if (new := float(gain.sum() / cost.sum())) > ratio:
                    best, ratio = Step(at, n), new
        return best

    def _ladder(self, calls: float, steps: Sequence[Step], climbed: Climbed) -> Ladder:
        rungs = tuple(self._rung(step) for step in steps)
        return Ladder(calls, rungs, _success(climbed.success), _spent(climbed.spent))

    def _rung(self, step: Step) -> Rung:
        name = self.names[step.model]
        return Rung(name, max(1, step.n), self.temperatures[name] if step.n else 0.0)


def _cheapest(ways: Sequence[Way], limit: float) -> Way | None:
    """The way of the lowest mean cost that reserves no more; they come in that order."""
    return next((way for way in ways if way.reserved <= limit), None)


def _success(values: Floats) -> Interval:
    """The mean with Wilson's interval for as many problems, each of which passes or does not.

    The spread of the values would not do: they are drawn towards each other where samples are few.
    """
    found = score_interval(float(values.mean()), len(values))
    return Interval(found.value, found.low, found.high)


def _spent(values: Floats) -> Interval:
    """The mean with its interval over problems (normal approximation)."""
    mean, half = float(values.mean()), _Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(mean, max(0.0, mean - half), mean + half)
