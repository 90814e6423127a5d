"""What choosing by a verifier is worth: rank-score by budget, beside what needs no training.

It is the paper's Figure 9, with a verifier that sees what programs do. All choose from the
same sets, so that differences are paired; intervals are of problems.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from evaluation.selection.measuring import (
    KS,
    SUBSETS,
    Floats,
    GreedyAnswers,
    as_number,
    draw_flops,
    greedy_answers,
    needed_answers,
)
from evaluation.selection.recorded import Answers, SelectionProblem, Sight
from evaluation.selection.standings import (
    GreedyRow,
    bootstrapped,
    greedy_row,
    known_mean,
    mean_of,
)
from evaluation.verifier.features import Behaving, Ints
from evaluation.verifier.lessons import Reading, sets_of
from evaluation.verifier.model import AnswerVerifier
from policies.cost import CostModel
from policies.estimators import pass_at_k
from policies.selection.executions import Agreement
from policies.selection.lever import LEVER, Lever
from policies.selectors import LIKELIEST, Selector
from policies.values import Candidate

SELECTED: Final[Mapping[str, Selector]] = {
    LEVER: Lever(),
    "agreement": Agreement(),
    "nll": LIKELIEST,
}
VERIFIER: Final = "verifier"
"""The program that is most probably right, by the verifier alone: no likelihood, and no groups."""

NAMES: Final = (*SELECTED, VERIFIER)


@dataclass(frozen=True, slots=True)
class LeverRow:
    """One selector on k samples, as fractions of problems, and how far `lever` is ahead of it.

    `ahead_of_greedy` is how far it is ahead itself, of the largest model's greedy answers; paired.
    `large_calls` are FLOPs in greedy answers of the largest model. `plus` are those of the second
    tests, of the problems that have them; the intervals are of 95 %.
    """

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
    lever_ahead: float
    ahead_low: float
    ahead_high: float
    ahead_plus: float | None
    ahead_of_greedy: float
    of_greedy_low: float
    of_greedy_high: float


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of each selector on one model's samples, by its name: an entry per problem."""

    success: Mapping[str, Floats]
    plus: Mapping[str, Floats]
    oracle: Floats
    flops: Floats


@dataclass(frozen=True, slots=True)
class Trial:
    """Problems with what a verifier reads of them, which it was not trained on."""

    problems: Sequence[SelectionProblem]
    readings: Sequence[Reading]
    verifier: AnswerVerifier
    cost: CostModel

    def rows(
        self, models: Sequence[str], sights: Sequence[Sight], advance: Callable[[int], None]
    ) -> list[LeverRow]:
        """Of every model, sight and k for which all problems have samples. Raises `PoolError`."""
        large = needed_answers(self.problems, self.cost, models[-1])
        rows = list[LeverRow]()
        for model in models:
            most = min(len(problem.models[model].samples) for problem in self.problems)
            for sight in sights:
                for k in KS:
                    if k <= most:
                        tried = self._tried(model, sight, k)
                        rows += _rows((model, sight, k), tried, large)
                    advance(1)
        return rows

    def greedy_rows(self, models: Sequence[str]) -> list[GreedyRow]:
        """The stars of the figure, of models that answered every problem. Raises `PoolError`."""
        large = needed_answers(self.problems, self.cost, models[-1])
        found = (greedy_answers(self.problems, self.cost, model) for model in models)
        return [greedy_row(answers, large) for answers in found if answers is not None]

    def _tried(self, model: str, sight: Sight, k: int) -> Tried:
        success: dict[str, list[float]] = {name: [] for name in NAMES}
        plus: dict[str, list[float]] = {name: [] for name in NAMES}
        oracle, flops = list[float](), list[float]()
        for problem, reading in zip(self.problems, self.readings, strict=True):
            answers = problem.models[model]
            draw = random.Random(f"{problem.task_id}/{model}/{k}")  # noqa: S311 repeats
            drawn = sets_of(draw, len(answers.samples), k, SUBSETS)
            scores = scored(reading, problem, (model, sight), self.verifier, drawn)
            picked = _picked(problem, answers, sight, drawn, scores)
            for name, best in picked.items():
                right = [float(problem.passes(each, plus=False) or 0.0) for each in best]
                second = [as_number(problem.passes(each, plus=True)) for each in best]
                success[name].append(float(np.mean(right)))
                plus[name].append(float(np.mean(second)))
            c = sum(each.id in answers.passed for each in answers.samples)
            oracle.append(pass_at_k(len(answers.samples), c, k))
            flops.append(draw_flops(self.cost, model, answers, k))
        return Tried(
            {name: np.array(values) for name, values in success.items()},
            {name: np.array(values) for name, values in plus.items()},
            np.array(oracle),
            np.array(flops),
        )


def scored(
    reading: Reading,
    problem: SelectionProblem,
    of: tuple[str, Sight],
    verifier: AnswerVerifier,
    drawn: Ints,
) -> Floats:
    """(sets, k) scores of a model's samples at these places, those of a row drawn together."""
    model, sight = of
    samples = problem.models[model].samples
    features = Behaving.of(samples, problem.tasks[sight], reading.kind).features(drawn)
    texts = verifier.encode([*(reading.programs[at] for at in reading.at(samples)), reading.prompt])
    programs = [vectors[:-1][drawn.ravel()] for vectors in texts]
    rows = features.reshape(-1, features.shape[-1])
    scores = verifier.scores(programs, [vectors[-1:] for vectors in texts], rows)
    return scores.reshape(drawn.shape)


def _picked(
    problem: SelectionProblem, answers: Answers, sight: Sight, drawn: Ints, scores: Floats
) -> dict[str, list[Candidate]]:
    """What each selector takes of each set."""
    selectors = {name: each.of(problem.tasks[sight]) for name, each in SELECTED.items()}
    picked: dict[str, list[Candidate]] = {name: [] for name in NAMES}
    for places, values in zip(drawn.tolist(), scores.tolist(), strict=True):
        samples = [answers.samples[at] for at in places]
        told = [
            replace(each, scores={**each.scores, LEVER: score})
            for each, score in zip(samples, values, strict=True)
        ]
        for name, selector in selectors.items():
            picked[name].append(selector.order(told).candidates[0])
        picked[VERIFIER].append(samples[int(np.argmin(values))])
    return picked


def _rows(of: tuple[str, Sight, int], tried: Tried, large: GreedyAnswers) -> list[LeverRow]:
    model, sight, k = of
    rows, call = list[LeverRow](), float(large.flops.mean())
    for name in NAMES:
        told = bootstrapped(tried.success[name], mean_of)
        ahead = bootstrapped(tried.success[LEVER] - tried.success[name], mean_of)
        own = bootstrapped(tried.success[name] - large.success, mean_of)
        rows.append(
            LeverRow(
                model,
                name,
                sight.value,
                k,
                told.value,
                told.low,
                told.high,
                known_mean(tried.plus[name]),
                float(tried.oracle.mean()),
                float(tried.flops.mean()) / call,
                ahead.value,
                ahead.low,
                ahead.high,
                known_mean(tried.plus[LEVER] - tried.plus[name]),
                own.value,
                own.low,
                own.high,
            )
        )
    return rows
