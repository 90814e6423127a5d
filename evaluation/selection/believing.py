"""How sure a choice may be: logistic curves, fitted to choices among recorded samples."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from evaluation.selection.measuring import Floats
from evaluation.selection.recorded import SelectionProblem, Sight
from policies.selection.choosing import SELECTORS
from policies.selection.executions import Results, likelihood, share_right
from policies.values import Candidate

_WIDTHS: Final = (3, 5, 7)
_SUBSETS: Final = 10
_STEPS: Final = 50
_RIDGE: Final = 1e-3
"""So that a curve exists also where one feature tells right from wrong without an error."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of one choice, and whether it was right."""

    features: tuple[float, ...]
    right: bool


@dataclass(frozen=True, slots=True)
class Fitted:
    """Both curves, and how well each tells right from wrong; None where there were no choices."""

    agreed: list[float] | None
    shown: list[float] | None
    auc: dict[str, float]


def fitted(problems: Sequence[SelectionProblem], sights: Sequence[Sight]) -> Fitted:
    """The curves of these problems' choices: among few samples there are none to learn from."""
    told = {"agreed": [each for problem in problems for each in _agreed(problem)]}
    if Sight.USED in sights:
        told["shown"] = [each for problem in problems for each in _shown(problem)]
    curves = {name: curve(each) for name, each in told.items() if each}
    auc = {name: round(area(told[name], weights), 4) for name, weights in curves.items()}
    return Fitted(curves.get("agreed"), curves.get("shown"), auc)


def curve(told: Sequence[Told]) -> list[float]:
    """Intercept and slopes of greatest likelihood, by Newton's method."""
    features = np.array([(1.0, *each.features) for each in told])
    right = np.array([each.right for each in told], float)
    weights: Floats = np.zeros(features.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (right - chance) - _RIDGE * weights
        spread = (features * (chance * (1 - chance))[:, None]).T @ features
        weights = weights + np.linalg.solve(spread + _RIDGE * np.eye(len(weights)), gradient)
    return [round(float(weight), 4) for weight in weights]


def area(told: Sequence[Told], weights: Sequence[float]) -> float:
    """The chance that of a right and a wrong choice the right one is believed more (AUC)."""
    features = np.array([(1.0, *each.features) for each in told])
    score: Any = features @ np.array(weights)
    right = np.array([each.right for each in told])
    _, group, sizes = np.unique(score, return_inverse=True, return_counts=True)
    places = (np.cumsum(sizes) - (sizes - 1) / 2)[group]  # equals share their places
    wrong = int((~right).sum())
    hits = int(right.sum())
    return float((places[right].sum() - hits * (hits + 1) / 2) / max(1, hits * wrong))


def _agreed(problem: SelectionProblem) -> Iterator[Told]:
    task = problem.tasks[Sight.NOT_USED]
    selector = SELECTORS["agreement"].of(task)
    for drawn in _drawn(problem, _WIDTHS):
        best = selector.order(drawn).candidates[0]
        agreement = Results.of(drawn, task.inputs).agreement()[best.id]
        yield Told((agreement * likelihood(best),), bool(problem.passes(best, plus=False)))


def _shown(problem: SelectionProblem) -> Iterator[Told]:
    task = problem.tasks[Sight.USED]
    if not task.examples:
        return
    selector = SELECTORS["examples"].of(task)
    for drawn in _drawn(problem, (1, *_WIDTHS)):
        best = selector.order(drawn).candidates[0]
        features = share_right(best, task.examples), likelihood(best)
        yield Told(features, bool(problem.passes(best, plus=False)))


def _drawn(problem: SelectionProblem, widths: Sequence[int]) -> Iterator[list[Candidate]]:
    """Subsets of each model's samples."""
    draw = random.Random(problem.task_id)  # noqa: S311 a draw that repeats
    for answers in problem.models.values():
        for width in widths:
            for _ in range(_SUBSETS if len(answers.samples) >= width else 0):
                yield draw.sample(answers.samples, width)
