"""What selectors choose among k samples, drawn anew and anew from those that were recorded."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluation.pools.errors import UnreadablePool
from evaluation.selection.recorded import Answers, SelectionProblem, Sight
from policies.cost import CostModel
from policies.estimators import pass_at_k
from policies.selection.choosing import SELECTORS
from policies.values import Candidate

KS: Final = (1, 3, 5, 7, 10, 20)
SUBSETS: Final = 30
"""Of each problem's samples, for each k."""

NAMES: Final = ("first", "nll", "majority", "weighted", "agreement", "examples")
"""Selectors that need no more than recorded samples and their programs."""

BLIND: Final = frozenset({"first", "nll"})
"""Those to which examples are nothing."""

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What came of one way to choose, one entry per problem, as fractions, FLOPs and seconds.

    `plus` is NaN where the second tests do not cover a problem. `oracle` is pass@k: the success of
    who always chooses a right answer where there is one, `first` that of who takes any.
    """

    success: Floats
    plus: Floats
    oracle: Floats
    first: Floats
    flops: Floats
    seconds: Floats


@dataclass(frozen=True, slots=True)
class GreedyAnswers:
    """What came of a model's answers at temperature 0, as of `Chosen`; `flops` are of each."""

    model: str
    success: Floats
    plus: Floats
    flops: Floats


def sights_of(name: str) -> tuple[Sight, ...]:
    """Those under which a selector may do otherwise."""
    if name == "examples":
        return (Sight.USED,)
    return (Sight.STRIPPED,) if name in BLIND else (Sight.NOT_USED, Sight.STRIPPED)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to choose: what of, by which selector, and what that knows of examples."""

    model: str
    selector: str
    sight: Sight
    k: int


def chosen(problems: Sequence[SelectionProblem], cost: CostModel, way: Way) -> Chosen | None:
    """What comes of a way to choose; None where a problem has not so many samples."""
    if any(len(problem.models[way.model].samples) < way.k for problem in problems):
        return None
    rows = [_of_problem(problem, cost, way) for problem in problems]
    return Chosen(*(np.array(column) for column in zip(*rows, strict=True)))


def _of_problem(problem: SelectionProblem, cost: CostModel, way: Way) -> tuple[float, ...]:
    answers = problem.models[way.model]
    selector = SELECTORS[way.selector].of(problem.tasks[way.sight])
    right, plus, seconds = list[bool](), list[float](), list[float]()
    for drawn in subsets(problem, way):
        best = selector.order(drawn).candidates[0]
        right.append(bool(problem.passes(best, plus=False)))
        plus.append(as_number(problem.passes(best, plus=True)))
        runs = {each.text: problem.seconds[each.id] for each in drawn}
        seconds.append(sum(runs.values()) if selector.runs_programs and way.k > 1 else 0.0)
    if way.selector == "first":  # any sample is as good as another
        right, plus = _each(problem, answers)
    n, c = len(answers.samples), sum(each.id in answers.passed for each in answers.samples)
    flops = draw_flops(cost, way.model, answers, way.k)
    return mean(right), mean(plus), pass_at_k(n, c, way.k), c / n, flops, mean(seconds)


def subsets(problem: SelectionProblem, way: Way) -> Iterator[list[Candidate]]:
    """The samples that each of so many draws has: the same for every selector."""
    draw = random.Random(f"{problem.task_id}/{way.model}/{way.k}")  # noqa: S311 repeats
    for _ in range(SUBSETS):
        yield draw.sample(problem.models[way.model].samples, way.k)


def _each(problem: SelectionProblem, answers: Answers) -> tuple[list[bool], list[float]]:
    """Whether each sample passes the tests, and the second ones."""
    return (
        [bool(problem.passes(each, plus=False)) for each in answers.samples],
        [as_number(problem.passes(each, plus=True)) for each in answers.samples],
    )


def as_number(right: bool | None) -> float:  # noqa: FBT001 a verdict, or none
    """NaN where nobody knows."""
    return np.nan if right is None else float(right)


def draw_flops(cost: CostModel, model: str, answers: Answers, k: int) -> float:
    """Mean FLOPs of one draw of k samples, whose prompt is computed once."""
    own = mean(cost.decode(model, answers.prompt_tokens, each.tokens) for each in answers.samples)
    return cost.prefill(model, answers.prompt_tokens) + k * own


def greedy_flops(problem: SelectionProblem, cost: CostModel, model: str) -> float:
    """FLOPs of a model's greedy answer to a problem: of the largest, the unit `large call`."""
    answers = problem.models[model]
    tokens = [] if answers.greedy is None else [answers.greedy.tokens]
    return cost.draw(model, answers.prompt_tokens, tokens)


def greedy_answers(
    problems: Sequence[SelectionProblem], cost: CostModel, model: str
) -> GreedyAnswers | None:
    """What is there to be ahead of; None where the model has no greedy answer to some problem."""
    answers = [problem.models[model].greedy for problem in problems]
    found = [(p, answer) for p, answer in zip(problems, answers, strict=True) if answer is not None]
    if len(found) < len(problems):
        return None
    return GreedyAnswers(
        model,
        np.array([float(p.passes(answer, plus=False) or 0.0) for p, answer in found]),
        np.array([as_number(p.passes(answer, plus=True)) for p, answer in found]),
        np.array([greedy_flops(problem, cost, model) for problem in problems]),
    )


def needed_answers(
    problems: Sequence[SelectionProblem], cost: CostModel, model: str
) -> GreedyAnswers:
    """Those of the large model. Raises `UnreadablePool` where some problem has none."""
    found = greedy_answers(problems, cost, model)
    if found is None:
        raise UnreadablePool(
            f"{model} has no greedy answer to some problem, and budgets are told in these"
        )
    return found
