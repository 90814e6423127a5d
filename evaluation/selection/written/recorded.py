"""Tests that a model wrote, beside the answers that they choose among.

A pool of tests belongs to problems as they were asked: of the same prompts the gateway would ask
the same, so that what is read here is held against what would be asked now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from evaluation.calibration.replays.problems import find_models
from evaluation.datasets import Problem, content_hash
from evaluation.pools.asked import read_problems
from evaluation.pools.errors import MixedPools, UnreadablePool
from evaluation.pools.filling.examining import (
    asking_for_tests,
    is_written,
    name_of_written,
    sampling_of_tests,
)
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.selection.behaviour import Behaviours, Subject
from evaluation.selection.recorded import SelectionProblem, Sight
from policies.selection.examined import SAMPLES
from policies.values import Output
from router.plan.executing import Trials
from router.plan.programs.prompts.asserts import SENT_STOPS, checks_of

_COLUMNS: Final = ("task_id", "index", "text", "tokens", "prompt_tokens")


@dataclass(frozen=True, slots=True)
class Draws:
    """The samples of tests of one problem: of each its asserts that can be run, and its tokens."""

    prompt_tokens: int
    checks: tuple[tuple[str, ...], ...]
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote, by task: where it saw the examples of prompts, the sight is `USED`."""

    model: str
    sight: Sight
    draws: Mapping[str, Draws]


@dataclass(frozen=True, slots=True)
class Examined:
    """A problem and the tests that were written for it.

    `outputs` say of every answer, by its id, which of all the asserts hold; `seconds` how long the
    run of its program on all of them took.
    """

    problem: SelectionProblem
    draws: Draws
    outputs: Mapping[int, Mapping[str, Output]] = field(default_factory=dict)
    seconds: Mapping[int, float] = field(default_factory=dict)

    @property
    def asserts(self) -> tuple[str, ...]:
        """All, each once."""
        return tuple(dict.fromkeys(one for each in self.draws.checks for one in each))

    @property
    def subjects(self) -> Iterator[Subject]:
        """The programs of its answers, to be run on all asserts; none where there is no assert."""
        models = self.problem.models.values() if self.asserts else ()
        return (self._subject(each.text) for answers in models for each in answers.samples)

    def with_outputs(self, problem: SelectionProblem, behaviours: Behaviours) -> Examined:
        """The same with what its programs gave, and of `problem`, which has that of other inputs.

        KeyError where a program was not run.
        """
        if not self.asserts:
            return replace(self, problem=problem)
        known = {
            each.id: behaviours.known[self._subject(each.text).key]
            for answers in self.problem.models.values()
            for each in answers.samples
        }
        return replace(
            self,
            problem=problem,
            outputs={at: one.outputs for at, one in known.items()},
            seconds={at: one.seconds for at, one in known.items()},
        )

    def _subject(self, text: str) -> Subject:
        alone = Trials(self.problem.trials.entry_point, {})
        return Subject(self.problem.frame, text, alone, self.asserts)


def read_written(path: Path, directory: Path, dataset: str) -> Written:
    """The tests of a pool, for the problems that the pools of a directory answer.

    Raises `PoolError`: for a pool of something else, and for one whose model was not asked as the
    gateway would ask it.
    """
    pool = Pool.open(path)
    stripped = _stripped(pool, dataset)
    answered = Pool.open(next(iter(find_models(directory, dataset).values()))[0])
    problems = read_problems(answered)
    if problems is None:
        raise UnreadablePool(f"{directory} has no problems beside its pools: collect them again")
    _check(pool, problems, dataset, stripped=stripped)
    sight = Sight.STRIPPED if stripped else Sight.USED
    functions = {problem.task_id: problem.entry_point for problem in problems}
    return Written(pool.identity.model, sight, _draws(pool, functions))


def _stripped(pool: Pool, dataset: str) -> bool:
    """Whether its prompts had no examples."""
    for stripped in (False, True):
        if pool.identity.dataset == name_of_written(dataset, stripped=stripped):
            return stripped
    held = pool.identity.dataset
    what = f"tests of {held}" if is_written(held) else f"answers to {held}"
    raise MixedPools(
        f"{pool.path} holds {what}, and no tests of {dataset}: give --written what "
        "`budget-router evaluate write-tests` made of a pool of it"
    )


def _check(pool: Pool, problems: Sequence[Problem], dataset: str, *, stripped: bool) -> None:
    """Raise where the gateway would ask otherwise today."""
    found, asking = pool.identity, asking_for_tests(problems, stripped=stripped)
    if found.dataset_sha256 != content_hash(asking):
        raise MixedPools(
            f"{pool.path} has tests of other problems, or was asked for them in other words than "
            "the gateway's are now: write them again"
        )
    now = sampling_of_tests(dataset, found.model, stripped=stripped, seed=found.seed)
    drawn = found.temperature, found.top_p, found.max_tokens, set(found.stop)
    if drawn != (now.temperature, now.top_p, now.max_tokens, set(SENT_STOPS)):
        raise MixedPools(
            f"{pool.path} was drawn otherwise than the gateway draws tests: write them again"
        )


def _draws(pool: Pool, functions: Mapping[str, str]) -> dict[str, Draws]:
    """By task; those of which there are fewer samples than the gateway draws are left out."""
    rows = defaultdict[str, list[dict[str, object]]](list)
    for batch in pool.batches(Table.SAMPLES, _COLUMNS):
        for row in batch.to_pylist():
            rows[row["task_id"]].append(row)
    found = dict[str, Draws]()
    for task, every in rows.items():
        if len(every) < SAMPLES:
            continue
        every.sort(key=lambda row: row["index"])  # type: ignore[arg-type,return-value]
        checks = tuple(checks_of([str(row["text"])], functions[task]) for row in every)
        tokens = tuple(_counted(row["tokens"], pool) for row in every)
        prompts = [_counted(row["prompt_tokens"], pool) for row in every]
        found[task] = Draws(max(prompts), checks, tokens)
    if not found:
        raise UnreadablePool(
            f"{pool.path} has {SAMPLES} samples of no problem, which is what the gateway draws: go "
            "on with `budget-router evaluate write-tests`"
        )
    return found


def _counted(tokens: object, pool: Pool) -> int:
    if not isinstance(tokens, int):
        raise UnreadablePool(f"{pool.path} has samples whose tokens nobody counted")
    return tokens


def examined(
    problems: Sequence[SelectionProblem], every: Sequence[Written]
) -> list[tuple[Examined, ...]]:
    """For each of these the problems with its tests: those that all of them have tests of.

    Raises `UnreadablePool` where that is none.
    """
    kept = [one for one in problems if all(one.task_id in each.draws for each in every)]
    if not kept:
        raise UnreadablePool("the pools of tests have no problem in common with those of answers")
    return [tuple(Examined(one, each.draws[one.task_id]) for one in kept) for each in every]
