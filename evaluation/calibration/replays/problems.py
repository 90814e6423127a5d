"""Recorded problems: what every model said of each, as a replay draws it.

Texts are not read: an answer is known by its place in its pool, and its verdicts are those that the
pool has. Models come in the order of what they cost.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from evaluation.calibration.replay import Pace, RecordedModel, RecordedSample
from evaluation.pools.errors import MixedPools, UnreadablePool
from evaluation.pools.schema import check_alike
from evaluation.pools.store import Pool
from evaluation.pools.view import AT_LIMIT, ProblemView, read_view
from policies.cost import CostModel
from policies.ladder import CALL_TOKENS
from policies.values import ModelView, Task, Verdict
from router.request import Judgement

PACE: Final = Pace(first_token_s=0.1, token_s=0.01)
"""Of every model. Plans without a deadline do the same at any pace: only the order counts."""

MOST_AT_ONCE: Final = 64
"""Samples of one request: more than any plan here draws."""

_JUDGED: Final = {
    passed: Judgement(verdict, verdict.value)
    for passed, verdict in ((True, Verdict.PASSED), (False, Verdict.FAILED))
}


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """What one model said of one problem: `greedy` is its answer at temperature 0, if any."""

    prompt_tokens: int
    samples: tuple[RecordedSample, ...]
    greedy: RecordedSample | None

    @property
    def all(self) -> tuple[RecordedSample, ...]:
        """The sampled ones, and the greedy one."""
        return self.samples if self.greedy is None else (*self.samples, self.greedy)

    def shuffled(self, seed: str) -> RecordedModel:
        """In an order of this seed: what comes first is drawn first."""
        order = list(self.samples)
        random.Random(seed).shuffle(order)  # noqa: S311 an order that repeats, not a secret
        return RecordedModel(order, PACE, self.greedy)


@dataclass(frozen=True, slots=True)
class RecordedProblem:
    """One problem, with every model's answers by its name, the cheapest first.

    `plus` are the answers that pass the second tests too; None where these do not cover it.
    """

    task_id: str
    dataset: str
    models: Mapping[str, RecordedAnswers]
    plus: frozenset[str] | None
    verdicts: Mapping[str, Judgement] = field(repr=False)

    def task(self, *, caches: bool = False) -> Task:
        """As a policy sees it: with tests, and answers of a large call's length at most."""
        views = (
            ModelView(name, answers.prompt_tokens, MOST_AT_ONCE, caches=caches)
            for name, answers in self.models.items()
        )
        return Task(tuple(views), CALL_TOKENS, verifiable=True, kind=self.dataset)

    def large_call(self, cost: CostModel) -> float:
        """The ceiling of one answer by the largest model, in FLOPs: the unit of budgets."""
        name, answers = list(self.models.items())[-1]
        return cost.ceiling(name, answers.prompt_tokens, 1, CALL_TOKENS)


@dataclass(frozen=True, slots=True)
class Averages:
    """What comes of a plan on one problem: how often it succeeds, and the FLOPs that it spends.

    `plus` is how often its answer passes the second tests, where these cover the problem. `outran`
    are the runs that asked for more samples than were recorded.
    """

    success: float = 0.0
    plus: float = 0.0
    flops: float = 0.0
    outran: int = 0


def find_models(directory: Path, dataset: str, models: Sequence[str] = ()) -> dict[str, list[Path]]:
    """The pools of this data set below a directory, by model.

    Raises `PoolError` for none, and where one of these models has none.
    """
    every: dict[str, dict[str, list[Path]]] = {}
    for file in sorted(directory.glob("**/pool.json")):
        identity = Pool.open(file.parent).identity
        every.setdefault(identity.dataset, {}).setdefault(identity.model, []).append(file.parent)
    found = every.get(dataset, {})
    if not found:
        there = f"; it has {', '.join(every)}" if every else ", nor of any other data set"
        raise UnreadablePool(f"{directory} holds no pool of {dataset}{there}")
    if missing := [model for model in models if model not in found]:
        there = ", ".join(found)
        raise UnreadablePool(
            f"{directory} holds no pool of {missing[0]} on {dataset}; it has {there}"
        )
    return found


