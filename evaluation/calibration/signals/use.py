"""Ladders that look at partial credit against those that do not, on problems that made neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.calibration.calibrate import Calibrating, temperatures
from evaluation.calibration.climbing import Climbed
from evaluation.calibration.effects import Effects
from evaluation.calibration.ladders import Ladders
from evaluation.calibration.lattice import Prices, Step
from evaluation.calibration.particles import Particles
from evaluation.calibration.signals.branching import (
    Branched,
    Branching,
    Pair,
    alike,
    climb,
    promising,
)
from evaluation.calibration.signals.rounds import rounds
from evaluation.metrics import Estimate
from evaluation.pools.view import Floats
from policies.ladder import CALL_TOKENS

SHOWN: Final = (0.5, 1.0, 2.0, 4.0)
"""Budgets that are told of, in large calls."""

LEAST, LARGEST = 0.25, 10.0
"""Budgets between which costs at equal success are read off."""

_TAIL: Final = 2.5


@dataclass(frozen=True, slots=True)
class Used:
    """A budget of `calls`: both ladders, in words, and what they do on the tested problems.

    `success` and `spent` (large calls) are those of the ladder that does not look and of the one
    that does under the same budget, `gain` is the difference of successes; `ratio` is what looking
    ladders spend for the success of the other, against it, None where none of them reaches it.
    Intervals are over problems, paired.
    """

    calls: float
    blind: str
    looking: str
    success: tuple[float, float]
    spent: tuple[float, float]
    gain: Estimate
    ratio: Estimate | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Ladders found on one data set, tested on another, or on itself, which flatters them."""

    found_on: str
    tested_on: str
    problems: int
    budgets: tuple[Used, ...]
    ratio: Estimate | None
    """The geometric mean of the budgets' ratios."""

    @property
    def pays(self) -> bool:
        """Whether fewer FLOPs do on problems that made none of it, beyond the interval."""
        own = self.found_on == self.tested_on
        return not own and self.ratio is not None and self.ratio.high < 1


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    """By budget: what ladders that do not look and those that do come to, (budgets, n)."""

    calls: tuple[float, ...]
    success: tuple[Floats, Floats]
    spent: tuple[Floats, Floats]


def compared(how: Calibrating, made: Particles, tested: Particles, prompt_tokens: int) -> Compared:
    """Ladders from `made`, on the problems of `tested`, whose prompts have so many tokens."""
    names = how.models(set(made.arms) & set(tested.arms))
    models, others = how.effects(made, names), how.effects(tested, names)
    prices = [
        _prices(how, name, names[-1], prompt_tokens, own)
        for name, own in zip(names, models, strict=True)
    ]
    drawn_at = temperatures([made], names)
    makers = Ladders(names, drawn_at, alike(models, others), prices, how.worth)
    tests = Ladders(names, drawn_at, alike(others, models), prices, how.worth)
    pairs = [
        pair
        for pair in Branching(makers, [made.arms[name] for name in names]).found()
        if LEAST <= pair.calls <= LARGEST
    ]
    curves = _climbed(tests, tested, names, pairs)
    budgets, ratio = _budgets(curves)
    told = {pair.calls: (_named(names, pair.blind), _named(names, pair.looking)) for pair in pairs}
    return Compared(
        made.dataset,
        tested.dataset,
        len(tested.tasks),
        tuple(
            Used(each.calls, *told[each.calls], each.success, each.spent, each.gain, each.ratio)
            for each in budgets
        ),
        ratio,
    )


def _prices(
    how: Calibrating, name: str, largest: str, prompt_tokens: int, model: Effects
) -> Prices:
    most = CALL_TOKENS if model.answers is None else model.answers.most
    return how.prices(name, largest, prompt_tokens, most)


def _climbed(
    tests: Ladders, tested: Particles, names: Sequence[str], pairs: Sequence[Pair]
) -> _Curves:
    blind: list[Climbed] = []
    looking: list[Climbed] = []
    for pair in pairs:
        for plan, found in ((pair.blind, blind), (pair.looking, looking)):
            arm = tested.arms[names[plan.first.model]]
            promise = promising(arm, plan.first, plan.threshold)
            found.append(climb(tests, plan, promise, pair.calls))
    return _Curves(
        tuple(pair.calls for pair in pairs),
        (np.stack([c.success for c in blind]), np.stack([c.success for c in looking])),
        (np.stack([c.spent for c in blind]), np.stack([c.spent for c in looking])),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What is measured at a budget; see `Used`."""

    calls: float
    success: tuple[float, float]
    spent: tuple[float, float]
    gain: Estimate
    ratio: Estimate | None


def _budgets(curves: _Curves) -> tuple[list[_Told], Estimate | None]:
    """The budgets that are shown, and the geometric mean of their ratios."""
    n = curves.success[0].shape[1]
    rows = rounds(n).T / n
    success = [each @ rows for each in curves.success]
    spent = [each @ rows for each in curves.spent]
    told, ratios = [], []
    for at, calls in enumerate(curves.calls):
        if calls not in SHOWN:
            continue
        wanted = success[0][at]
        ours, theirs = (
            np.array([_cost(s, c, w) for s, c, w in zip(s_.T, c_.T, wanted, strict=True)])
            for s_, c_ in ((success[1], spent[1]), (success[0], spent[0]))
        )
        ratios.append(ours / theirs)
        told.append(
            _Told(
                calls,
                (float(success[0][at, 0]), float(success[1][at, 0])),
                (float(spent[0][at, 0]), float(spent[1][at, 0])),
                _measured(success[1][at] - success[0][at]),
                None if np.isnan(ratios[-1][0]) else _measured(ratios[-1]),
            )
        )
    if not ratios:
        return told, None
    mean = np.exp(np.mean(np.log(np.stack(ratios)), axis=0))
    return told, None if np.isnan(mean[0]) else _measured(mean)


def _cost(success: Floats, spent: Floats, wanted: float) -> float:
    """What reaching that success costs, between budgets in proportion; NaN where none does."""
    order = np.argsort(success, kind="stable")
    if wanted > success[order[-1]]:
        return float("nan")
    least = np.minimum.accumulate(spent[order][::-1])[::-1]
    return float(np.interp(wanted, success[order], least))


def _measured(values: Floats) -> Estimate:
    """The first value, with the interval of the others."""
    low, high = np.nanpercentile(values[1:], (_TAIL, 100 - _TAIL))
    return Estimate(float(values[0]), float(low), float(high))


def _steps(names: Sequence[str], steps: Sequence[Step]) -> str:
    return " > ".join(f"{names[each.model]}*{each.n or 'greedy'}" for each in steps) or "nothing"


def _named(names: Sequence[str], plan: Branched) -> str:
    if plan.low == plan.high:
        return _steps(names, [plan.first, *plan.low])
    return (
        f"{_steps(names, [plan.first])}; from {plan.threshold:g} of the checks on: "
        f"{_steps(names, plan.high)}; else: {_steps(names, plan.low)}"
    )
