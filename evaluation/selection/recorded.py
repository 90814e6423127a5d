"""Recorded answers as selectors see them, with what programs do, and with what is true of them.

A problem is seen in three ways: with the examples of its prompt, with their arguments as inputs but
without their outputs, and with nothing but the function's signature.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from evaluation.calibration.replays.problems import find_models, in_order
from evaluation.datasets import Problem
from evaluation.pools.asked import read_problems
from evaluation.pools.errors import MixedPools, UnreadablePool
from evaluation.pools.filling.examining import is_written
from evaluation.pools.schema import Table, check_alike
from evaluation.pools.store import Pool
from evaluation.pools.view import AT_LIMIT, ProblemView, read_view
from evaluation.selection.behaviour import Behaviours, Subject
from policies.ladder import CALL_TOKENS
from policies.values import NLL, Candidate, ModelView, Task
from router.plan.executing import Trials
from router.request import TextPrompt

_MANY: Final = 64
"""Samples of one request: more than any plan here draws."""


class Sight(StrEnum):
    """What a selector knows of the examples in a prompt."""

    USED = "used"
    NOT_USED = "not used"
    STRIPPED = "stripped"


@dataclass(frozen=True, slots=True)
class Answers:
    """What one model said of one problem, and which of it passes, by the candidates' ids.

    `plus` are those that pass the second tests; None where these do not cover the problem.
    """

    prompt_tokens: int
    samples: tuple[Candidate, ...]
    greedy: Candidate | None
    passed: frozenset[int]
    plus: frozenset[int] | None

    @property
    def all(self) -> tuple[Candidate, ...]:
        """The sampled ones, and the greedy one."""
        return self.samples if self.greedy is None else (*self.samples, self.greedy)


@dataclass(frozen=True, slots=True)
class SelectionProblem:
    """One problem: its task under each sight, and what each model said, the cheapest first.

    `trials` are all the inputs together, `seconds` what running a candidate's program took.
    """

    task_id: str
    frame: TextPrompt
    trials: Trials
    tasks: Mapping[Sight, Task]
    models: Mapping[str, Answers]
    seconds: Mapping[int, float]

    @property
    def subjects(self) -> Iterator[Subject]:
        """Its programs, to be run."""
        return (self._subject(each) for answers in self.models.values() for each in answers.all)

    @property
    def covered(self) -> bool:
        """Whether there are second tests for it."""
        return any(answers.plus is not None for answers in self.models.values())

    def passes(self, candidate: Candidate, *, plus: bool) -> bool | None:
        """Whether an answer is right; None where nobody knows."""
        answers = self.models[candidate.model]
        right = answers.plus if plus else answers.passed
        return None if right is None else candidate.id in right

    def with_outputs(self, behaviours: Behaviours) -> SelectionProblem:
        """The same, with what its programs gave; KeyError where one was not run."""
        seconds = dict[int, float]()

        def known(candidate: Candidate) -> Candidate:
            outputs, seconds[candidate.id] = behaviours.known[self._subject(candidate).key]
            return replace(candidate, outputs=outputs)

        models = {
            model: replace(
                answers,
                samples=tuple(map(known, answers.samples)),
                greedy=None if answers.greedy is None else known(answers.greedy),
            )
            for model, answers in self.models.items()
        }
        return replace(self, models=models, seconds=seconds)

    def after(self, prompt_tokens: int) -> SelectionProblem:
        """The same, costed as if every model's prompt had so many tokens."""
        tasks = {
            sight: replace(
                task,
                models=tuple(replace(view, prompt_tokens=prompt_tokens) for view in task.models),
            )
            for sight, task in self.tasks.items()
        }
        models = {
            model: replace(answers, prompt_tokens=prompt_tokens)
            for model, answers in self.models.items()
        }
        return replace(self, tasks=tasks, models=models)

    def _subject(self, candidate: Candidate) -> Subject:
        return Subject(self.frame, candidate.text, self.trials)


def read_selection(
    directory: Path, dataset: str, models: Sequence[str]
) -> tuple[SelectionProblem, ...]:
    """The problems that every one of these models has judged samples of.

    Raises `PoolError`, also for pools whose models were not asked for the same, for two pools of
    samples or of greedy answers of one model, and for tests that a model wrote.
    """
    if is_written(dataset):
        raise MixedPools(f"{dataset} are tests that a model wrote, and no answers")
    found = find_models(directory, dataset, models)
    read = {
        model: [(read_view(path), _texts(path)) for path in in_order(model, found[model])]
        for model in models
    }
    check_alike(view.identity for pools in read.values() for view, _ in pools)
    problems = read_problems(Pool.open(found[models[0]][0]))
    if problems is None:
        raise UnreadablePool(f"{directory} has no problems beside its pools: collect them again")
    made = []
    for at, problem in enumerate(problems):
        views = {
            model: [(view.problems[at], view.identity.greedy, texts) for view, texts in pools]
            for model, pools in read.items()
        }
        if all(any(view.n and not greedy for view, greedy, _ in each) for each in views.values()):
            made.append(_problem(problem, dataset, views))
    return tuple(made)


_Texts = Mapping[tuple[str, int], str]


def _texts(path: Path) -> _Texts:
    batches = Pool.open(path).batches(Table.SAMPLES, ["task_id", "index", "text"])
    return {(row["task_id"], row["index"]): row["text"] for b in batches for row in b.to_pylist()}


def _problem(
    problem: Problem,
    dataset: str,
    views: Mapping[str, Sequence[tuple[ProblemView, bool, _Texts]]],
) -> SelectionProblem:
    used = Trials.of(TextPrompt(problem.prompt), problem.entry_point)
    stripped = Trials.of(TextPrompt(problem.prompt), problem.entry_point, shown=False)
    numbers = itertools.count()
    models = {model: _answers(model, each, numbers) for model, each in views.items()}
    task = Task(
        tuple(ModelView(model, each.prompt_tokens, _MANY) for model, each in models.items()),
        CALL_TOKENS,
        kind=dataset,
    )
    tasks = {
        Sight.USED: replace(task, examples=used.examples, inputs=used.inputs),
        Sight.NOT_USED: replace(task, inputs=used.inputs),
        Sight.STRIPPED: replace(task, inputs=stripped.inputs),
    }
    trials = replace(used, calls={**used.calls, **stripped.calls})
    return SelectionProblem(problem.task_id, problem.frame, trials, tasks, models, {})


def _answers(
    model: str, views: Sequence[tuple[ProblemView, bool, _Texts]], numbers: Iterator[int]
) -> Answers:
    samples, greedies = list[Candidate](), list[Candidate]()
    passed, plus, covered = set[int](), set[int](), False
    for view, greedy, texts in views:
        covered = covered or bool(view.judged_plus.any())
        for at in np.flatnonzero(view.judged).tolist():
            candidate = Candidate(
                next(numbers),
                model,
                texts[view.task_id, int(view.index[at])],
                AT_LIMIT if view.cut[at] else "stop",
                int(view.tokens[at]),
                {NLL: float(view.nll[model][at])},
            )
            (greedies if greedy else samples).append(candidate)
            passed |= {candidate.id} if view.passed[at] else set()
            plus |= {candidate.id} if view.passed_plus[at] else set()
    return Answers(
        max(view.prompt_tokens for view, _, _ in views),
        tuple(samples),
        greedies[0] if greedies else None,
        frozenset(passed),
        frozenset(plus) if covered else None,
    )