def in_order(model: str, paths: Sequence[Path]) -> list[Path]:
    """A model's pool of samples, and then that of its greedy answers where there is one.

    Raises `MixedPools` where there are others: two of a kind were sampled differently, and what is
    measured of both together is of neither.
    """
    greedy = {path: Pool.open(path).identity.greedy for path in paths}
    if sorted(greedy.values()) not in ([False], [False, True]):
        raise MixedPools(
            f"one pool of samples of {model} is needed, and at most one of its greedy answers; "
            f"there are: {', '.join(map(str, paths))}"
        )
    return sorted(paths, key=greedy.__getitem__)


def read_problems(
    directory: Path, dataset: str, cost: CostModel, models: Sequence[str] = ()
) -> tuple[RecordedProblem, ...]:
    """The problems that every one of these models has samples of; all models by default.

    Raises `PoolError`, for a model without samples too, and `UnknownCost`.
    """
    found = find_models(directory, dataset, models)
    views = {
        model: [read_view(path) for path in in_order(model, found[model])]
        for model in models or found
    }
    check_alike(view.identity for both in views.values() for view in both)
    cheapest = sorted(views, key=lambda model: cost.draw(model, 1, [CALL_TOKENS]))
    problems = (
        _problem(
            dataset, {model: [view.problems[at] for view in views[model]] for model in cheapest}
        )
        for at in range(len(views[cheapest[0]][0].problems))
    )
    kept = tuple(problem for problem in problems if problem is not None)
    if not kept:
        raise UnreadablePool(f"{directory}: no problem of {dataset} has samples of every model")
    return kept


def _problem(dataset: str, views: Mapping[str, Sequence[ProblemView]]) -> RecordedProblem | None:
    """None where a model has said nothing that was judged, or where nobody counted its tokens."""
    every = [view for both in views.values() for view in both if view.n]
    if not all(both[0].n for both in views.values()) or not all(view.counted for view in every):
        return None
    models = {model: _answers(model, both) for model, both in views.items()}
    answers = [answer for each in models.values() for answer in each.all]
    return RecordedProblem(
        every[0].task_id,
        dataset,
        models,
        _plus(views),
        {each.text: each.judgement for each in answers if each.judgement is not None},
    )


def _answers(model: str, views: Sequence[ProblemView]) -> RecordedAnswers:
    found = [
        tuple(_sample(_name(model, view, at, greedy=greedy), view, at) for at in _judged(view))
        for greedy, view in enumerate(views)
    ]
    greedy = found[1][0] if found[1:] and found[1] else None
    return RecordedAnswers(views[0].prompt_tokens, found[0], greedy)


def _judged(view: ProblemView) -> list[int]:
    return [int(at) for at in np.flatnonzero(view.judged)]


def _name(model: str, view: ProblemView, at: int, *, greedy: int) -> str:
    """What stands for an answer's text; no beginning of one is another."""
    return f"{model}/greedy\n" if greedy else f"{model}/{view.index[at]}\n"


def _sample(name: str, view: ProblemView, at: int) -> RecordedSample:
    reason = AT_LIMIT if view.cut[at] else "stop"
    judgement = _JUDGED[bool(view.passed[at])]
    return RecordedSample(name, int(view.tokens[at]), reason, judgement=judgement)


def _plus(views: Mapping[str, Sequence[ProblemView]]) -> frozenset[str] | None:
    """The answers that pass the second tests; None where these do not cover the problem."""
    passed, covered = set[str](), False
    for model, both in views.items():
        for greedy, view in enumerate(both):
            covered = covered or bool(view.judged_plus.any())
            passing = np.flatnonzero(view.passed_plus)
            passed |= {_name(model, view, int(at), greedy=greedy) for at in passing}
    return frozenset(passed) if covered else None
