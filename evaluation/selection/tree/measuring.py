"""What trees are worth beside samples that are chosen among for the same FLOPs.

A tree costs what it costs; so many samples are drawn as cost the same in the mean (`curves`).
Differences are paired by problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluation.selection.curves import Curve
from evaluation.selection.measuring import (
    BLIND,
    Floats,
    GreedyAnswers,
    Way,
    as_number,
    chosen,
)
from evaluation.selection.recorded import SelectionProblem, Sight
from evaluation.selection.standings import bootstrapped, known_mean, mean_of
from evaluation.selection.tree.grown import Grove
from policies.cost import CostModel
from policies.selection.choosing import SELECTORS

CHOOSERS: Final = ("nll", "weighted", "agreement")
"""By likelihood, by its sum over programs of equal results, and by agreement."""

SIGHTS: Final = (Sight.NOT_USED, Sight.STRIPPED)
MOST: Final = 12
"""Samples that a curve goes to, where there are so many: more than a tree of eight costs."""

RIVAL: Final = "agreement"
"""What trees have to beat."""

Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One selector on k samples, as fractions of problems, with intervals of 95 %."""

    model: str
    selector: str
    examples: str
    k: int
    selected: float
    low: float
    high: float
    selected_plus: float | None
    oracle: float
    large_calls: float


@dataclass(frozen=True, slots=True)
class TreeRow:
    """What one selector makes of a tree's answers, and how far that is ahead at equal FLOPs.

    `k` samples by `rival` cost the same in the mean and are right in `rival_selected` of the
    problems; the differences are paired, their intervals of 95 %. `large_calls` are FLOPs by what
    the server had cached, `least_calls` those of one that keeps all that a tree has said: they buy
    `least_k` samples. `same` is the share of a tree's answers that repeat the text of another.
    """

    tree: str
    width: int
    selector: str
    examples: str
    selected: float
    low: float
    high: float
    selected_plus: float | None
    oracle: float
    same: float
    rounds: float
    large_calls: float
    least_calls: float
    rival: str
    k: float
    rival_selected: float
    ahead: float
    ahead_low: float
    ahead_high: float
    ahead_plus: float | None
    least_k: float
    of_least: float
    of_least_low: float
    of_least_high: float


@dataclass(frozen=True, slots=True)
class Trees:
    """The trees of one pool: problems with their answers, and what each search was."""

    name: str
    grove: Grove
    problems: Sequence[SelectionProblem]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The problems' ids, in order."""
        return tuple(problem.task_id for problem in self.problems)

    def costs(self, cost: CostModel) -> tuple[Floats, Floats]:
        """FLOPs of each problem: by what was cached, and the least. Raises `UnknownCost`."""
        model, trees = self.grove.manner.model, [self.grove.trees[task] for task in self.tasks]
        served = [tree.flops(cost, model) for tree in trees]
        return np.array(served), np.array([tree.least_flops(cost, model) for tree in trees])

    def chosen(self, name: str, sight: Sight) -> tuple[Floats, Floats]:
        """Whether a selector's choice of each tree is right, by the tests and the second ones."""
        right, plus = list[float](), list[float]()
        for problem in self.problems:
            selector = SELECTORS[name].of(problem.tasks[sight])
            best = selector.order(problem.models[self.name].samples).candidates[0]
            right.append(float(problem.passes(best, plus=False) or 0.0))
            plus.append(as_number(problem.passes(best, plus=True)))
        return np.array(right), np.array(plus)

    @property
    def oracle(self) -> Floats:
        """Whether any answer of each tree is right."""
        found = (problem.models[self.name] for problem in self.problems)
        return np.array([float(bool(answers.passed)) for answers in found])

    @property
    def same(self) -> float:
        """The share of answers that say what another of their tree says."""
        texts = [[each.text for each in p.models[self.name].samples] for p in self.problems]
        return float(np.mean([1 - len(set(each)) / len(each) for each in texts]))


def curves(problems: Sequence[SelectionProblem], cost: CostModel, model: str) -> list[Curve]:
    """Of every selector and sight, from 1 to `MOST` samples."""
    most = min(MOST, *(len(problem.models[model].samples) for problem in problems))
    found = list[Curve]()
    for name in CHOOSERS:
        for sight in SIGHTS:
            if name in BLIND and sight is not SIGHTS[0]:
                continue
            ks = tuple(range(1, most + 1))
            levels = (chosen(problems, cost, Way(model, name, sight, k)) for k in ks)
            every = tuple(each for each in levels if each is not None)
            found.append(Curve(name, sight, ks, every))
    return found


def curve_rows(model: str, drawn: Sequence[Curve], large: GreedyAnswers) -> list[CurveRow]:
    """Every level of every curve."""
    rows = list[CurveRow]()
    for curve in drawn:
        for at, level in enumerate(curve.levels):
            told = bootstrapped(level.success, mean_of)
            rows.append(
                CurveRow(
                    *(model, curve.selector, _examples(curve.selector, curve.sight), at + 1),
                    *(told.value, told.low, told.high),
                    known_mean(level.plus),
                    float(level.oracle.mean()),
                    float(level.flops.mean() / large.flops.mean()),
                )
            )
    return rows


def tree_rows(
    trees: Trees, drawn: Sequence[Curve], cost: CostModel, large: GreedyAnswers
) -> list[TreeRow]:
    """Every selector of a tree beside likelihood and agreement on samples.

    Raises `UnreadablePool` where these are too few.
    """
    rows = list[TreeRow]()
    for name in CHOOSERS:
        for sight in SIGHTS:
            if name in BLIND and sight is not SIGHTS[0]:
                continue
            rivals = (each for each in drawn if each.selector in {"nll", RIVAL})
            rows += (
                _row(trees, (name, sight), rival, cost, large)
                for rival in rivals
                if rival.selector in BLIND or rival.sight is sight
            )
    return rows


def _row(
    trees: Trees, of: tuple[str, Sight], rival: Curve, cost: CostModel, large: GreedyAnswers
) -> TreeRow:
    success, plus = trees.chosen(*of)
    served, least = trees.costs(cost)
    call = float(large.flops.mean())
    equal, of_least = rival.at(float(served.mean())), rival.at(float(least.mean()))
    told = bootstrapped(success, mean_of)
    ahead = bootstrapped(success - equal.success, mean_of)
    kept = bootstrapped(success - of_least.success, mean_of)
    rounds = [trees.grove.trees[task].rounds for task in trees.tasks]
    return TreeRow(
        tree=trees.name,
        width=trees.grove.manner.width,
        selector=of[0],
        examples=_examples(*of),
        selected=told.value,
        low=told.low,
        high=told.high,
        selected_plus=known_mean(plus),
        oracle=float(trees.oracle.mean()),
        same=trees.same,
        rounds=float(np.mean(rounds)),
        large_calls=float(served.mean()) / call,
        least_calls=float(least.mean()) / call,
        rival=rival.selector,
        k=equal.k,
        rival_selected=float(equal.success.mean()),
        ahead=ahead.value,
        ahead_low=ahead.low,
        ahead_high=ahead.high,
        ahead_plus=known_mean(plus - equal.plus),
        least_k=of_least.k,
        of_least=kept.value,
        of_least_low=kept.low,
        of_least_high=kept.high,
    )


def _examples(name: str, sight: Sight) -> str:
    return "-" if name in BLIND else sight.value
